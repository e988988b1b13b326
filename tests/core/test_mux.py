import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from mcpws.core.mux import Mux
from mcpws.errors import InvalidParams, InvalidRequest, TooManyRequests
from mcpws.jsonrpc.codec import decode, encode
from mcpws.jsonrpc.messages import Message, RequestId

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
VERSION = "io.modelcontextprotocol/protocolVersion"
LISTEN = "subscriptions/listen"


def wire(members: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


def message(**members: Any) -> Message:
    return decode(wire(members))


def call(id: RequestId, *, token: Any = None, method: str = "tools/call", **params: Any) -> Message:
    meta = {VERSION: "2026-07-28"} | ({} if token is None else {"progressToken": token})
    return message(id=id, method=method, params={"_meta": meta, **params})


def raw(text: str) -> Message:
    return decode(text.encode())


def shown(of: Message) -> dict[str, Any]:
    """The message as the peer reads it, which is all of it: nothing is lost on the way."""
    data = encode(of)
    assert encode(decode(data)) == data
    assert replace(decode(data), data=None) == replace(of, data=None)
    found: dict[str, Any] = json.loads(data)
    assert found.pop("jsonrpc") == "2.0"
    return found


def same(one: Any, other: Any) -> bool:
    """Equal in type too: 1 is neither "1" nor true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class Pair:
    """A mux with two members, and what passes as JSON."""

    def __init__(self, **options: Any) -> None:
        self.mux: Mux[str] = Mux(**options)
        self.mux.join("ann")
        self.mux.join("bob")

    def up(self, member: str, sent: Message) -> dict[str, Any] | None:
        passed = self.mux.from_client(member, sent)
        return None if passed is None else shown(passed)

    def down(self, **members: Any) -> list[tuple[str, dict[str, Any]]]:
        return [(member, shown(passed)) for member, passed in self.mux.from_server(message(**members))]

    def ask(self, member: str, id: RequestId, **params: Any) -> int:
        """The number of a request that passes."""
        passed = self.up(member, call(id, **params))
        assert passed is not None
        number = passed["id"]
        assert type(number) is int
        return number


@pytest.fixture
def pair() -> Pair:
    return Pair()


# Requests and their answers.


@pytest.mark.proves("G-7")
def test_two_members_may_use_the_same_id(pair: Pair) -> None:
    first, second = pair.ask("ann", 1), pair.ask("bob", 1)
    assert first != second
    assert pair.down(id=second, result={"for": "bob"}) == [("bob", {"id": 1, "result": {"for": "bob"}})]
    assert pair.down(id=first, result={"for": "ann"}) == [("ann", {"id": 1, "result": {"for": "ann"}})]


@pytest.mark.proves("G-7")
@pytest.mark.parametrize("id", [1, "1", "", 0, -1, 2**70, "ключ", "1.0", 'a"\\\n'], ids=repr)
def test_an_id_comes_back_with_its_type(pair: Pair, id: RequestId) -> None:
    [(_, answer)] = pair.down(id=pair.ask("ann", id), result={})
    assert same(answer, {"id": id, "result": {}})


def test_a_member_may_use_a_number_and_the_string_of_it_together(pair: Pair) -> None:
    number, string = pair.ask("ann", 1), pair.ask("ann", "1")
    assert same([one for _, one in pair.down(id=string, result={})], [{"id": "1", "result": {}}])
    assert same([one for _, one in pair.down(id=number, result={})], [{"id": 1, "result": {}}])


def test_an_error_goes_where_the_request_came_from(pair: Pair) -> None:
    error = {"code": -32000, "message": "nö", "data": {"id": 1}}
    assert pair.down(id=pair.ask("bob", "x"), error=error) == [("bob", {"id": "x", "error": error})]


def test_what_needs_no_change_passes_byte_for_byte(pair: Pair) -> None:
    odd = '{ "progress" : 1.0e2,\t"\\u0061":[1 , {"x":null} ], "x":1, "x":2 }'
    sent = pair.mux.from_client("ann", raw(f'{{"jsonrpc":"2.0","id":"a","method":"m","params":{odd}}}'))
    assert sent is not None
    assert encode(sent) == f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{odd}}}'.encode()
    [(_, answer)] = pair.mux.from_server(raw(f'{{"jsonrpc":"2.0","id":1,"result":{odd}}}'))
    assert encode(answer) == f'{{"jsonrpc":"2.0","id":"a","result":{odd}}}'.encode()


@pytest.mark.proves("M-11")
def test_beside_a_progress_token_everything_passes_byte_for_byte(pair: Pair) -> None:
    odd = '{ "id" : 1.0e2,\t"a":[1 , {"x":null} ] }'
    params = f'{{ "name":{odd}, "_meta":{{"progressToken":"t", "other":{odd}}}}}'
    sent = pair.mux.from_client("ann", raw(f'{{"jsonrpc":"2.0","id":7,"method":"m","params":{params}}}'))
    assert sent is not None
    expected = f'{{"name":{odd},"_meta":{{"progressToken":1,"other":{odd}}}}}'
    assert encode(sent) == f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{expected}}}'.encode()


@pytest.mark.parametrize("params", ["", ',"params":[{"_meta":{"progressToken":1}}]', ',"params":{"progressToken":1}'])
def test_parameters_without_meta_pass_as_they_are(pair: Pair, params: str) -> None:
    sent = pair.mux.from_client("ann", raw(f'{{"jsonrpc":"2.0","id":"a","method":"m"{params}}}'))
    assert sent is not None
    assert encode(sent) == f'{{"jsonrpc":"2.0","id":1,"method":"m"{params}}}'.encode()


def test_an_id_in_use_is_refused_and_the_first_request_stays(pair: Pair) -> None:
    number = pair.ask("ann", 1)
    with pytest.raises(InvalidRequest, match="id in use") as caught:
        pair.up("ann", call(1))
    assert caught.value.id == 1
    assert pair.down(id=number, result={}) == [("ann", {"id": 1, "result": {}})]
    assert pair.ask("ann", 1) != number


@pytest.mark.proves("G-8")
def test_over_the_limit_requests_of_a_member_are_refused_and_those_of_others_are_not() -> None:
    pair = Pair(max_open=2)
    number = pair.ask("ann", 1)
    pair.ask("ann", 2, method=LISTEN)
    for id in (3, "3"):
        with pytest.raises(TooManyRequests):
            pair.up("ann", call(id))
    assert pair.mux.refused == 2
    pair.ask("bob", 1)
    pair.ask("bob", 2)
    pair.down(id=number, result={})
    assert pair.mux.open == 3
    pair.ask("ann", 4)
    assert pair.mux.refused == 2


@pytest.mark.proves("G-7")
@pytest.mark.parametrize("id", [2, "3", "01", "x", None])
def test_an_answer_to_no_open_request_reaches_nobody(pair: Pair, id: Any) -> None:
    assert pair.ask("ann", 1) == 1
    assert pair.down(id=id, error={"code": 1, "message": ""}) == []
    assert pair.mux.dropped == {"answer": 1}
    assert pair.mux.open == 1


def test_a_second_answer_reaches_nobody_even_when_the_id_is_in_use_again(pair: Pair) -> None:
    number = pair.ask("ann", 1)
    pair.down(id=number, result={})
    pair.ask("ann", 1)
    assert pair.down(id=number, result={}) == []
    assert pair.mux.dropped == {"answer": 1}


def test_a_request_of_the_server_is_refused_and_counted(pair: Pair) -> None:
    pair.ask("ann", 1)
    with pytest.raises(InvalidRequest, match="shared") as caught:
        pair.down(id="s", method="sampling/createMessage", params={})
    assert caught.value.id == "s"
    assert pair.mux.dropped == {"request": 1}


# Progress.


@pytest.mark.proves("G-7")
@pytest.mark.parametrize("token", [1, "1", "", 2**70, "ключ"], ids=repr)
def test_a_progress_token_is_the_members_own_again_with_its_type(pair: Pair, token: RequestId) -> None:
    pair.ask("ann", 1, token="other")
    passed = pair.up("bob", call(1, token=token, name="n"))
    assert passed is not None
    assert same(passed["params"], {"_meta": {VERSION: "2026-07-28", "progressToken": 2}, "name": "n"})
    params = {"progressToken": 2, "progress": 0.5, "message": "half"}
    [(member, report)] = pair.down(method="notifications/progress", params=params)
    assert member == "bob"
    assert same(report, {"method": "notifications/progress", "params": params | {"progressToken": token}})


@pytest.mark.parametrize("token", [1, 3, "2", None, 2.5, {}])
def test_progress_of_no_open_request_with_a_token_reaches_nobody(pair: Pair, token: Any) -> None:
    assert pair.ask("ann", 1) == 1
    assert pair.ask("ann", 2, token="t") == 2
    assert pair.down(method="notifications/progress", params={"progressToken": token, "progress": 1}) == []
    assert pair.down(method="notifications/progress") == []
    assert pair.mux.dropped == {"progress": 2}


def test_progress_after_the_answer_reaches_nobody(pair: Pair) -> None:
    number = pair.ask("ann", 1, token="t")
    pair.down(id=number, result={})
    pair.ask("ann", 1, token="t")
    assert pair.down(method="notifications/progress", params={"progressToken": number, "progress": 1}) == []


def test_a_progress_token_in_use_is_refused_within_a_member_only(pair: Pair) -> None:
    number = pair.ask("ann", 1, token="t")
    pair.ask("bob", 1, token="t")
    with pytest.raises(InvalidRequest, match="token in use") as caught:
        pair.up("ann", call(2, token="t"))
    assert caught.value.id == 2
    assert pair.mux.open == 2
    pair.down(id=number, result={})
    pair.ask("ann", 2, token="t")


@pytest.mark.parametrize("token", [1.5, 2.0, True, [], {"a": 1}])
def test_a_progress_token_that_is_none_is_refused(pair: Pair, token: Any) -> None:
    with pytest.raises(InvalidParams, match="progressToken"):
        pair.up("ann", call(1, token=token))
    assert pair.mux.open == 0


@pytest.mark.parametrize(
    "meta",
    [
        '"_meta":{"progressToken":1,"progressToken":"t"}',
        '"_meta":{"progressToken":1},"_meta":{"progressToken":"t"}',
        '"_meta":{"progress\\u0054oken":"t"}',
        '"\\u005fmeta":{"\\u0070rogressToken":"t"}',
    ],
)
def test_no_spelling_smuggles_a_token_through(pair: Pair, meta: str) -> None:
    pair.ask("ann", 1, token="t")
    sent = pair.mux.from_client("bob", raw(f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{{{meta}}}}}'))
    assert sent is not None
    assert encode(sent) == b'{"jsonrpc":"2.0","id":2,"method":"m","params":{"_meta":{"progressToken":2}}}'


def test_a_token_in_front_of_a_second_meta_does_not_pass(pair: Pair) -> None:
    params = '{"_meta":{"progressToken":1},"_meta":{}}'
    sent = pair.mux.from_client("bob", raw(f'{{"jsonrpc":"2.0","id":1,"method":"m","params":{params}}}'))
    assert sent is not None
    assert encode(sent) == b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{}}}'


# Cancellation.


def test_a_cancellation_names_the_request_as_the_server_knows_it(pair: Pair) -> None:
    pair.ask("ann", "1")
    number = pair.ask("bob", "1", token="t")
    cancelled = message(method="notifications/cancelled", params={"requestId": "1", "reason": "r", "_meta": {"a": 1}})
    assert pair.up("bob", cancelled) == {
        "method": "notifications/cancelled",
        "params": {"requestId": number, "reason": "r", "_meta": {"a": 1}},
    }
    assert pair.down(id=number, result={}) == []
    assert pair.down(method="notifications/progress", params={"progressToken": number, "progress": 1}) == []
    pair.ask("bob", "1", token="t")


@pytest.mark.parametrize("params", [{"requestId": 1}, {"requestId": None}, {}, None, {"requestId": "x"}])
def test_a_cancellation_of_nothing_of_the_members_own_goes_nowhere(pair: Pair, params: Any) -> None:
    pair.ask("ann", 1)
    pair.ask("bob", "1")
    assert pair.up("bob", message(method="notifications/cancelled", params=params)) is None
    assert pair.mux.dropped == {"client": 1}
    assert pair.mux.open == 2


@pytest.mark.parametrize(
    "said",
    [
        message(method="notifications/initialized"),
        message(method="notifications/roots/list_changed"),
        message(method="notifications/progress", params={"progressToken": 1, "progress": 1}),
        message(id=1, result={}),
        message(id=1, error={"code": 1, "message": ""}),
    ],
)
def test_what_a_stateless_client_does_not_send_goes_nowhere(pair: Pair, said: Message) -> None:
    assert pair.up("ann", said) is None
    assert pair.mux.dropped == {"client": 1}


# Subscriptions.


def acknowledged(id: Any) -> dict[str, Any]:
    params = {"_meta": {SUBSCRIPTION: id, "a": 1}, "notifications": {"toolsListChanged": True}}
    return {"method": "notifications/subscriptions/acknowledged", "params": params}


@pytest.mark.proves("G-7")
@pytest.mark.parametrize("id", [1, "1", "", 2**70], ids=repr)
def test_a_subscription_has_the_id_of_its_members_request(pair: Pair, id: RequestId) -> None:
    pair.ask("ann", id, method=LISTEN)
    number = pair.ask("bob", id, method=LISTEN)
    [(member, seen)] = pair.down(**acknowledged(number))
    assert member == "bob"
    assert same(seen, acknowledged(id))
    closing = {"resultType": "complete", "_meta": {SUBSCRIPTION: number}}
    [(member, answer)] = pair.down(id=number, result=closing)
    assert member == "bob"
    assert same(answer, {"id": id, "result": {"resultType": "complete", "_meta": {SUBSCRIPTION: id}}})
    assert pair.down(**acknowledged(number)) == []


@pytest.mark.parametrize("result", [{}, {"_meta": {"a": 1}}, {"subscriptionId": 1}, {"_meta": {"subscriptionId": 1}}])
def test_a_closing_result_without_a_subscription_id_passes_as_it_is(pair: Pair, result: Any) -> None:
    number = pair.ask("ann", "s", method=LISTEN)
    assert pair.down(id=number, result=result) == [("ann", {"id": "s", "result": result})]


def test_the_result_of_another_method_is_not_looked_into(pair: Pair) -> None:
    result = {"_meta": {SUBSCRIPTION: 1}}
    assert pair.down(id=pair.ask("ann", "s"), result=result) == [("ann", {"id": "s", "result": result})]


@pytest.mark.parametrize("id", [2, "1", 3, None, 1.5])
def test_a_notification_on_no_open_subscription_reaches_nobody(pair: Pair, id: Any) -> None:
    assert pair.ask("ann", 1, method=LISTEN) == 1
    assert pair.ask("bob", 1) == 2
    assert pair.down(**acknowledged(id)) == []
    assert pair.mux.dropped == {"subscription": 1}


def test_a_cancellation_by_the_server_ends_a_subscription(pair: Pair) -> None:
    number = pair.ask("bob", "s", method=LISTEN)
    params = {"requestId": number, "_meta": {SUBSCRIPTION: number}}
    [(member, seen)] = pair.down(method="notifications/cancelled", params=params)
    assert member == "bob"
    assert same(seen["params"], {"requestId": "s", "_meta": {SUBSCRIPTION: "s"}})
    assert pair.mux.open == 0
    assert pair.down(id=number, result={}) == []


@pytest.mark.parametrize("params", [{"requestId": 1}, {"requestId": "2"}, {"requestId": 3}, {}, None])
def test_a_server_cancels_nothing_but_subscriptions(pair: Pair, params: Any) -> None:
    assert pair.ask("ann", 1) == 1
    assert pair.ask("ann", 2, method=LISTEN) == 2
    assert pair.down(method="notifications/cancelled", params=params) == []
    assert pair.mux.dropped == {"cancelled": 1}
    assert pair.mux.open == 2


# Notifications that name nobody.


@pytest.mark.parametrize(
    "said",
    [
        {"method": "notifications/message", "params": {"level": "info", "data": "secret"}},
        {"method": "notifications/tools/list_changed"},
        {"method": "notifications/tools/list_changed", "params": [1]},
    ],
)
def test_a_notification_that_names_no_request_reaches_nobody(pair: Pair, said: dict[str, Any]) -> None:
    pair.ask("ann", 1)
    assert pair.down(**said) == []
    assert pair.mux.dropped == {"notification": 1}


@pytest.mark.parametrize("params", [{}, {"params": {"_meta": {"a": 1}}}, {"params": {"text": "é subscriptionId"}}])
def test_a_notification_for_all_reaches_every_member_as_it_is(params: dict[str, Any]) -> None:
    pair = Pair(broadcast=["notifications/tools/list_changed"])
    said = {"method": "notifications/tools/list_changed", **params}
    assert pair.down(**said) == [("ann", said), ("bob", said)]
    assert pair.mux.dropped == {}


def test_what_goes_to_all_still_goes_to_its_subscriber_alone() -> None:
    pair = Pair(broadcast=["notifications/tools/list_changed"])
    number = pair.ask("bob", "s", method=LISTEN)
    said = {"method": "notifications/tools/list_changed", "params": {"_meta": {SUBSCRIPTION: number}}}
    assert [member for member, _ in pair.down(**said)] == ["bob"]


# Members and servers that go.


def test_who_leaves_has_everything_cancelled_and_gets_no_more(pair: Pair) -> None:
    numbers = [pair.ask("ann", 1, token="t"), pair.ask("ann", 2, method=LISTEN)]
    stays = pair.ask("bob", 1)
    said = [shown(one) for one in pair.mux.leave("ann")]
    assert [one["method"] for one in said] == ["notifications/cancelled"] * 2
    assert [one["params"]["requestId"] for one in said] == numbers
    assert (pair.mux.open, pair.mux.members) == (1, 1)
    for number in numbers:
        assert pair.down(id=number, result={}) == []
    pair.mux.join("ann")
    assert pair.ask("ann", 1, token="t") not in (*numbers, stays)
    assert pair.down(id=stays, result={}) == [("bob", {"id": 1, "result": {}})]


def test_when_the_server_is_lost_everybody_learns_what_was_open(pair: Pair) -> None:
    old = pair.ask("ann", "1", token="t")
    pair.ask("bob", 1, method=LISTEN)
    assert same(pair.mux.lost(), [["ann", "1"], ["bob", 1]])
    assert pair.mux.open == 0
    assert pair.mux.lost() == []
    # The next server begins with none of the old numbers.
    assert pair.ask("ann", "1", token="t") > old
    assert pair.down(id=old, result={}) == []


def test_whose_request_a_message_names_can_be_told_beforehand(pair: Pair) -> None:
    number = pair.ask("ann", "1", token="t")
    listens = pair.ask("bob", 1, method=LISTEN)
    about = {"_meta": {SUBSCRIPTION: listens}}
    cases: list[tuple[str | None, dict[str, Any]]] = [
        ("ann", {"id": number, "result": {}}),
        ("bob", {"id": listens, "error": {"code": 1, "message": ""}}),
        ("ann", {"method": "notifications/progress", "params": {"progressToken": number}}),
        ("bob", {"method": "notifications/cancelled", "params": {"requestId": listens}}),
        ("bob", {"method": "notifications/resources/updated", "params": about}),
        (None, {"method": "notifications/resources/updated"}),
        (None, {"method": "notifications/progress", "params": {"progressToken": "t"}}),
        (None, {"id": 99, "result": {}}),
        (None, {"id": None, "error": {"code": 1, "message": ""}}),
        (None, {"id": 1, "method": "ping"}),
    ]
    for owner, members in cases:
        assert pair.mux.owner(message(**members)) == owner
    assert pair.mux.open == 2


def test_what_has_an_answer_already_outlives_the_server_and_is_not_cancelled(pair: Pair) -> None:
    done, open = pair.ask("ann", "done", token="t"), pair.ask("ann", "open")
    other = pair.ask("bob", 1)
    assert pair.mux.lost({done}) == [("ann", "open"), ("bob", 1)]
    assert pair.down(id=open, result={}) == pair.down(id=other, result={}) == []
    assert pair.down(id=done, result={}) == [("ann", {"id": "done", "result": {}})]
    done, open = pair.ask("ann", "done"), pair.ask("ann", "open")
    assert [shown(one)["params"]["requestId"] for one in pair.mux.leave("ann", {done})] == [open]
    assert pair.mux.open == 0


# Any interleaving.

MEMBERS = ["ann", "bob", "cyd", "dan"]
ids = st.sampled_from([1, "1", "", 0, 2, "2", -1, 2**70, "ключ", "1.0"])
tokens = st.none() | ids
methods = st.sampled_from(["tools/call", "tools/call", LISTEN])
ARGUMENTS = '{ "n" : %d, "s":"\\u00e9 progressToken" , "x":[1.0,  {}]}'


class History(RuleBasedStateMachine):
    """Plays the clients and the server; what is open it knows from what it saw pass."""

    def __init__(self) -> None:
        super().__init__()
        self.mux: Mux[str] = Mux(max_open=2, broadcast=["all"])
        self.members: list[str] = []
        self.open: dict[int, tuple[str, RequestId, RequestId | None, bool]] = {}
        self.numbers: list[int] = []
        self.dropped: Counter[str] = Counter()
        self.nonce = 0

    def received(self, members: dict[str, Any], encoded: bool) -> Message:
        """A message as it comes from a peer, or made here."""
        found = decode(wire(members))
        return found if encoded else replace(found, data=None)

    def hand_down(self, members: dict[str, Any], encoded: bool, expected: list[tuple[str, dict[str, Any]]]) -> None:
        taken = self.mux.from_server(self.received(members, encoded))
        assert same([(to, shown(one)) for to, one in taken], expected)

    def number(self, data: st.DataObject) -> int:
        """One that was ever used, or none such."""
        return data.draw(st.sampled_from([*self.numbers, 0, -1, (self.numbers or [0])[-1] + 1]))

    @initialize()
    def two_come(self) -> None:
        self.comes("ann")
        self.comes("bob")

    @rule(member=st.sampled_from(MEMBERS))
    def comes(self, member: str) -> None:
        if member not in self.members:
            self.mux.join(member)
            self.members.append(member)

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def goes(self, data: st.DataObject) -> None:
        member = data.draw(st.sampled_from(self.members))
        self.members.remove(member)
        expected = [number for number, (owner, *_) in self.open.items() if owner == member]
        assert [shown(one)["params"]["requestId"] for one in self.mux.leave(member)] == expected
        for number in expected:
            del self.open[number]

    @precondition(lambda self: self.members)
    @rule(data=st.data(), id=ids, token=tokens, method=methods, encoded=st.booleans())
    def client_asks(
        self, data: st.DataObject, id: RequestId, token: RequestId | None, method: str, encoded: bool
    ) -> None:
        member = data.draw(st.sampled_from(self.members))
        mine = [one for one in self.open.values() if one[0] == member]
        self.nonce += 1
        arguments = ARGUMENTS % self.nonce
        meta = "{}" if token is None else json.dumps({"a": 1, "progressToken": token})
        head = f'"id":{json.dumps(id)},"method":"{method}"'
        sent = raw(f'{{"jsonrpc":"2.0",{head},"params":{{"_meta":{meta},"arguments":{arguments}}}}}')
        sent = sent if encoded else replace(sent, data=None)
        ids_used = any(same(id, one[1]) for one in mine)
        tokens_used = token is not None and any(same(token, one[2]) for one in mine)
        if ids_used or tokens_used or len(mine) == 2:
            with pytest.raises((InvalidRequest, TooManyRequests)):
                self.mux.from_client(member, sent)
            return
        passed = self.mux.from_client(member, sent)
        assert passed is not None
        seen = shown(passed)
        number = seen["id"]
        assert type(number) is int
        assert number not in self.numbers
        expected = shown(sent) | {"id": number}
        if token is not None:
            expected["params"]["_meta"]["progressToken"] = number
        assert same(seen, expected)
        assert arguments.encode() in encode(passed)
        self.numbers.append(number)
        self.open[number] = (member, id, token, method == LISTEN)

    @precondition(lambda self: self.members)
    @rule(data=st.data(), id=ids, encoded=st.booleans())
    def client_cancels(self, data: st.DataObject, id: RequestId, encoded: bool) -> None:
        member = data.draw(st.sampled_from(self.members))
        cancelled = {"method": "notifications/cancelled", "params": {"requestId": id, "reason": "é"}}
        passed = self.mux.from_client(member, self.received(cancelled, encoded))
        found = [number for number, one in self.open.items() if one[0] == member and same(one[1], id)]
        if not found:
            assert passed is None
            self.dropped["client"] += 1
            return
        [number] = found
        assert passed is not None
        assert same(shown(passed), {**cancelled, "params": {"requestId": number, "reason": "é"}})
        del self.open[number]

    @precondition(lambda self: self.members)
    @rule(data=st.data(), id=ids)
    def client_says_what_it_should_not(self, data: st.DataObject, id: RequestId) -> None:
        member = data.draw(st.sampled_from(self.members))
        choices: list[dict[str, Any]] = [{"id": id, "result": {}}, {"method": "notifications/progress"}]
        said = data.draw(st.sampled_from(choices))
        assert self.mux.from_client(member, message(**said)) is None
        self.dropped["client"] += 1

    @rule(data=st.data(), fails=st.booleans(), as_string=st.booleans(), encoded=st.booleans())
    def server_answers(self, data: st.DataObject, fails: bool, as_string: bool, encoded: bool) -> None:
        number = self.number(data)
        outcome: dict[str, Any] = {"result": {"_meta": {SUBSCRIPTION: number}, "n": number}}
        if fails:
            outcome = {"error": {"code": number, "message": "é"}}
        one = self.open.pop(number, None)
        expected = []
        if one is None:
            self.dropped["answer"] += 1
        else:
            member, id, _, listens = one
            there = {"result": {"_meta": {SUBSCRIPTION: id}, "n": number}} if listens and not fails else outcome
            expected.append((member, {"id": id, **there}))
        self.hand_down({"id": str(number) if as_string else number, **outcome}, encoded, expected)

    @rule(data=st.data(), as_string=st.booleans(), encoded=st.booleans())
    def server_reports(self, data: st.DataObject, as_string: bool, encoded: bool) -> None:
        number = self.number(data)
        token = str(number) if as_string else number
        report = {"method": "notifications/progress", "params": {"progressToken": token, "progress": number}}
        one = None if as_string else self.open.get(number)
        expected = []
        if one is None or one[2] is None:
            self.dropped["progress"] += 1
        else:
            expected.append((one[0], {**report, "params": {"progressToken": one[2], "progress": number}}))
        self.hand_down(report, encoded, expected)

    @rule(data=st.data(), as_string=st.booleans(), encoded=st.booleans())
    def server_tells_subscribers(self, data: st.DataObject, as_string: bool, encoded: bool) -> None:
        number = self.number(data)
        said = {"method": "n", "params": {"uri": "é", "_meta": {SUBSCRIPTION: str(number) if as_string else number}}}
        one = None if as_string else self.open.get(number)
        expected = []
        if one is None or not one[3]:
            self.dropped["subscription"] += 1
        else:
            expected.append((one[0], {"method": "n", "params": {"uri": "é", "_meta": {SUBSCRIPTION: one[1]}}}))
        self.hand_down(said, encoded, expected)

    @rule(data=st.data(), encoded=st.booleans())
    def server_cancels(self, data: st.DataObject, encoded: bool) -> None:
        number = self.number(data)
        one = self.open.get(number)
        expected = []
        if one is None or not one[3]:
            self.dropped["cancelled"] += 1
        else:
            del self.open[number]
            expected.append((one[0], {"method": "notifications/cancelled", "params": {"requestId": one[1]}}))
        self.hand_down({"method": "notifications/cancelled", "params": {"requestId": number}}, encoded, expected)

    @rule(level=st.booleans(), encoded=st.booleans())
    def server_tells_nobody_in_particular(self, level: bool, encoded: bool) -> None:
        said = {"method": "notifications/message" if level else "all", "params": {"data": {"id": 1}}}
        self.dropped["notification"] += level
        self.hand_down(said, encoded, [] if level else [(member, said) for member in self.members])

    @rule(id=ids)
    def server_asks(self, id: RequestId) -> None:
        with pytest.raises(InvalidRequest):
            self.mux.from_server(message(id=id, method="roots/list"))
        self.dropped["request"] += 1

    @rule()
    def server_is_lost(self) -> None:
        assert same(self.mux.lost(), [one[:2] for one in self.open.values()])
        self.open.clear()

    @invariant()
    def the_tables_hold_no_more_than_is_open(self) -> None:
        assert self.mux.open == len(self.open)
        assert self.mux.members == len(self.members)
        assert +self.mux.dropped == +self.dropped


@pytest.mark.proves("G-7")
def test_in_any_interleaving_each_message_reaches_exactly_its_own_member() -> None:
    run_state_machine_as_test(History, settings=settings(deadline=None, stateful_step_count=40))
