"""Recorded conversations, played back in memory to the same server and to others."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from mcpws import App, Context, WebSocketConfig
from mcpws.config import MIB
from mcpws.errors import ConfigError, ConnectFailed, ConnectionClosed, HandshakeRefused, MessageTooLarge
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Message, to_raw
from mcpws.recording.differences import Ignored
from mcpws.recording.form import Closed, Conversation, Line, Opened, Run, Said, read_lines, read_recording, written
from mcpws.recording.playback import MAX_EXTRA, Outcome, Playback, Terms
from mcpws.recording.recorder import Recorder
from mcpws.recording.replay import replay
from mcpws.recording.supplied import Supplied
from mcpws.testing import RecordingBackend, Served, result_of
from mcpws.ws.target import Target

pytestmark = pytest.mark.not_mcp("requests and results say no more than the rules for them need", made=True)

SECRET = "hunter22-4711"
SCHEMA = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}


def shop(version: str = "1", plus: int = 0, steps: int = 3, ask: str = "Really?", password: str = SECRET) -> App:
    """A server; the arguments make it another one."""
    app = App("shop", version)

    @app.tool
    def add(a: int, b: int) -> int:
        return a + b + plus

    @app.tool
    def count(context: Context, to: int) -> str:
        for step in range(steps):
            context.progress(step + 1, to)
        return "done"

    @app.tool
    async def empty(context: Context) -> str:
        answer = await context.elicit(ask, SCHEMA)
        return f"{answer.action}: {answer.content}"

    @app.tool(name="log_in")
    def log_in(password_: str, password: str) -> dict[str, str]:
        return {"token": f"tok-{password}", "text": f"hello {password}"}

    return app


Talk = Callable[[Any], Awaitable[Any]]


def record(folder: Path, app: App, talk: Talk, **client: Any) -> list[Conversation]:
    """The conversations of one in which a client did `talk`."""
    file = folder / "recording.jsonl"
    clock = Clock()
    recorder = Recorder(str(file), clock, most=MIB)
    service = Served(app, clock=clock, observer=recorder)
    session = service.connect(
        requests={"elicitation/create": lambda params: {"action": "accept", "content": {"sure": True}}}, **client
    )

    async def all_of_it() -> None:
        await talk(session)
        await session.close()

    done = Deferred.fromCoroutine(all_of_it())
    for _ in range(5):
        service.flush()
        service.advance(1)
    result_of(done)
    recorder.close()
    return read_recording(str(file))


def playing(service: Served, conversations: list[Conversation], terms: Terms | None = None) -> Deferred[list[Outcome]]:
    config = WebSocketConfig(server_mode=False, timeout_seconds=10)
    target = Target("ws://127.0.0.1:8082", endpoint=service.network.endpoint(service.server))
    return Deferred.fromCoroutine(replay(conversations, target, config, terms or Terms(), service.clock))


def play(
    app: Any, conversations: list[Conversation], terms: Terms | None = None, seconds: int = 5, **settings: Any
) -> list[Outcome]:
    service = Served(app, config=WebSocketConfig(**settings))
    played = playing(service, conversations, terms)
    service.flush()
    service.advance(seconds)
    return result_of(played)


def different(outcome: Outcome) -> list[Any]:
    return [
        (one.verdict, one.about, [(found.path, found.expected, found.got) for found in one.differences])
        for one in outcome.compared
        if one.verdict != "same"
    ]


async def all_kinds(session: Any) -> None:
    await session.list_tools()
    await session.call_tool("add", a=1, b=2)
    first, second = session.call_tool("add", a=3, b=4), session.request("tools/call", {"name": "nothing"})
    await first
    second.addErrback(lambda failure: None)
    await second
    await session.call_tool("count", to=3, on_progress=lambda progress: None)
    await session.call_tool("empty")


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_same_server_does_the_same(tmp_path: Path, era: Any) -> None:
    recorded = record(tmp_path, shop(), all_kinds, era=era)
    [outcome] = play(shop(), recorded)
    assert different(outcome) == []
    assert outcome.is_same
    assert outcome.count("same") >= 9
    assert outcome.sent == sum(one.by == "client" for one in recorded[0].said)
    assert outcome.not_sent == 0


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_exactly_what_a_server_does_differently_is_told(tmp_path: Path, era: Any) -> None:
    recorded = record(tmp_path, shop(), all_kinds, era=era)
    [outcome] = play(shop(plus=1), recorded)
    assert different(outcome) == [
        (
            "different",
            "answer to tools/call add",
            [("/result/content/0/text", before, after), ("/result/structuredContent/result", int(before), int(after))],
        )
        for before, after in (("3", "4"), ("7", "8"))
    ]
    assert not outcome.is_same


def test_what_is_ignored_is_not_told(tmp_path: Path) -> None:
    recorded = record(tmp_path, shop(), all_kinds)
    ignored = Ignored(["/result/content/*/text", "structuredContent", "version"])
    assert play(shop("2", plus=1), recorded, Terms(ignored=ignored))[0].is_same
    assert not play(shop("2", plus=1), recorded)[0].is_same


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_progress_that_is_missing_or_extra_is_told(tmp_path: Path, era: Any) -> None:
    async def counting(session: Any) -> None:
        await session.call_tool("count", to=3, on_progress=lambda progress: None)

    recorded = record(tmp_path, shop(), counting, era=era)
    [fewer] = play(shop(steps=2), recorded)
    assert [one[:2] for one in different(fewer)] == [("missing", "notifications/progress")]
    [more] = play(shop(steps=4), recorded)
    assert [one[:2] for one in different(more)] == [("extra", "notifications/progress")]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_another_question_is_answered_and_told(tmp_path: Path, era: Any) -> None:
    async def emptying(session: Any) -> None:
        await session.call_tool("empty")

    recorded = record(tmp_path, shop(), emptying, era=era)
    [outcome] = play(shop(ask="Sure?"), recorded)
    [(verdict, about, [(path, before, after)])] = different(outcome)
    assert (verdict, before, after) == ("different", "Really?", "Sure?")
    assert path.endswith("/params/message")
    assert about == ("request elicitation/create" if era == "legacy" else "answer to tools/call empty")


def test_secrets_have_to_be_supplied_and_are_compared_with_nothing(tmp_path: Path) -> None:
    async def in_(session: Any) -> None:
        await session.call_tool("log_in", password_="x", password=SECRET)

    recorded = record(tmp_path, shop(), in_)
    assert SECRET not in (tmp_path / "recording.jsonl").read_text()
    with pytest.raises(ConfigError, match=r"/params/arguments/password_ in line \d+"):
        play(shop(), recorded)
    [outcome] = play(shop(), recorded, Terms(supplied=Supplied({"password": "another-one", "password_": "y"})))
    assert different(outcome) == []


# By hand: recordings that a test writes, and servers that do as it says.


def conversation(*said: tuple[str, dict[str, Any]] | Line) -> Conversation:
    lines: list[Line] = [Run(1, "0.1", "now"), Opened(1, "now", "peer", "/")]
    for number, one in enumerate(said):
        if isinstance(one, tuple):
            by, value = one
            message = to_raw({"jsonrpc": "2.0", **value})
            lines.append(Said(1, float(number), by, message))  # type: ignore[arg-type]
        else:
            lines.append(one)
    return read_lines([written(line) for line in lines], "x")[0]


def asks(id: int, method: str = "x", by: str = "client", **params: Any) -> tuple[str, dict[str, Any]]:
    return by, {"id": id, "method": method, **({"params": params} if params else {})}


def answers(id: int, by: str = "server", **result: Any) -> tuple[str, dict[str, Any]]:
    return by, {"id": id, "result": result}


def tells(method: str, by: str = "server", **params: Any) -> tuple[str, dict[str, Any]]:
    return by, {"method": method, "params": params}


class Rig:
    """A playback whose server is the test."""

    def __init__(self, *said: tuple[str, dict[str, Any]] | Line, **terms: Any) -> None:
        self.clock = Clock()
        self.sent: list[Any] = []
        self.playback = Playback(conversation(*said), self._send, self.clock, Terms(**terms))
        self.outcomes: list[Any] = []
        self.playback.done.addBoth(self.outcomes.append)
        self.playback.start()

    def _send(self, message: Message) -> None:
        self.sent.append(json.loads(bytes(to_raw(message)) if message.data is None else message.data))

    def comes(self, said: tuple[str, dict[str, Any]]) -> None:
        self.playback.receive(decode(json.dumps({"jsonrpc": "2.0", **said[1]}).encode()))

    def take(self) -> list[Any]:
        sent, self.sent = self.sent, []
        return [one.get("method", one.get("id")) for one in sent]

    @property
    def outcome(self) -> Outcome:
        [outcome] = self.outcomes
        assert isinstance(outcome, Outcome), outcome
        return outcome


def test_what_was_in_flight_together_is_so_again_and_what_came_after_an_answer_waits_for_it() -> None:
    rig = Rig(asks(1, "a"), asks(2, "b"), answers(2), asks(3, "c"), answers(1), answers(3))
    assert rig.take() == ["a", "b"]
    rig.comes(answers(1))
    assert rig.take() == []
    rig.comes(answers(2))
    assert rig.take() == ["c"]
    rig.comes(answers(3))
    rig.clock.advance(1)
    assert rig.outcome.is_same
    assert not rig.clock.getDelayedCalls()


def test_an_answer_that_does_not_come_is_missed_and_waited_for_no_longer() -> None:
    rig = Rig(asks(1, "a"), answers(1), asks(2, "b"), answers(2), timeout=10)
    rig.clock.advance(9)
    assert rig.take() == ["a"]
    rig.clock.advance(1)
    assert rig.take() == ["b"]
    rig.comes(answers(2))
    rig.clock.advance(1)
    assert different(rig.outcome) == [("missing", "answer to a", [])]


def test_what_comes_too_late_has_come() -> None:
    rig = Rig(asks(1, "a"), answers(1), asks(2, "b"), answers(2), timeout=10)
    rig.clock.advance(10)
    rig.comes(answers(1))
    rig.comes(answers(2))
    rig.clock.advance(1)
    assert rig.outcome.is_same


def test_notifications_that_do_not_come_are_missed_together() -> None:
    lost = [tells("n", number=number) for number in range(50)]
    rig = Rig(asks(1, "a"), *lost, answers(1), asks(2, "b"), answers(2))
    rig.comes(answers(1))
    rig.clock.advance(1)
    assert rig.take() == ["a", "b"]
    rig.comes(answers(2))
    rig.clock.advance(1)
    assert rig.outcome.count("missing") == 50


def test_requests_of_the_server_are_answered_as_they_were_whatever_their_ids() -> None:
    rig = Rig(
        asks(1, "a"),
        asks(7, "ask", "server", q="one"),
        asks(8, "ask", "server", q="two"),
        answers(8, "client", a="2"),
        answers(7, "client", a="1"),
        answers(1),
    )
    rig.sent.clear()
    rig.comes(asks(100, "ask", q="two"))
    rig.comes(asks(101, "ask", q="one"))
    assert [(one["id"], one["result"]) for one in rig.sent] == [(100, {"a": "2"}), (101, {"a": "1"})]
    rig.comes(answers(1))
    rig.clock.advance(1)
    assert rig.outcome.is_same


def test_a_request_that_nobody_expected_is_refused_and_one_that_did_not_come_is_not_answered() -> None:
    rig = Rig(asks(1, "a"), asks(7, "ask", "server"), answers(7, "client"), answers(1), timeout=5)
    rig.sent.clear()
    rig.comes(asks(9, "other"))
    assert rig.sent[0]["error"]["code"] == -32601
    rig.clock.advance(5)
    rig.comes(answers(1))
    rig.clock.advance(1)
    assert sorted(one[:2] for one in different(rig.outcome)) == [
        ("extra", "request other"),
        ("missing", "request ask"),
    ]
    assert rig.outcome.not_sent == 1


def test_pings_of_the_server_are_answered_and_not_compared() -> None:
    rig = Rig(asks(1, "a"), asks(7, "ping", "server"), answers(7, "client"), answers(1))
    rig.comes(answers(1))
    rig.sent.clear()
    rig.comes(asks(3, "ping"))
    assert rig.sent == [{"jsonrpc": "2.0", "id": 3, "result": {}}]
    rig.clock.advance(1)
    assert rig.outcome.is_same


def test_the_id_of_a_request_that_the_server_withdraws_may_be_another() -> None:
    rig = Rig(asks(1, "a"), asks(7, "ask", "server"), tells("notifications/cancelled", requestId=7), answers(1))
    rig.comes(asks(70, "ask"))
    rig.comes(tells("notifications/cancelled", requestId=70))
    rig.comes(answers(1))
    rig.clock.advance(1)
    assert rig.outcome.is_same


def test_what_the_client_carries_is_that_of_the_new_server() -> None:
    rig = Rig(
        asks(1, "a"),
        answers(1, nextCursor="old", requestState="s1"),
        asks(2, "b", cursor="old", text="old"),
        answers(2),
    )
    rig.comes(answers(1, nextCursor="new", requestState="s2"))
    assert rig.sent[-1]["params"] == {"cursor": "new", "text": "old"}
    rig.comes(answers(2))
    rig.clock.advance(1)
    assert rig.outcome.is_same


def test_the_pauses_of_the_client_may_be_kept() -> None:
    rig = Rig(asks(1, "a"), answers(1), asks(2, "b"), answers(2), speed=2)
    assert rig.take() == ["a"]
    rig.comes(answers(1))
    rig.clock.advance(0.9)
    assert rig.take() == []
    rig.clock.advance(0.2)
    assert rig.take() == ["b"]
    rig.comes(answers(2))
    rig.clock.advance(1)
    assert rig.outcome.is_same


def test_what_came_after_an_id_was_used_again_is_told_by_what_it_answers() -> None:
    rig = Rig(asks(1, "a"), answers(1, n=1), asks(1, "b"), answers(1, n=2))
    rig.comes(answers(1, n=1))
    rig.comes(answers(1, n=3))
    rig.clock.advance(1)
    assert different(rig.outcome) == [("different", "answer to b", [("/result/n", 2, 3)])]


def test_a_flood_of_what_nobody_expected_is_counted() -> None:
    rig = Rig(asks(1, "a"), answers(1))
    for number in range(MAX_EXTRA + 5):
        rig.comes(tells("n", number=number))
    rig.comes(answers(1))
    rig.clock.advance(1)
    assert rig.outcome.count("extra") == MAX_EXTRA + 5
    assert rig.outcome.more == 5
    assert len(rig.outcome.compared) == MAX_EXTRA + 1


def test_a_connection_that_is_lost_ends_it_unless_it_was_so_before() -> None:
    rig = Rig(asks(1, "a"), answers(1))
    rig.playback.lost(ConnectionClosed(1011, "broken"))
    assert rig.outcome.lost is not None
    assert rig.outcome.count("missing") == 1
    rig = Rig(asks(1, "a"), answers(1), Closed(1, 9.0, "server", 1001))
    rig.comes(answers(1))
    rig.playback.lost(ConnectionClosed(1001, "bye"))
    assert rig.outcome.is_same
    rig.comes(answers(1))
    assert not rig.clock.getDelayedCalls()


def test_a_server_that_does_not_read_is_waited_for_and_then_given_up() -> None:
    rig = Rig(asks(1, "a"), answers(1), asks(2, "b"), answers(2), timeout=10)
    rig.playback.pause_sending()
    rig.comes(answers(1))
    assert rig.take() == ["a"]
    rig.playback.resume_sending()
    assert rig.take() == ["b"]
    rig.playback.pause_sending()
    rig.clock.advance(10)
    [failure] = rig.outcomes
    assert "the queue to the server is full" in str(failure.value)


def test_what_cannot_be_sent_ends_it() -> None:
    def refuse(message: Message) -> None:
        raise MessageTooLarge(2, 1)

    clock = Clock()
    playback = Playback(conversation(asks(1, "a")), refuse, clock, Terms())
    playback.start()
    with pytest.raises(MessageTooLarge):
        result_of(playback.done)
    assert not clock.getDelayedCalls()


def test_it_can_be_given_up() -> None:
    rig = Rig(asks(1, "a"), answers(1))
    rig.playback.done.cancel()
    [failure] = rig.outcomes
    assert failure.check(CancelledError)
    assert not rig.clock.getDelayedCalls()


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ask", "answer", "tell", "other", "late"]), max_size=15), st.randoms())
def test_every_server_comes_to_an_end(events: list[str], random: Any) -> None:
    said = [part for number in range(4) for part in (asks(number, "a"), tells("n", n=number), answers(number))]
    rig = Rig(*said, timeout=5)
    for one in events:
        if one == "late":
            rig.clock.advance(random.random() * 6)
        elif one == "ask":
            rig.comes(asks(50 + random.randrange(9), "x"))
        elif one == "tell":
            rig.comes(tells("n", n=random.randrange(9)))
        elif one == "other":
            rig.comes(tells("other"))
        else:
            rig.comes(answers(random.randrange(5), n=random.randrange(2)))
    for _ in range(60):
        rig.clock.advance(1)
    expected = sum(by == "server" for by, _ in said)
    outcome = rig.outcome
    assert outcome.count("same") + outcome.count("different") + outcome.count("missing") == expected
    assert not rig.clock.getDelayedCalls()


# Connections.


def test_each_conversation_goes_to_its_own_path_unless_the_url_has_one() -> None:
    one = conversation(asks(1, "ping"), answers(1))
    one.opened.path = "/mcp"
    backend = RecordingBackend()
    service = Served(backend)
    played = playing(service, [one], Terms(timeout=1))
    service.flush()
    [there] = backend.conversations
    assert there.link.identity.path == "/mcp"
    service.advance(5)
    result_of(played)


def test_who_cannot_be_reached_is_named() -> None:
    service = Served(shop())
    service.server.drain()
    played = playing(service, [conversation(asks(1, "ping"), answers(1))])
    service.flush()
    service.advance(1)
    with pytest.raises((ConnectFailed, HandshakeRefused)):
        result_of(played)
