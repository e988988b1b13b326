"""One conversation of a backend for all clients: Shared with any backend, SharedStdio with a process."""

from mcpws.backends.shared.backend import Shared, SharedStdio

__all__ = ["Shared", "SharedStdio"]
