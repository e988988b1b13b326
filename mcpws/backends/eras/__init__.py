"""Both eras of MCP before servers that know one of them."""

from mcpws.backends.eras.backend import DualEra
from mcpws.backends.eras.shared import EraTranslation

__all__ = ["DualEra", "EraTranslation"]
