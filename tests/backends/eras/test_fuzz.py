"""Whatever client and servers do, and in whatever order, each request is answered once and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from mcpws.core.meta import PREFIX
from mcpws.errors import BackendLost

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Json, Server, World

METHODS = [
    "tools/call",
    "tools/call",
    "tools/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "server/discover",
    "logging/setLevel",
    "ping",
]
PARAMS: list[Any] = [
    {"name": "t", "uri": "u:1", "level": "info", "notifications": {"resourceSubscriptions": ["u:1"]}},
    {"name": "t", "uri": "u:1", "level": "info", "notifications": {"resourceSubscriptions": ["u:1"]}},
    {"name": "t", "uri": "u:2", "level": "debug", "notifications": {"toolsListChanged": True}},
    {"uri": 1, "notifications": []},
]
ASKS = ["elicitation/create", "sampling/createMessage", "roots/list", "ping"]
CAPABILITIES: Any = {"tools": {"listChanged": True}, "resources": {"subscribe": True}, "logging": {}}
METAS: list[Any] = [
    {},
    {f"{PREFIX}clientInfo": {"name": "other", "version": "1"}},
    {f"{PREFIX}logLevel": "info", "progressToken": "p"},
    {f"{PREFIX}protocolVersion": "1900-01-01"},
]
NOTIFICATIONS = [
    "notifications/progress",
    "notifications/message",
    "notifications/tools/list_changed",
    "notifications/resources/updated",
    "notifications/subscriptions/acknowledged",
]
CHOICE = st.integers(0, 59)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "modern",
                "legacy",
                "retry",
                "retry",
                "acknowledge",
                "cancel",
                "reply",
                "answer",
                "answer",
                "ask",
                "ask",
                "tell",
                "wait",
                "lose",
            ]
        ),
        CHOICE,
        CHOICE,
        CHOICE,
    ),
    max_size=60,
)


def of(choices: Any, number: int) -> Any:
    return choices[number % len(choices)]


class Fuzz:
    """A client and its servers, which do as they are told by numbers."""

    def __init__(self, world: World, era: str) -> None:
        self.world = world
        self.era = era
        self.client: Client = world.connect()
        self.ids = 0
        self.sent: list[str] = []
        self.closed = False

    def server(self, number: int) -> Server:
        server: Server = of(self.world.servers, number)
        return server

    def modern(self, a: int, b: int, c: int) -> None:
        self.ids += 1
        self.sent.append(f"id {self.ids}")
        self.client.call(self.sent[-1], of(METHODS, a), meta=of(METAS, c), **of(PARAMS, b))

    def legacy(self, a: int, b: int, c: int) -> None:
        self.ids += 1
        self.sent.append(f"id {self.ids}")
        if self.ids == 1 or not c:
            self.client.initialize(self.sent[-1], elicitation={}, sampling={}, roots={})
        else:
            self.client.ask(self.sent[-1], of(METHODS, a), **of(PARAMS, b))

    def retry(self, a: int, b: int, c: int) -> None:
        results = [one.get("result", {}) for one in self.client.got]
        states = [result for result in results if "requestState" in result]
        if states:
            state = of(states, a)
            self.ids += 1
            self.sent.append(f"id {self.ids}")
            responses = {key: {"action": "accept"} for key in list(state["inputRequests"])[b % 2 :]}
            self.client.call(
                self.sent[-1], "tools/call", **PARAMS[0], requestState=state["requestState"], inputResponses=responses
            )

    def cancel(self, a: int, b: int, c: int) -> None:
        if self.sent:
            self.client.tell("notifications/cancelled", requestId=of(self.sent, a))

    def reply(self, a: int, b: int, c: int) -> None:
        asked = [one for one in self.client.got if "method" in one and "id" in one]
        if asked:
            answer: Json = {"error": {"code": -1, "message": "no"}} if b % 5 == 0 else {"result": {"action": "accept"}}
            self.client.give(id=of(asked, a)["id"], **answer)

    def answer(self, a: int, b: int, c: int) -> None:
        server = self.server(a)
        waiting = [one for one in server.waiting if "method" in one and "id" in one]
        if not waiting:
            return
        request = of(waiting, b)
        del server.conversation.received[server.waiting.index(request)]
        method = request["method"]
        if method == "initialize" and self.era == "legacy":
            server.answer(request, protocolVersion="2025-11-25", capabilities=CAPABILITIES)
        elif method == "server/discover" and self.era == "modern":
            server.answer(request, supportedVersions=["2026-07-28"], capabilities=CAPABILITIES)
        elif c % 4 == 0 or method in ("initialize", "server/discover"):
            server.fail(request, of([-32601, -32002, -32042, -32022], c // 4))
        elif c % 4 == 1 and self.era == "modern":
            asks = {"a": {"method": of(ASKS, c // 4)}}
            server.answer(request, resultType="input_required", requestState="s", inputRequests=asks)
        else:
            server.answer(request, content=[], tools=[])

    def ask(self, a: int, b: int, c: int) -> None:
        self.server(a).ask(c % 5, of(ASKS, b))
        if c % 2:
            self.world.clock.advance(0.01)

    def acknowledge(self, a: int, b: int, c: int) -> None:
        server = self.server(a)
        listens = [one for one in server.waiting if one.get("method") == "subscriptions/listen"]
        if listens:
            params = of(listens, b)["params"]
            meta = {f"{PREFIX}subscriptionId": of(listens, b)["id"]}
            server.tell("notifications/subscriptions/acknowledged", _meta=meta, notifications=params["notifications"])
            server.tell("notifications/resources/updated", _meta=meta, uri="u:1")

    def tell(self, a: int, b: int, c: int) -> None:
        told = {"progressToken": c % 7, "progress": 1, "level": "error", "uri": of(["u:1", "u:2/x", 5], c)}
        meta = {f"{PREFIX}subscriptionId": c % 9}
        if b % 6 == 5:
            self.server(a).tell("notifications/cancelled", requestId=c % 9)
        else:
            self.server(a).tell(
                of(NOTIFICATIONS, b), **told, _meta=meta, notifications={"resourceSubscriptions": ["u:1"]}
            )

    def wait(self, a: int, b: int, c: int) -> None:
        self.world.clock.advance(of([0.01, 0.05, 3, 60, 400], a))

    def lose(self, a: int, b: int, c: int) -> None:
        if b % 3 == 0:
            server = self.server(a)
            if server.closed is None:
                server.lose(BackendLost("it is gone"))

    def check(self) -> None:
        answered = [one["id"] for one in self.client.got if "method" not in one]
        assert len(answered) == len(set(answered))
        assert set(answered) <= set(self.sent)


@given(STEPS, st.sampled_from(["legacy", "modern"]), st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.not_mcp("anything is said, by both sides", made=True)
def test_each_request_is_answered_once_and_nothing_is_left(
    new_world: Callable[..., World], steps: list[tuple[str, int, int, int]], era: str, begun: bool
) -> None:
    world = new_world(clock=Clock(), max_starts=3, max_parked=2, max_held=5)
    fuzz = Fuzz(world, era)
    if begun and era == "legacy":
        world.legacy_server(fuzz.client, **CAPABILITIES)
    elif begun:
        world.modern_server(fuzz.client, declares={"elicitation": {}, "sampling": {}, "roots": {}}, **CAPABILITIES)
        fuzz.ids = 1
    for step, *numbers in steps:
        if fuzz.client.ended is None:
            getattr(fuzz, step)(*numbers)
        fuzz.check()
    if fuzz.client.ended is None:
        fuzz.client.channel.close("the client is gone")
    assert not world.clock.getDelayedCalls()
    assert not world.backend._conversations
