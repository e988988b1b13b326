"""What `twistd mcpws` takes, and the service that it makes of it.

A mistake in the options is told in one line that names it, and ends with a status other than zero.
"""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from math import ceil
from typing import Any, ClassVar, NoReturn, cast

from twisted.application.service import IService
from twisted.python import usage

from mcpws.backends.demo import demo_app
from mcpws.backends.eras import DualEra
from mcpws.backends.stdio import SharedStdio, Stdio
from mcpws.config import WebSocketConfig
from mcpws.core.meta import MODERN_VERSIONS
from mcpws.errors import ConfigError
from mcpws.interfaces import Backend
from mcpws.orphans import look_after_orphans
from mcpws.policy.backoff import Backoff
from mcpws.policy.stats import ServerStatistics
from mcpws.program import Signals, Start, Whole
from mcpws.service import WebSocketService
from mcpws.ws.server import ServerFactory

DEFAULT_PORT = "8082"
PER_CLIENT, SHARED = "per-client", "shared"

_SETTINGS: tuple[tuple[str, Callable[[str], Any], str], ...] = (
    ("max-connections", int, "Open at the same time; over it 503."),
    ("max-message-size", int, "Bytes of an inbound message; over it the connection is closed with 1009."),
    ("max-outbound-size", int, "Bytes of an answer; over it the request gets an error instead."),
    ("max-in-flight", int, "Requests of one connection at the same time; over it further ones wait."),
    ("max-waiting", int, "Requests of one connection that wait; further ones are answered with error 429."),
    ("max-queued-bytes", int, "Waiting for one slow client; over it what feeds it is paused."),
    ("max-depth", int, "Arrays and objects within each other in a message."),
    ("max-name-size", int, "Bytes of id, progress token, URI and name in a request; with more error -32600."),
    ("max-bad-messages", int, "Of one connection in a minute; over it the connection is closed with 1008."),
    ("timeout-seconds", float, "For the opening handshake."),
    ("initialize-timeout", float, "For the initialize request, in seconds; then 4408."),
    ("heartbeat-interval", float, "Seconds between two Pings; 0 for none."),
    ("heartbeat-timeout", float, "Seconds of silence after which a connection is lost; 0 for never."),
    ("stall-timeout", float, "Seconds for which a client may read nothing of what waits; then 1013."),
    ("close-timeout", float, "Seconds for a client to answer a Close frame."),
    ("drain-seconds", float, "For requests in flight when the service stops."),
    ("turn-seconds", float, "For which one client is served at a stretch, however much it has sent."),
    ("progress-gap", float, "Seconds between the last progress of a request and its answer."),
    ("compression-min-size", int, "Bytes of the shortest message that --compression compresses."),
    ("binary", str, "accept or refuse binary messages."),
)


def _default(option: str) -> object:
    return getattr(WebSocketConfig(), option.replace("-", "_"))


class Options(usage.Options):
    """Options of the `mcpws` plugin; `config` and `backend` are made of them."""

    synopsis = "[options]"
    longdesc = (
        "Serves MCP (the Model Context Protocol) over WebSocket: an embedded demo server, an App of your own (--app),"
        " or any stdio MCP server (--stdio), with a process of its own for every client or one for all (--stdio-mode)."
    )

    optFlags: ClassVar = [
        ["clean-env", None, "Give children only PATH, HOME and the like of this environment."],
        ["no-fast-lane", None, "Let Autobahn take every frame."],
        ["no-translate", None, "Serve only clients of the MCP era that the --stdio server is of."],
        ["compression", None, "Use permessage-deflate with clients that offer it."],
        ["require-origin", None, "Refuse clients that send no Origin header."],
    ]
    optParameters: ClassVar = [
        ["stdio", None, None, "Command line of a stdio MCP server."],
        [
            "stdio-mode",
            None,
            PER_CLIENT,
            f"Whether each client has a --stdio process of its own ({PER_CLIENT}), or one serves all, for protocol"
            f" version {MODERN_VERSIONS[-1]} only ({SHARED}).",
        ],
        ["cwd", None, None, "Working directory of --stdio children."],
        [
            "max-children",
            None,
            None,
            "--stdio processes at the same time, those that are being shut down included; over it a new client waits."
            " [default: a quarter more than --max-connections]",
        ],
        ["app", "a", None, "Serve this App or Backend: package.module:name."],
        *([name, None, None, f"{help} [default: {_default(name)}]"] for name, _, help in _SETTINGS),
    ]

    def __init__(self) -> None:
        super().__init__()
        # Twisted would print the indentation of a docstring's lines as well.
        self.docs = {option: " ".join(text.split()) for option, text in self.docs.items()}
        self["ports"] = []
        self["env"] = {}
        self["origins"] = []
        self["hosts"] = []
        self["paths"] = []
        self.stdio: Stdio | None = None

    def opt_port(self, port: str) -> None:
        """Where to listen: a port number (on 127.0.0.1), or a Twisted endpoint string such as
        tcp:8082:interface=0.0.0.0 or unix:/run/mcpws.sock. May be given several times. [default: 8082]
        """
        self["ports"].append(port)

    opt_p = opt_port

    def opt_env(self, setting: str) -> None:
        """NAME=VALUE for the environment of --stdio children. May be given several times."""
        name, equals, value = setting.partition("=")
        if not name or not equals:
            raise usage.UsageError(f"--env: must be NAME=VALUE (got {setting!r})")
        self["env"][name] = value

    def opt_origin(self, origin: str) -> None:
        """Origin of web pages that may connect, besides loopback ones: https://app.example.com, or * for any.
        May be given several times.
        """
        self["origins"].append(origin)

    def opt_host(self, host: str) -> None:
        """Name by which clients may call this service, besides loopback ones, or * for any.
        May be given several times.
        """
        self["hosts"].append(host)

    def opt_path(self, path: str) -> None:
        """Path of the URL to serve. May be given several times. [default: /, /mcp, /ws and /message]"""
        self["paths"].append(path)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        # twistd would print the whole help in front of the one line that matters.
        try:
            super().parseOptions(options)
        except (usage.UsageError, ConfigError) as error:
            fail(error)

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise usage.UsageError(f"takes options alone, as --port 8082 (got {arguments[0]!r})")

    def postOptions(self) -> None:
        if self["stdio"] is not None and self["app"] is not None:
            raise usage.UsageError("--stdio and --app: give one of them, not both")
        if self["stdio"] is None and (
            self["cwd"] is not None or self["env"] or self["clean-env"] or self["max-children"] is not None
        ):
            raise usage.UsageError("--cwd, --env, --clean-env and --max-children go with --stdio")
        if self["stdio-mode"] not in (PER_CLIENT, SHARED):
            raise ConfigError("--stdio-mode", self["stdio-mode"], f"must be {PER_CLIENT} or {SHARED}")
        if self["stdio"] is None and (self["stdio-mode"] == SHARED or self["no-translate"]):
            raise usage.UsageError("--stdio-mode and --no-translate go with --stdio")
        self.config = self._config()

    def backend(self, statistics: Callable[[], ServerStatistics], reactor: Any) -> Backend:
        """What is to be served."""
        if self["stdio"] is not None:
            return self._stdio(reactor)
        if self["app"] is not None:
            return load_backend(self["app"])
        return demo_app(statistics, reactor)

    def _stdio(self, reactor: Any) -> Backend:
        stdio = self.stdio = Stdio(
            _split(self["stdio"]),
            reactor=reactor,
            env=self["env"],
            inherit_env=not self["clean-env"],
            cwd=self["cwd"],
            max_line=self.config.max_outbound_size,
            max_depth=self.config.max_depth,
            stall_timeout=self.config.stall_timeout,
            max_children=self._max_children(),
            # What is shared has a backoff of its own.
            backoff=None if self["stdio-mode"] == SHARED else Backoff(),
        )
        if self["stdio-mode"] == PER_CLIENT:
            return stdio if self["no-translate"] else DualEra(stdio, clock=reactor)
        return SharedStdio(
            stdio,
            clock=reactor,
            # As many calls as a connection may have in flight, and as many subscriptions.
            max_open=2 * self.config.max_in_flight,
            max_queued_bytes=self.config.max_queued_bytes,
        )

    def _max_children(self) -> int:
        if self["max-children"] is None:
            # For every client, and for a quarter of them that are gone but whose children are not.
            return ceil(self.config.max_connections * 1.25)
        return cast(int, _number("max-children", self["max-children"], int))

    def _config(self) -> WebSocketConfig:
        settings: dict[str, Any] = {
            "require_origin": bool(self["require-origin"]),
            "compression": bool(self["compression"]),
            "fast_lane": not self["no-fast-lane"],
        }
        for option, type, _ in _SETTINGS:
            if self[option] is not None:
                settings[option.replace("-", "_")] = _number(option, self[option], type)
        for key in ("origins", "hosts", "paths"):
            if self[key]:
                settings[key] = tuple(self[key])
        return replace(WebSocketConfig(), **settings)


def load_backend(name: str) -> Backend:
    """The App or Backend that `package.module:name` names; a callable without arguments is called for it.

    :raises ConfigError: it cannot be had.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise ConfigError("--app", name, "must be package.module:name")
    if os.getcwd() not in sys.path:
        # The console script's path begins with its own folder, where nobody has their module.
        sys.path.insert(0, os.getcwd())
    with _running("--app", name, "cannot be imported"):
        found: Any = import_module(module_name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError("--app", name, f"{module_name} has no {attribute}")
        found = getattr(found, part)
    if not _is_backend(found) and callable(found):
        with _running("--app", name, "fails when it is called"):
            found = found()
    if not _is_backend(found):
        raise ConfigError("--app", name, "is neither an App nor a Backend")
    return cast(Backend, found)


def makeService(options: Options) -> IService:
    """The service for `twistd` and `twist`."""
    from twisted.internet import reactor

    runner: Mapping[str, Any] = options.parent or {}
    if runner.get("nodaemon", True):
        look_after_orphans()

    def statistics() -> ServerStatistics:
        return factory.statistics()

    try:
        factory = ServerFactory(options.backend(statistics, reactor), options.config, reactor=reactor)
        serving = WebSocketService(factory, options["ports"] or [DEFAULT_PORT], reactor)
    except ConfigError as error:
        fail(error)
    start = Start(runner)
    whole = Whole(start)
    serving.setServiceParent(whole)

    def abandon() -> None:
        start.remove_pidfile()
        if options.stdio is not None:
            options.stdio.kill()

    seconds = options.config.drain_seconds + options.config.close_timeout
    if options.stdio is not None:
        seconds += options.stdio.stop_seconds
    Signals(reactor, seconds, abandon).setServiceParent(whole)
    return whole


def fail(error: Exception) -> NoReturn:
    """End with one line and status 1."""
    raise SystemExit(f"mcpws: {error}")


def _number(option: str, value: str, type: Callable[[str], Any]) -> Any:
    try:
        return type(value)
    except ValueError:
        raise ConfigError(f"--{option}", value, "must be a number") from None


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError("--stdio", command, f"cannot be split into words: {error}") from None
    if not words:
        raise ConfigError("--stdio", command, "must be a command line")
    return words


@contextmanager
def _running(key: str, name: str, problem: str) -> Iterator[None]:
    """Code of the user's: whatever it raises is a ConfigError that says what, and where."""
    try:
        yield
    except (Exception, SystemExit) as error:
        what = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
        places = traceback.extract_tb(error.__traceback__)
        own = [place for place in places if os.path.isfile(place.filename)]
        where = f" ({own[-1].filename}, line {own[-1].lineno})" if own and not isinstance(error, ImportError) else ""
        raise ConfigError(key, name, f"{problem}: {what}{where}") from error


def _is_backend(found: Any) -> bool:
    return (
        not isinstance(found, type)
        and callable(getattr(found, "open", None))
        and callable(getattr(found, "stop", None))
    )
