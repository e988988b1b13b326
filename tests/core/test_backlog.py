import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from mcpws.core.backlog import OVERHEAD, Backlog, held_bytes, kind_of
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Error, ErrorObject, Message, Notification, Request, RequestId, Result, to_raw


def progress(token: RequestId, value: int = 1) -> Notification:
    return Notification("notifications/progress", to_raw({"progressToken": token, "progress": value}))


def taken(backlog: Backlog) -> list[Message]:
    return [backlog.take() for _ in range(len(backlog))]


def test_messages_are_taken_in_the_order_they_came() -> None:
    backlog = Backlog()
    messages: list[Message] = [Result(1, Raw(b"{}")), Notification("n"), Request(1, "m"), Notification("n")]
    for message in messages:
        backlog.add(message)
    assert len(backlog) == 4
    assert taken(backlog) == messages
    assert (len(backlog), backlog.size) == (0, 0)
    with pytest.raises(KeyError):
        backlog.take()


def test_of_the_progress_of_one_request_the_latest_is_kept_where_it_came() -> None:
    backlog = Backlog()
    other = Notification("n")
    for message in (progress(1), progress("1"), other, progress(1, 2), progress(1, 3)):
        backlog.add(message)
    assert backlog.coalesced == 2
    assert taken(backlog) == [progress("1"), other, progress(1, 3)]
    assert backlog.size == 0


def test_progress_that_was_taken_is_not_overtaken() -> None:
    backlog = Backlog()
    backlog.add(progress(0))
    assert backlog.take() == progress(0)
    backlog.add(progress(0, 2))
    assert taken(backlog) == [progress(0, 2)]
    assert backlog.coalesced == 0


def test_a_token_is_not_taken_for_a_place() -> None:
    backlog = Backlog()
    for message in (Notification("n"), progress(0), Notification("n"), progress(1)):
        backlog.add(message)
    assert len(backlog) == 4


def test_progress_without_a_token_is_a_message_like_any_other() -> None:
    backlog = Backlog()
    backlog.add(Notification("notifications/progress"))
    backlog.add(Notification("notifications/progress"))
    assert len(backlog) == 2


@pytest.mark.parametrize(
    ("message", "bytes"),
    [
        (Result(1, Raw(b'{"a":1}')), 7),
        (Request(1, "m", Raw(b"{}")), 2),
        (Request(1, "m"), 0),
        (Notification("n", Raw(b"[1]")), 3),
        (Error(1, ErrorObject(1, "four")), 4),
        (Error(1, ErrorObject(1, "four", Raw(b"[1]"))), 7),
    ],
)
def test_the_size_is_what_the_messages_hold(message: Message, bytes: int) -> None:
    backlog = Backlog()
    backlog.add(message)
    assert backlog.size == OVERHEAD + bytes
    backlog.add(message)
    assert backlog.size == 2 * (OVERHEAD + bytes)
    backlog.clear()
    assert (len(backlog), backlog.size) == (0, 0)


@given(st.lists(st.sampled_from(["take", "other", 0, 1, "1", ""])))
def test_in_any_order_nothing_but_overtaken_progress_is_lost(steps: list[RequestId]) -> None:
    backlog = Backlog()
    model: list[tuple[RequestId, Notification]] = []
    for number, step in enumerate(steps):
        if step == "take":
            if model:
                assert backlog.take() == model.pop(0)[1]
            continue
        if step == "other":
            message = Notification("n", to_raw([number]))
        else:
            message = progress(step, number)
            model = [one for one in model if (one[0], type(one[0])) != (step, type(step))]
        model.append((step, message))
        backlog.add(message)
        assert backlog.size == sum(OVERHEAD + len(bytes(one.params or b"")) for _, one in model)
    assert taken(backlog) == [one for _, one in model]


def changed(things: str, **params: object) -> Notification:
    return Notification(f"notifications/{things}/list_changed", to_raw(params))


def test_that_a_list_has_changed_is_kept_once_for_each_subscription() -> None:
    backlog = Backlog()
    mine: object = {"io.modelcontextprotocol/subscriptionId": "1"}
    theirs: object = {"io.modelcontextprotocol/subscriptionId": 1}
    backlog.add(changed("tools"))
    for meta in (mine, theirs, {}, mine):
        backlog.add(changed("tools", _meta=meta))
    backlog.add(changed("prompts"))
    assert backlog.coalesced == 2
    assert taken(backlog) == [
        changed("tools", _meta=theirs),
        changed("tools", _meta={}),
        changed("tools", _meta=mine),
        changed("prompts"),
    ]


@pytest.mark.parametrize("meta", [1, {"io.modelcontextprotocol/subscriptionId": 1.5}])
def test_a_change_for_who_knows_whom_is_a_message_like_any_other(meta: object) -> None:
    assert kind_of(changed("tools", _meta=meta)) is None


def test_other_messages_are_not_overtaken() -> None:
    assert kind_of(Notification("notifications/resources/updated")) is None
    assert kind_of(Request(1, "notifications/progress", to_raw({"progressToken": 1}))) is None


def test_what_may_be_overtaken_can_be_dropped_by_whom_it_is_for() -> None:
    def changed(id: RequestId | None) -> Notification:
        meta = {} if id is None else {"io.modelcontextprotocol/subscriptionId": id}
        return Notification("notifications/tools/list_changed", to_raw({"_meta": meta}))

    backlog = Backlog()
    kept: list[Message] = [progress(2), progress("1"), changed(1), changed("2"), changed(None), Result(2, Raw(b"{}"))]
    for message in (progress(1), *kept, changed(2)):
        backlog.add(message)
    # The token of a request is not its id.
    assert backlog.drop(1, 2) == 2
    assert backlog.drop(None, 7) == 0
    assert taken(backlog) == kept
    assert backlog.size == 0


def test_a_message_that_came_takes_what_it_came_in() -> None:
    data = b'{"jsonrpc":"2.0","method":"notifications/x"}'
    assert held_bytes(decode(data)) == OVERHEAD + len(data)
