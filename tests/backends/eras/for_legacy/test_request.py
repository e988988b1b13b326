"""Input that a modern server requires of a legacy client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mcpws.backends.eras.shared import MAX_PENDING
from mcpws.errors import ParseError
from mcpws.jsonrpc.codec import decode
from mcpws.mcp.meta import PREFIX

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Json, Server, World

ALL: Any = {"sampling": {}, "elicitation": {"form": {}, "url": {}}, "roots": {}}
SCHEMA = {"type": "object", "properties": {}}
FORM = {"method": "elicitation/create", "params": {"mode": "form", "message": "who?", "requestedSchema": SCHEMA}}
SAID = {"type": "text", "text": "Hi."}
SAMPLE = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}}


@pytest.fixture
def server(world: World, client: Client) -> Server:
    return world.modern_server(client, declares=ALL, tools={})


def require(server: Server, request: Json, **members: Any) -> None:
    server.answer(request, resultType="input_required", **members)


def test_what_the_server_asks_goes_to_the_client_and_its_answers_into_another_try(
    client: Client, server: Server
) -> None:
    client.ask(1, "tools/call", name="t", arguments={"a": 1}, _meta={"progressToken": "p"})
    first = server.take("tools/call")
    require(server, first, inputRequests={"who": FORM, "what": SAMPLE}, requestState='s\u00e4"')
    asked, sampled = client.asked("elicitation/create"), client.asked("sampling/createMessage")
    assert asked["params"] == FORM["params"]
    assert sampled["params"] == SAMPLE["params"]
    client.reply(sampled, role="assistant", model="m", content=SAID)
    assert server.waiting == []
    client.reply(asked, action="accept", content={"name": "x"})
    second = server.take("tools/call")
    assert second["id"] != first["id"]
    assert second["params"].pop("inputResponses") == {
        "who": {"action": "accept", "content": {"name": "x"}},
        "what": {"role": "assistant", "model": "m", "content": SAID},
    }
    assert second["params"].pop("requestState") == 's\u00e4"'
    assert second["params"] == first["params"]
    server.answer(second, resultType="complete", content=[])
    assert client.result(1) == {"content": []}


def test_a_state_is_sent_back_byte_for_byte(world: World, client: Client, server: Server) -> None:
    client.ask(1, "prompts/get", name="p")
    first = server.take("prompts/get")
    answer = '{"jsonrpc":"2.0","id":%d,"result":{"resultType":"input_required","requestState":"\\u0041\\/"}}'
    server.conversation.link.send(decode((answer % first["id"]).encode()))
    world.clock.advance(1)
    [again] = server.conversation.received
    assert again.data is None
    assert b'"requestState":"\\u0041\\/"' in bytes(again.params or b"")  # type: ignore[union-attr]


def test_a_state_of_an_earlier_round_is_not_sent_again(client: Client, server: Server) -> None:
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests={"a": FORM}, requestState="one")
    client.reply(client.asked("elicitation/create"), action="decline")
    second = server.take("tools/call")
    assert second["params"]["requestState"] == "one"
    require(server, second, inputRequests={"b": FORM})
    client.reply(client.asked("elicitation/create"), action="decline")
    third = server.take("tools/call")
    assert "requestState" not in third["params"]
    assert set(third["params"]["inputResponses"]) == {"b"}


def test_a_server_that_asks_nothing_is_tried_again_after_a_while(world: World, client: Client, server: Server) -> None:
    client.ask(1, "resources/read", uri="u:1")
    for wait in (0.05, 0.1, 0.2):
        require(server, server.take("resources/read"), requestState="busy")
        world.clock.advance(wait - 0.01)
        assert server.waiting == []
        world.clock.advance(0.01)
    server.answer(server.take("resources/read"), resultType="complete", contents=[])
    assert client.result(1) == {"contents": []}


def test_a_server_that_never_has_enough_fails_the_request(new_world: Callable[..., World]) -> None:
    world = new_world(max_rounds=2)
    client = world.connect()
    server = world.modern_server(client, declares=ALL)
    client.ask(1, "tools/call", name="t")
    for _ in range(2):
        require(server, server.take("tools/call"), inputRequests={"a": FORM})
        client.reply(client.asked("elicitation/create"), action="accept")
    require(server, server.take("tools/call"), inputRequests={"a": FORM})
    assert "more than 2 times" in client.error(1)["message"]


@pytest.mark.parametrize(
    ("asks", "problem"),
    [
        ({"a": {"method": "tasks/get"}}, "tasks/get"),
        ({"a": {"method": 1}}, "not understood"),
        ([1], "not understood"),
        ({"a": {"method": "roots/list", "params": [1]}}, "not understood"),
        ({str(number): FORM for number in range(17)}, "more than 16"),
    ],
)
def test_what_no_client_can_be_asked_fails_the_request(client: Client, server: Server, asks: Any, problem: str) -> None:
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests=asks)
    error = client.error(1)
    assert error["code"] == -32603
    assert problem in error["message"]
    assert client.got == []


def test_when_the_front_refuses_one_question_the_others_are_withdrawn_and_the_request_fails_once(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = client.send

    def full(message: Any) -> None:
        if getattr(message, "method", None) == "sampling/createMessage":
            client.give(id=message.id, error={"code": 429, "message": "More than 64 requests in flight"})
        else:
            send(message)

    monkeypatch.setattr(client, "send", full)
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests={"a": FORM, "b": SAMPLE, "c": FORM, "d": SAMPLE})
    asked = client.asked("elicitation/create")
    assert client.told("notifications/cancelled")["requestId"] == asked["id"]
    assert client.error(1)["code"] == 429
    assert client.got == []
    client.reply(asked, action="accept")
    assert server.waiting == []


@pytest.mark.not_mcp("nothing of it is what it should be", made=True)
@pytest.mark.parametrize("odd", ["1e999", '"\\ud83d"', "123456789012345678901234567890", "[[[]]]", "null"])
def test_what_python_cannot_hold_passes_and_stops_nothing(client: Client, server: Server, odd: str) -> None:
    def said(text: str) -> Any:
        return decode(('{"jsonrpc":"2.0",' + text.replace("ODD", odd) + "}").encode())

    try:
        said('"id":1,"method":"resources/read","params":{"uri":ODD}')
    except ParseError:
        pytest.skip("no message at all")
    client.channel.receive(said('"id":1,"method":"resources/read","params":{"uri":ODD}'))
    first = server.take("resources/read")
    server.conversation.link.send(
        said(f'"id":{first["id"]},"error":{{"code":-32602,"message":"no","data":{{"uri":ODD}}}}')
    )
    client.error(1)
    client.ask(2, "tools/call", name="t")
    second = server.take("tools/call")
    server.conversation.link.send(said(f'"id":{second["id"]},"result":{{"content":ODD}}'))
    client.result(2)
    client.ask(3, "tools/call", name="t")
    third = server.take("tools/call")
    asks = '{"a":{"method":"elicitation/create","params":{"mode":ODD}}}'
    result = f'{{"resultType":"input_required","inputRequests":{asks}}}'
    server.conversation.link.send(said(f'"id":{third["id"]},"result":{result}'))
    assert client.got


def test_what_this_client_does_not_offer_fails_the_request(world: World, client: Client) -> None:
    server = world.modern_server(client, declares={"elicitation": {}})
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests={"a": FORM, "b": SAMPLE})
    assert "does not offer" in client.error(1)["message"]
    client.ask(2, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests={"a": FORM})
    client.asked("elicitation/create")


def test_a_request_that_may_not_need_input_fails(client: Client, server: Server) -> None:
    client.ask(1, "tools/list")
    require(server, server.take("tools/list"), requestState="s")
    assert "may not" in client.error(1)["message"]


def test_an_elicitation_by_url_gets_the_id_that_it_needs(client: Client, server: Server) -> None:
    client.ask(1, "tools/call", name="t")
    params = {"mode": "url", "message": "go", "url": "https://example.com"}
    require(server, server.take("tools/call"), inputRequests={"a": {"method": "elicitation/create", "params": params}})
    asked = client.asked("elicitation/create")
    assert len(asked["params"].pop("elicitationId")) > 16
    assert asked["params"] == params


def test_roots_are_asked_for_without_parameters(client: Client, server: Server) -> None:
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests={"a": {"method": "roots/list"}})
    assert "params" not in client.asked("roots/list")


def test_a_client_that_answers_with_an_error_gets_it_back(client: Client, server: Server) -> None:
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests={"a": FORM, "b": SAMPLE})
    form, sample = client.asked("elicitation/create"), client.asked("sampling/createMessage")
    client.give(id=sample["id"], error={"code": -1, "message": "User rejected sampling request", "data": 5})
    assert client.told("notifications/cancelled")["requestId"] == form["id"]
    assert client.error(1) == {"code": -1, "message": "User rejected sampling request", "data": 5}
    client.reply(form, action="accept")
    assert server.waiting == []


def test_a_request_that_is_cancelled_takes_its_questions_back(client: Client, server: Server) -> None:
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests={"a": FORM})
    form = client.asked("elicitation/create")
    client.tell("notifications/cancelled", requestId=1)
    assert client.told("notifications/cancelled")["requestId"] == form["id"]
    assert server.waiting == []
    assert client.got == []


def test_a_request_that_is_cancelled_is_not_tried_again(world: World, client: Client, server: Server) -> None:
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), requestState="s")
    client.tell("notifications/cancelled", requestId=1)
    world.clock.advance(10)
    assert server.waiting == []


def test_the_retry_is_what_is_cancelled(client: Client, server: Server) -> None:
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests={"a": FORM})
    client.reply(client.asked("elicitation/create"), action="accept")
    retry = server.take("tools/call")
    client.tell("notifications/cancelled", requestId=1)
    assert server.take("notifications/cancelled")["params"]["requestId"] == retry["id"]


@pytest.mark.not_mcp("the results are of an extension", made=True)
def test_results_of_extensions_pass_with_their_type(world: World, client: Client) -> None:
    server = world.modern_server(client, declares={"extensions": {"io.modelcontextprotocol/tasks": {}}})
    client.ask(1, "tools/call", name="t")
    server.answer(server.take("tools/call"), resultType="task", taskId="1", _meta={f"{PREFIX}serverInfo": {}})
    assert client.result(1) == {"resultType": "task", "taskId": "1"}


@pytest.mark.not_mcp("the results have no type that there is", made=True)
@pytest.mark.parametrize("odd", ['"task"', '""', "1", "1e999", '"\\ud83d"', "[[[]]]", "{}", "false"])
def test_a_result_of_another_type_is_of_no_use(client: Client, server: Server, odd: str) -> None:
    client.ask(1, "tools/call", name="t")
    message = '{"jsonrpc":"2.0","id":%d,"result":{"resultType":%s,"content":[]}}'
    server.conversation.link.send(decode((message % (server.take("tools/call")["id"], odd)).encode()))
    error = client.error(1)
    assert error["code"] == -32603
    assert "which the client does not know" in error["message"]
    assert client.got == []


@pytest.mark.proves("M-13")
def test_null_is_nothing_that_is_required(world: World, client: Client, server: Server) -> None:
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), inputRequests=None, requestState="busy")
    world.clock.advance(1)
    second = server.take("tools/call")
    assert second["params"]["requestState"] == "busy"
    require(server, second, inputRequests={"a": {"method": "roots/list", "params": None}}, requestState=None)
    client.reply(client.asked("roots/list"), roots=[])
    third = server.take("tools/call")
    assert "requestState" not in third["params"]
    server.answer(third, resultType=None, content=[])
    assert client.result(1) == {"content": []}


@pytest.mark.not_mcp("the server has to send one of both", made=True)
@pytest.mark.parametrize("nothing", [{}, {"inputRequests": None}, {"requestState": None}])
def test_a_server_that_requires_input_but_says_not_which_fails_the_request(
    client: Client, server: Server, nothing: Any
) -> None:
    client.ask(1, "tools/call", name="t")
    require(server, server.take("tools/call"), **nothing)
    assert "neither inputRequests nor requestState" in client.error(1)["message"]
    assert server.waiting == []


def test_nobody_waits_for_a_client_that_is_asked_too_much(new_world: Callable[..., World]) -> None:
    world = new_world(max_asks=MAX_PENDING)
    client = world.connect()
    server = world.modern_server(client, declares=ALL)
    for id in (1, 2):
        client.ask(id, "tools/call", name="t")
    first, second = server.take("tools/call"), server.take("tools/call")
    require(server, first, inputRequests={str(number): {"method": "roots/list"} for number in range(MAX_PENDING - 1)})
    client.got.clear()
    require(server, second, inputRequests={"a": FORM, "b": SAMPLE})
    asked = client.asked("elicitation/create")
    assert client.told("notifications/cancelled")["requestId"] == asked["id"]
    assert client.error(2)["code"] == 429


CUT = "ab\ud83d"


@pytest.mark.proves("M-14")
def test_lone_surrogates_pass_whatever_is_translated(client: Client, server: Server) -> None:
    client.ask(1, "tools/call", name="t", arguments={"a": CUT, CUT: 1}, _meta={"progressToken": "p"})
    first = server.take("tools/call")
    assert first["params"]["arguments"] == {"a": CUT, CUT: 1}
    server.tell(
        "notifications/progress", progressToken=first["params"]["_meta"]["progressToken"], progress=1, message=CUT
    )
    assert client.told("notifications/progress")["message"] == CUT
    asked = {"method": "elicitation/create", "params": {"mode": "form", "message": CUT, "requestedSchema": SCHEMA}}
    require(server, first, inputRequests={"who": asked}, requestState=CUT)
    client.reply(client.asked("elicitation/create"), action="accept", content={"name": CUT})
    second = server.take("tools/call")
    assert second["params"]["inputResponses"] == {"who": {"action": "accept", "content": {"name": CUT}}}
    assert second["params"]["requestState"] == CUT
    server.answer(second, resultType="complete", content=[], structuredContent=[CUT])
    assert client.result(1) == {"content": [{"type": "text", "text": '["ab\\ud83d"]'}]}
