"""Child processes as a backend: Stdio, and what it is made of."""

from mcpws.backends.stdio.backend import KEPT, ProcessReactor, Stdio

__all__ = ["KEPT", "ProcessReactor", "Stdio"]
