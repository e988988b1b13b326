"""The version of this package, from its metadata: pyproject.toml is where it is written."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("mcpws")
