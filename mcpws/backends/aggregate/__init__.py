"""Aggregate: a backend that shows several MCP servers as one, in both eras.

What is a server's own has its name before it: `time__convert_time` is a tool or prompt, `mcpws://time/file:///a` is a
resource. So each request goes to the one that it names, and what nobody names goes to all, whose answers become one.
"""

from __future__ import annotations

from mcpws.backends.aggregate.backend import Aggregate, AggregateLimits
from mcpws.backends.aggregate.names import SEPARATOR

__all__ = ["SEPARATOR", "Aggregate", "AggregateLimits"]
