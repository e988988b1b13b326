"""Methods of this process as a backend: an App, and what it is made of."""

from mcpws.backends.app.application import App

__all__ = ["App"]
