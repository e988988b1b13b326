"""Pages beside WebSockets, on the same port: what asks for no WebSocket goes on to `twisted.web`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource

from mcpws.errors import ConfigError
from mcpws.http.checks import OVERDUE, Check, are_checks, examine, host_is_ours
from mcpws.http.handover import hand_over
from mcpws.http.page import Page
from mcpws.http.request import HttpRequest, Refusal
from mcpws.http.site import Examined, Found, PageChannel, PageSite
from mcpws.policy.origin import check_host_pattern
from mcpws.turns.once import Once
from mcpws.turns.timer import Timer

OWN_CONNECTION = Refusal(HTTPStatus.UPGRADE_REQUIRED, "a WebSocket needs a connection of its own")


class Pages:
    """All pages of a server, by their paths, and the connections that ask for them.

    A connection that has asked for a page stays one for pages. A full or draining server answers them none the less.

    :param pages: by path, as `/about`; each has all paths below it, too, up to the next page.
    :param hosts: that they are served under, but for those that name others.
    :param elsewhere: what is said of paths that have no page, on a connection that has asked for one.
    :param limit: connections at a time.
    :param timeout: seconds for the head of a request, and again for its checks together; None or 0 for as long as they
        take.
    :raises ConfigError: a path does not begin with a slash, or is there twice, or what should be a page is none.
    """

    def __init__(
        self,
        pages: Mapping[str, Page | IResource],
        hosts: Sequence[str],
        elsewhere: Sequence[Check],
        limit: int,
        timeout: float | None,
        clock: IReactorTime,
    ) -> None:
        self._pages: dict[tuple[bytes, ...], tuple[Sequence[Check], IResource]] = {}
        for path, given in pages.items():
            page = _page(path, given)
            served_under = host_is_ours(hosts if page.hosts is None else page.hosts)
            place = _place(path)
            if place in self._pages:
                raise ConfigError("pages", path, "must not be the same path as another one, spelled otherwise")
            self._pages[place] = (served_under, *page.checks), page.resource
        self._deepest = max(map(len, self._pages), default=0)
        self._elsewhere = (*elsewhere, lambda request: OWN_CONNECTION)
        self._limit = limit
        self._timeout = timeout
        self._clock = clock
        self._site = PageSite(self._examine, clock)
        self._open: set[PageChannel] = set()
        self._closed: Once[None] = Once()
        self._is_closing = False
        self._term = Timer(clock)

    def find(self, path: str) -> Found | None:
        """The page that answers `path`: the one nearest above it, whichever way the path is written."""
        names = _names(path)
        for depth in range(min(len(names), self._deepest), -1, -1):
            page = self._pages.get(tuple(names[:depth]))
            if page is not None:
                return Found(*page, names[:depth], names[depth:])
        return None

    def _examine(self, request: HttpRequest) -> Examined:
        found = self.find(request.path)
        verdict = examine(request, self._elsewhere if found is None else found.checks)
        if self._timeout and isinstance(verdict, Deferred):
            verdict.addTimeout(self._timeout, self._clock, lambda *_: OVERDUE)
        return found, verdict

    @property
    def free(self) -> int:
        """Connections that may ask for pages beside those that do; none once they are to close."""
        return 0 if self._is_closing else self._limit - len(self._open)

    def take(self, transport: Any, data: bytes) -> None:
        """Take a connection over, of which `data` was read."""
        channel = PageChannel(self._site, transport.getPeer(), self._timeout, self._gone)
        self._open.add(channel)
        hand_over(transport, channel, data)

    def close(self, seconds: float) -> Deferred[None]:
        """Close what is open, once what is being answered is out; what takes longer than `seconds` is cut off.

        Fires when none is open.
        """
        closed = self._closed.when()
        if not self._is_closing:
            self._is_closing = True
            self._term.set(seconds, self._cut_off)
            for channel in list(self._open):
                channel.finish()
            self._tell_closed()
        return closed

    def _gone(self, channel: PageChannel) -> None:
        self._open.discard(channel)
        self._tell_closed()

    def _tell_closed(self) -> None:
        if self._is_closing and not self._open:
            self._term.stop()
            self._closed.fire(None)

    def _cut_off(self) -> None:
        for channel in list(self._open):
            channel.abort()


def _names(path: str) -> list[bytes]:
    """The decoded names along a path (RFC 3986, sections 2.1 and 5.2.4); the last is empty where the path ends open.

    No name is `.` or `..`, and none but the last is empty: a page is not reached past the checks of another one.
    """
    names: list[bytes] = []
    name = b""
    for part in path.encode("latin-1").split(b"/")[1:]:
        name = unquote_to_bytes(part)
        if name == b"..":
            del names[-1:]
        elif name not in (b"", b"."):
            names.append(name)
    return [*names, b""] if name in (b"", b".", b"..") else names


def _place(path: str) -> tuple[bytes, ...]:
    if not path.startswith("/"):
        raise ConfigError("pages", path, "must begin with a slash")
    if not path.isascii() or "?" in path or "#" in path:
        raise ConfigError("pages", path, "must be a path as it stands in a URL, without a query")
    return tuple(name for name in _names(path) if name)


def _page(path: str, page: object) -> Page:
    if not isinstance(page, Page):
        page = Page(cast(IResource, page))
    if not IResource.providedBy(page.resource):
        raise ConfigError("pages", page.resource, f"{path} must be a resource of twisted.web, or a Page of one")
    if page.hosts is not None:
        if isinstance(page.hosts, str):
            raise ConfigError("pages", page.hosts, f"the hosts of {path} must be a list of names")
        for host in page.hosts:
            check_host_pattern(host)
    if not are_checks(page.checks):
        raise ConfigError("pages", page.checks, f"the checks of {path} must be a list of functions")
    return page
