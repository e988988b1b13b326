"""What leaves mcpws: every message, and what there is to know of it to judge it.

A result says neither which method it is of nor which version of MCP governs it. So a Side stands at each of the places
where messages leave, or come in, and keeps what was asked. Nothing here needs the schema, and nothing of it is in
mcpws: `install` gives fronts, clients and children an Observer, and puts what stands at the seams around backends, in
the process of the tests and in those that they start.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Literal, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import msgspec

Sender: TypeAlias = Literal["client", "server"]

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = ("2026-07-28",)
META = "io.modelcontextprotocol/"

LARGE = 4096
"""Bytes. Notifications that name a request are smaller."""

MAX_REMEMBERED = 1024
"""Requests of one conversation whose answers can be judged, and messages that came in and may go out again."""


class About(NamedTuple):
    """A method, that of the request if it is an answer, and the protocol version."""

    method: str
    version: str


class Emission(NamedTuple):
    """One message. `about` is empty for an answer to nothing that was asked, and has two where ids came twice.

    `passed_on` says that it came in as it goes out; any other was made here.
    """

    sender: Sender
    about: tuple[About, ...]
    message: bytes
    passed_on: bool = False


class Said(NamedTuple):
    """An Emission that is not encoded yet: some tests have a gigabyte of them, and no time to lose."""

    sender: Sender
    about: tuple[About, ...]
    message: Any
    passed_on: bool

    def emission(self) -> Emission:
        """It, encoded."""
        from mcpws.jsonrpc.codec import encode

        return Emission(self.sender, self.about, encode(self.message), self.passed_on)

    def digest(self) -> int:
        """The same for what is the same; of a large message, but for its middle."""
        held = self.message.data or _held(self.message) or b""
        held = memoryview(held if isinstance(held, bytes | msgspec.Raw) else self.emission().message)
        ends = (len(held), bytes(held[:LARGE]), bytes(held[-LARGE:]))
        return hash((self.sender, self.about, self.passed_on, getattr(self.message, "id", None), ends))


Report: TypeAlias = Callable[[Said], None]

_came_in: dict[tuple[int, int], None] = {}
"""The last messages that came in anywhere and were not read from bytes, by the identity of them and of what they hold.

Nothing is kept of the messages themselves, of which some tests have a gigabyte.
"""


class Side:
    """One end of one conversation: what it hears, and says."""

    def __init__(self, sender: Sender, report: Report) -> None:
        self._sender = sender
        self._report = report
        self._version: str | None = None
        self._heard: dict[Any, tuple[About, ...]] = {}
        self._said: dict[Any, tuple[About, ...]] = {}
        self._tokens: dict[Any, str] = {}
        self._modern: str | None = None

    def hears(self, message: Any) -> None:
        """What came in; it may be anything."""
        if _was_made(message):
            _remember(_came_in, _identity(message), None)
        match _kind(message):
            case "Request":
                self._asked(self._heard, message)
            case "Result":
                self._answered(self._said, message)

    def says(self, message: Any) -> None:
        """What goes out."""
        match _kind(message):
            case "Request":
                about: tuple[About, ...] = (self._asked(self._said, message),)
            case "Result":
                about = self._answered(self._heard, message)
            case "Error":
                about = self._heard.get(message.id, ())
            case _:
                about = (About(message.method, self._version_of(message)),)
        passed_on = not _was_made(message) or _identity(message) in _came_in
        self._report(Said(self._sender, about, message, passed_on))

    def _asked(self, asked: dict[Any, tuple[About, ...]], request: Any) -> About:
        params = _object(request.params)
        meta = _object(params.get("_meta"))
        about = About(request.method, self._version_asked(request.method, params, meta))
        before = asked.get(request.id, ())
        _remember(asked, request.id, before if about in before else (*before, about))
        if isinstance(token := meta.get("progressToken"), str | int):
            _remember(self._tokens, token, about.version)
        return about

    def _version_asked(self, method: str, params: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
        if method == "initialize":
            return _known(params.get("protocolVersion"), LEGACY)
        if f"{META}protocolVersion" in meta:
            self._modern = _known(meta[f"{META}protocolVersion"], MODERN)
            return self._modern
        return self._version or LEGACY[-1]

    def _answered(self, asked: dict[Any, tuple[About, ...]], result: Any) -> tuple[About, ...]:
        about = asked.pop(result.id, ())
        if any(one.method == "initialize" for one in about):
            settled = _object(result.result).get("protocolVersion")
            if settled is not None:
                self._version = _known(settled, LEGACY)
                return (About("initialize", self._version),)
        return about

    def _version_of(self, notification: Any) -> str:
        params = _object(notification.params) if len(memoryview(notification.params or b"")) <= LARGE else {}
        if notification.method == "notifications/cancelled":
            id = params.get("requestId")
            for asked in (self._said, self._heard):
                if isinstance(id, str | int) and id in asked:
                    return asked[id][-1].version
        elif notification.method == "notifications/progress":
            token = params.get("progressToken")
            if isinstance(token, str | int) and token in self._tokens:
                return self._tokens[token]
        elif f"{META}subscriptionId" in _object(params.get("_meta")):
            return MODERN[-1]
        return self._version or self._modern or LEGACY[-1]


def _remember(table: dict[Any, Any], key: Any, value: Any) -> None:
    table[key] = value
    if len(table) > MAX_REMEMBERED:
        del table[next(iter(table))]


def _identity(message: Any) -> tuple[int, int]:
    return id(message), id(_held(message))


def _held(message: Any) -> Any:
    """What is in a message, as the object that it is."""
    held = getattr(message, {"Result": "raw", "Error": "error"}.get(_kind(message), "params"))
    return message.data if held is msgspec.UNSET else held


def _was_made(message: Any) -> bool:
    """Whether it was not read from bytes. A result may have been made as bytes."""
    return message.data is None or getattr(message, "raw", None) is msgspec.UNSET


def forget() -> None:
    """Begin anew: whatever goes out was made here, unless it comes in before."""
    _came_in.clear()


def _kind(message: Any) -> str:
    return type(message).__name__


def _known(version: object, versions: Sequence[str]) -> str:
    """`version` if it is one of these: nothing is known of how others would be, but that they are like the last."""
    return str(version) if version in versions else versions[-1]


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, bytes | bytearray | msgspec.Raw):
        try:
            value = msgspec.json.decode(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


class Watched:
    """Stands in for a Backend, a Link, a Channel or a Carrier; `method` is what is called in place of its own."""

    def __init__(self, real: Any, method: str, instead: Callable[..., Any]) -> None:
        self._real = real
        setattr(self, method, instead)
        for name in ("counted", "described"):
            # What a Backend may be besides is asked of the object itself.
            if hasattr(real, name):
                setattr(self, name, getattr(real, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def told(real: Any, method: str, tell: Callable[[Any], None]) -> Watched:
    """`real`, and whoever calls its `method` with a message tells of that first."""

    def instead(message: Any, *others: Any) -> None:
        tell(message)
        # Found anew each time: a test may have put something else there.
        getattr(real, method)(message, *others)

    return Watched(real, method, instead)


def asking(backend: Any, report: Report, began: Callable[[Side], None] | None = None) -> Any:
    """`backend`; what those who opened its conversations send to it leaves mcpws there.

    :param began: takes the side of each conversation, and from then on sees to what it hears; by default what the
        backend sends through its Link is seen here.
    """
    if isinstance(backend, Watched):
        return backend

    def open(link: Any) -> Any:
        side = Side("client", report)
        if began is None:
            link = told(link, "send", side.hears)
        else:
            began(side)
        return backend.open(link).addCallback(lambda channel: told(channel, "receive", side.says))

    return Watched(backend, "open", open)


@functools.lru_cache(1)
def observing(report: Report) -> Any:
    """An Observer for all that leaves to a client, a server or a child."""
    from mcpws.seam.observer import MessageObserver

    class Emitting(MessageObserver):
        def __init__(self) -> None:
            self._sides: WeakKeyDictionary[Any, Side] = WeakKeyDictionary()

        def received(self, party: Any, message: Any) -> None:
            self._side(party).hears(message)

        def sent(self, party: Any, message: Any) -> None:
            self._side(party).says(message)

        def _side(self, party: Any) -> Side:
            if party not in self._sides:
                self._sides[party] = Side("server" if party.kind == "client" else "client", report)
            return self._sides[party]

    return Emitting()


def _around(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Put `around`, which is called with what it replaces and the arguments, around a method."""
    real = getattr(owner, name)

    @functools.wraps(real)
    def replacement(*arguments: Any, **named: Any) -> Any:
        return around(real, *arguments, **named)

    setattr(owner, name, replacement)


def _observe(owner: Any, report: Report) -> None:
    """All that are made of a class that takes an Observer have this one, too."""

    def begin(real: Callable[..., Any], self: Any, *arguments: Any, observer: Any = None, **named: Any) -> None:
        from mcpws.seam.observer import together

        real(self, *arguments, observer=together(observer, observing(report)), **named)

    _around(owner, "__init__", begin)


def _watch_answers(backend: Any, report: Report) -> None:
    """What the conversations of a backend of ours send to whoever opened them."""

    def open(real: Callable[..., Any], self: Any, link: Any) -> Any:
        side = Side("server", report)
        opened = real(self, told(link, "send", side.says))
        return opened.addCallback(lambda channel: told(channel, "receive", side.hears))

    _around(backend, "open", open)


def _watch_around(backend: Any, report: Report) -> None:
    """The same, of a backend that is around another one, and what it sends to that one."""

    def begin(real: Callable[..., Any], self: Any, within: Any, *arguments: Any, **named: Any) -> None:
        real(self, asking(within, report), *arguments, **named)

    _around(backend, "__init__", begin)
    _watch_answers(backend, report)


def _watch_front(front: Any, report: Report) -> None:
    """What goes to backends; and to the client, where a test made the Front and nothing observes that."""
    to_client: dict[int, Side | None] = {}
    to_backend: dict[int, Side] = {}

    def begin(real: Callable[..., Any], self: Any, client: Any, *arguments: Any, **named: Any) -> None:
        side = None
        if named.get("watch") is None:
            side = Side("server", report)
            client = told(client, "deliver", side.says)
        _remember(to_client, id(self), side)
        real(self, client, *arguments, **named)

    def open(real: Callable[..., Any], self: Any, backend: Any) -> None:
        real(self, asking(backend, report, functools.partial(_remember, to_backend, id(self))))

    def receive(real: Callable[..., Any], self: Any, message: Any) -> None:
        side = to_client.get(id(self))
        if side is not None:
            side.hears(message)
        real(self, message)

    def send(real: Callable[..., Any], self: Any, message: Any) -> None:
        # Tests, and whoever broadcasts, send without being a backend.
        if id(self) in to_backend:
            to_backend[id(self)].hears(message)
        real(self, message)

    for around in (open, receive, send):
        _around(front, around.__name__, around)
    _around(front, "__init__", begin)


PLACES: Mapping[str, Callable[[Any, Report], None]] = {
    "mcpws.fronts.front": lambda module, report: _watch_front(module.Front, report),
    "mcpws.fronts.stdio": lambda module, report: _observe(module.StdioFront, report),
    "mcpws.ws.server": lambda module, report: _observe(module.ServerFactory, report),
    "mcpws.ws.client": lambda module, report: _observe(module.ClientConnectionFactory, report),
    "mcpws.backends.app.application": lambda module, report: _watch_answers(module.App, report),
    "mcpws.backends.eras.backend": lambda module, report: _watch_around(module.DualEra, report),
    "mcpws.backends.stdio.backend": lambda module, report: _observe(module.Stdio, report),
    "mcpws.backends.shared.backend": lambda module, report: _watch_around(module.Shared, report),
}
"""Where messages leave, by module: in public classes, by what is public of them."""


def install(report: Report) -> None:
    """Tell `report` of all that leaves this process from now on. Call it once."""
    for name, watch in PLACES.items():
        watch(importlib.import_module(name), report)


def watch_imports(report: Report) -> None:
    """As `install`, for a process that is to import no more than it does by itself."""
    sys.meta_path.insert(0, _Finder(report))


class _Finder(MetaPathFinder):
    def __init__(self, report: Report) -> None:
        self._report = report

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in PLACES:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)) is not None:
                assert spec.loader is not None
                self._watch(spec.loader, PLACES[fullname])
                return spec
        return None

    def _watch(self, loader: Loader, watch: Callable[[Any, Report], None]) -> None:
        load = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            watch(module, self._report)

        loader.exec_module = exec_module  # type: ignore[method-assign]
