from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec import Raw
from msgspec.structs import replace

from mcpws.core.ledger import Ledger, cancelled_id, reported_token
from mcpws.core.lifecycle import Phase
from mcpws.errors import InvalidParams, InvalidRequest, RpcError
from mcpws.jsonrpc.codec import decode, encode
from mcpws.jsonrpc.messages import (
    Answer,
    Error,
    ErrorObject,
    Message,
    Notification,
    Request,
    RequestId,
    Result,
    to_raw,
)
from mcpws.mcp.meta import PROTOCOL_VERSION, read_meta

REFUSED = ErrorObject(-32603, "no")


def request(id: RequestId, method: str = "tools/call", token: object = None) -> Request:
    if token is None:
        return Request(id, method)
    return Request(id, method, to_raw({"name": "x", "_meta": {"progressToken": token}}))


def result(id: RequestId) -> Result:
    return Result(id, Raw(b"{}"))


def cancelled(id: object) -> Notification:
    return Notification("notifications/cancelled", to_raw({"requestId": id, "reason": "late"}))


def progress(token: object) -> Notification:
    return Notification("notifications/progress", to_raw({"progressToken": token, "progress": 1}))


@pytest.fixture
def ledger() -> Ledger:
    """One whose client has initialized."""
    ledger = Ledger()
    assert ledger.from_client(request("first", "initialize"))
    assert ledger.to_client(result("first"))
    return ledger


# What parameters say.


@pytest.mark.proves("P-2", "mcp/2025-11-25/basic/utilities/progress#tokens")
@pytest.mark.parametrize(
    ("params", "token"),
    [
        (None, None),
        (b"{}", None),
        (b"[]", None),
        (b'["progressToken"]', None),
        (b'{"progressToken":1}', None),
        (b'{"_meta":{}}', None),
        (b'{"_meta":null,"a":"progressToken"}', None),
        (b'{"_meta":{"other":1},"progressToken":2}', None),
        (b'{"_meta":{"progressToken":1}}', 1),
        (b'{"_meta":{"progressToken":"1"}}', "1"),
        (b'{"name":"x", "_meta" : { "progressToken" : "\\u00e9", "a": [] } }', "é"),
        (b'{"_meta":{"progressToken":1.5}}', None),
        (b'{"_meta":{"progressToken":true}}', None),
        (b'{"_meta":{"progressToken":null}}', None),
    ],
)
def test_a_progress_token_is_read_where_it_is_a_usable_one(params: bytes | None, token: RequestId | None) -> None:
    made = Request(7, "tools/call", None if params is None else Raw(params))
    for message in (made, decode(encode(made))):
        assert isinstance(message, Request)
        assert read_meta(message).progress_token == token
        assert type(read_meta(message).progress_token) is type(token)


@pytest.mark.parametrize(
    ("params", "id"),
    [
        (None, None),
        (b"{}", None),
        (b"[1]", None),
        (b'{"NAME":null}', None),
        (b'{"NAME":1.5}', None),
        (b'{"NAME":1}', 1),
        (b'{"NAME":"1","other":[]}', "1"),
    ],
)
def test_what_a_notification_is_about_is_read_where_it_says(params: bytes | None, id: RequestId | None) -> None:
    def notification(name: bytes) -> Notification:
        return Notification("a", None if params is None else Raw(params.replace(b"NAME", name)))

    assert cancelled_id(notification(b"requestId")) == id
    assert type(cancelled_id(notification(b"requestId"))) is type(id)
    assert reported_token(notification(b"progressToken")) == id
    assert type(reported_token(notification(b"progressToken"))) is type(id)


# Requests of the client.


def test_a_request_is_open_until_it_is_answered(ledger: Ledger) -> None:
    assert ledger.from_client(request(1, token="t"))
    assert ledger.inbound == {1: "t"}
    assert ledger.to_client(result(1))
    assert ledger.inbound == {}
    assert not ledger.to_client(result(1))
    assert ledger.counters.dropped == 1


def test_an_error_answers_a_request_as_well(ledger: Ledger) -> None:
    ledger.from_client(request(1))
    assert ledger.to_client(Error(1, REFUSED))
    assert not ledger.to_client(Error(1, REFUSED))
    assert ledger.counters.dropped == 1


@pytest.mark.proves("I-3", "mcp/2025-11-25/basic#unique-ids")
def test_an_id_in_use_is_refused_and_not_disturbed(ledger: Ledger) -> None:
    ledger.from_client(request(1, token="a"))
    with pytest.raises(InvalidRequest, match="id in use") as caught:
        ledger.from_client(request(1, token="b"))
    assert caught.value.id == 1
    assert ledger.inbound == {1: "a"}
    assert ledger.to_client(progress("a"))
    assert not ledger.to_client(progress("b"))
    assert ledger.to_client(result(1))


@pytest.mark.proves("P-2", "mcp/2025-11-25/basic/utilities/progress#tokens")
def test_a_progress_token_in_use_is_refused_and_not_disturbed(ledger: Ledger) -> None:
    ledger.from_client(request(1, token="a"))
    with pytest.raises(InvalidRequest, match="token in use") as caught:
        ledger.from_client(request(2, token="a"))
    assert caught.value.id == 2
    assert ledger.inbound == {1: "a"}
    assert ledger.to_client(progress("a"))


@pytest.mark.proves("I-2", "P-2")
def test_ids_and_tokens_of_different_type_are_different(ledger: Ledger) -> None:
    assert ledger.from_client(request(1, token=1))
    assert ledger.from_client(request("1", token="1"))
    assert ledger.to_client(result("1"))
    assert ledger.inbound == {1: 1}
    assert ledger.to_client(progress(1))
    assert not ledger.to_client(progress("1"))


@pytest.mark.proves(
    "P-1", "mcp/2025-11-25/basic/utilities/progress#active", "mcp/2026-07-28/basic/patterns/progress#active"
)
def test_progress_passes_until_the_answer(ledger: Ledger) -> None:
    assert not ledger.to_client(progress("t"))
    ledger.from_client(request(1, token="t"))
    assert ledger.to_client(progress("t"))
    assert ledger.to_client(progress("t"))
    assert not ledger.to_client(progress(1))
    assert not ledger.to_client(Notification("notifications/progress"))
    ledger.to_client(result(1))
    assert not ledger.to_client(progress("t"))
    assert ledger.counters.dropped == 4


def test_whose_progress_a_token_is_for_is_known_while_the_request_is_open(ledger: Ledger) -> None:
    ledger.from_client(request("a", token=1))
    assert [ledger.reported_by(token) for token in (1, "1", None)] == ["a", None, None]
    ledger.to_client(result("a"))
    assert ledger.reported_by(1) is None


def test_an_id_and_its_token_are_free_after_the_answer(ledger: Ledger) -> None:
    for _ in range(2):
        assert ledger.from_client(request(1, token="t"))
        assert ledger.to_client(progress("t"))
        assert ledger.to_client(result(1))


@pytest.mark.proves(
    "C-1",
    "mcp/2025-11-25/basic/utilities/cancellation#race",
    "mcp/2025-11-25/basic/utilities/cancellation#stops",
    "mcp/2026-07-28/basic/patterns/cancellation#notification",
)
def test_a_cancelled_request_gets_neither_progress_nor_answer(ledger: Ledger) -> None:
    ledger.from_client(request(1, token="t"))
    assert ledger.from_client(cancelled(1))
    assert ledger.inbound == {}
    assert not ledger.to_client(progress("t"))
    assert not ledger.to_client(result(1))
    assert ledger.counters.dropped == 2


@pytest.mark.proves("C-2", "mcp/2025-11-25/basic/utilities/cancellation#unknown")
@pytest.mark.parametrize("id", [1, "2", None, 1.5])
def test_what_is_not_open_cannot_be_cancelled(ledger: Ledger, id: object) -> None:
    ledger.from_client(request(2))
    assert not ledger.from_client(cancelled(id))
    assert ledger.inbound == {2: None}
    assert ledger.counters.dropped == 1


def test_other_notifications_pass_both_ways(ledger: Ledger) -> None:
    note = Notification("notifications/message")
    assert ledger.from_client(note)
    assert ledger.to_client(note)
    assert ledger.counters.dropped == 0


def test_an_error_that_is_about_no_request_reaches_the_client(ledger: Ledger) -> None:
    assert ledger.to_client(Error(None, REFUSED))
    assert ledger.counters.dropped == 0


# Initialisation.


def test_no_request_but_ping_passes_before_initialize() -> None:
    ledger = Ledger()
    with pytest.raises(InvalidParams, match="protocolVersion"):
        ledger.from_client(request(1))
    assert ledger.inbound == {}
    assert ledger.from_client(request(1, "ping"))
    assert ledger.from_client(Notification("notifications/initialized"))
    assert ledger.phase is Phase.NEW


@pytest.mark.proves("C-3", "mcp/2025-11-25/basic/utilities/cancellation#not-initialize")
def test_initialize_cannot_be_cancelled() -> None:
    ledger = Ledger()
    ledger.from_client(request(1, "initialize"))
    assert not ledger.from_client(cancelled(1))
    assert ledger.to_client(result(1))
    assert ledger.phase is Phase.READY


def test_the_id_of_initialize_is_an_id_like_any_other_afterwards(ledger: Ledger) -> None:
    assert ledger.from_client(request("first"))
    assert ledger.from_client(cancelled("first"))
    assert ledger.phase is Phase.READY


@pytest.mark.proves("V-3")
def test_initialize_may_be_tried_again_after_an_error() -> None:
    ledger = Ledger()
    ledger.from_client(request(1, "initialize"))
    assert ledger.to_client(Error(1, REFUSED))
    assert ledger.phase is Phase.NEW
    assert ledger.from_client(request(2, "initialize"))


@pytest.mark.proves("V-3")
def test_a_second_initialize_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InvalidRequest, match="Already initialized"):
        ledger.from_client(request(2, "initialize"))
    assert ledger.inbound == {}


# Requests of the server.


def test_a_request_of_the_server_is_answered_once(ledger: Ledger) -> None:
    assert ledger.to_client(request(1, "sampling/createMessage"))
    assert list(ledger.outbound) == [1]
    assert not ledger.to_client(request(1, "roots/list"))
    assert ledger.from_client(result(1))
    assert not ledger.from_client(result(1))
    assert ledger.counters.dropped == 2


@pytest.mark.proves("I-4")
def test_ids_of_both_sides_have_nothing_to_do_with_each_other(ledger: Ledger) -> None:
    ledger.from_client(request(1))
    ledger.to_client(request(1, "roots/list"))
    assert ledger.from_client(Error(1, REFUSED))
    assert ledger.inbound == {1: None}
    assert ledger.to_client(result(1))


@pytest.mark.proves("M-10")
def test_an_answer_to_nothing_does_not_reach_the_server(ledger: Ledger) -> None:
    assert not ledger.from_client(result(1))
    assert not ledger.from_client(Error(None, REFUSED))
    assert ledger.counters.dropped == 2


@pytest.mark.proves("C-4")
def test_a_server_may_cancel_its_own_requests_only(ledger: Ledger) -> None:
    ledger.from_client(request(1))
    ledger.to_client(request(2, "roots/list"))
    assert not ledger.to_client(cancelled(1))
    assert not ledger.to_client(cancelled(None))
    assert ledger.to_client(cancelled(2))
    assert not ledger.from_client(result(2))
    assert ledger.inbound == {1: None}
    assert ledger.counters.dropped == 3


# The end.


# Requests that stand for themselves.


def modern(id: RequestId, method: str = "tools/call") -> Request:
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "progressToken": id}
    return Request(id, method, to_raw({"_meta": meta}))


@pytest.mark.proves("V-1", "mcp/2026-07-28/basic#meta")
def test_a_modern_request_needs_no_handshake_and_makes_none() -> None:
    ledger = Ledger()
    assert ledger.from_client(modern(1))
    assert (ledger.modern, ledger.phase) == (True, Phase.NEW)
    assert ledger.to_client(progress(1))
    assert ledger.to_client(result(1))
    with pytest.raises(InvalidParams, match="protocolVersion"):
        ledger.from_client(request(2))


@pytest.mark.proves("V-5", "mcp/2026-07-28/basic/versioning#dual-era")
def test_a_modern_initialize_begins_nothing() -> None:
    ledger = Ledger()
    assert ledger.from_client(modern(1, "initialize"))
    assert ledger.to_client(result(1))
    assert ledger.phase is Phase.NEW


@pytest.mark.proves("N-1", "N-3")
def test_who_listens_is_not_busy() -> None:
    ledger = Ledger()
    assert ledger.from_client(modern(1, "subscriptions/listen"))
    assert ledger.from_client(modern(2))
    assert (ledger.busy, list(ledger.listening)) == (1, [1])
    assert ledger.to_client(result(1))
    assert (ledger.busy, list(ledger.listening)) == (1, [])


@pytest.mark.proves("C-4", "N-3", "mcp/2026-07-28/basic/patterns/cancellation#servers")
def test_a_server_may_end_a_subscription_but_no_other_request() -> None:
    ledger = Ledger()
    assert ledger.from_client(modern(1, "subscriptions/listen"))
    assert ledger.from_client(modern(2))
    assert not ledger.to_client(cancelled(2))
    assert ledger.to_client(cancelled(1))
    assert not ledger.to_client(result(1))
    assert ledger.to_client(result(2))


@pytest.mark.proves("N-1", "V-15")
@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen"])
@pytest.mark.parametrize("phase", Phase)
def test_a_method_that_no_earlier_version_has_needs_its_version_whatever_came_before(method: str, phase: Phase) -> None:
    ledger = Ledger()
    if phase is not Phase.NEW:
        ledger.from_client(request(1, "initialize"))
    if phase is Phase.READY:
        ledger.to_client(result(1))
    with pytest.raises(InvalidParams, match=r"protocolVersion: is required$") as caught:
        ledger.from_client(request(2, method))
    assert caught.value.data == {"path": f"$._meta.{PROTOCOL_VERSION}", "reason": "is required"}
    assert (ledger.phase, ledger.modern, ledger.listening) == (phase, False, {})
    assert ledger.from_client(modern(2, method))


@pytest.mark.proves("B-1", "V-4")
@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (Result(1, to_raw({"protocolVersion": "2025-03-26"})), "2025-03-26"),
        (Result(1, to_raw({"protocolVersion": 1})), None),
        (Result(1, to_raw([])), None),
        (Error(1, REFUSED), None),
    ],
)
def test_the_version_is_what_the_answer_to_initialize_says(answer: Result | Error, version: str | None) -> None:
    ledger = Ledger()
    assert ledger.from_client(request(1, "initialize"))
    assert ledger.to_client(answer)
    assert ledger.version == version


def test_who_listens_is_abandoned_as_well() -> None:
    ledger = Ledger()
    assert ledger.from_client(modern(1, "subscriptions/listen"))
    assert ledger.abandon() == [1]
    assert not ledger.listening


def test_what_is_abandoned_needs_an_error_each(ledger: Ledger) -> None:
    ledger.from_client(request(1, token="t"))
    ledger.from_client(request("1"))
    ledger.to_client(request(5, "roots/list"))
    assert ledger.abandon() == [1, "1"]
    assert ledger.abandon() == []
    assert not ledger.to_client(result(1))
    assert not ledger.to_client(progress("t"))
    assert not ledger.from_client(result(5))
    assert ledger.phase is Phase.READY


def test_an_abandoned_initialize_may_be_tried_again() -> None:
    ledger = Ledger()
    ledger.from_client(request(1, "initialize"))
    assert ledger.abandon() == [1]
    assert ledger.phase is Phase.NEW
    assert ledger.from_client(request(1, "initialize"))


def test_an_abandoned_initialize_leaves_no_trace_on_its_id() -> None:
    ledger = Ledger()
    ledger.from_client(request(1, "initialize"))
    ledger.abandon()
    ledger.from_client(request(1, "ping"))
    assert ledger.from_client(cancelled(1))


# Any interleaving.


@pytest.mark.proves("L-20")
@pytest.mark.parametrize(
    ("id", "token", "fits"),
    [
        ("x" * 60, "y" * 40, True),
        ("x" * 61, "y" * 40, False),
        ("x" * 100, None, True),
        ("x" * 101, 7, False),
        ("é" * 50, None, True),
        ("é" * 51, None, False),
        (1, "y" * 101, False),
        (10**300, 10**300, True),
    ],
    ids=range(8),
)
def test_an_id_and_a_token_may_have_only_so_many_bytes_together(id: RequestId, token: Any, fits: bool) -> None:
    ledger = Ledger(max_name_size=100)
    ledger.from_client(request(0, "initialize"))
    ledger.to_client(result(0))
    if fits:
        assert ledger.from_client(request(id, token=token))
    else:
        with pytest.raises(InvalidRequest, match="Invalid Request") as caught:
            ledger.from_client(request(id, token=token))
        assert caught.value.id == id
        assert caught.value.data == {"reason": "id, progress token, URI and name have more than 100 bytes together"}
        # Nothing of it is kept, and shorter ones may come.
        assert ledger.from_client(request(1, token="y"))
    assert (len(ledger.inbound), ledger.counters.too_long) == (1, not fits)


@pytest.mark.proves("L-20")
@pytest.mark.parametrize(
    ("method", "params", "fits"),
    [
        ("resources/read", {"uri": "x" * 70}, True),
        ("resources/read", {"uri": "x" * 90}, False),
        ("resources/subscribe", {"uri": "x" * 90}, False),
        ("prompts/get", {"name": "x" * 90}, False),
        ("prompts/get", {"name": "x" * 40, "uri": "x" * 40}, False),
        ("prompts/get", {"name": "x", "arguments": {"uri": "x" * 1000}}, True),
        ("prompts/get", {"name": 7, "arguments": "x" * 1000}, True),
        ("tools/call", {"name": "x", "arguments": {"uri": "x" * 1000}}, True),
    ],
)
def test_so_has_what_a_request_names(method: str, params: dict[str, Any], fits: bool) -> None:
    ledger = Ledger(max_name_size=100)
    ledger.from_client(request(0, "initialize"))
    ledger.to_client(result(0))
    asked = Request("i" * 20, method, to_raw(params))
    if fits:
        assert ledger.from_client(asked)
    else:
        with pytest.raises(InvalidRequest):
            ledger.from_client(asked)
    assert ledger.counters.too_long == (not fits)


ids = st.sampled_from([1, 2, 3, "1", "2"])
tokens = st.sampled_from([None, None, "t", 1, "1"])
methods = st.sampled_from(["initialize", "ping", "server/discover", "tools/call", "tools/call"])
nothing: st.SearchStrategy[Any] = st.sampled_from([None, 1.5, True, [], {}])


class History(RuleBasedStateMachine):
    """Keeps every message that passed, and works out of those alone what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.passed: list[tuple[str, Message]] = []
        self.dropped = 0

    def openings(self, side: str) -> list[Request]:
        """Requests of this side that nothing which passed since has settled."""
        other = "server" if side == "client" else "client"
        found: dict[RequestId, Request] = {}
        for sender, message in self.passed:
            if sender == side and isinstance(message, Request):
                assert message.id not in found
                found[message.id] = message
            elif sender == side and isinstance(message, Notification):
                if message.method == "notifications/cancelled":
                    id = cancelled_id(message)
                    assert id is not None
                    assert found.pop(id).method != "initialize"
            elif sender == other and isinstance(message, Result | Error) and message.id is not None:
                del found[message.id]
        return list(found.values())

    def open_ids(self, side: str) -> list[RequestId]:
        return [one.id for one in self.openings(side)]

    def open_tokens(self) -> list[RequestId]:
        found = [read_meta(one).progress_token for one in self.openings("client")]
        return [token for token in found if token is not None]

    def phase(self) -> Phase:
        phase, id = Phase.NEW, None
        for side, message in self.passed:
            if isinstance(message, Request) and message.method == "initialize":
                phase, id = Phase.INITIALIZING, message.id
            elif side == "server" and isinstance(message, Result | Error) and message.id == id is not None:
                phase = Phase.READY if isinstance(message, Result) else Phase.NEW
                id = None
        return phase

    def hand_over(self, side: str, message: Message, expected: bool) -> None:
        take = self.ledger.from_client if side == "client" else self.ledger.to_client
        assert take(message) is expected
        if expected:
            self.passed.append((side, message))
        else:
            self.dropped += 1

    @initialize(ready=st.booleans())
    def may_be_ready(self, ready: bool) -> None:
        if ready:
            self.hand_over("client", request(1, "initialize"), True)
            self.hand_over("server", result(1), True)

    @rule(id=ids, method=methods, token=tokens)
    def client_asks(self, id: RequestId, method: str, token: RequestId | None) -> None:
        message = request(id, method, token)
        phase = self.phase()
        refusal: type[RpcError] | None = None
        if id in self.open_ids("client") or token in self.open_tokens():
            refusal = InvalidRequest
        elif method == "initialize":
            refusal = None if phase is Phase.NEW else InvalidRequest
        elif method == "server/discover":
            refusal = InvalidParams
        elif method != "ping" and phase is not Phase.READY:
            refusal = InvalidParams if phase is Phase.NEW else InvalidRequest
        if refusal is None:
            self.hand_over("client", message, True)
            return
        with pytest.raises(refusal):
            self.ledger.from_client(message)

    @rule(id=ids | nothing)
    def client_cancels(self, id: Any) -> None:
        expected = any(
            one.id == id and type(one.id) is type(id) and one.method != "initialize" for one in self.openings("client")
        )
        self.hand_over("client", cancelled(id), expected)

    @rule(id=ids, fails=st.booleans())
    def server_answers(self, id: RequestId, fails: bool) -> None:
        open = self.open_ids("client")
        meant: RequestId = str(id) if isinstance(id, int) else int(id)
        used = {type(one.id) for side, one in self.passed if side == "client" and isinstance(one, Request)}
        if not any(one == id for one in open) and meant in open and used == {type(meant)}:
            # Not kept its type, and cannot be about anything else.
            id = meant
            sent = str(meant) if isinstance(meant, int) else int(meant)
            answer: Answer = Error(sent, REFUSED) if fails else result(sent)
            passed = self.ledger.answered(answer)
            assert passed is not None
            assert passed == replace(answer, id=id, data=None)
            self.passed.append(("server", Error(id, REFUSED) if fails else result(id)))
            return
        message = Error(id, REFUSED) if fails else result(id)
        self.hand_over("server", message, id in open)

    @rule(token=ids | st.just("t") | nothing)
    def server_reports(self, token: Any) -> None:
        expected = any(open == token and type(open) is type(token) for open in self.open_tokens())
        self.hand_over("server", progress(token), expected)

    @rule(id=ids)
    def server_asks(self, id: RequestId) -> None:
        message = request(id, "roots/list")
        self.hand_over("server", message, id not in self.open_ids("server"))

    @rule(id=ids | nothing)
    def server_cancels(self, id: Any) -> None:
        expected = any(one == id and type(one) is type(id) for one in self.open_ids("server"))
        self.hand_over("server", cancelled(id), expected)

    @rule(id=ids, fails=st.booleans())
    def client_answers(self, id: RequestId, fails: bool) -> None:
        open = self.open_ids("server")
        meant: RequestId = str(id) if isinstance(id, int) else int(id)
        message = Error(id, REFUSED) if fails else result(id)
        expected = id in open or meant in open
        take_back = self.passed
        self.hand_over("client", message, expected)
        if id not in open and expected:
            # The server is left to see that it means this one.
            take_back[-1] = ("client", Error(meant, REFUSED))

    @rule()
    def server_answers_nobody(self) -> None:
        self.hand_over("server", Error(None, REFUSED), True)

    @rule()
    def client_answers_nobody(self) -> None:
        self.hand_over("client", Error(None, REFUSED), False)

    @rule()
    def everything_is_abandoned(self) -> None:
        assert self.ledger.abandon() == self.open_ids("client")
        for id in self.open_ids("client"):
            self.passed.append(("server", Error(id, REFUSED)))
        for id in self.open_ids("server"):
            self.passed.append(("client", Error(id, REFUSED)))

    @invariant()
    def what_is_open_agrees(self) -> None:
        assert list(self.ledger.inbound) == self.open_ids("client")
        assert set(self.ledger.outbound) == set(self.open_ids("server"))
        assert [token for token in self.ledger.inbound.values() if token is not None] == self.open_tokens()
        assert self.ledger.phase is self.phase()
        assert self.ledger.counters.dropped == self.dropped


@pytest.mark.proves("I-5")
def test_any_interleaving_leaves_open_what_its_history_says() -> None:
    run_state_machine_as_test(History, settings=settings(deadline=None, stateful_step_count=30))


def test_parameters_without_names_are_no_longer_than_may_be() -> None:
    ledger = Ledger()
    ledger.from_client(Request("start", "initialize"))
    ledger.to_client(Result("start", to_raw({})))
    assert ledger.from_client(Request(1, "resources/read", to_raw(["x" * 100_000])))


@pytest.mark.parametrize(("asked", "answered"), [(1, "1"), ("8", 8), (-7, "-7")])
def test_an_answer_whose_id_is_of_the_other_type_is_for_the_only_request_that_it_can_be_for(
    asked: RequestId, answered: RequestId
) -> None:
    ledger = Ledger()
    ledger.from_client(Request(asked, "initialize"))
    found = ledger.answered(Result(answered, to_raw({})))
    assert found is not None
    assert found.id == asked
    assert not ledger.inbound


@pytest.mark.parametrize("answered", ["01", "x", "1 ", 2, "3"])
def test_an_answer_that_could_be_for_nobody_is_dropped(answered: RequestId) -> None:
    ledger = Ledger()
    ledger.from_client(Request(1, "initialize"))
    assert ledger.answered(Result(answered, to_raw({}))) is None
    assert (list(ledger.inbound), ledger.counters.dropped) == ([1], 1)
