"""What a legacy server asks reaches a modern client over the call that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mcpws.errors import BackendLost
from mcpws.mcp.meta import PREFIX

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Json, Server, World

SERVED = {f"{PREFIX}serverInfo": {"name": "served", "version": "2"}}
FORM: Any = {"message": "who?", "requestedSchema": {"type": "object", "properties": {}}}
ACCEPTED = {"action": "accept", "content": {"name": "x"}}
EARLY = [{"type": "text", "text": "early"}]
GATHER = 0.01


@pytest.fixture
def server(world: World, client: Client) -> Server:
    return world.legacy_server(client, tools={})


def required(world: World, client: Client, id: Any) -> Json:
    """What the client is asked instead of an answer to this request."""
    world.clock.advance(GATHER)
    result = client.result(id)
    assert result["resultType"] == "input_required"
    assert result["_meta"] == SERVED
    return result


def come_back(client: Client, id: Any, result: Json, *responses: Json, **params: Any) -> None:
    """Send the request again, with an answer to each thing that was asked."""
    answers = dict(zip(result["inputRequests"], responses, strict=False))
    client.call(
        id, "tools/call", **{"name": "t", **params}, inputResponses=answers, requestState=result["requestState"]
    )


def call_that_asks(world: World, client: Client, server: Server, id: Any = 1, ask: Any = "e1") -> tuple[Json, Json]:
    """A call, as the server got it, and what the client is asked over it."""
    client.call(id, "tools/call", name="t")
    request = server.take("tools/call")
    server.ask(ask, "elicitation/create", **FORM)
    return request, required(world, client, id)


@pytest.mark.proves("V-14")
def test_an_ask_becomes_input_required_and_the_answer_of_the_retry_its_answer(
    world: World, client: Client, server: Server
) -> None:
    client.call(1, "tools/call", name="t", arguments={"a": 1.0, "b": [2]})
    request = server.take("tools/call")
    assert request["params"] == {"name": "t", "arguments": {"a": 1.0, "b": [2]}}
    server.ask("e1", "elicitation/create", **FORM, _meta={"progressToken": 5})
    assert client.got == []
    result = required(world, client, 1)
    assert result["inputRequests"] == {"0": {"method": "elicitation/create", "params": FORM}}
    assert server.waiting == []
    come_back(client, 2, result, ACCEPTED, arguments={"b": [2], "a": 1.0})
    assert server.take() == {"id": "e1", "result": ACCEPTED}
    assert server.waiting == []
    server.answer(request, content=[])
    assert client.result(2) == {"resultType": "complete", "content": [], "_meta": SERVED}


def test_what_a_server_asks_at_once_is_asked_at_once(world: World, client: Client, server: Server) -> None:
    client.call(1, "prompts/get", name="p")
    request = server.take("prompts/get")
    server.ask(1, "elicitation/create", **FORM)
    server.ask("1", "sampling/createMessage", messages=[], maxTokens=1)
    server.ask(2, "roots/list")
    result = required(world, client, 1)
    assert [ask["method"] for ask in result["inputRequests"].values()] == [
        "elicitation/create",
        "sampling/createMessage",
        "roots/list",
    ]
    assert result["inputRequests"]["2"] == {"method": "roots/list"}
    said = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Hi."}}
    responses = {"0": ACCEPTED, "1": said, "2": {"roots": []}, "unexpected": ACCEPTED}
    client.call(2, "prompts/get", name="p", inputResponses=responses, requestState=result["requestState"])
    assert [server.take() for _ in range(3)] == [
        {"id": 1, "result": ACCEPTED},
        {"id": "1", "result": said},
        {"id": 2, "result": {"roots": []}},
    ]
    server.answer(request, messages=[])
    client.result(2)


def test_a_server_may_ask_again_and_again(world: World, client: Client, server: Server) -> None:
    request, result = call_that_asks(world, client, server)
    tokens = set()
    for id in range(2, 5):
        tokens.add(result["requestState"])
        come_back(client, id, result, ACCEPTED)
        server.take()
        server.ask(f"again {id}", "elicitation/create", **FORM)
        result = required(world, client, id)
    assert len(tokens) == 3
    come_back(client, 9, result, ACCEPTED)
    server.answer(request, content=[])
    client.result(9)


def test_what_is_asked_while_the_client_is_busy_is_asked_when_it_comes_back(
    world: World, client: Client, server: Server
) -> None:
    request, result = call_that_asks(world, client, server)
    server.ask("e2", "elicitation/create", **FORM)
    world.clock.advance(1)
    assert client.got == []
    come_back(client, 2, result, ACCEPTED)
    assert server.take() == {"id": "e1", "result": ACCEPTED}
    second = required(world, client, 2)
    come_back(client, 3, second, ACCEPTED)
    assert server.take() == {"id": "e2", "result": ACCEPTED}
    server.answer(request, content=[])
    client.result(3)


def test_what_the_client_does_not_answer_it_is_asked_again(world: World, client: Client, server: Server) -> None:
    _, result = call_that_asks(world, client, server)
    come_back(client, 2, result)
    again = required(world, client, 2)
    assert again["inputRequests"] == result["inputRequests"]
    come_back(client, 3, again, ACCEPTED)
    assert server.take() == {"id": "e1", "result": ACCEPTED}


def test_a_state_is_good_for_once(world: World, client: Client, server: Server) -> None:
    _, result = call_that_asks(world, client, server)
    come_back(client, 2, result, ACCEPTED)
    server.take()
    come_back(client, 3, result, ACCEPTED)
    error = client.error(3)
    assert error["code"] == -32602
    assert error["data"]["path"] == "$.params.requestState"


def test_a_state_is_of_no_use_to_another_client(world: World, client: Client, server: Server) -> None:
    _, result = call_that_asks(world, client, server)
    other = world.connect()
    other.call(1, "tools/list")
    other_server = world.servers[-1]
    other_server.be_initialized()
    come_back(other, 2, result, ACCEPTED)
    assert other.error(2)["code"] == -32602


@pytest.mark.parametrize("params", [{"name": "u"}, {"arguments": {}}])
def test_a_state_is_of_no_use_to_another_request(world: World, client: Client, server: Server, params: Any) -> None:
    request, result = call_that_asks(world, client, server)
    come_back(client, 2, result, ACCEPTED, **params)
    assert "another request" in client.error(2)["data"]["reason"]
    come_back(client, 3, result, ACCEPTED)
    server.take()
    server.answer(request, content=[])
    client.result(3)


def test_a_client_may_come_back_as_somebody_else(world: World, client: Client, server: Server) -> None:
    _, result = call_that_asks(world, client, server)
    other = {f"{PREFIX}clientInfo": {"name": "other", "version": "1"}}
    client.call(
        2, "tools/call", name="t", requestState=result["requestState"], inputResponses={"0": ACCEPTED}, meta=other
    )
    assert server.take() == {"id": "e1", "result": ACCEPTED}
    assert len(world.servers) == 1


def test_progress_reaches_whoever_waits_now(world: World, client: Client, server: Server) -> None:
    client.call(1, "tools/call", name="t", meta={"progressToken": "one"})
    request = server.take("tools/call")
    token = request["params"]["_meta"]["progressToken"]
    server.tell("notifications/progress", progressToken=token, progress=1)
    assert client.told("notifications/progress")["progressToken"] == "one"
    server.ask("e1", "elicitation/create", **FORM)
    result = required(world, client, 1)
    server.tell("notifications/progress", progressToken=token, progress=2)
    client.call(
        2,
        "tools/call",
        name="t",
        requestState=result["requestState"],
        inputResponses={"0": ACCEPTED},
        meta={"progressToken": "two"},
    )
    server.tell("notifications/progress", progressToken=token, progress=3)
    assert client.take()["params"] == {"progressToken": "two", "progress": 3}
    assert client.got == []


def test_an_answer_that_comes_while_the_client_is_busy_waits_for_it(
    world: World, client: Client, server: Server
) -> None:
    request, result = call_that_asks(world, client, server)
    server.answer(request, content=EARLY)
    assert server.take()["error"]["code"] == -32600
    assert client.got == []
    come_back(client, 2, result, ACCEPTED)
    assert client.result(2)["content"] == EARLY
    assert server.waiting == []


def test_what_was_to_be_asked_over_a_call_that_is_over_is_refused(world: World, client: Client, server: Server) -> None:
    client.call(1, "tools/call", name="t")
    request = server.take("tools/call")
    server.ask("e1", "elicitation/create", **FORM)
    server.answer(request, content=[])
    assert client.result(1)["resultType"] == "complete"
    refused = server.take()
    assert refused["id"] == "e1"
    assert refused["error"]["code"] == -32600
    world.clock.advance(1)
    assert client.got == []


def test_what_a_server_takes_back_is_not_asked(world: World, client: Client, server: Server) -> None:
    client.call(1, "tools/call", name="t")
    request = server.take("tools/call")
    server.ask("e1", "elicitation/create", **FORM)
    server.tell("notifications/cancelled", requestId="e1")
    world.clock.advance(1)
    assert client.got == []
    server.answer(request, content=[])
    client.result(1)


def test_an_answer_to_what_a_server_took_back_is_dropped(world: World, client: Client, server: Server) -> None:
    request, result = call_that_asks(world, client, server)
    server.tell("notifications/cancelled", requestId="e1")
    come_back(client, 2, result, ACCEPTED)
    assert server.waiting == []
    server.answer(request, content=[])
    client.result(2)


def test_a_cancelled_call_is_cancelled_at_the_server(world: World, client: Client, server: Server) -> None:
    client.call(1, "tools/call", name="t")
    request = server.take("tools/call")
    server.ask("e1", "elicitation/create", **FORM)
    client.tell("notifications/cancelled", requestId=1)
    assert server.take("notifications/cancelled")["params"]["requestId"] == request["id"]
    assert server.take()["error"]["code"] == -32600
    world.clock.advance(1)
    assert client.got == []


def test_a_retry_is_cancelled_as_the_call_that_it_goes_on_with(world: World, client: Client, server: Server) -> None:
    request, result = call_that_asks(world, client, server)
    come_back(client, 2, result, ACCEPTED)
    server.take()
    client.tell("notifications/cancelled", requestId=2)
    assert server.take("notifications/cancelled")["params"]["requestId"] == request["id"]


def test_a_call_whose_client_does_not_come_back_is_given_up(new_world: Callable[..., World]) -> None:
    world = new_world(park_timeout=20)
    client = world.connect()
    server = world.legacy_server(client)
    request, result = call_that_asks(world, client, server)
    world.clock.advance(20)
    assert server.take("notifications/cancelled")["params"]["requestId"] == request["id"]
    assert server.take()["error"]["code"] == -32600
    assert world.backend.expired == 1
    assert world.backend.counted() == {
        "eras.translated": 1,
        "eras.dropped": 0,
        "eras.refused": world.backend.refused,
        "eras.expired": 1,
    }
    come_back(client, 2, result, ACCEPTED)
    assert client.error(2)["code"] == -32602


def test_only_so_many_calls_wait_for_their_client(new_world: Callable[..., World]) -> None:
    world = new_world(max_parked=1)
    client = world.connect()
    server = world.legacy_server(client)
    call_that_asks(world, client, server)
    client.call(2, "tools/call", name="t")
    request = server.take("tools/call")
    server.ask("e2", "elicitation/create", **FORM)
    world.clock.advance(GATHER)
    assert server.take()["error"]["code"] == 429
    server.answer(request, content=[])
    client.result(2)


def test_only_so_much_is_asked_at_once(new_world: Callable[..., World]) -> None:
    world = new_world(max_asks=1)
    client = world.connect()
    server = world.legacy_server(client)
    client.call(1, "tools/call", name="t")
    server.take("tools/call")
    server.ask("e1", "elicitation/create", **FORM)
    server.ask("e2", "elicitation/create", **FORM)
    refused = server.take()
    assert (refused["id"], refused["error"]["code"]) == ("e2", 429)
    assert len(required(world, client, 1)["inputRequests"]) == 1


@pytest.mark.parametrize(
    ("declared", "method", "params", "needed"),
    [
        ({}, "sampling/createMessage", {}, {"sampling": {}}),
        ({}, "elicitation/create", FORM, {"elicitation": {}}),
        ({}, "roots/list", {}, {"roots": {}}),
        ({"sampling": {}}, "sampling/createMessage", {"tools": []}, {"sampling": {"tools": {}}}),
        ({"elicitation": {}}, "elicitation/create", {"mode": "url"}, {"elicitation": {"url": {}}}),
        ({"elicitation": {"url": {}}}, "elicitation/create", FORM, {"elicitation": {}}),
        pytest.param(
            *({"sampling": 1}, "sampling/createMessage", {"toolChoice": {}}, {"sampling": {"tools": {}}}),
            marks=pytest.mark.not_mcp("what the client declares is nonsense", made=True),
        ),
    ],
)
def test_what_the_client_does_not_offer_is_refused(
    world: World, client: Client, declared: Any, method: str, params: Any, needed: Any
) -> None:
    client.call(1, "tools/call", name="t", meta={f"{PREFIX}clientCapabilities": declared})
    server = world.servers[0]
    server.refuse_probe()
    server.be_initialized()
    request = server.take("tools/call")
    server.ask("a", method, **params)
    refused = server.take()
    assert refused["id"] == "a"
    assert refused["error"]["code"] == -32601
    assert refused["error"]["data"] == needed
    assert world.backend.refused == 1
    server.answer(request, content=[])
    assert client.result(1)["resultType"] == "complete"


def test_a_malformed_ask_is_refused(client: Client, server: Server) -> None:
    client.call(1, "tools/call", name="t")
    server.take("tools/call")
    server.send(id="a", method="elicitation/create", params=[])
    assert server.take()["error"]["code"] == -32602


def test_an_ask_out_of_the_blue_is_refused(world: World, client: Client, server: Server) -> None:
    client.call(1, "tools/list")
    server.take("tools/list")
    server.ask("a", "elicitation/create", **FORM)
    error = server.take()["error"]
    assert error["code"] == -32600
    assert "no request" in error["message"]
    assert world.backend.refused == 1


def test_what_one_of_several_calls_may_have_asked_is_refused_and_then_they_take_turns(
    world: World, client: Client, server: Server
) -> None:
    client.call(1, "tools/call", name="t")
    client.call(2, "tools/call", name="t")
    first, second = server.take("tools/call"), server.take("tools/call")
    server.ask("a", "elicitation/create", **FORM)
    assert "several" in server.take()["error"]["message"]
    server.answer(first, content=[])
    client.result(1)
    client.call(3, "tools/call", name="t")
    client.call(4, "resources/read", uri="u:1")
    client.call(5, "tools/list")
    server.take("tools/list")
    assert server.waiting == []
    server.ask("b", "elicitation/create", **FORM)
    result = required(world, client, 2)
    third = server.take("tools/call")
    assert server.waiting == []
    come_back(client, 6, result, ACCEPTED)
    assert server.waiting == []
    server.answer(third, content=[])
    client.result(3)
    fourth = server.take("resources/read")
    server.answer(fourth, contents=[])
    client.result(4)
    assert server.take() == {"id": "b", "result": ACCEPTED}
    server.answer(second, content=[])
    client.result(6)


def test_who_waits_for_a_turn_may_be_cancelled(world: World, client: Client, server: Server) -> None:
    request, result = call_that_asks(world, client, server)
    come_back(client, 2, result, ACCEPTED)
    server.take()
    client.call(3, "tools/call", name="t")
    client.tell("notifications/cancelled", requestId=3)
    server.answer(request, content=[])
    client.result(2)
    assert server.waiting == []


def test_an_answer_may_come_before_the_turn(world: World, client: Client, server: Server) -> None:
    request, result = call_that_asks(world, client, server)
    client.call(2, "tools/call", name="t")
    second = server.take("tools/call")
    come_back(client, 3, result, ACCEPTED)
    server.answer(request, content=EARLY)
    assert client.result(3)["content"] == EARLY
    assert server.take()["error"]["code"] == -32600
    server.answer(second, content=[])
    client.result(2)
    assert server.waiting == []
    client.call(4, "tools/call", name="t")
    server.take("tools/call")


def test_turns_are_not_needed_where_the_client_cannot_be_asked(world: World, client: Client, server: Server) -> None:
    call_that_asks(world, client, server)
    other = world.connect()
    for id in (1, 2):
        other.call(id, "tools/call", name="t", meta={f"{PREFIX}clientCapabilities": {"roots": {}}})
    world.servers[1].be_initialized()
    world.servers[1].take("tools/call")
    world.servers[1].take("tools/call")


def test_roots_are_asked_for_over_any_call(world: World, client: Client, server: Server) -> None:
    client.call(1, "tools/call", name="t")
    client.call(2, "tools/call", name="t")
    server.take("tools/call")
    second = server.take("tools/call")
    server.ask("r", "roots/list")
    result = required(world, client, 2)
    come_back(client, 3, result, {"roots": []})
    assert server.take() == {"id": "r", "result": {"roots": []}}
    server.answer(second, content=[])
    client.result(3)
    assert world.backend.refused == 0


def test_roots_that_nobody_can_be_asked_for_are_asked_for_before_the_next_call(
    world: World, client: Client, server: Server
) -> None:
    server.ask("r", "roots/list")
    client.call(1, "tools/call", name="t")
    result = client.result(1)
    assert result["inputRequests"] == {"0": {"method": "roots/list"}}
    assert server.waiting == []
    come_back(client, 2, result, {"roots": []})
    assert server.take() == {"id": "r", "result": {"roots": []}}
    server.answer(server.take("tools/call"), content=[])
    client.result(2)


def test_roots_outlive_the_call_over_which_they_were_to_be_asked_for(
    world: World, client: Client, server: Server
) -> None:
    client.call(1, "tools/call", name="t")
    server.ask("r", "roots/list")
    server.answer(server.take("tools/call"), content=[])
    client.result(1)
    assert server.waiting == []
    client.call(2, "tools/call", name="t")
    assert client.result(2)["resultType"] == "input_required"


def test_roots_that_the_server_does_not_want_any_more_are_not_asked_for(
    world: World, client: Client, server: Server
) -> None:
    server.ask("r", "roots/list")
    server.tell("notifications/cancelled", requestId="r")
    client.call(1, "tools/call", name="t")
    server.take("tools/call")


def test_a_call_goes_on_where_there_is_no_room_to_ask_first(new_world: Callable[..., World]) -> None:
    world = new_world(max_parked=1)
    client = world.connect()
    call_that_asks(world, client, world.legacy_server(client))
    other = {f"{PREFIX}clientInfo": {"name": "other", "version": "1"}}
    client.call(2, "tools/list", meta=other)
    server = world.servers[1]
    server.be_initialized()
    server.take("tools/list")
    server.ask("r", "roots/list")
    client.call(3, "tools/call", name="t", meta=other)
    assert server.take()["error"]["code"] == 429
    server.take("tools/call")


def test_a_lost_server_takes_its_parked_calls_with_it(world: World, client: Client, server: Server) -> None:
    _, result = call_that_asks(world, client, server)
    client.call(2, "tools/call", name="t")
    server.take("tools/call")
    server.ask("e2", "elicitation/create", **FORM)
    server.ask("r", "roots/list")
    server.lose(BackendLost("it is gone"))
    assert client.error(2)["code"] == 502
    come_back(client, 3, result, ACCEPTED)
    assert client.error(3)["code"] == -32602
    world.clock.advance(1000)
    assert client.got == []


def test_urls_to_be_visited_first_are_input_that_is_required(world: World, client: Client) -> None:
    declared: Any = {f"{PREFIX}clientCapabilities": {"elicitation": {"url": {}}}}
    client.call(1, "tools/call", name="t", meta=declared)
    server = world.servers[0]
    server.refuse_probe()
    server.be_initialized()
    elicitation = {"mode": "url", "elicitationId": "e", "url": "https://example.com", "message": "go there"}
    server.fail(server.take("tools/call"), -32042, "visit", {"elicitations": [elicitation]})
    result = client.result(1)
    assert result["resultType"] == "input_required"
    assert "requestState" not in result
    params = {"mode": "url", "url": "https://example.com", "message": "go there"}
    assert result["inputRequests"] == {"0": {"method": "elicitation/create", "params": params}}
    client.call(2, "tools/call", name="t", inputResponses={"0": {"action": "decline"}}, meta=declared)
    assert "not accepted" in client.error(2)["message"]
    client.call(3, "tools/call", name="t", inputResponses={"0": {"action": "accept"}}, meta=declared)
    again = server.take("tools/call")
    assert again["params"] == {"name": "t"}
    server.answer(again, content=[])
    client.result(3)


@pytest.mark.parametrize(
    ("data", "code"),
    [({"elicitations": [{"mode": "url", "url": "u"}]}, -32021), ({"elicitations": 1}, -32603), (None, -32603)],
)
def test_urls_that_cannot_be_visited_are_an_error(client: Client, server: Server, data: Any, code: int) -> None:
    client.call(1, "tools/call", name="t")
    server.fail(server.take("tools/call"), -32042, "visit", data)
    assert client.error(1)["code"] == code


CUT = "ab\ud83d"


@pytest.mark.proves("M-14")
@pytest.mark.not_mcp("who listens cannot read what holds them, and so not tell the era", made=True)
def test_lone_surrogates_pass_whatever_is_translated(world: World, client: Client, server: Server) -> None:
    client.call(1, "tools/call", name="t", arguments={"a": CUT, CUT: 1}, meta={"progressToken": "p"})
    request = server.take("tools/call")
    assert request["params"]["arguments"] == {"a": CUT, CUT: 1}
    server.tell("notifications/progress", progressToken=request["id"], progress=1, message=CUT)
    assert client.told("notifications/progress") == {"progressToken": "p", "progress": 1, "message": CUT}
    server.ask("e1", "elicitation/create", **FORM | {"message": CUT})
    result = required(world, client, 1)
    assert result["inputRequests"]["0"]["params"]["message"] == CUT
    answer = {"action": "accept", "content": {"name": CUT}}
    come_back(client, 2, result, answer, arguments={"a": CUT, CUT: 1})
    assert server.take() == {"id": "e1", "result": answer}
    server.answer(request, content=[{"type": "text", "text": CUT}], structuredContent={CUT: CUT})
    assert client.result(2)["structuredContent"] == {CUT: CUT}
    client.call(3, "tools/list")
    server.fail(server.take("tools/list"), 7, CUT, {"a": CUT})
    assert client.error(3) == {"code": 7, "message": CUT, "data": {"a": CUT}}


@pytest.mark.proves("I-5")
def test_a_server_may_make_strings_of_ids(world: World, client: Client, server: Server) -> None:
    client.call(1, "tools/call", name="t")
    server.send(id=str(server.take("tools/call")["id"]), result={"content": []})
    assert client.result(1)["content"] == []
