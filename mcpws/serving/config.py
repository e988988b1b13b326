"""All settings of the service: those of its WebSockets, what it serves, and what it logs."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from types import MappingProxyType
from typing import Literal

from mcpws.backends.eras import EraTranslation
from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.mcp.versions import MODERN_VERSIONS
from mcpws.recording.recorder import RECORDED_BYTES
from mcpws.service.endpoints import check_endpoint
from mcpws.serving.command import words_of
from mcpws.settings import Group, Setting, setting, settings_of

DEFAULT_PORT = "8082"
PER_CLIENT: Literal["per-client"] = "per-client"
SHARED: Literal["shared"] = "shared"


def check_folder(folder: str) -> None:
    """Raise ConfigError unless `folder` is one."""

    if not os.path.isdir(folder):
        raise ConfigError("cwd", folder, "must be a folder that exists")


@dataclass(frozen=True, kw_only=True)
class Serving(Group, table="server", title="What is served, and where"):
    """Settings of where the service listens, and of what answers."""

    listen: tuple[str, ...] = setting(
        (DEFAULT_PORT,),
        side="server",
        least=1,
        also=("port",),
        short="p",
        metavar="ENDPOINT|PORT",
        check=check_endpoint,
        help="Where to listen: a port number, on 127.0.0.1, or a Twisted endpoint string such as "
        "tcp:8082:interface=0.0.0.0 or unix:/run/mcpws.sock.",
    )
    app: str | None = setting(
        None,
        side="server",
        short="a",
        metavar="[FILE|MODULE][:NAME]",
        twice="one service has one App; start another service for another one",
        help="App or Backend of your own to serve: tools.py, package.tools, or either with :NAME.",
        shown="a demo server, unless there is a stdio command",
    )
    servers: str | None = setting(
        None,
        side="server",
        metavar="FILE",
        twice="one file names all servers",
        help="JSON file of a desktop host, whose mcpServers are served: each at /servers/NAME, and all together at the "
        "usual paths. [servers.NAME] in the TOML file does the same.",
    )


@dataclass(frozen=True, kw_only=True)
class Children(Group, table="stdio", title="A stdio MCP server"):
    """The stdio MCP server that answers, and its processes."""

    stdio: tuple[str, ...] | None = setting(
        None,
        side="server",
        key="command",
        least=1,
        metavar="COMMAND",
        read=words_of,
        twice="one service has one command; start another service for another one",
        help="Command line of a stdio MCP server. No shell is involved.",
    )
    stdio_mode: Literal["per-client", "shared"] = setting(
        PER_CLIENT,
        side="server",
        key="mode",
        metavar="MODE",
        needs="stdio",
        help="Whether each client has a process of its own (per-client), or one serves all, for protocol version "
        f"{MODERN_VERSIONS[-1]} only (shared).",
    )
    cwd: str | None = setting(
        None,
        side="server",
        metavar="FOLDER",
        needs="stdio",
        check=check_folder,
        help="Working directory of the processes.",
        shown="this one",
    )
    env: tuple[tuple[str, str], ...] = setting(
        (),
        side="server",
        metavar="NAME=VALUE",
        needs="stdio",
        help="For the environment of the processes.",
    )
    clean_env: bool = setting(
        False,
        side="server",
        needs="stdio",
        help="Give them only PATH, HOME and the like of this environment.",
    )
    max_children: int | None = setting(
        None,
        side="server",
        least=1,
        needs="stdio",
        metavar="NUMBER",
        help="Processes at the same time, those that are being shut down included; over it a new client waits.",
        shown="a quarter more than --max-connections",
    )
    child_memory: int | None = setting(
        None,
        side="server",
        unit="bytes",
        least=1,
        needs="stdio",
        metavar="BYTES",
        help="Memory that a process may use, with those that it starts; over it they are killed, and its client is "
        "told.",
        shown="as much as there is",
    )
    translate: bool = setting(
        True,
        side="server",
        needs="stdio",
        help="Serve clients of both eras of MCP, with initialize and without, whichever the server is of.",
    )


@dataclass(frozen=True, kw_only=True)
class Admin(Group, table="admin", title="Pages for those who run it"):
    """Pages beside the WebSockets: whether the service is well, and what it does."""

    status: Literal["on", "off"] = setting(
        "on",
        side="server",
        metavar="on|off",
        help="Serve /healthz and /readyz and, for this machine or who has the admin token, /status, /status.json and "
        "/metrics.",
    )
    playground: Literal["on", "off"] = setting(
        "on",
        side="server",
        metavar="on|off",
        help="Serve /playground as well, likewise: a page in which the tools, resources and prompts are tried by hand. "
        "--status off removes it too.",
    )
    admin_token_file: str | None = setting(
        None,
        side="server",
        key="token_file",
        metavar="FILE",
        help="File whose first line is the token with which these pages may be asked for from elsewhere, as in "
        "Authorization: Bearer TOKEN.",
        shown="none: only for this machine",
    )


@dataclass(frozen=True, kw_only=True)
class Log(Group, table="log", title="The log"):
    """Settings of the log."""

    log_level: Literal["debug", "info", "warn", "error"] = setting(
        "info", side="server", key="level", metavar="LEVEL", help="Log what is as important as that, or more."
    )
    log_format: Literal["text", "json"] = setting(
        "text", side="server", key="format", metavar="FORMAT", help="Lines for people, or one JSON object a line."
    )
    access_log: bool | None = setting(
        None,
        side="server",
        help="Log every request at info, or none at all.",
        shown="those that fail at info, the others at debug",
    )


@dataclass(frozen=True, kw_only=True)
class Recording(Group, table="record", title="Recordings and traces"):
    """Settings of what is kept of conversations, and of what other programs are told of them."""

    record: str | None = setting(
        None,
        side="server",
        key="file",
        metavar="FILE",
        twice="one file has all conversations",
        help="Append every conversation to this file, secrets left out, for mcpws replay.",
    )
    record_size: int = setting(
        RECORDED_BYTES,
        side="server",
        key="size",
        unit="bytes",
        least=1024,
        metavar="BYTES",
        needs="record",
        help="Of the file; at that size no more is recorded.",
    )
    record_without: tuple[str, ...] = setting(
        (),
        side="server",
        key="without",
        metavar="NAME",
        needs="record",
        help="Leave out values of this name, too, besides those that are known to be secret.",
    )
    otel: Literal["on", "off"] = setting(
        "off",
        side="server",
        metavar="on|off",
        help="Send a span of each request to OpenTelemetry, as the OTEL_... variables of the environment say.",
    )


@dataclass(frozen=True, kw_only=True)
class ServiceConfig(Serving, Children, EraTranslation, WebSocketConfig, Admin, Log, Recording):
    """All settings of a service by their names; those of its WebSockets among them, so that it is a WebSocketConfig.

    :raises ConfigError: it names the field.
    """

    entries: Mapping[str, Entry] = field(default_factory=lambda: MappingProxyType({}))
    """Several servers that are served in place of one, by their names."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stdio is not None and self.app is not None:
            raise ConfigError("app", self.app, "must not be given beside stdio: one of them answers")

    @property
    def child_limit(self) -> int:
        """Number of processes of a stdio server that there may be."""
        if self.max_children is not None:
            return self.max_children
        # For every client, and for a quarter of them that are gone but whose children are not.
        return ceil(self.max_connections * 1.25)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One of several servers.

    :param config: its settings; the default ones where it cannot be served.
    :param url: where it is, if its process is not ours.
    :param problem: why it cannot be served, in a line; None if it may be tried.
    """

    config: ServiceConfig = field(default_factory=ServiceConfig)
    url: str | None = None
    problem: str | None = None


def service_settings() -> Mapping[str, Setting]:
    """Settings of a service, by field: all that a server has a use for."""
    settings = settings_of(ServiceConfig)
    return {name: one for name, one in settings.items() if one.table and one.side != "client"}
