"""One client's conversation with an App."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn, Protocol, TypeAlias

from msgspec import Raw, UnsetType
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.backends.app.catalog import Catalog
from mcpws.backends.app.context import ClientState, Context
from mcpws.backends.app.failures import Failures
from mcpws.backends.app.gate import Gate
from mcpws.backends.app.in_flight import InFlight
from mcpws.backends.app.listen import Listens
from mcpws.backends.app.signature import Signature
from mcpws.backends.app.subscriptions import Subscriber, Subscriptions
from mcpws.backends.app.uri import canonical
from mcpws.core.ledger import cancelled_id
from mcpws.core.rpc import Rpc
from mcpws.errors import GOING_AWAY, ConnectionClosed, InvalidParams, McpwsError, MethodNotFound
from mcpws.jsonrpc.messages import Message, Notification, Request, RequestId
from mcpws.mcp.meta import RequestMeta, read_modern
from mcpws.mcp.methods import CANCELLED, LIST_CHANGED, RESOURCE_UPDATED
from mcpws.seam.interfaces import Link
from mcpws.turns.answerer import Answerer
from mcpws.turns.caller import Caller
from mcpws.turns.hearing import Hearing
from mcpws.turns.outcome import PLAIN, as_deferred, call_listener, cause_of

log = Logger()

MAX_SUBSCRIPTIONS = 1000
"""Of one client."""


class LegacyClientState(ClientState):
    """State of a legacy client: all that it has said since `initialize`.

    `features` are the capabilities that it was told the server has; `subscriptions` are URIs as it spelled them, by
    their canonical form.
    """

    __slots__ = ("features", "initialized", "subscriptions")

    def __init__(self) -> None:
        super().__init__()
        self.features: Collection[str] = ()
        self.initialized = False
        self.subscriptions: dict[str, str] = {}


Described: TypeAlias = tuple[tuple[Raw | UnsetType, ...], ClientState]
"""Members of the last modern request's `_meta` that describe the client, and what they say."""


class Scope(Protocol):
    """Surroundings of a request, as the method that answers it sees them."""

    @property
    def catalog(self) -> Catalog: ...

    @property
    def client(self) -> ClientState: ...

    def run(
        self,
        signature: Signature,
        values: tuple[Any, ...],
        request: Request,
        convert: Callable[[Any], object],
    ) -> object:
        """Call a registered function and convert what it returns, now or when it comes."""

    def told(self, error: BaseException | None, signature: Signature) -> BaseException:
        """Exception for the client in the place of a function's, which is logged if it was not meant for it."""


class AppChannel:
    """Answers one client. It is the Scope of the requests that began with a handshake.

    :param methods: what answers these requests, by name.
    :param notifications: what listens to notifications, by name; others are of no interest.
    :param answer_modern: what answers requests that stand for themselves.
    :param failures: what clients are told of functions that failed.
    :param ended: called with this channel once it is closed.
    """

    __slots__ = (
        "_answer_modern",
        "_answerer",
        "_closed",
        "_contexts",
        "_ended",
        "_failures",
        "_link",
        "_methods",
        "_notifications",
        "_rpc",
        "_subscriptions",
        "caller",
        "catalog",
        "client",
        "clock",
        "described",
        "gate",
        "hearing",
        "identity",
        "in_flight",
        "listens",
    )

    def __init__(
        self,
        link: Link,
        catalog: Catalog,
        methods: Mapping[str, Method],
        notifications: Mapping[str, Listener],
        answer_modern: AnswersModern,
        *,
        subscriptions: Subscriptions[Subscriber],
        in_flight: InFlight,
        hearing: Hearing,
        clock: IReactorTime,
        max_pending: int,
        failures: Failures,
        ended: Callable[[AppChannel], None],
    ) -> None:
        self.catalog = catalog
        self.client = LegacyClientState()
        self._rpc = Rpc(link.send, max_pending)
        self._answerer = Answerer(self._rpc, link.send)
        self.caller = Caller(self._rpc, clock)
        self.identity = link.identity
        self.clock = clock
        self.described: Described | None = None
        self.gate = Gate()
        self.in_flight = in_flight
        self.hearing = hearing
        self.listens = Listens(self.caller.notify, subscriptions)
        self._link = link
        self._methods = methods
        self._notifications = notifications
        self._answer_modern = answer_modern
        self._subscriptions = subscriptions
        self._failures = failures
        self._ended = ended
        self._contexts: dict[RequestId, Context] = {}
        self._closed = False

    def run(
        self,
        signature: Signature,
        values: tuple[Any, ...],
        request: Request | None,
        convert: Callable[[Any], object],
    ) -> object:
        """Call a registered function and convert what it returns, now or when it comes.

        A function that returns at once and wants no Context costs no more than the call. Of a request, what is raised
        is what the client is to be told.
        """
        context = self._context(request) if signature.takes_context else None
        try:
            outcome = signature.function(*values) if signature.simple else signature.call(values, context)
            later = None if type(outcome) in PLAIN else as_deferred(outcome)
            if later is None:
                if context is not None:
                    context.settled()
                return convert(outcome)
        except BaseException as error:
            if context is not None:
                context.settled()
            if request is None:
                raise
            raise self.told(error, signature) from None
        if request is None:
            self.in_flight.add(later, signature.label)
            return later.addCallback(convert)
        if context is not None:
            self._contexts[request.id] = context
            later.addBoth(self._over, request.id, context)
        self.in_flight.add(later, signature.label)
        at_once = bool(later.called and not later.paused)
        return later.addCallbacks(
            self._returned, self._raised, (convert, signature), errbackArgs=(signature, request.id, at_once)
        )

    def told(self, error: BaseException | None, signature: Signature) -> BaseException:
        """Exception for the client in the place of a function's, which is logged if it was not meant for it."""
        return self._failures.told(error, signature, self.identity)

    def hear(self, signature: Signature, values: tuple[Any, ...], size: int) -> None:
        """Call a registered function for a notification of `size` bytes, for which there is room.

        What it returns is not wanted, what it raises is logged.
        """
        later = as_deferred(self.run(signature, values, None, _ignore))
        if later is not None:
            self.hearing.add(later, size, signature.label)

    def subscribe(self, uri: str) -> None:
        """Let the client hear when the resource changes; InvalidParams when it has too many subscriptions."""
        wanted = self.client.subscriptions
        key = canonical(uri)
        if key in wanted:
            return
        if len(wanted) >= MAX_SUBSCRIPTIONS:
            reason = f"more than {MAX_SUBSCRIPTIONS} subscriptions"
            raise InvalidParams(f"Invalid params: $.uri: {reason}", {"path": "$.uri", "reason": reason})
        wanted[key] = uri
        self._subscriptions.add(uri, self)

    def unsubscribe(self, uri: str) -> None:
        """Undo `subscribe`, if there was one."""
        if self.client.subscriptions.pop(canonical(uri), None) is not None:
            self._subscriptions.remove(uri, self)

    def resource_updated(self, uri: str) -> None:
        """A Subscriber."""
        known = self.client.subscriptions[canonical(uri)]
        self.caller.notify(RESOURCE_UPDATED, {"uri": known})

    def list_changed(self, feature: str) -> None:
        """Tell the client that its list is out of date, if it is initialised and knows of that list, or listens."""
        if self.client.initialized and feature in self.client.features:
            self.caller.notify(LIST_CHANGED[feature])
        self.listens.list_changed(feature)

    def end(self, reason: McpwsError) -> None:
        """The App ends the conversation."""
        self.listens.close()
        self.close(str(reason))
        self._link.lost(reason)

    # What the front sees: Channel.

    def receive(self, message: Message) -> None:
        if self._closed:
            return
        if type(message) is Notification and message.method == CANCELLED:
            self._withdrawn(cancelled_id(message))
        rpc = self._rpc
        # Past it with what it has nothing to say to, which is most of what comes.
        ours = message if type(message) is Request and message.id not in rpc.at_work else rpc.receive(message)
        if type(ours) is Request:
            meta = read_modern(ours)
            if meta is not None:
                self._answerer.answer(ours, self._answer_modern, self, ours, meta)
            else:
                self._answerer.answer(ours, self._methods.get(ours.method, _not_found), self, ours)
        elif type(ours) is Notification:
            call_listener(self._notified, ours.method, ours)

    def close(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        for id in list(self._contexts):
            self._withdrawn(id)
        gone = ConnectionClosed(GOING_AWAY, reason)
        self._rpc.lost(gone)
        self.hearing.end()
        self.gate.end(gone)
        for uri in list(self.client.subscriptions):
            self.unsubscribe(uri)
        self._ended(self)

    def pauseProducing(self) -> None:
        self.gate.shut()

    def resumeProducing(self) -> None:
        self.gate.open()

    def stopProducing(self) -> None:
        self.gate.shut()

    def _notified(self, notification: Notification) -> None:
        heard = self._notifications.get(notification.method)
        if heard is None:
            return
        try:
            heard(self, notification)
        except InvalidParams as error:
            # There is nobody to answer, and what a client sends is no defect of ours.
            self._rpc.dropped += 1
            log.debug("dropped {method}: {error}", method=notification.method, error=error)

    def _returned(self, value: Any, convert: Callable[[Any], object], signature: Signature) -> object:
        try:
            return convert(value)
        except BaseException as error:
            raise self.told(error, signature) from None

    def _raised(self, failure: Failure, signature: Signature, id: RequestId, at_once: bool) -> Failure:
        error = cause_of(failure)
        if isinstance(error, CancelledError) and not at_once and id not in self._rpc.at_work:
            # The client does not wait for it any more.
            return failure
        return Failure(self.told(error, signature))

    def _context(self, request: Request | None) -> Context:
        return Context(self.caller, self.client, self.identity, self.gate, request)

    def _withdrawn(self, id: RequestId | None) -> None:
        """A coroutine may go on after it was cancelled, but not report any more."""
        context = None if id is None else self._contexts.pop(id, None)
        if context is not None:
            context.withdrawn()

    def _over(self, result: Any, id: RequestId, context: Context) -> Any:
        context.settled()
        # The id may be in use again, if this call went on after it was cancelled.
        if self._contexts.get(id) is context:
            del self._contexts[id]
        return result


Method: TypeAlias = Callable[[AppChannel, Request], object]
"""Answers a request: returns its result, a Deferred of it, or raises."""

AnswersModern: TypeAlias = Callable[[AppChannel, Request, RequestMeta], object]
"""A Method that is told what it is to know, by the request's `_meta`."""

Listener: TypeAlias = Callable[[AppChannel, Notification], None]
"""Takes a notification; InvalidParams means that it was none to take."""


def _not_found(channel: AppChannel, request: Request) -> NoReturn:
    """Method in the place of one that there is not."""
    raise MethodNotFound(request.method)


def _ignore(value: Any) -> None:
    """Nobody waits for it."""
