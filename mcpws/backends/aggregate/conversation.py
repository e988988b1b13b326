"""One client's conversation with several servers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from msgspec import Raw
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mcpws.backends.aggregate.answers import (
    check_level,
    listed,
    logged_by,
    not_found,
    nothing_to_say,
    refusal,
    uri_in,
    version_for,
)
from mcpws.backends.aggregate.asking import Questions
from mcpws.backends.aggregate.counters import AggregateCounters
from mcpws.backends.aggregate.listening import (
    Listening,
    acknowledgement_of_nothing,
    parts_of,
    subscription_of,
)
from mcpws.backends.aggregate.member import Member
from mcpws.backends.aggregate.merging import (
    LISTS,
    Answered,
    from_cursor,
    merged_discovery,
    merged_initialize,
)
from mcpws.backends.aggregate.names import uri_with_server
from mcpws.backends.aggregate.pending import Gathered, Pending, Routed
from mcpws.backends.aggregate.rewriting import NAMED, addressed, decoded, shown_params
from mcpws.core.ledger import cancelled_id, reported_token
from mcpws.errors import (
    BackendLost,
    InvalidParams,
    McpwsError,
    MethodNotFound,
    RpcError,
    TooManyRequests,
)
from mcpws.jsonrpc.members import members_of
from mcpws.jsonrpc.messages import (
    EMPTY,
    Answer,
    Error,
    ErrorObject,
    Message,
    Notification,
    Request,
    RequestId,
    Result,
    alike,
    put_together,
)
from mcpws.mcp.meta import read_modern
from mcpws.mcp.methods import (
    CANCELLED,
    DISCOVER,
    INITIALIZE,
    INITIALIZED,
    LIST_CHANGED,
    LISTEN,
    LOG_MESSAGE,
    PING,
    PROGRESS,
    RESOURCE_UPDATED,
    RESOURCES_SUBSCRIBE,
    RESOURCES_UNSUBSCRIBE,
    SET_LEVEL,
)
from mcpws.seam.interfaces import Backend, Identity, Link

log = Logger()


class AggregateConversation:
    """The Channel of the client, and the Owner of its Members.

    :param info: the Implementation that the client gets to see.
    :param timeout: seconds for what is asked of several servers; who needs longer is left out.
    :param on_end: called once, when nothing is left of the conversation.
    """

    def __init__(
        self,
        link: Link,
        backends: Mapping[str, Backend],
        *,
        info: Mapping[str, str],
        clock: IReactorTime,
        timeout: float,
        max_questions: int,
        counters: AggregateCounters,
        on_end: Callable[[AggregateConversation], None],
        random: Callable[[], float],
    ) -> None:
        self.is_paused = False
        self.greeting: Request | None = None
        self.level: Raw | None = None
        self._link = link
        self._info = info
        self._clock = clock
        self._timeout = timeout
        self._counters = counters
        self._on_end = on_end
        self._pending: dict[RequestId, Pending] = {}
        self._questions = Questions(max_questions)
        self._waiting_for: set[Member] = set()
        self._random = random
        self._left_out: list[str] = []
        self._initialized = False
        self._closed = False
        self._members = {name: self._member(name, backend) for name, backend in backends.items()}

    @property
    def identity(self) -> Identity:
        return self._link.identity

    # What the front sees: Channel.

    def receive(self, message: Message) -> None:
        if self._closed:
            return
        if type(message) is Request:
            try:
                self._request(message)
            except RpcError as refusal:
                self._link.send(Error.answering(message.id, refusal))
        elif type(message) is Notification:
            self._notification(message)
        else:
            assert isinstance(message, (Result, Error))
            found = self._questions.answered(message)
            if found is None:
                self._counters.dropped += 1
            else:
                found[0].tell(found[1])

    def close(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        for pending in self._pending.values():
            pending.stop()
        self._pending.clear()
        for member in self._members.values():
            member.close(reason)
        self._on_end(self)

    def pauseProducing(self) -> None:
        self.is_paused = True
        for member in self._members.values():
            member.pause()

    def resumeProducing(self) -> None:
        self.is_paused = False
        for member in list(self._members.values()):
            if not self.is_paused:
                member.resume()

    def stopProducing(self) -> None:
        self.pauseProducing()

    # What the aggregate asks for.

    def put(self, name: str, backend: Backend) -> None:
        """There is another server, perhaps in the place of one."""
        self.remove(name)
        member = self._members[name] = self._member(name, backend)
        member.is_expected = True
        self._changed(LIST_CHANGED)

    def remove(self, name: str) -> None:
        """A server is no more."""
        member = self._members.pop(name, None)
        if member is not None:
            begun = member.is_begun
            member.close("this server is not served any more")
            if begun:
                reason = BackendLost(f"The server {name} is not served any more", {"server": name})
                self.gone(member, reason, member.is_expected)

    def end(self, reason: McpwsError) -> None:
        """The aggregate ends the conversation."""
        self.close(str(reason))
        self._link.lost(reason)

    # What members tell: Owner.

    def answered(self, member: Member, answer: Answer) -> None:
        id = answer.id
        pending = None if id is None else self._pending.get(id)
        if pending is None and id is not None:
            # Not every server keeps the type of an id.
            id = alike(id)
            pending = None if id is None else self._pending.get(id)
        if pending is None or id is None or member not in pending.members:
            if self.greeting is not None and answer.id == self.greeting.id and member.capabilities is None:
                self._begun_late(member, answer)
            else:
                self._counters.dropped += 1
            return
        if pending.answered(member, answer):
            self._forget(id, pending)
        if type(answer) is Error and self.greeting is not None and id == self.greeting.id:
            member.initialised(answer)

    def asked(self, member: Member, request: Request) -> None:
        passed = self._questions.asked(member, request)
        if passed is None:
            self._counters.refused += 1
            member.tell(Error.answering(request.id, TooManyRequests(self._questions.limit, "requests of servers")))
        else:
            self._link.send(passed)

    def told(self, member: Member, notification: Notification) -> None:
        method = notification.method
        if method == CANCELLED:
            self._withdrawn(member, notification)
            return
        if method == PROGRESS and not self._works_for(member, reported_token(notification)):
            self._counters.dropped += 1
            return
        if method == LOG_MESSAGE:
            notification = Notification(method, logged_by(member.name, notification.params))
        subscription = None if method in (PROGRESS, LOG_MESSAGE) else subscription_of(notification)
        if subscription is not None:
            listening = self._pending.get(subscription)
            if isinstance(listening, Listening) and member in listening.members:
                listening.told(member, notification)
            else:
                self._counters.dropped += 1
            return
        if method == RESOURCE_UPDATED:
            params = shown_params(notification.params, "uri", partial(uri_with_server, member.name))
            notification = Notification(method, params)
        self._link.send(notification)

    def gone(self, member: Member, reason: RpcError, was_up: bool) -> None:
        if was_up:
            self._counters.lost += 1
            log.info("{reason}", reason=reason.message)
        for cancelled in self._questions.forget(member):
            self._link.send(cancelled)
        for id, pending in list(self._pending.items()):
            if member in pending.members and pending.gone(member, reason):
                self._forget(id, pending)
        if was_up:
            self._changed(LIST_CHANGED)

    def begun(self, member: Member) -> None:
        for pending in list(self._pending.values()):
            if isinstance(pending, Listening):
                pending.begun(member)

    def overdue(self, member: Member, message: Message) -> None:
        late = BackendLost(
            f"The server {member.name} has not begun within {self._timeout:g} s", {"server": member.name}
        )
        self._give_up(member, message, late)

    def back(self, member: Member) -> None:
        self._changed(LIST_CHANGED)

    def wait_for(self, member: Member, waits: bool) -> None:
        before = bool(self._waiting_for)
        (self._waiting_for.add if waits else self._waiting_for.discard)(member)
        if before is not bool(self._waiting_for) and not self._closed:
            if waits:
                self._link.pauseProducing()
            else:
                self._link.resumeProducing()

    def overflown(self, member: Member, message: Message) -> None:
        self._counters.refused += 1
        busy = BackendLost(f"The server {member.name} has not begun, and too much waits for it already")
        self._give_up(member, message, busy)

    def _give_up(self, member: Member, message: Message, reason: RpcError) -> None:
        """What a server was asked it does not get."""
        pending = self._pending.get(message.id) if type(message) is Request else None
        if pending is not None and member in pending.members and pending.gone(member, reason):
            assert type(message) is Request
            self._forget(message.id, pending)

    def _forget(self, id: RequestId, pending: Pending) -> None:
        """A request is over. Its id may be in use again already, by what its client sent next."""
        if self._pending.get(id) is pending:
            del self._pending[id]

    def _member(self, name: str, backend: Backend) -> Member:
        return Member(name, backend, self, clock=self._clock, timeout=self._timeout, random=self._random)

    def _works_for(self, member: Member, token: RequestId | None) -> bool:
        """Whether the server has been asked something under this progress token."""
        return token is not None and any(
            pending.token == token and type(pending.token) is type(token) and member in pending.members
            for pending in self._pending.values()
        )

    # Requests.

    def _request(self, request: Request) -> None:
        method = request.method
        if method in NAMED:
            self._route(request)
        elif method in LISTS:
            self._list(request)
        elif method == PING:
            self._link.send(Result(request.id, EMPTY))
        elif method == LISTEN:
            self._listen(request)
        elif method == DISCOVER:
            self._gather(request, self._reachable(), self._discovered)
        elif method == INITIALIZE:
            self.greeting = Request(request.id, method, request.params)
            self._gather(request, self._reachable(), self._begun)
        elif method == SET_LEVEL:
            self.level = request.params
            check_level(request)
            able = [one for one in self._members.values() if "logging" in (one.capabilities or {})]
            self._gather(request, able, nothing_to_say)
        else:
            # Of what MCP does not know nobody can say whose it is.
            raise MethodNotFound(method)

    def _route(self, request: Request) -> None:
        server, own = addressed(request)
        member = self._members.get(server)
        if member is None:
            raise not_found(request)
        if request.method == RESOURCES_SUBSCRIBE:
            member.subscribes(uri_in(own), own.params)
        elif request.method == RESOURCES_UNSUBSCRIBE:
            member.subscribes(uri_in(own), None)
        self._pending[request.id] = Routed(request, member, self._link.send)
        member.take(own)

    def _list(self, request: Request) -> None:
        members: Collection[Member] = self._reachable()
        feature = LISTS[request.method][2]
        if self.greeting is not None and read_modern(request) is None:
            able = [one for one in self._members.values() if feature in (one.capabilities or {})]
            members = [*able, *(one for one in self._members.values() if one.is_expected and one.capabilities is None)]
        params = members_of(request.params)
        cursors: dict[str, str] = {}
        if "cursor" in params:
            cursors = from_cursor(decoded(params["cursor"]), self._members)
            members = [one for one in members if one.name in cursors]
        in_order = [one for one in self._members.values() if one in members]
        self._gather(request, in_order, partial(listed, request.method, bool(cursors)), cursors)

    def _listen(self, request: Request) -> None:
        try:
            parts = parts_of(request, self._reachable())
        except ValueError as error:
            reason = str(error)
            raise InvalidParams(f"Invalid params: {reason}", {"path": "$.notifications", "reason": reason}) from None
        listening = Listening(request, self._link.send, self._clock, self._timeout, self._counters)
        self._pending[request.id] = listening
        if parts:
            listening.begin(parts)
        else:
            self._link.send(acknowledgement_of_nothing(request.id))

    def _gather(
        self,
        request: Request,
        members: Collection[Member],
        finish: Callable[[RequestId, Answered, list[ErrorObject]], Message],
        cursors: Mapping[str, str] | None = None,
    ) -> None:
        """Ask several servers the same, but for where each goes on in its list."""
        if not members:
            self._link.send(finish(request.id, [], []))
            return
        gathered = Gathered(
            request,
            members,
            finish,
            send=self._link.send,
            clock=self._clock,
            timeout=self._timeout,
            late=self._late,
            over=self._over,
        )
        self._pending[request.id] = gathered
        asked = Request(request.id, request.method, request.params)
        for member in members:
            if cursors:
                params = {**members_of(request.params), "cursor": cursors[member.name]}
                asked = Request(request.id, request.method, put_together(params))
            member.take(asked)

    def _over(self, id: RequestId) -> None:
        self._pending.pop(id, None)

    def _reachable(self) -> list[Member]:
        """Servers that are asked what is asked of all: not those that were waited for in vain."""
        return [one for one in self._members.values() if not one.is_silent]

    def _late(self, member: Member) -> None:
        member.is_silent = True
        self._counters.left_out += 1
        log.warn("{server} does not answer, and is left out", server=member.name)

    # Answers of several servers.

    def _begun(self, id: RequestId, answered: Answered, errors: list[ErrorObject]) -> Message:
        for name, result in answered:
            if name in self._members:
                self._members[name].initialised(Result(id, result))
        there = {name for name, _ in answered}
        # Those that are too slow have been counted.
        self._counters.left_out += sum(one.name not in there for one in self._reachable())
        self._left_out = [error.message for error in errors]
        if not answered:
            return refusal(id, errors)
        asked = self.greeting.params if self.greeting is not None else None
        return Result.answering(id, merged_initialize(answered, version_for(asked), self._info))

    def _discovered(self, id: RequestId, answered: Answered, errors: list[ErrorObject]) -> Message:
        return Result.answering(id, merged_discovery(answered)) if answered else refusal(id, errors)

    def _begun_late(self, member: Member, answer: Answer) -> None:
        """A server that was left out when all began is there after all."""
        member.initialised(answer)
        if member.capabilities is not None and self._initialized:
            member.tell(Notification(INITIALIZED))
            self._changed(LIST_CHANGED)

    # Notifications.

    def _notification(self, notification: Notification) -> None:
        method = notification.method
        if method == CANCELLED:
            id = cancelled_id(notification)
            pending = None if id is None else self._pending.pop(id, None)
            if pending is None:
                self._counters.dropped += 1
                return
            members = pending.members
            pending.stop()
            for member in members:
                member.tell(notification)
        elif method == PROGRESS:
            found = self._questions.progressed(notification)
            if found is None:
                self._counters.dropped += 1
            else:
                found[0].tell(found[1])
        else:
            if method == INITIALIZED:
                self._initialized = True
                self._tell_left_out()
            for member in self._members.values():
                if self.greeting is None or member.capabilities is not None:
                    member.tell(notification)

    def _tell_left_out(self) -> None:
        """Tell the client which servers it does without."""
        for text in self._left_out:
            params = {"level": "warning", "logger": self._info["name"], "data": text}
            self._link.send(Notification(LOG_MESSAGE, put_together(params)))
        self._left_out = []

    def _withdrawn(self, member: Member, notification: Notification) -> None:
        """A server cancels a request of its own, or ends what it tells of to a subscriber."""
        passed = self._questions.withdrawn(member, notification)
        if passed is not None:
            self._link.send(passed)
            return
        id = cancelled_id(notification)
        listening = None if id is None else self._pending.get(id)
        if isinstance(listening, Listening) and id is not None and member in listening.members:
            if listening.gone(member, BackendLost(f"The server {member.name} has ended it")):
                self._forget(id, listening)
        else:
            self._counters.dropped += 1

    def _changed(self, lists: Mapping[str, str]) -> None:
        """Tell a client that began with a handshake; others hear of it where they listen."""
        if self._initialized and not self._closed:
            for method in lists.values():
                self._link.send(Notification(method))
