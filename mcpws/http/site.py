"""A site of `twisted.web` behind the door: each request passes its checks first, each answer has time to arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias, cast
from urllib.parse import quote

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource, Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET, Request, Site

from mcpws.http.checks import Check, Principal, Verdict
from mcpws.http.linger import Linger
from mcpws.http.page import BODY_SECONDS, MAX_BODY, SLOWEST, STALL_SECONDS
from mcpws.http.peername import address_name, peer_certificate
from mcpws.http.request import FAILED, HEAD_TOO_LARGE, HttpRequest, Malformed, Refusal, assemble
from mcpws.turns.timer import Timer

log = Logger()

LINGER_SECONDS = 10.0
"""For what a client still sends when its connection is at its end."""

_SAFE = "!$&'()*+,;=:@~"
"""Characters that stand for themselves in the name of a path (RFC 3986, section 3.3)."""

BODY_TOO_LARGE = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MAX_BODY} bytes in a request")
MALFORMED = Refusal(HTTPStatus.BAD_REQUEST, "the request is malformed")
TOO_SLOW = Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request took too long to come")


class Found(NamedTuple):
    """A page for a request, and the decoded names of the path: down to the page, and below it."""

    checks: Sequence[Check]
    resource: IResource
    above: list[bytes]
    below: list[bytes]


class PageRequest(Request):
    """A request for a page."""

    principal: Principal | None = None
    """Whom it comes from, if a check of the page said so."""
    _size = 0

    def handleContentChunk(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= MAX_BODY:
            super().handleContentChunk(data)
        else:
            cast(PageChannel, self.channel).refuse(BODY_TOO_LARGE)


class PageChannel(HTTPChannel):
    """One connection that asks for pages.

    What is said last on it arrives: it is closed as Linger does. Both ways it is bounded: a request has its time to
    come, an answer to be taken, and none is begun while the one before waits to be taken.

    :param timeout: seconds for the head of a request; None or 0 for as long as it takes.
    :param on_gone: called when it is lost.
    """

    def __init__(
        self, site: Site, address: IAddress | None, timeout: float | None, on_gone: Callable[[PageChannel], object]
    ) -> None:
        super().__init__()
        self.site = site
        self.factory = site
        self.requestFactory = PageRequest
        self.timeOut = int(site.timeOut or 0) or None
        self.address = address
        self._clock: IReactorTime = site.reactor
        self._timeout = timeout
        self._on_gone = on_gone
        self._arrival = Timer(self._clock)
        self._departure = Timer(self._clock)
        self._waits_since = 0.0
        self._answered: Request | None = None
        self._linger: Linger | None = None
        self._last = False
        self._ended = False

    def callLater(self, seconds: float, function: Callable[[], Any]) -> IDelayedCall:
        """Twisted's way to have its timeouts go by a clock."""
        return self._clock.callLater(seconds, function)

    def dataReceived(self, data: bytes) -> None:
        if not self._ended:
            super().dataReceived(data)
            self._expect_the_rest()
        elif self._linger is not None:
            self._linger.discard(len(data))

    def refuse(self, refusal: Refusal) -> None:
        """Say so in the middle of a request, and close."""
        if not self._ended:
            cast(Any, self.transport).write(refusal.encode())
            self.loseConnection()

    def finish(self) -> None:
        """Close once what is being answered is out."""
        self._last = True
        if self.requests:
            self.persistent = False
        elif not self._ended and not self._waitingForTransport:
            # Nobody expects more on it.
            self._end_input()
            super().loseConnection()
        else:
            self.loseConnection()

    def abort(self) -> None:
        """Close at once."""
        cast(Any, self.transport).abortConnection()

    def loseConnection(self) -> None:
        if not self._ended:
            self._end_input()
            # What the client has yet to take goes out first, as long as that may take.
            if not self._waitingForTransport:
                self._begin_to_linger()

    # The way out: what Twisted's own transport is asked to send it keeps, however much that is.

    def pauseProducing(self) -> None:
        super().pauseProducing()
        self._waits_since = self._clock.seconds()
        self._departure.set(STALL_SECONDS, self._look_for_progress)

    def resumeProducing(self) -> None:
        self._departure.stop()
        super().resumeProducing()
        answered, self._answered = self._answered, None
        if answered is not None:
            self.requestDone(answered)
        if self._ended and self._linger is None:
            self._begin_to_linger()

    def requestDone(self, request: Request) -> None:
        if self._waitingForTransport and not self._ended:
            self._answered = request
            return
        super().requestDone(request)

    def _look_for_progress(self) -> None:
        """What waits is no more than was sent of one answer: how much of it is taken the transport does not say."""
        seconds = STALL_SECONDS + (self.requests[0].sentLength if self.requests else 0) / SLOWEST
        left = self._waits_since + seconds - self._clock.seconds()
        if left > 0:
            self._departure.set(left, self._look_for_progress)
        else:
            self.abort()

    # The way in.

    def _expect_the_rest(self) -> None:
        has_begun = bool(self._buffer or self.requests) and not (self._handlingRequest or self._ended)
        if has_begun and self._timeout and not self._arrival.is_set:
            self._arrival.set(self._timeout, self.refuse, TOO_SLOW)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.refuse(HEAD_TOO_LARGE)

    def _respondToBadRequestAndDisconnect(self) -> None:
        # Twisted's is no whole answer: nobody can tell where it ends.
        self.refuse(MALFORMED)

    # The parser goes on, though the connection is at its end: nothing of what it finds is a request any more.

    def headerReceived(self, line: bytes) -> bool:
        if self._ended:
            return False
        try:
            return bool(super().headerReceived(line))
        except ValueError:
            # A Content-Length of more digits than Python reads.
            self.refuse(MALFORMED)
            return False

    def allHeadersReceived(self) -> None:
        if self._ended:
            return
        if self.length is not None and self.length > MAX_BODY:
            # Before the client is told to go on.
            self.refuse(BODY_TOO_LARGE)
            return
        self._arrival.set(BODY_SECONDS, self.refuse, TOO_SLOW)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        self._arrival.stop()
        if not self._ended:
            super().allContentReceived()

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        return bool(super().checkPersistence(request, version)) and not self._last

    def _end_input(self) -> None:
        self._ended = True
        self._arrival.stop()
        self.lineReceived = self.rawDataReceived = _ignore  # type: ignore[method-assign]

    def _begin_to_linger(self) -> None:
        transport = cast(Any, self.transport)
        # As HTTPChannel does, which would close both directions.
        transport.unregisterProducer()
        self._linger = Linger(
            transport, self._clock, idle=LINGER_SECONDS, total=LINGER_SECONDS, limit=MAX_BODY, abort=self.abort
        )

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._arrival.stop()
        self._departure.stop()
        if self._linger is not None:
            self._linger.stop()
        if self._answered is not None:
            self.requests.remove(self._answered)
        super().connectionLost(reason)
        self._on_gone(self)


def _ignore(data: bytes) -> None:
    """Drop what comes after the end."""


Examined: TypeAlias = tuple[Found | None, Verdict | Deferred[Verdict]]
"""The page for a request, and what its checks say, now or later; without a page they do not let it pass."""


class PageSite(Site):
    """Twisted's site, with our checks before each request.

    :param examine: finds the page of a request, and asks its checks; what it raises is logged, and answered with 500.
    """

    def __init__(self, examine: Callable[[HttpRequest], Examined], clock: IReactorTime) -> None:
        super().__init__(Resource(), reactor=clock)
        self._examine = examine

    def log(self, request: object) -> None:
        """Write nothing: what is logged of pages is the business of their program."""

    def getResourceFor(self, request: Request) -> IResource:
        request.site = self
        request.sitepath = []  # type: ignore[attr-defined]  # as Site has it, for the names of session cookies
        # As refusals have it: the version of Twisted is nobody's business.
        request.setHeader("server", "mcpws")
        asked = cast(PageRequest, request)
        found: Found | None = None
        verdict: Verdict | Deferred[Verdict]
        try:
            found, verdict = self._examine(_http_request(asked))
        except Malformed as malformed:
            verdict = malformed.refusal
        except Exception:
            log.failure("a check of a page failed")
            verdict = FAILED
        if isinstance(verdict, Deferred):
            return _Later(found, verdict)
        return _answer(found, verdict, asked)


class _Later(Resource):
    """A page whose checks take their time."""

    isLeaf = True

    def __init__(self, found: Found | None, verdict: Deferred[Verdict]) -> None:
        super().__init__()
        self._found = found
        self._verdict = verdict
        self._gone = False

    def render(self, request: Request) -> int:
        request.notifyFinish().addErrback(self._lost)
        self._verdict.addErrback(self._failed)
        self._verdict.addCallback(self._go_on, request)
        # What the page itself raises is answered as Twisted does it when a page is not late.
        self._verdict.addErrback(request.processingFailed)
        return NOT_DONE_YET

    def _lost(self, failure: Failure) -> None:
        self._gone = True
        self._verdict.cancel()

    def _failed(self, failure: Failure) -> Refusal:
        if not (self._gone and failure.check(CancelledError)):
            log.failure("a check of a page failed", failure)
        return FAILED

    def _go_on(self, verdict: Verdict, request: Request) -> None:
        if not self._gone:
            request.render(_answer(self._found, verdict, cast(PageRequest, request)))


class _Refused(Resource):
    """A Refusal as a page. The connection may be used again."""

    isLeaf = True

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self._refusal = refusal

    def render(self, request: Request) -> bytes:
        refusal = self._refusal
        request.setResponseCode(refusal.status.value, refusal.status.phrase.encode())
        headers: dict[str, list[str]] = {}
        for name, value in refusal.fields():
            headers.setdefault(name, []).append(value)
        for name, values in headers.items():
            request.responseHeaders.setRawHeaders(name, values)
        return refusal.body


def _answer(found: Found | None, verdict: Verdict, request: PageRequest) -> IResource:
    if isinstance(verdict, Refusal):
        return _Refused(verdict)
    assert found is not None
    request.principal = verdict
    request.prepath, request.postpath = found.above, found.below
    # Resources write links and redirections by these: `//host/..` would lead elsewhere.
    _, question_mark, query = request.uri.partition(b"?")
    request.path = b"/" + b"/".join(quote(name, _SAFE).encode() for name in found.above + found.below)
    request.uri = request.path + question_mark + query
    return cast(IResource, getChildForRequest(found.resource, request))


def _http_request(request: PageRequest) -> HttpRequest:
    fields = (
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    )
    return assemble(
        request.method.decode("latin-1"),
        request.uri.decode("latin-1"),
        request.clientproto.decode("latin-1").partition("/")[2],
        fields,
        address_name(cast(PageChannel, request.channel).address),
        peer_certificate(cast(PageChannel, request.channel).transport),
    )
