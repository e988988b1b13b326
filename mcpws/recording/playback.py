"""Playback: the client's part of a recorded conversation, spoken again to a server, whose part is compared.

The recording is gone through in its order. What the client said is sent as soon as all has come that the server had
said before; so what was in flight together is so again. What does not come in time is missed, and waited for no longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeGuard

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mcpws.errors import McpwsError, MethodNotFound, QueueFull
from mcpws.jsonrpc.codec import decode, encode
from mcpws.jsonrpc.messages import EMPTY, Error, Message, Notification, Request, RequestId, Result, put_together
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.methods import CANCELLED, PING
from mcpws.mcp.naming import subject_of
from mcpws.recording.carried import Carried
from mcpws.recording.differences import Difference, Ignored
from mcpws.recording.expected import Expected
from mcpws.recording.form import Conversation, Utterance
from mcpws.recording.secrets import Secrets
from mcpws.recording.supplied import Supplied
from mcpws.turns.once import Once
from mcpws.turns.timer import Timer

MAX_EXTRA = 1000
"""Messages of one conversation that nobody expected of which each is kept; the others are counted."""

Verdict: TypeAlias = Literal["same", "different", "missing", "extra"]

_read = reader(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Terms:
    """How recordings are played back.

    :param ignored: what may differ.
    :param supplied: secrets that were left out.
    :param timeout: seconds for each answer, and for each request of the server; None for ever.
    :param grace: seconds for each notification, and after the last message for what nobody expected.
    :param speed: how many times as fast as it was recorded; None for as fast as can be.
    """

    ignored: Ignored = field(default_factory=Ignored)
    supplied: Supplied = field(default_factory=Supplied)
    timeout: float | None = 30
    grace: float = 1
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One message of a server.

    :param line: of the recording; None of what is extra.
    :param about: the message in few words.
    :param value: the message as it was expected, or as it came if it is extra; without its secrets.
    """

    verdict: Verdict
    line: int | None
    about: str
    differences: tuple[Difference, ...] = ()
    value: Any = None


@dataclass(slots=True)
class Outcome:
    """What came of the playback of one conversation.

    :param sent: messages of the client that were sent.
    :param not_sent: its answers to what the server has not asked.
    :param more: extra messages besides those that are `compared`.
    :param lost: why the connection ended, if it was not to.
    """

    conversation: Conversation
    compared: list[Compared] = field(default_factory=list)
    sent: int = 0
    not_sent: int = 0
    more: int = 0
    lost: str | None = None

    @property
    def is_same(self) -> bool:
        """Whether the server did all as it was recorded."""
        return self.lost is None and not self.more and all(one.verdict == "same" for one in self.compared)

    def count(self, verdict: Verdict) -> int:
        """Messages of the server with that verdict."""
        more = self.more if verdict == "extra" else 0
        return more + sum(one.verdict == verdict for one in self.compared)


class Playback:
    """One conversation, played back. It is the receiver of a ClientConnection, in whose place tests have functions.

    :param send: sends a message; raises McpwsError if it cannot.
    :param clock: for timeouts.

    `start` it once the connection is open; `done` fires with the Outcome. Cancelling that gives it up.
    """

    def __init__(
        self, conversation: Conversation, send: Callable[[Message], None], clock: IReactorTime, terms: Terms
    ) -> None:
        self.done: Deferred[Outcome] = Deferred(lambda _: self._timer.stop())
        self.gone: Once[McpwsError] = Once()
        """Fires once the connection is no more."""
        self._send = send
        self._clock = clock
        self._terms = terms
        self._outcome = Outcome(conversation)
        # Who keeps whom awake is up to either side.
        self._said = _without_pings(conversation.said)
        self._next = 0
        self._expected = Expected((one for one in self._said if one.by == "server"), terms.ignored)
        self._came: set[int] = set()
        self._asked: dict[RequestId, RequestId] = {}
        self._names: dict[RequestId, str] = {}
        self._carried = Carried()
        self._secrets = Secrets(conversation.names, terms.supplied.values)
        self._timer = Timer(clock)
        self._began = 0.0
        self._paused = False
        self._going = False

    def start(self) -> None:
        """Say what the client said first."""
        self._began = self._clock.seconds()
        self._go_on()

    # ws.client.Receiver

    @property
    def in_flight(self) -> int:
        return 0

    def receive(self, message: Message) -> None:
        if self.done.called:
            return
        if _is_ping(message):
            self._deliver(Result(message.id, EMPTY))
            return
        value = self._as_recorded(message)
        cleaned = self._secrets.cleaned(value)
        taken = self._expected.take(message, cleaned)
        if taken is None:
            self._extra(message, cleaned)
            return
        one, found = taken
        if one.line in self._came:
            # It has come too late, and was missed.
            self._missed_no_more(one)
        self._came.add(one.line)
        if isinstance(message, Request) and isinstance(one.message, Request):
            self._asked[one.message.id] = message.id
        self._carried.learn(one.value, value)
        verdict: Verdict = "different" if found else "same"
        self._outcome.compared.append(Compared(verdict, one.line, self._about(one.message), tuple(found), one.value))
        self._go_on()

    def pause_sending(self) -> None:
        self._paused = True
        self._wait(self._terms.timeout, self._stalled)

    def resume_sending(self) -> None:
        self._paused = False
        self._timer.stop()
        self._go_on()

    def lost(self, reason: McpwsError) -> None:
        self.gone.fire(reason)
        if self.done.called:
            return
        closed = self._outcome.conversation.closed
        all_is_said = self._next == len(self._said)
        if not (all_is_said and closed is not None and closed.by == "server"):
            self._outcome.lost = str(reason)
        self._finish()

    # What is next.

    def _go_on(self) -> None:
        """Send what is due, up to the next message of the server that has not come."""
        if self._going:
            # Something has come at once of what was sent.
            return
        self._going = True
        try:
            while self._may_go_on() and self._next < len(self._said):
                one = self._said[self._next]
                if one.by == "server" and one.line not in self._came:
                    self._await(one)
                    return
                if one.by == "client":
                    if self._is_early(one):
                        return
                    self._say(one)
                self._next += 1
            if self._may_go_on():
                self._wait(self._terms.grace, self._finish)
        finally:
            self._going = False

    def _may_go_on(self) -> bool:
        return not (self._paused or self.done.called)

    def _await(self, one: Utterance) -> None:
        """Wait for a message of the server, if that is not what is waited for already."""
        if isinstance(one.message, Notification):
            self._wait(self._terms.grace, self._missed_notifications)
        else:
            self._wait(self._terms.timeout, self._missed, one)

    def _is_early(self, one: Utterance) -> bool:
        speed = self._terms.speed
        if speed is None:
            return False
        left = one.at / speed - (self._clock.seconds() - self._began)
        if left > 0:
            self._wait(left, self._go_on)
        return left > 0

    def _wait(self, seconds: float | None, act: Callable[..., None], *arguments: object) -> None:
        self._timer.stop()
        if seconds is not None:
            self._timer.set(seconds, act, *arguments)

    def _missed(self, one: Utterance) -> None:
        self._miss(one)
        self._go_on()

    def _missed_notifications(self) -> None:
        """None has come in time: those that were told one after the other are missed together."""
        for one in self._said[self._next :]:
            if one.by == "client" or not isinstance(one.message, Notification):
                break
            if one.line not in self._came:
                self._miss(one)
        self._go_on()

    def _miss(self, one: Utterance) -> None:
        self._came.add(one.line)
        self._outcome.compared.append(Compared("missing", one.line, self._about(one.message), value=one.value))

    def _missed_no_more(self, one: Utterance) -> None:
        self._outcome.compared = [other for other in self._outcome.compared if other.line != one.line]

    def _extra(self, message: Message, cleaned: Any) -> None:
        extra = self._outcome.compared
        if self._outcome.count("extra") < MAX_EXTRA:
            extra.append(Compared("extra", None, self._about(message), value=cleaned))
        else:
            self._outcome.more += 1
        if isinstance(message, Request):
            # Who waits for an answer does not go on without one.
            self._deliver(Error.answering(message.id, MethodNotFound(message.method)))

    def _stalled(self) -> None:
        self._fail(QueueFull("the queue to the server", 0))

    def _finish(self) -> None:
        self._timer.stop()
        for one in self._said[self._next :]:
            if one.by == "server" and one.line not in self._came:
                self._miss(one)
        self.done.callback(self._outcome)

    def _fail(self, reason: McpwsError) -> None:
        self._timer.stop()
        self.done.errback(Failure(reason))

    # What is said.

    def _say(self, one: Utterance) -> None:
        message = one.message
        if isinstance(message, Result | Error):
            if message.id is None or message.id not in self._asked:
                self._outcome.not_sent += 1
                return
        elif isinstance(message, Request):
            subject = subject_of(message.method, message.params)
            self._names[message.id] = f"{message.method} {subject}" if subject else message.method
        value: dict[str, Any] = self._carried.renewed(self._terms.supplied.filled(one.value))
        if isinstance(message, Result | Error):
            assert message.id is not None
            value["id"] = self._asked[message.id]
        # What is a secret in it is one in what is answered.
        self._secrets.cleaned(value)
        self._outcome.sent += 1
        # As it came where nothing is changed: whoever decodes and encodes it anew may write it in another way.
        self._deliver(message if value == one.value else decode(bytes(put_together(value))))

    def _deliver(self, message: Message) -> None:
        try:
            self._send(message)
        except McpwsError as error:
            if not self.done.called:
                self._fail(error)

    def _as_recorded(self, message: Message) -> dict[str, Any]:
        """A message decoded, with the recorded id of the request that it withdraws."""
        value = _read(encode(message))
        params = value.get("params")
        if isinstance(message, Notification) and message.method == CANCELLED and isinstance(params, dict):
            before = {new: recorded for recorded, new in self._asked.items()}
            id = params.get("requestId")
            if isinstance(id, str | int) and id in before:
                return {**value, "params": {**params, "requestId": before[id]}}
        return value

    def _about(self, message: Message) -> str:
        if isinstance(message, Request):
            return f"request {message.method}"
        if isinstance(message, Notification):
            return message.method
        name = None if message.id is None else self._names.get(message.id)
        return f"answer to {name}" if name else "answer"


def _is_ping(message: Message) -> TypeGuard[Request]:
    return isinstance(message, Request) and message.method == PING


def _without_pings(said: list[Utterance]) -> list[Utterance]:
    """What was said but for pings of the server, and the client's answers to them."""
    found = []
    pings: set[RequestId | None] = set()
    for one in said:
        message = one.message
        if one.by == "server" and _is_ping(message):
            pings.add(message.id)
        elif one.by == "client" and isinstance(message, Result | Error) and message.id in pings:
            pings.discard(message.id)
        else:
            found.append(one)
    return found
