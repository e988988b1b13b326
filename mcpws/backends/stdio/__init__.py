"""Child processes as a backend: Stdio, with one for each client."""

from mcpws.backends.stdio.backend import KEPT, ProcessReactor, Stdio

__all__ = ["KEPT", "ProcessReactor", "Stdio"]
