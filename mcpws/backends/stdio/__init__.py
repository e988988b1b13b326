"""Child processes as a backend: Stdio with one for each client, SharedStdio with one for all."""

from mcpws.backends.stdio.backend import KEPT, ProcessReactor, Stdio
from mcpws.backends.stdio.shared import SharedStdio

__all__ = ["KEPT", "ProcessReactor", "SharedStdio", "Stdio"]
