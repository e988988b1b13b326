"""Servers that cannot begin, end, or do not answer: each costs only what is its own."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from mcpws.backends.aggregate import Aggregate, AggregateLimits
from mcpws.backends.aggregate.member import MAX_QUEUED
from mcpws.errors import BackendLost, RemoteError
from mcpws.jsonrpc.messages import Notification, Request, to_raw
from mcpws.mcp.schema import InitializeResult
from mcpws.seam.interfaces import Channel, Link, unready_reason
from mcpws.testing import RecordingBackend
from mcpws.testing.recording import RecordedConversation
from tests.backends.aggregate.conftest import Gated, NewClient, server, text
from tests.backends.conftest import StatelessClient
from tests.conftest import LoggedErrors

TIMEOUT = AggregateLimits().timeout
BEGUN: InitializeResult[Any, Any] = InitializeResult("2025-11-25", {"tools": {}, "logging": {}, "resources": {}}, None)


class Rig:
    """An aggregate of `ada`, which is well, and `odd`, which a test plays."""

    def __init__(self, clock: Clock, new_client: NewClient, odd: Any = None) -> None:
        self.clock = clock
        self.odd = odd or RecordingBackend(initialize=False)
        self.aggregate = Aggregate({"odd": self.odd, "ada": server("ada", clock)}, clock=clock)
        self.client: Gated = new_client(self.aggregate)

    @property
    def now(self) -> RecordedConversation:
        """The conversation with `odd` that there is now."""
        conversation: RecordedConversation = self.odd.conversations[-1]
        return conversation

    def take(self, method: str) -> Request:
        """The request that `odd` was sent last."""
        request = self.now.requests[-1]
        assert request.method == method
        return request

    def initialise(self) -> None:
        info = {"name": "tester", "version": "1"}
        self.client.begin("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=info)
        self.now.answer(self.take("initialize"), BEGUN)
        self.client.tell("notifications/initialized")

    def counted(self, name: str) -> int:
        return self.aggregate.counted()[f"aggregate.{name}"]

    def tools(self) -> list[str]:
        """What is listed while `odd` has one tool."""
        id = self.client.begin("tools/list")
        if (
            self.odd.conversations
            and self.now.closed is None
            and self.now.requests
            and self.now.requests[-1].method == "tools/list"
        ):
            self.now.answer(self.now.requests[-1], {"tools": [{"name": "it", "inputSchema": {}}]})
        return [one["name"].partition("__")[0] for one in self.client.answer(id)["tools"]]


@pytest.fixture
def rig(clock: Clock, new_client: NewClient) -> Any:
    rig = Rig(clock, new_client)
    yield rig
    if rig.client.is_open:
        rig.client.close()
    assert rig.aggregate.stop().called


class Refusing(RecordingBackend):
    """Begins with nobody."""

    def open(self, link: Link) -> Deferred[Channel]:
        return fail(BackendLost("no such program", {"retryAfterMs": 5}))

    def unready(self) -> str:
        return "no such program"


def test_a_server_that_cannot_begin_is_left_out(clock: Clock, new_client: NewClient) -> None:
    rig = Rig(clock, new_client, Refusing())
    rig.client.initialize()
    assert rig.tools() == ["ada"] * 5
    with pytest.raises(RemoteError, match="The server odd is gone: no such program") as caught:
        rig.client.tool("odd__it")
    assert caught.value.data == {"retryAfterMs": 5, "server": "odd"}
    assert text(rig.client.tool("ada__who")) == "ada"
    assert rig.counted("left_out") == 1
    assert unready_reason(rig.aggregate) is None
    assert rig.aggregate.stop().called


def test_a_stateless_client_is_answered_without_it_too(clock: Clock) -> None:
    aggregate = Aggregate({"odd": Refusing(), "ada": server("ada", clock)}, clock=clock)
    client = StatelessClient(aggregate, Gated(aggregate, None).identity)  # type: ignore[arg-type]
    assert len(client.call("tools/list")["tools"]) == 5
    assert "tools" in client.call("server/discover")["capabilities"]
    assert aggregate.stop().called


def test_with_none_at_all_the_client_is_told_why(clock: Clock, new_client: NewClient) -> None:
    aggregate = Aggregate({"odd": Refusing()}, clock=clock)
    client = new_client(aggregate)
    with pytest.raises(RemoteError, match="The server odd is gone: no such program"):
        client.call("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={})
    assert unready_reason(aggregate) == "odd: no such program"
    assert unready_reason(Aggregate({}, clock=clock)) == "there is no server"
    with pytest.raises(RemoteError, match="None of the servers can be reached"):
        new_client(Aggregate({}, clock=clock)).call("initialize")
    assert aggregate.stop().called


def test_what_was_asked_of_one_that_ends_is_answered_with_an_error(rig: Rig) -> None:
    rig.initialise()
    assert rig.tools() == ["odd"] + ["ada"] * 5
    lost = rig.client.begin("tools/call", name="odd__it", arguments={})
    kept = rig.client.begin("tools/call", name="ada__wait", arguments={})
    rig.now.link.lost(BackendLost("it crashed"))
    with pytest.raises(RemoteError, match="The server odd is gone: it crashed"):
        rig.client.answer(lost)
    assert rig.client.answer(kept) is None
    assert rig.client.told("notifications/tools/list_changed") == [None]
    assert rig.counted("lost") == 1


def test_one_that_has_ended_is_begun_again_when_it_is_wanted(rig: Rig) -> None:
    rig.initialise()
    rig.client.begin("logging/setLevel", level="error")
    rig.now.answer(rig.take("logging/setLevel"), {})
    rig.client.begin("resources/subscribe", uri="mcpws://odd/memo://1")
    rig.now.answer(rig.take("resources/subscribe"), {})
    rig.now.link.lost(BackendLost("it crashed"))
    id = rig.client.begin("tools/call", name="odd__it", arguments={"a": 1})
    assert len(rig.odd.conversations) == 2
    # It is told what the one before it was told, and is asked nothing before that.
    greeting = rig.take("initialize")
    assert len(rig.now.received) == 1
    rig.now.answer(greeting, BEGUN)
    assert [getattr(one, "method", None) for one in rig.now.received] == [
        "initialize",
        "notifications/initialized",
        "logging/setLevel",
        "resources/subscribe",
        "tools/call",
    ]
    for request in rig.now.requests[1:3]:
        rig.now.answer(request, {})
    rig.now.answer(rig.take("tools/call"), {"content": [{"type": "text", "text": "again"}]})
    assert text(rig.client.answer(id)) == "again"
    # Once as it ended, and once as it was back.
    assert len(rig.client.told("notifications/tools/list_changed")) == 2
    assert rig.counted("dropped") == 0


def test_one_that_refuses_to_begin_again_is_gone(rig: Rig) -> None:
    rig.initialise()
    rig.now.link.lost(BackendLost("it crashed"))
    id = rig.client.begin("tools/call", name="odd__it", arguments={})
    rig.now.answer(rig.take("initialize"), BackendLost("not again"))
    with pytest.raises(RemoteError, match="it refused to begin: not again"):
        rig.client.answer(id)
    assert rig.now.closed == "it refused to begin"


def test_one_that_does_not_answer_is_left_out_and_not_waited_for_again(rig: Rig) -> None:
    info = {"name": "tester", "version": "1"}
    id = rig.client.begin("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=info)
    rig.clock.advance(TIMEOUT - 1)
    assert rig.client.answer(id) is None
    rig.clock.advance(1)
    assert "tools" in rig.client.answer(id)["capabilities"]
    rig.client.tell("notifications/initialized")
    assert rig.tools() == ["ada"] * 5
    assert rig.counted("left_out") == 1
    # It may come late, and is welcome.
    rig.now.answer(rig.take("initialize"), BEGUN)
    assert len(rig.client.told("notifications/tools/list_changed")) == 1
    assert rig.tools() == ["odd"] + ["ada"] * 5


def test_a_list_of_one_that_hangs_comes_without_it(rig: Rig) -> None:
    rig.initialise()
    id = rig.client.begin("tools/list")
    rig.clock.advance(TIMEOUT)
    assert len(rig.client.answer(id)["tools"]) == 5


def test_what_it_asked_need_not_be_answered_any_more(rig: Rig) -> None:
    rig.initialise()
    rig.now.link.send(Request(7, "roots/list"))
    ((number, _),) = rig.client.asked("roots/list")
    rig.now.link.lost(BackendLost("it crashed"))
    (cancelled,) = rig.client.told("notifications/cancelled")
    assert cancelled["requestId"] == number
    rig.client.reply(number, result={"roots": []})
    assert rig.counted("dropped") == 1


def test_a_server_may_withdraw_what_it_asked_and_only_that(rig: Rig) -> None:
    rig.initialise()
    rig.now.link.send(Request("q", "roots/list"))
    rig.now.link.send(Notification("notifications/cancelled", to_raw({"requestId": "other"})))
    assert rig.client.told("notifications/cancelled") == []
    rig.now.link.send(Notification("notifications/cancelled", to_raw({"requestId": "q", "reason": "enough"})))
    ((number, _),) = rig.client.asked("roots/list")
    assert rig.client.told("notifications/cancelled") == [{"requestId": number, "reason": "enough"}]


def test_tokens_of_what_servers_ask_are_their_own_too(rig: Rig) -> None:
    rig.initialise()
    params = {"message": "?", "_meta": {"progressToken": "t", "x": 1}}
    rig.now.link.send(Request(1, "elicitation/create", to_raw(params)))
    ((number, asked),) = rig.client.asked("elicitation/create")
    assert asked == {"message": "?", "_meta": {"progressToken": number, "x": 1}}
    rig.client.tell("notifications/progress", progressToken=number, progress=1)
    assert rig.now.received[-1] == Notification("notifications/progress", to_raw({"progressToken": "t", "progress": 1}))
    rig.client.tell("notifications/progress", progressToken="t", progress=2)
    assert rig.counted("dropped") == 1


def test_more_questions_than_there_may_be_are_refused(rig: Rig) -> None:
    rig.initialise()
    limit = AggregateLimits().max_questions
    for number in range(limit + 1):
        rig.now.link.send(Request(number, "roots/list"))
    assert len(rig.client.asked("roots/list")) == limit
    (error,) = [one for one in rig.now.received if getattr(one, "id", None) == limit]
    assert f"More than {limit} requests of servers" in str(error)
    assert rig.counted("refused") == 1


def test_an_answer_that_belongs_to_nothing_is_dropped(rig: Rig) -> None:
    rig.initialise()
    id = rig.client.begin("tools/call", name="ada__wait", arguments={})
    rig.now.answer(Request(id, "tools/call"), {"content": []})
    assert rig.client.answer(id) is None
    assert rig.counted("dropped") == 1


def test_a_server_that_makes_a_string_of_an_id_is_understood(rig: Rig) -> None:
    rig.initialise()
    id = rig.client.begin("tools/call", name="odd__it", arguments={})
    rig.now.answer(Request(str(id), "tools/call"), {"content": []})
    assert rig.client.answer(id) == {"content": []}


class Slow(RecordingBackend):
    """Takes its time to begin."""

    def __init__(self) -> None:
        super().__init__()
        self.opening: Deferred[Channel] = Deferred()

    def open(self, link: Link) -> Deferred[Channel]:
        super().open(link)
        return self.opening


def test_what_waits_for_a_server_to_begin_is_bounded(clock: Clock, new_client: NewClient) -> None:
    slow = Slow()
    rig = Rig(clock, new_client, slow)
    client = StatelessClient(rig.aggregate, rig.client.identity)  # type: ignore[arg-type]
    ids = [client.begin("tools/call", name="odd__it", arguments={}) for _ in range(MAX_QUEUED + 1)]
    with pytest.raises(RemoteError, match="has not begun, and too much waits for it"):
        client.answer(ids[-1])
    slow.opening.callback(slow.conversations[-1])
    assert len(rig.now.requests) == MAX_QUEUED
    client.close()
    assert rig.now.closed == "the client is gone"
    assert rig.aggregate.stop().called


def test_a_client_that_leaves_while_a_server_begins_leaves_nothing(clock: Clock, new_client: NewClient) -> None:
    slow = Slow()
    rig = Rig(clock, new_client, slow)
    rig.client.begin("initialize", protocolVersion="2025-11-25", capabilities={})
    rig.client.close()
    assert clock.getDelayedCalls() == []
    assert rig.aggregate.stop().called


def test_a_listener_hears_of_a_server_that_ends_and_goes_on_with_the_others(clock: Clock) -> None:
    odd = RecordingBackend(modern=True)
    aggregate = Aggregate({"odd": odd, "ada": server("ada", clock)}, clock=clock)
    client = StatelessClient(aggregate, Gated(aggregate, None).identity)  # type: ignore[arg-type]
    id = client.begin("subscriptions/listen", notifications={"toolsListChanged": True})
    meta = {"io.modelcontextprotocol/subscriptionId": id}
    # Not before all have said so.
    assert client.told("notifications/subscriptions/acknowledged") == []
    granted = to_raw({"_meta": meta, "notifications": {"toolsListChanged": True}})
    odd.conversations[0].link.send(Notification("notifications/subscriptions/acknowledged", granted))
    assert len(client.told("notifications/subscriptions/acknowledged")) == 1
    odd.conversations[0].link.lost(BackendLost("it crashed"))
    assert client.told("notifications/tools/list_changed") == [{"_meta": meta}]
    assert client.answer(id) is None
    assert aggregate.stop().called


def test_a_subscription_is_over_when_the_last_server_ends_it(clock: Clock) -> None:
    odd = RecordingBackend(modern=True)
    aggregate = Aggregate({"odd": odd}, clock=clock)
    client = StatelessClient(aggregate, Gated(aggregate, None).identity)  # type: ignore[arg-type]
    id = client.begin("subscriptions/listen", notifications={"toolsListChanged": True})
    odd.conversations[0].answer(odd.conversations[0].requests[0], {"resultType": "complete"})
    assert client.answer(id) == {"resultType": "complete"}
    assert aggregate.stop().called


def test_servers_come_and_go_while_there_are_clients(rig: Rig) -> None:
    rig.initialise()
    lost = rig.client.begin("tools/call", name="odd__it", arguments={})
    rig.aggregate.remove("odd")
    with pytest.raises(RemoteError, match="is not served any more"):
        rig.client.answer(lost)
    assert rig.now.closed is not None
    assert rig.tools() == ["ada"] * 5
    with pytest.raises(RemoteError, match="no such tool: odd__it"):
        rig.client.tool("odd__it")
    rig.aggregate.put("bob", server("bob", rig.clock))
    assert len(rig.tools()) == 10
    assert text(rig.client.tool("bob__who")) == "bob"
    assert len(rig.client.told("notifications/tools/list_changed")) >= 2


def test_one_that_fails_again_and_again_is_tried_again_after_a_while_only(rig: Rig) -> None:
    rig.initialise()
    rig.now.link.lost(BackendLost("it crashed"))
    for _ in range(2):
        id = rig.client.begin("tools/call", name="odd__it", arguments={})
        rig.now.link.lost(BackendLost("it crashed as it began"))
        with pytest.raises(RemoteError, match="it crashed as it began"):
            rig.client.answer(id)
    tries = len(rig.odd.conversations)
    with pytest.raises(RemoteError, match="it is tried again in") as caught:
        rig.client.tool("odd__it")
    assert caught.value.data["retryAfterMs"] > 0
    assert rig.tools() == ["ada"] * 5
    assert len(rig.odd.conversations) == tries
    # A client that lists again whenever it is told to is told of the crash, and of nothing after that.
    assert len(rig.client.told("notifications/tools/list_changed")) == 1
    rig.clock.advance(2)
    rig.client.begin("tools/call", name="odd__it", arguments={})
    assert len(rig.odd.conversations) == tries + 1


@pytest.mark.parametrize("stuck", ["initialize", "greeting"])
def test_no_call_waits_for_ever_for_a_server_that_does_not_begin(rig: Rig, stuck: str) -> None:
    if stuck == "initialize":
        info = {"name": "tester", "version": "1"}
        rig.client.begin("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=info)
        rig.clock.advance(TIMEOUT)
    else:
        rig.initialise()
        rig.now.link.lost(BackendLost("it crashed"))
    id = rig.client.begin("tools/call", name="odd__it", arguments={})
    rig.clock.advance(TIMEOUT)
    with pytest.raises(RemoteError, match="The server odd has not begun within 30 s"):
        rig.client.answer(id)
    # Nobody asked it anything before it had begun.
    assert [request.method for request in rig.now.requests] == ["initialize"]


def test_a_stateless_call_does_not_wait_for_ever_either(clock: Clock, new_client: NewClient) -> None:
    rig = Rig(clock, new_client, Slow())
    client = StatelessClient(rig.aggregate, rig.client.identity)  # type: ignore[arg-type]
    id = client.begin("tools/call", name="odd__it", arguments={})
    clock.advance(TIMEOUT)
    with pytest.raises(RemoteError, match="has not begun within 30 s"):
        client.answer(id)
    client.close()
    assert rig.aggregate.stop().called


def test_what_waits_is_bounded_in_bytes_too(clock: Clock, new_client: NewClient) -> None:
    rig = Rig(clock, new_client, Slow())
    client = StatelessClient(rig.aggregate, rig.client.identity)  # type: ignore[arg-type]
    ids = [client.begin("tools/call", name="odd__it", arguments={"a": "x" * 1024 * 1024}) for _ in range(4)]
    assert client.answer(ids[0]) is None
    with pytest.raises(RemoteError, match="too much waits for it"):
        client.answer(ids[-1])
    client.close()
    assert rig.aggregate.stop().called


def test_a_subscription_is_acknowledged_though_a_server_never_does(clock: Clock) -> None:
    odd = RecordingBackend(modern=True)
    aggregate = Aggregate({"odd": odd, "ada": server("ada", clock)}, clock=clock)
    client = StatelessClient(aggregate, Gated(aggregate, None).identity)  # type: ignore[arg-type]
    client.begin("subscriptions/listen", notifications={"toolsListChanged": True})
    clock.advance(TIMEOUT)
    ((told),) = client.told("notifications/subscriptions/acknowledged")
    assert told["notifications"] == {"toolsListChanged": True}
    assert aggregate.stop().called


def test_a_listener_has_its_part_again_when_the_server_is_back(clock: Clock) -> None:
    odd = RecordingBackend(modern=True)
    aggregate = Aggregate({"odd": odd, "ada": server("ada", clock)}, clock=clock)
    client = StatelessClient(aggregate, Gated(aggregate, None).identity)  # type: ignore[arg-type]
    id = client.begin("subscriptions/listen", notifications={"toolsListChanged": True})
    meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": id}}
    granted = to_raw({**meta, "notifications": {"toolsListChanged": True}})
    for _ in range(2):
        assert odd.conversations[-1].requests[0].method == "subscriptions/listen"
        odd.conversations[-1].link.send(Notification("notifications/subscriptions/acknowledged", granted))
        odd.conversations[-1].link.lost(BackendLost("it crashed"))
        client.begin("tools/call", name="odd__it", arguments={})
    # As it went, as it was back, and as it went again.
    assert client.told("notifications/tools/list_changed") == [meta] * 3
    assert len(client.told("notifications/subscriptions/acknowledged")) == 1
    assert aggregate.stop().called


def test_progress_is_only_of_who_was_asked_to_report_it(rig: Rig) -> None:
    rig.initialise()
    rig.client.begin("tools/call", name="ada__wait", arguments={}, _meta={"progressToken": "t"})
    rig.now.link.send(Notification("notifications/progress", to_raw({"progressToken": "t", "progress": 1})))
    assert rig.client.told("notifications/progress") == []
    assert rig.counted("dropped") == 1


def test_one_that_is_too_slow_for_a_list_is_told_to_stop(rig: Rig) -> None:
    rig.initialise()
    id = rig.client.begin("tools/list")
    rig.clock.advance(TIMEOUT)
    assert rig.now.received[-1] == Notification(
        "notifications/cancelled", to_raw({"requestId": id, "reason": "it takes too long"})
    )


def test_a_list_does_not_end_as_if_that_were_all_where_a_server_fails_on_a_later_page(rig: Rig) -> None:
    rig.initialise()
    id = rig.client.begin("tools/list")
    rig.now.answer(rig.take("tools/list"), {"tools": [], "nextCursor": "2"})
    cursor = rig.client.answer(id)["nextCursor"]
    id = rig.client.begin("tools/list", cursor=cursor)
    rig.now.link.lost(BackendLost("it crashed"))
    with pytest.raises(RemoteError, match="it crashed"):
        rig.client.answer(id)


def test_a_client_is_told_which_servers_it_does_without(clock: Clock, new_client: NewClient) -> None:
    rig = Rig(clock, new_client, Refusing())
    rig.client.initialize()
    (told,) = rig.client.told("notifications/message")
    assert (told["level"], told["data"]) == ("warning", "The server odd is gone: no such program")
    assert rig.aggregate.stop().called


def test_the_version_is_what_all_servers_have_settled_on(clock: Clock, new_client: NewClient) -> None:
    backends = {"one": RecordingBackend(), "two": RecordingBackend()}
    aggregate = Aggregate(backends, clock=clock)
    info = {"name": "tester", "version": "1"}
    result = new_client(aggregate).call("initialize", protocolVersion="2024-11-05", capabilities={}, clientInfo=info)
    assert result["protocolVersion"] == "2025-11-25"
    assert aggregate.stop().called


def test_a_level_that_there_is_not_is_refused(client: Gated) -> None:
    with pytest.raises(RemoteError, match=r"\$\.level"):
        client.call("logging/setLevel", level="shouting")


def test_all_are_stopped_though_one_cannot_be(clock: Clock, logged_errors: LoggedErrors) -> None:
    one, other = RecordingBackend(), RecordingBackend()
    one.stop = lambda: fail(RuntimeError("no"))  # type: ignore[method-assign]
    assert Aggregate({"one": one, "other": other}, clock=clock).stop().called
    assert other.stopped == 1
    assert len(logged_errors.flush(RuntimeError)) == 1


def test_a_stateless_client_is_told_of_a_missing_resource_by_the_code_of_its_era(stateless: StatelessClient) -> None:
    with pytest.raises(RemoteError, match="Resource not found: memo://1") as caught:
        stateless.call("resources/read", uri="memo://1")
    assert caught.value.code == -32602
