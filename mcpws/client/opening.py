"""The beginning of a session: of which era the server is, which version both speak, and who the server is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import to_builtins
from twisted.internet.interfaces import IReactorTime

from mcpws.client.identity import ClientIdentity, RequestFunction
from mcpws.client.legacy import LegacyDialect
from mcpws.client.modern import ModernDialect
from mcpws.errors import ConfigError, MalformedResult, RemoteError, RequestTimeout, UnsupportedVersion
from mcpws.mcp.discovery import spoken_instead
from mcpws.mcp.methods import DISCOVER, INITIALIZE, INITIALIZED
from mcpws.mcp.schema import DiscoverResult, InitializeParams, InitializeResult
from mcpws.mcp.versions import LEGACY_VERSIONS, MODERN_VERSIONS, newest
from mcpws.turns.caller import Caller

Era = Literal["auto", "legacy", "modern"]

_Initialized = InitializeResult[Any, dict[str, Any]]
_Discovered = DiscoverResult[Any, dict[str, Any]]

_VERSIONS = {
    "auto": LEGACY_VERSIONS + MODERN_VERSIONS,
    "legacy": LEGACY_VERSIONS,
    "modern": MODERN_VERSIONS,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """A client's wishes for how sessions begin, as ClientFactory explains them; ConfigError names what cannot be.

    :param timeout: seconds for each answer but that to a probe; None to wait for ever.
    """

    identity: ClientIdentity = field(default_factory=ClientIdentity)
    era: Era = "auto"
    version: str | None = None
    probe_timeout: float = 5
    timeout: float | None = 30

    def __post_init__(self) -> None:
        if self.era not in _VERSIONS:
            raise ConfigError("era", self.era, f"must be one of {', '.join(_VERSIONS)}")
        possible = _VERSIONS[self.era]
        if self.version is not None and self.version not in possible:
            raise ConfigError("version", self.version, f"must be one of {', '.join(possible)}, or None")
        if not (isinstance(self.probe_timeout, int | float) and self.probe_timeout > 0):
            raise ConfigError("probe_timeout", self.probe_timeout, "must be a number of seconds above 0")


@dataclass(frozen=True, slots=True)
class Greeting:
    """The facts that both sides know in the end."""

    era: LegacyDialect | ModernDialect
    server_info: dict[str, Any]
    capabilities: dict[str, Any]
    instructions: str | None


class Opening:
    """The exchange that begins a session.

    :param functions: what answers the server, by method.
    """

    def __init__(
        self,
        caller: Caller,
        clock: IReactorTime,
        functions: Mapping[str, RequestFunction],
        terms: Terms,
    ) -> None:
        self._caller = caller
        self._clock = clock
        self._functions = functions
        self._terms = terms

    async def greet(self) -> Greeting:
        """Begin; fails as `connect` does, but for what is about the connection."""
        terms, version = self._terms, self._terms.version
        if terms.era == "legacy" or version in LEGACY_VERSIONS:
            return await self._initialize(version or LEGACY_VERSIONS[-1])
        if terms.era == "modern" or version in MODERN_VERSIONS:
            return await self._discover(terms.timeout)
        return await self._probe()

    async def _probe(self) -> Greeting:
        """As MCP 2026-07-28 has it (stdio, backward compatibility): legacy is what is not modern."""
        terms = self._terms
        try:
            return await self._discover(min(terms.probe_timeout, terms.timeout or terms.probe_timeout))
        except UnsupportedVersion as error:
            # A server that names its versions may name some that begin with `initialize`.
            version = newest(LEGACY_VERSIONS, error.versions)
            if version is None:
                raise UnsupportedVersion(error.versions, _VERSIONS["auto"]) from error
        except (RemoteError, MalformedResult, RequestTimeout) as error:
            if isinstance(error, RemoteError) and spoken_instead(error):
                # It refuses the version that it says it speaks: modern none the less.
                raise
            version = LEGACY_VERSIONS[-1]
        return await self._initialize(version)

    async def _discover(self, timeout: float | None) -> Greeting:
        versions = MODERN_VERSIONS if self._terms.version is None else (self._terms.version,)
        modern = ModernDialect(self._caller, self._clock, self._functions, self._terms.identity, versions)
        found: _Discovered = await modern.request(DISCOVER, timeout=timeout, type=_Discovered)
        version = newest(versions, found.supported_versions)
        if version is None:
            raise UnsupportedVersion(found.supported_versions, versions)
        modern.version = version
        return Greeting(modern, found.server_info or {}, found.capabilities or {}, found.instructions)

    async def _initialize(self, version: str) -> Greeting:
        """The handshake of MCP 2025-11-25, lifecycle."""
        identity = self._terms.identity
        params = to_builtins(InitializeParams(version, identity.declared(self._functions), identity.info))
        asked = self._caller.request(INITIALIZE, params, timeout=self._terms.timeout, type=_Initialized)
        found: _Initialized = await asked
        if found.server_info is None:
            raise MalformedResult(INITIALIZE, "it has no serverInfo")
        version = found.protocol_version
        if version not in LEGACY_VERSIONS:
            raise UnsupportedVersion((version,), LEGACY_VERSIONS)
        self._caller.notify(INITIALIZED)
        capabilities = found.capabilities or {}
        legacy = LegacyDialect(self._caller, version, capabilities)
        return Greeting(legacy, found.server_info, capabilities, found.instructions)
