from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mcpws.backends.app import App
from mcpws.backends.app.listen import MAX_LISTENS, MAX_URIS
from mcpws.errors import RemoteError, ShuttingDown
from mcpws.mcp.meta import SERVER_INFO, SUBSCRIPTION_ID
from mcpws.mcp.schema import MAX_URI

if TYPE_CHECKING:
    from tests.backends.conftest import StatelessClient

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
UPDATED = "notifications/resources/updated"
ALL_LISTS = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}


@pytest.fixture(autouse=True)
def everything(app: App) -> None:
    """One of each, and resources of any name."""
    app.tool(name="tool")(lambda: "")
    app.prompt(name="prompt")(lambda: "")
    app.resource("a://b")(lambda: "")

    @app.resource("a://{name}")
    def resource(name: str) -> str:
        return name


def listen(client: "StatelessClient", **filter: Any) -> int:
    """Begin to listen; the id of the request."""
    id = client.begin("subscriptions/listen", notifications=filter)
    assert client.answer(id) is None
    return id


def refused(client: "StatelessClient", **params: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        client.call("subscriptions/listen", **params)
    return caught.value


def under(id: int | str, **params: Any) -> dict[str, Any]:
    return {"_meta": {SUBSCRIPTION_ID: id}, **params}


@pytest.mark.proves("N-5", "mcp/2026-07-28/basic/patterns/subscriptions#acknowledged")
def test_it_is_acknowledged_first(stateless: "StatelessClient") -> None:
    filter = {**ALL_LISTS, "resourceSubscriptions": ["a://b", "a://c"]}
    id = listen(stateless, **filter)
    [message] = stateless.sent
    assert message == {"jsonrpc": "2.0", "method": ACKNOWLEDGED, "params": under(id, notifications=filter)}


@pytest.mark.proves("N-5", "mcp/2026-07-28/basic/patterns/subscriptions#acknowledged")
@pytest.mark.parametrize(
    ("wanted", "honoured"),
    [
        ({}, {}),
        ({"toolsListChanged": False, "resourceSubscriptions": []}, {}),
        ({"toolsListChanged": True, "tasksListChanged": True}, {"toolsListChanged": True}),
        ({"resourceSubscriptions": ["b://nope"]}, {}),
        ({"resourceSubscriptions": ["a://b", "b://nope", "a://b"]}, {"resourceSubscriptions": ["a://b"]}),
    ],
)
def test_the_acknowledgement_says_what_can_be_had(
    stateless: "StatelessClient", wanted: dict[str, Any], honoured: dict[str, Any]
) -> None:
    id = listen(stateless, **wanted)
    assert stateless.told(ACKNOWLEDGED) == [under(id, notifications=honoured)]


def test_null_is_nothing_to_hear_of(app: App, stateless: "StatelessClient") -> None:
    id = listen(stateless, toolsListChanged=None, promptsListChanged=True, resourceSubscriptions=None)
    assert stateless.told(ACKNOWLEDGED) == [under(id, notifications={"promptsListChanged": True})]


def test_a_resource_is_heard_of_once_in_whichever_spelling(app: App, stateless: "StatelessClient") -> None:
    id = listen(stateless, resourceSubscriptions=["a://ö", "a://c", "a://%C3%B6"])
    assert stateless.told(ACKNOWLEDGED) == [under(id, notifications={"resourceSubscriptions": ["a://%C3%B6", "a://c"]})]
    app.resource_updated("a://ö")
    assert stateless.told(UPDATED) == [under(id, uri="a://%C3%B6")]
    stateless.tell("notifications/cancelled", requestId=id)
    app.resource_updated("a://%C3%B6")
    assert len(stateless.told(UPDATED)) == 1


def test_lists_that_there_are_not_do_not_change(app: App, stateless: "StatelessClient") -> None:
    app.remove_prompt("prompt")
    id = listen(stateless, **ALL_LISTS)
    honoured = {"toolsListChanged": True, "resourcesListChanged": True}
    assert stateless.told(ACKNOWLEDGED) == [under(id, notifications=honoured)]
    app.prompt(name="prompt")(lambda: "")
    assert stateless.told("notifications/prompts/list_changed") == []


def change_lists(app: App) -> None:
    app.remove_tool("tool")
    app.tool(name="tool")(lambda: "")
    app.remove_prompt("prompt")
    app.remove_resource("a://b")


@pytest.mark.proves("N-6", "mcp/2026-07-28/basic/patterns/subscriptions#asked-for")
def test_it_tells_of_changes_of_the_lists_that_were_asked_for(app: App, stateless: "StatelessClient") -> None:
    id = listen(stateless, toolsListChanged=True, resourcesListChanged=True)
    change_lists(app)
    assert stateless.told("notifications/tools/list_changed") == [under(id)] * 2
    assert stateless.told("notifications/resources/list_changed") == [under(id)]
    assert stateless.told("notifications/prompts/list_changed") == []


@pytest.mark.proves("N-6")
def test_it_tells_of_the_resources_that_were_asked_for(app: App, stateless: "StatelessClient") -> None:
    id = listen(stateless, resourceSubscriptions=["a://b", "a://c"])
    app.resource_updated("a://c")
    app.resource_updated("a://d")
    assert stateless.told(UPDATED) == [under(id, uri="a://c")]


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/subscriptions#asked-for")
def test_without_it_nothing_is_told(app: App, stateless: "StatelessClient") -> None:
    change_lists(app)
    app.resource_updated("a://b")
    assert stateless.sent == []


@pytest.mark.proves("N-6", "mcp/2026-07-28/basic/patterns/subscriptions#id")
def test_several_are_told_apart_by_their_ids(app: App, stateless: "StatelessClient") -> None:
    first = listen(stateless, toolsListChanged=True)
    second = listen(stateless, toolsListChanged=True, resourceSubscriptions=["a://b"])
    third = listen(stateless, resourceSubscriptions=["a://b"])
    app.remove_tool("tool")
    app.resource_updated("a://b")
    assert stateless.told("notifications/tools/list_changed") == [under(first), under(second)]
    assert stateless.told(UPDATED) == [under(second, uri="a://b"), under(third, uri="a://b")]


@pytest.mark.proves("N-6", "mcp/2026-07-28/basic/patterns/subscriptions#id")
def test_an_id_keeps_its_type(app: App, stateless: "StatelessClient") -> None:
    number = listen(stateless, resourceSubscriptions=["a://b"])
    meta = {**stateless.meta, "io.modelcontextprotocol/clientCapabilities": {}}
    params = {"_meta": meta, "notifications": {"resourceSubscriptions": ["a://b"]}}
    stateless.give(id=str(number), method="subscriptions/listen", params=params)
    app.resource_updated("a://b")
    assert stateless.told(UPDATED) == [under(number, uri="a://b"), under(str(number), uri="a://b")]


def test_who_listens_in_both_eras_hears_twice(app: App, stateless: "StatelessClient") -> None:
    stateless.begin_plainly("initialize", protocolVersion="2025-11-25", capabilities={})
    stateless.tell("notifications/initialized")
    stateless.begin_plainly("resources/subscribe", uri="a://b")
    id = listen(stateless, toolsListChanged=True, resourceSubscriptions=["a://b"])
    app.remove_tool("tool")
    app.resource_updated("a://b")
    assert stateless.told("notifications/tools/list_changed") == [None, under(id)]
    assert stateless.told(UPDATED) == [{"uri": "a://b"}, under(id, uri="a://b")]


@pytest.mark.proves(
    "mcp/2026-07-28/basic/patterns/cancellation#notification", "mcp/2026-07-28/basic/patterns/subscriptions#cancelled"
)
def test_it_ends_when_the_client_cancels_it_without_an_answer(app: App, stateless: "StatelessClient") -> None:
    heard: list[bool] = []
    app.on_subscription("a://b", heard.append)
    gone = listen(stateless, toolsListChanged=True, resourceSubscriptions=["a://b"])
    here = listen(stateless, toolsListChanged=True, resourceSubscriptions=["a://b"])
    stateless.tell("notifications/cancelled", requestId=gone)
    change_lists(app)
    app.resource_updated("a://b")
    assert stateless.answer(gone) is None
    assert stateless.told("notifications/tools/list_changed") == [under(here)] * 2
    assert stateless.told(UPDATED) == [under(here, uri="a://b")]
    stateless.tell("notifications/cancelled", requestId=here)
    assert heard == [True, False]


def test_it_ends_with_the_conversation(app: App, stateless: "StatelessClient") -> None:
    heard: list[bool] = []
    app.on_subscription("a://b", heard.append)
    listen(stateless, toolsListChanged=True, resourceSubscriptions=["a://b"])
    sent = len(stateless.sent)
    stateless.channel.close("gone")
    change_lists(app)
    app.resource_updated("a://b")
    assert len(stateless.sent) == sent
    assert heard == [True, False]


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/subscriptions#graceful")
def test_it_is_answered_when_the_app_stops(app: App, stateless: "StatelessClient") -> None:
    ids = [listen(stateless, toolsListChanged=True), listen(stateless, resourceSubscriptions=["a://b"])]
    stopped = app.stop()
    assert stopped.called
    server = {SERVER_INFO: {"name": "tested", "version": "1.0"}}
    for id in ids:
        assert stateless.answer(id) == {"resultType": "complete", "_meta": {**server, SUBSCRIPTION_ID: id}}
    assert isinstance(stateless.ended, ShuttingDown)


def test_who_watches_for_subscribers_may_tell_them_something_at_once(app: App, stateless: "StatelessClient") -> None:
    app.on_subscription("a://b", lambda anyone: app.resource_updated("a://b") if anyone else None)
    id = listen(stateless, resourceSubscriptions=["a://b"])
    assert [message["method"] for message in stateless.sent] == [ACKNOWLEDGED, UPDATED]
    assert stateless.told(UPDATED) == [under(id, uri="a://b")]


def test_subscribers_of_both_eras_are_counted_together(app: App, new_stateless: Callable[..., Any]) -> None:
    heard: list[bool] = []
    app.on_subscription("a://b", heard.append)
    modern, legacy = new_stateless(), new_stateless()
    id = listen(modern, resourceSubscriptions=["a://b"])
    legacy.begin_plainly("resources/subscribe", uri="a://b")
    modern.tell("notifications/cancelled", requestId=id)
    assert heard == [True]
    legacy.begin_plainly("resources/unsubscribe", uri="a://b")
    assert heard == [True, False]


def test_what_it_wants_to_hear_must_be_said(stateless: "StatelessClient") -> None:
    def wrong(**params: Any) -> Any:
        error = refused(stateless, **params)
        assert error.code == -32602
        return error.data["path"], error.data["reason"]

    assert wrong() == ("$.notifications", "Object missing required field `notifications`")
    assert wrong(notifications=[]) == ("$.notifications", "Expected `object`, got `array`")
    assert wrong(notifications={"toolsListChanged": 1}) == (
        "$.notifications.toolsListChanged",
        "Expected `bool`, got `int`",
    )
    uris = "$.notifications.resourceSubscriptions"
    assert wrong(notifications={"resourceSubscriptions": ["a://b"] * (MAX_URIS + 1)}) == (
        uris,
        f"Expected `array` of length <= {MAX_URIS}",
    )
    assert wrong(notifications={"resourceSubscriptions": ["x" * (MAX_URI + 1)]}) == (
        f"{uris}[0]",
        f"Expected `str` of length <= {MAX_URI}",
    )
    assert stateless.told(ACKNOWLEDGED) == []


def test_there_are_no_more_than_may_be(app: App, stateless: "StatelessClient") -> None:
    heard: list[bool] = []
    ids = [listen(stateless, toolsListChanged=True) for _ in range(MAX_LISTENS)]
    app.on_subscription("a://b", heard.append)
    error = refused(stateless, notifications={"resourceSubscriptions": ["a://b"]})
    assert (error.code, error.data) == (429, {"limit": MAX_LISTENS})
    assert heard == []
    assert len(stateless.told(ACKNOWLEDGED)) == MAX_LISTENS
    stateless.tell("notifications/cancelled", requestId=ids[0])
    listen(stateless, resourceSubscriptions=["a://b"])
    assert heard == [True]
