"""Both eras of MCP before servers that know one of them."""

from mcpws.backends.eras.backend import DualEra

__all__ = ["DualEra"]
