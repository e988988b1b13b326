"""Identity of a client: name, version, capabilities, and the requests that it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcpws.mcp.methods import CAPABILITY_OF
from mcpws.version import __version__

RequestFunction = Callable[[dict[str, Any]], object]
"""Answers a request of the server's: takes the parameters, returns the result, a Deferred or a coroutine of it."""

NotificationFunction = Callable[[dict[str, Any]], object]
"""Takes the parameters of a notification of the server's; may return a Deferred or a coroutine."""


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """Name and version of a client, and its capabilities beyond those of the requests it answers."""

    name: str = "mcpws"
    version: str = __version__
    capabilities: Mapping[str, Any] = field(default_factory=dict)

    @property
    def info(self) -> dict[str, str]:
        """Name and version, as MCP's Implementation."""
        return {"name": self.name, "version": self.version}

    def declared(self, requests: Mapping[str, RequestFunction]) -> dict[str, Any]:
        """The capabilities of a client that answers these `requests`."""
        answered: dict[str, Any] = {
            capability: {} for method, capability in CAPABILITY_OF.items() if method in requests
        }
        return {**answered, **self.capabilities}
