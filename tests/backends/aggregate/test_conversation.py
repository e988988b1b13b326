"""One client and several servers: what goes to one, what goes to all, and how it comes back."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from mcpws.backends.aggregate import Aggregate
from mcpws.backends.app import App
from mcpws.errors import BackendLost, RemoteError, ShuttingDown
from mcpws.seam.interfaces import counted_by, description_of, unready_reason
from mcpws.testing import RecordingBackend
from tests.backends.aggregate.conftest import Gated, NewClient, server, text
from tests.backends.conftest import AppClient, StatelessClient


@pytest.fixture(params=["handshake", "stateless"])
def either(request: pytest.FixtureRequest) -> AppClient:
    """A client of either era."""
    found: AppClient = request.getfixturevalue("client" if request.param == "handshake" else "stateless")
    return found


def names(result: Any, member: str, key: str = "name") -> list[str]:
    return [one[key] for one in result[member]]


def test_a_handshake_is_one_with_all(aggregate: Aggregate, new_client: NewClient) -> None:
    client = new_client(aggregate)
    info = {"name": "tester", "version": "1"}
    result = client.call("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=info)
    assert result["protocolVersion"] == "2025-06-18"
    assert result["serverInfo"]["name"] == "mcpws"
    assert result["instructions"] == "# ada\n\nAsk ada.\n\n# bob\n\nAsk bob."
    assert result["capabilities"] == {
        "tools": {"listChanged": True},
        "prompts": {"listChanged": True},
        "resources": {"listChanged": True, "subscribe": True},
        "completions": {},
        "logging": {},
    }


def test_a_version_that_nobody_knows_is_answered_with_the_newest(aggregate: Aggregate, new_client: NewClient) -> None:
    info = {"name": "tester", "version": "1"}
    client = new_client(aggregate)
    result = client.call("initialize", protocolVersion="1999-01-01", capabilities={}, clientInfo=info)
    assert result["protocolVersion"] == "2025-11-25"


def test_what_servers_are_is_told_to_who_asks_for_that_alone(stateless: StatelessClient) -> None:
    result = stateless.call("server/discover")
    assert "2026-07-28" in result["supportedVersions"]
    assert result["capabilities"]["tools"] == {"listChanged": True}
    assert result["instructions"].startswith("# ada\n")
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")


def test_lists_have_what_all_servers_have_in_their_order(either: AppClient) -> None:
    tools = names(either.call("tools/list"), "tools")
    assert tools[0] == "ada__who"
    assert len(tools) == 10
    assert {one.partition("__")[0] for one in tools[:5]} == {"ada"}
    assert names(either.call("prompts/list"), "prompts") == ["ada__hello", "bob__hello"]
    resources = either.call("resources/list")
    assert names(resources, "resources", "uri") == ["mcpws://ada/memo://1", "mcpws://bob/memo://1"]
    templates = either.call("resources/templates/list")
    assert names(templates, "resourceTemplates", "uriTemplate")[1] == "mcpws://bob/memo://all/{number}"


def test_a_list_goes_on_where_its_cursor_says(clock: Clock, new_client: NewClient) -> None:
    long = App("long", "1", clock=clock, page_size=2)
    for number in range(5):
        long.tool(name=f"tool{number}")(lambda: "")
    aggregate = Aggregate({"ada": server("ada", clock), "long": long}, clock=clock)
    client = new_client(aggregate).initialize()
    pages = [client.call("tools/list")]
    while "nextCursor" in pages[-1]:
        pages.append(client.call("tools/list", cursor=pages[-1]["nextCursor"]))
    assert [len(page["tools"]) for page in pages] == [7, 2, 1]
    assert names(pages[-1], "tools") == ["long__tool4"]
    with pytest.raises(RemoteError, match="not a cursor of this list"):
        client.call("tools/list", cursor="nonsense")
    assert aggregate.stop().called


def test_a_call_goes_to_the_server_that_it_names(either: AppClient) -> None:
    assert text(either.tool("ada__who", greeting="it is ")) == "it is ada"
    assert text(either.tool("bob__who")) == "bob"


def test_prompts_resources_and_completions_do_so_too(either: AppClient) -> None:
    prompt = either.call("prompts/get", name="bob__hello", arguments={"whom": "eve"})
    assert prompt["messages"][0]["content"]["text"] == "bob says hello to eve"
    read = either.call("resources/read", uri="mcpws://ada/memo://all/7")
    assert (read["contents"][0]["uri"], read["contents"][0]["text"]) == ("mcpws://ada/memo://all/7", "memo 7 of ada")
    argument = {"name": "whom", "value": "x"}
    completed = either.call("completion/complete", ref={"type": "ref/prompt", "name": "bob__hello"}, argument=argument)
    assert completed["completion"]["values"] == ["xbob"]


def test_resources_in_results_are_those_that_can_be_read_here(either: AppClient) -> None:
    link, embedded = either.tool("bob__linked")["content"]
    assert link["uri"] == "mcpws://bob/memo://1"
    assert embedded["resource"] == {"uri": "mcpws://bob/memo://2", "text": "two"}
    assert either.call("resources/read", uri=link["uri"])["contents"][0]["text"] == "memo of bob"


@pytest.mark.parametrize(
    ("method", "params", "problem"),
    [
        ("tools/call", {"name": "who"}, "no such tool: who"),
        ("tools/call", {"name": "eve__who"}, "no such tool: eve__who"),
        ("prompts/get", {"name": "eve__hello"}, "no such prompt: eve__hello"),
        ("resources/read", {"uri": "memo://1"}, "Resource not found: memo://1"),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "hello"}}, "names none of the servers"),
        ("tasks/list", {}, "Method not found: tasks/list"),
        ("own/method", {}, "Method not found: own/method"),
    ],
)
def test_what_names_no_server_is_an_error_that_says_so(
    client: Gated, method: str, params: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RemoteError, match=problem):
        client.call(method, **params)


def test_a_tool_that_the_server_does_not_have_is_its_own_error(either: AppClient) -> None:
    with pytest.raises(RemoteError, match="nothing"):
        either.tool("ada__nothing")


def test_progress_and_log_come_back_from_who_does_the_work(client: Gated) -> None:
    client.call("tools/call", name="bob__work", arguments={}, _meta={"progressToken": "p"})
    assert client.told("notifications/progress") == [{"progressToken": "p", "progress": 1, "total": 2}]
    assert client.told("notifications/message") == [{"level": "info", "logger": "bob.worker", "data": "working"}]
    assert client.call("logging/setLevel", level="error") == {}
    client.tool("ada__work")
    assert len(client.told("notifications/message")) == 1


def test_servers_that_ask_at_the_same_time_get_their_own_answers(client: Gated) -> None:
    ids = [client.begin("tools/call", name=name, arguments={}) for name in ("ada__ask", "bob__ask")]
    (ada, _), (bob, _) = client.asked("elicitation/create")
    assert ada != bob
    client.reply(bob, result={"action": "decline"})
    client.reply(ada, result={"action": "cancel"})
    assert [text(client.answer(id)) for id in ids] == ["ada heard cancel", "bob heard decline"]


def test_what_a_stateless_server_wants_to_know_comes_back_to_it(stateless: StatelessClient, clock: Clock) -> None:
    id = stateless.begin("tools/call", name="bob__ask", arguments={})
    clock.advance(0)
    required = stateless.answer(id)
    assert required["resultType"] == "input_required"
    (key,) = required["inputRequests"]
    result = stateless.call(
        "tools/call",
        name="bob__ask",
        arguments={},
        inputResponses={key: {"action": "decline"}},
        requestState=required["requestState"],
    )
    assert text(result) == "bob heard decline"


def test_a_call_is_cancelled_where_it_runs(client: Gated, servers: dict[str, App]) -> None:
    id = client.begin("tools/call", name="ada__wait", arguments={})
    client.tell("notifications/cancelled", requestId=id)
    assert client.answer(id) is None
    assert text(client.tool("ada__who")) == "ada"


def test_updates_come_from_the_server_that_was_subscribed_to(client: Gated, servers: dict[str, App]) -> None:
    client.call("resources/subscribe", uri="mcpws://bob/memo://1")
    servers["ada"].resource_updated("memo://1")
    servers["bob"].resource_updated("memo://1")
    assert client.told("notifications/resources/updated") == [{"uri": "mcpws://bob/memo://1"}]
    client.call("resources/unsubscribe", uri="mcpws://bob/memo://1")
    servers["bob"].resource_updated("memo://1")
    assert len(client.told("notifications/resources/updated")) == 1


def test_a_list_that_changes_is_told_of(client: Gated, servers: dict[str, App]) -> None:
    servers["bob"].tool(name="new")(lambda: "new")
    assert client.told("notifications/tools/list_changed") == [None]
    assert text(client.tool("bob__new")) == "new"


def test_who_listens_hears_of_all_and_of_resources_from_their_own(
    stateless: StatelessClient, servers: dict[str, App]
) -> None:
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["mcpws://bob/memo://1", "mcpws://eve/memo://1"]}
    id = stateless.begin("subscriptions/listen", notifications=wanted)
    meta = {"io.modelcontextprotocol/subscriptionId": id}
    granted = {"toolsListChanged": True, "resourceSubscriptions": ["mcpws://bob/memo://1"]}
    assert stateless.told("notifications/subscriptions/acknowledged") == [{"_meta": meta, "notifications": granted}]
    servers["ada"].tool(name="new")(lambda: "new")
    servers["ada"].resource_updated("memo://1")
    servers["bob"].resource_updated("memo://1")
    assert stateless.told("notifications/tools/list_changed") == [{"_meta": meta}]
    assert stateless.told("notifications/resources/updated") == [{"_meta": meta, "uri": "mcpws://bob/memo://1"}]
    stateless.tell("notifications/cancelled", requestId=id)
    servers["bob"].resource_updated("memo://1")
    assert len(stateless.told("notifications/resources/updated")) == 1


def test_who_listens_to_nothing_that_there_is_is_told_so(stateless: StatelessClient) -> None:
    stateless.begin("subscriptions/listen", notifications={"resourceSubscriptions": ["memo://1"]})
    ((told),) = stateless.told("notifications/subscriptions/acknowledged")
    assert told["notifications"] == {}
    with pytest.raises(RemoteError, match="Invalid params"):
        stateless.call("subscriptions/listen", notifications=5)


def test_one_that_serves_ends_with_all_that_it_has(aggregate: Aggregate, client: Gated) -> None:
    assert description_of(aggregate).summary == "2 servers: ada, bob"
    assert unready_reason(aggregate) is None
    assert counted_by(aggregate)["app.notifications_dropped"] == 0
    client.begin("tools/call", name="ada__wait", arguments={})
    assert aggregate.stop().called
    assert isinstance(client.ended, ShuttingDown)


def test_a_client_that_reads_slowly_pauses_all_servers_and_a_slow_server_its_client(
    clock: Clock, new_client: NewClient
) -> None:
    backends = {"one": RecordingBackend(), "two": RecordingBackend()}
    aggregate = Aggregate(backends, clock=clock)
    client = new_client(aggregate)
    client.begin("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={})
    one, two = (backend.conversations[0] for backend in backends.values())
    client.channel.pauseProducing()
    assert (one.paused, two.paused) == (True, True)
    client.channel.resumeProducing()
    assert (one.paused, two.paused) == (False, False)
    one.link.pauseProducing()
    two.link.pauseProducing()
    one.link.resumeProducing()
    assert client.pauses == [True]
    two.link.lost(BackendLost("gone"))
    assert client.pauses == [True, False]
    client.close()
    assert aggregate.stop().called


def test_an_id_may_be_used_again_as_soon_as_it_is_answered(clock: Clock, new_client: NewClient) -> None:
    backend = RecordingBackend()
    aggregate = Aggregate({"one": backend}, clock=clock)
    client = new_client(aggregate)
    client.begin("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={})
    asked = [{"id": 7, "method": "tools/call", "params": {"name": f"one__{name}"}} for name in ("first", "second")]
    send = client.send

    def send_and_ask_on(message: Any) -> None:
        client.send = send  # type: ignore[method-assign]
        send(message)
        client.give(**asked[1])

    client.send = send_and_ask_on  # type: ignore[method-assign]
    client.give(**asked[0])
    (conversation,) = backend.conversations
    conversation.answer(conversation.requests[-1], {"content": []})
    conversation.answer(conversation.requests[-1], {"content": [1]})
    assert [one.get("result") for one in client.sent if one["id"] == 7] == [{"content": []}, {"content": [1]}]
    client.close()
    assert aggregate.stop().called
