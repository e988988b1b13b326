"""A front under test: how one is made, how a client talks to it, and what it tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.task import Clock

from mcpws.mcp.methods import INITIALIZE, INITIALIZED, TOOLS_CALL
from mcpws.mcp.versions import LEGACY_VERSIONS
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import Call, Closing, Ended, MessageObserver, Party
from mcpws.testing.recording import RecordedConversation, RecordingBackend

LIMIT = 20_000
"""Bytes of a message in either direction."""

FIRST = "first"
"""Id of the request that a client begins with."""

PATIENCE = 120
"""Seconds of the clock in which everything is to happen that is to."""


class Client(Protocol):
    """One client of a front, in a test's hands."""

    def send(self, text: bytes) -> None:
        """Send one message, in whatever frame the front wants."""

    def take(self) -> list[Any]:
        """The messages that came since the last time, as JSON values."""

    def is_gone(self) -> bool:
        """Whether the front has ended the connection."""

    def hang_up(self) -> None:
        """Be gone."""

    def stop_reading(self) -> None:
        """Leave what comes unread, so that it piles up at the front."""

    def read_on(self) -> None: ...


class Diary(MessageObserver):
    """A record of all that a front tells an observer."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Party]] = []
        self.closings: list[Closing] = []
        self.calls: list[tuple[str, str]] = []

    def opened(self, party: Party) -> None:
        self.lines.append(("opened", party))

    def closed(self, party: Party, closing: Closing) -> None:
        self.lines.append(("closed", party))
        self.closings.append(closing)

    def answered(self, party: Party, call: Call, ended: Ended) -> None:
        self.calls.append((call.method, ended.outcome))


class FrontUnderTest:
    """A front whose backend is played, and its clients.

    After each test every client hangs up, and then no timer may be left on `clock`.
    """

    max_in_flight = 2
    max_waiting = 3
    max_clients: int | None = 3

    # What a subclass says.

    def serve(self, backend: Backend, observer: MessageObserver) -> None:
        """Make the front."""
        raise NotImplementedError("say how your front is made")

    def connect(self) -> Client:
        """A new client, ready to send its first message."""
        raise NotImplementedError("say how a client of your front connects")

    def settle(self) -> None:
        """Let everything happen that is to happen now."""
        self.clock.advance(0)

    def drain(self) -> bool:
        """Begin to let all clients leave; returns False if the front has nothing like it."""
        return False

    def statistics(self) -> ServerStatistics | None:
        """As the Roster of the front has them; None if it has no Roster."""
        return None

    # pytest calls these two.

    def setup_method(self) -> None:
        self.clock = Clock()
        self.diary = Diary()
        self.recording = RecordingBackend()
        self.clients: list[Client] = []
        self.lost: list[RecordedConversation] = []

    def teardown_method(self) -> None:
        for client in self.clients:
            client.read_on()
            if not client.is_gone():
                client.hang_up()
        self.wait(
            lambda: len(self.diary.closings) == sum(line[0] == "opened" for line in self.diary.lines), "all ended"
        )
        unclosed = [one for one in self.recording.conversations if one.closed is None and one not in self.lost]
        assert not unclosed, f"channels of clients that are gone were not closed: {unclosed}"
        left = [str(call) for call in self.clock.getDelayedCalls()]
        assert not left, f"timers are left with nobody there: {left}"

    # What the tests are made of.

    def come(self) -> Client:
        """A client that has not said anything; the front is made with the first."""
        if not self.clients:
            self.serve(self.served(), self.diary)
        client = self.connect()
        self.clients.append(client)
        self.settle()
        return client

    def served(self) -> Backend:
        """The backend behind the front: a RecordingBackend, unless a test has another."""
        return self._backend or self.recording

    _backend: Backend | None = None

    def begin(self) -> tuple[Client, RecordedConversation]:
        """A client that is initialised, and what the backend has of it."""
        client = self.come()
        self.introduce(client)
        answer = self.answer(client, FIRST)
        assert "result" in answer, f"initialize was answered with {answer}"
        return client, self.recording.conversations[-1]

    def introduce(self, client: Client) -> None:
        """Send what a client begins with."""
        params = {
            "protocolVersion": LEGACY_VERSIONS[-1],
            "capabilities": {"sampling": {}},
            "clientInfo": {"name": "contract", "version": "1"},
        }
        self.say(client, id=FIRST, method=INITIALIZE, params=params)
        self.say(client, method=INITIALIZED)

    def say(self, client: Client, **members: Any) -> None:
        """Send a message with these members."""
        client.send(json.dumps({"jsonrpc": "2.0", **members}).encode())
        self.settle()

    def call(self, client: Client, id: int | str, **params: Any) -> None:
        """Send a request that counts."""
        self.say(client, id=id, method=TOOLS_CALL, params={"name": "x", "arguments": params})

    def hear(self, client: Client) -> list[Any]:
        """All that came since the last time."""
        self.settle()
        return client.take()

    def answer(self, client: Client, id: object) -> Any:
        """The next message, which has to be the one answer to `id`."""
        heard = self.hear(client)
        answers = [one for one in heard if "method" not in one and one.get("id") == id and type(one["id"]) is type(id)]
        assert len(answers) == len(heard) == 1, f"one answer to {id!r} was to come, and there came {heard}"
        return answers[0]

    def error(self, client: Client, id: object, code: int) -> None:
        """The next message, which has to be this error."""
        answer = self.answer(client, id)
        assert answer.get("error", {}).get("code") == code, f"error {code} was to come, and there came {answer}"

    def wait(self, condition: Callable[[], bool], what: str, seconds: int = PATIENCE) -> None:
        """Let time pass until `condition` is met; AssertionError says that it never was so that `what`."""
        for _ in range(seconds):
            self.settle()
            if condition():
                return
            self.clock.advance(1)
        raise AssertionError(f"in {seconds} s it never was so that {what}; the observer was told {self.diary.lines}")

    def is_served(self, client: Client, conversation: RecordedConversation) -> None:
        """The conversation goes on."""
        self.call(client, "goes on")
        assert conversation.requests, "a request did not get to the backend"
        request = conversation.requests[-1]
        assert request.id == "goes on", f"the last that came to the backend is {request}"
        conversation.answer(request, {})
        assert "result" in self.answer(client, "goes on")
        conversation.received.remove(request)
