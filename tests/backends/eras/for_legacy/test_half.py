"""A client of both eras has a server for each: neither disturbs what the other one does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Json, Server, World

pytestmark = pytest.mark.not_mcp("servers say what they may not, and no more than they have to")

CANCELLED = "notifications/cancelled"
IDS: list[Any] = [1, "1", 0, 2**60]


class Both:
    """A client with a legacy half and a modern one, and the server of each."""

    def __init__(self, world: World, legacy_first: bool, translated: bool) -> None:
        self.client: Client = world.connect()
        if legacy_first:
            self._begin_legacy(world, translated)
            self._begin_modern(world)
        else:
            self._begin_modern(world)
            self._begin_legacy(world, translated)

    def _begin_modern(self, world: World) -> None:
        self.client.call("begin", "tools/list")
        self.modern: Server = world.servers[-1]
        self.modern.answer_probe()
        self.modern.answer(self.modern.take("tools/list"), tools=[])
        self.client.result("begin")

    def _begin_legacy(self, world: World, translated: bool) -> None:
        if translated:
            self.legacy: Server = world.modern_server(self.client, declares={"roots": {}})
            return
        self.client.initialize()
        self.legacy = world.servers[-1]
        self.legacy.answer(self.legacy.take("initialize"), protocolVersion="2025-11-25", capabilities={})
        self.client.result("init")

    def take(self) -> list[Json]:
        taken, self.client.got = self.client.got, []
        return taken


@pytest.fixture(params=[True, False], ids=["legacy first", "modern first"])
def legacy_first(request: pytest.FixtureRequest) -> bool:
    first: bool = request.param
    return first


@pytest.fixture
def both(world: World, legacy_first: bool) -> Both:
    return Both(world, legacy_first, translated=False)


@pytest.mark.proves("C-4", "G-9")
@pytest.mark.parametrize("id", IDS, ids=repr)
def test_a_request_that_its_server_claims_to_cancel_is_answered_all_the_same(both: Both, id: Any) -> None:
    both.client.call(id, "tools/call", name="t")
    request = both.modern.take("tools/call")
    both.modern.tell("notifications/cancelled", requestId=id)
    assert both.take() == []
    both.modern.answer(request, content=[])
    assert both.take() == [{"id": id, "result": {"content": []}}]


@pytest.mark.proves("G-9")
@pytest.mark.parametrize("id", IDS, ids=repr)
def test_a_modern_server_cannot_withdraw_what_the_legacy_one_has_asked(both: Both, id: Any) -> None:
    both.legacy.ask(id, "roots/list")
    both.client.asked("roots/list")
    both.modern.tell("notifications/cancelled", requestId=id)
    assert both.take() == []
    both.legacy.tell("notifications/cancelled", requestId=id)
    assert [one["method"] for one in both.take()] == ["notifications/cancelled"]


@pytest.mark.proves("G-9")
@pytest.mark.parametrize("method", ["tools/call", "subscriptions/listen"])
@pytest.mark.parametrize("id", IDS, ids=repr)
def test_a_legacy_server_can_neither_answer_nor_end_what_the_modern_one_was_asked(
    both: Both, id: Any, method: str
) -> None:
    both.client.call(id, method, name="t", notifications={})
    request = both.modern.take(method)
    both.legacy.tell("notifications/cancelled", requestId=id)
    both.legacy.answer(request, content=[])
    both.legacy.fail(request, -32601)
    # Who has stepped aside for a while cannot tell it from the end of a question; a front can, but for a subscription.
    passed = both.take()
    assert passed == [] or (method == "tools/call" and [one.get("method") for one in passed] == [CANCELLED])
    both.modern.answer(request, content=[])
    assert both.take() == [{"id": id, "result": {"content": []}}]


@pytest.mark.parametrize("method", ["tools/call", "subscriptions/listen"])
def test_a_question_that_was_put_before_the_client_had_another_half_can_be_withdrawn(world: World, method: str) -> None:
    client = world.connect()
    client.initialize()
    [legacy] = world.servers
    legacy.answer(legacy.take("initialize"), protocolVersion="2025-11-25", capabilities={})
    client.result("init")
    legacy.ask(0, "roots/list")
    client.asked("roots/list")
    client.call(0, method, name="t", notifications={})
    world.servers[1].answer_probe()
    legacy.tell("notifications/cancelled", requestId=0)
    if method == "tools/call":
        assert client.told(CANCELLED) == {"requestId": 0}
    assert client.got == []


@pytest.mark.proves("G-9")
def test_a_modern_server_cannot_answer_what_the_legacy_one_was_asked(both: Both) -> None:
    both.client.ask(7, "tools/list")
    request = both.legacy.take("tools/list")
    both.modern.answer(request, tools=["stray"])
    assert both.take() == []
    both.legacy.answer(request, tools=[])
    assert both.take() == [{"id": 7, "result": {"tools": []}}]


def test_a_legacy_server_that_does_not_keep_types_cannot_answer_for_the_modern_one_either(
    world: World, client: Client
) -> None:
    client.initialize()
    [legacy] = world.servers
    client.call("1", "tools/list")
    modern = world.servers[1]
    modern.answer_probe()
    legacy.send(id=1, result={"tools": ["stray"]})
    assert client.got == []
    # Of a client that uses both types a server can be no other.
    client.ask(2, "ping")
    client.result(2)
    legacy.send(id=1, result={"tools": []})
    assert [one["id"] for one in client.got] == [1]


def test_an_answer_under_another_type_takes_no_request_with_it(world: World, client: Client) -> None:
    client.call("1", "tools/list")
    server = world.servers[0]
    server.answer_probe()
    request = server.take("tools/list")
    client.call(2, "tools/list")
    # The client uses both types: this answers nothing.
    server.send(id=1, result={"tools": ["stray"]})
    assert client.got == []
    server.answer(request, tools=[])
    assert client.result("1") == {"tools": []}


@pytest.mark.proves("G-9")
@pytest.mark.parametrize("translated", [False, True])
@pytest.mark.parametrize("token", IDS, ids=repr)
def test_progress_of_one_half_is_reported_by_its_own_server_alone(
    world: World, legacy_first: bool, translated: bool, token: Any
) -> None:
    both = Both(world, legacy_first, translated)
    both.client.call(1, "tools/call", meta={"progressToken": token}, name="t")
    both.modern.take("tools/call")
    report = {"progressToken": token, "progress": 1}
    both.legacy.tell("notifications/progress", **report)
    assert both.take() == []
    both.modern.tell("notifications/progress", **report)
    assert both.take() == [{"method": "notifications/progress", "params": report}]
    theirs = {"progressToken": "legacy", "progress": 1}
    both.client.ask(2, "tools/call", name="t", _meta={"progressToken": "legacy"})
    both.modern.tell("notifications/progress", **theirs)
    assert both.take() == []
    both.legacy.tell("notifications/progress", **theirs)
    assert both.take() == [{"method": "notifications/progress", "params": theirs}]


@pytest.mark.proves("G-9")
def test_a_question_may_have_the_id_of_what_the_modern_server_works_on(both: Both) -> None:
    both.client.call(5, "subscriptions/listen", notifications={})
    for _ in range(2):
        both.legacy.ask(5, "roots/list")
        both.client.reply(both.client.asked("roots/list"), roots=[])
    assert [one["id"] for one in both.legacy.waiting if "result" in one] == [5, 5]
    # It has its answer: now this would end the subscription.
    both.legacy.tell("notifications/cancelled", requestId=5)
    assert both.take() == []
    both.modern.tell("notifications/cancelled", requestId=5)
    assert [one["method"] for one in both.take()] == ["notifications/cancelled"]
