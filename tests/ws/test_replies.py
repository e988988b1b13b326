"""Batches, which only clients of version 2025-03-26 may send, and the kinds of their frames."""

import json
import struct
from typing import Any

import pytest

from mcpws.config import WebSocketConfig
from mcpws.jsonrpc.messages import Request
from mcpws.testing import RawClient, RecordingBackend, Served
from mcpws.testing.raw import BINARY, TEXT

pytestmark = pytest.mark.not_mcp("what is said stands for any payload")


def call(id: object, method: str = "tools/call", **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


class Rig:
    """A server whose client has settled on a version."""

    def __init__(self, version: str = "2025-03-26", **settings: Any) -> None:
        self.backend = RecordingBackend(initialize=False)
        self.service = Served(self.backend, config=WebSocketConfig(**settings))
        self.client: RawClient = self.service.upgraded()
        self.send(call("start", "initialize"))
        self.answer("start", {"protocolVersion": version})
        self.answers()

    def send(self, message: Any, binary: bool = False) -> None:
        self.client.send_message(message, binary=binary)
        self.service.flush()

    def answer(self, id: object, result: Any = None) -> None:
        conversation = self.backend.conversations[0]
        (request,) = [one for one in conversation.requests if one.id == id and type(one.id) is type(id)]
        assert isinstance(request, Request)
        conversation.answer(request, result)
        self.service.flush()

    def answers(self) -> list[Any]:
        self.service.flush()
        return self.client.take_messages()


def ids(batch: Any) -> list[object]:
    return [answer.get("id") for answer in batch]


@pytest.mark.proves("B-1")
@pytest.mark.parametrize("version", ["2024-11-05", "2025-06-18", "2025-11-25"])
def test_other_versions_have_no_batches(version: str) -> None:
    rig = Rig(version)
    rig.send([call(1)])
    (refused,) = rig.answers()
    assert (refused["error"]["code"], refused.get("id")) == (-32600, None)


@pytest.mark.proves("B-1", "B-3", "mcp/2025-03-26/basic#batches")
def test_a_batch_is_answered_with_one_array_once_the_last_answer_is_there() -> None:
    rig = Rig()
    rig.send([call(1), {"jsonrpc": "2.0", "method": "notifications/x"}, call("1")])
    rig.answer("1", "second")
    assert rig.answers() == []
    rig.answer(1, "first")
    (batch,) = rig.answers()
    assert ids(batch) == ["1", 1]


@pytest.mark.proves("B-3")
def test_bad_members_are_answered_in_the_array() -> None:
    rig = Rig()
    rig.send([7, call(1), {"jsonrpc": "2.0", "id": "bad", "method": 1}])
    rig.answer(1)
    (batch,) = rig.answers()
    assert ids(batch) == [None, "bad", 1]
    assert [answer.get("error", {}).get("code") for answer in batch] == [-32600, -32600, None]


@pytest.mark.proves("B-4", "M-9")
def test_a_batch_of_nothing_but_notifications_is_not_answered() -> None:
    rig = Rig()
    rig.send([{"jsonrpc": "2.0", "method": "notifications/x"}])
    assert rig.answers() == []


@pytest.mark.proves("B-2")
@pytest.mark.parametrize("batch", [[], [call(id) for id in range(65)]], ids=["empty", "long"])
def test_a_batch_that_is_none_is_refused_as_one(batch: list[Any]) -> None:
    rig = Rig()
    rig.send(batch)
    (refused,) = rig.answers()
    assert refused["error"]["code"] == -32600


@pytest.mark.proves("B-4")
def test_a_cancelled_request_is_left_out_of_the_array() -> None:
    rig = Rig()
    rig.send([call(1), call(2)])
    rig.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    rig.answer(2)
    (batch,) = rig.answers()
    assert ids(batch) == [2]


@pytest.mark.proves("B-5")
def test_two_batches_and_single_requests_are_kept_apart() -> None:
    rig = Rig()
    rig.send([call(1), call(2)])
    rig.send([call(3)], binary=True)
    rig.send(call(4))
    for id in (4, 1, 3, 2):
        rig.answer(id)
    frames = rig.client.take_frames()
    assert [frame.opcode for frame in frames] == [TEXT, BINARY, TEXT]


@pytest.mark.proves("B-3")
def test_an_id_twice_in_a_batch_is_refused_within_it() -> None:
    rig = Rig()
    rig.send([call(1), call(1)])
    rig.answer(1)
    answers = rig.answers()
    flat = [one for answer in answers for one in (answer if isinstance(answer, list) else [answer])]
    assert [("error" in one, one["id"]) for one in flat] in ([(True, 1), (False, 1)], [(False, 1), (True, 1)])


@pytest.mark.proves("M-3")
def test_what_the_server_says_by_itself_is_of_the_kind_of_the_clients_last_message() -> None:
    rig = Rig()
    kinds = []
    for binary in (False, True, False):
        rig.send({"jsonrpc": "2.0", "method": "notifications/x"}, binary)
        rig.service.server.broadcast("notifications/message")
        rig.service.flush()
        kinds += [frame.opcode for frame in rig.client.take_frames()]
    assert kinds == [TEXT, BINARY, TEXT]


@pytest.mark.proves("B-7")
def test_the_members_of_a_batch_count_one_by_one() -> None:
    rig = Rig(max_outbound_size=4000, max_in_flight=4)
    rig.send([call(id) for id in range(3)])
    rig.send([call(id) for id in range(3, 7)])
    assert rig.service.server.connections[0].in_flight == 4
    for id in range(7):
        rig.answer(id, "x" * (5000 if id == 0 else 900))
    first, second = rig.answers()
    assert [answer.get("error", {}).get("code") for answer in first] == [413, None, None]
    assert ids(second) == [3, 4, 5, 6]


@pytest.mark.proves("B-7")
def test_answers_that_do_not_fit_into_the_array_are_errors_in_it() -> None:
    rig = Rig(max_outbound_size=2000)
    errors = rig.service.server.statistics().errors
    rig.send([call(id) for id in range(3)])
    for id, size in enumerate((1500, 900, 100)):
        rig.answer(id, "x" * size)
    [frame] = rig.client.take_frames()
    assert len(frame.payload) <= 2000
    batch = json.loads(frame.payload)
    assert ids(batch) == [0, 1, 2]
    assert [answer.get("error", {}).get("code") for answer in batch] == [None, 413, None]
    assert rig.service.server.statistics().errors == errors + 1


@pytest.mark.proves("M-7")
def test_a_batch_with_too_many_bad_messages_is_not_served() -> None:
    rig = Rig(max_bad_messages=3)
    rig.send([7, 7, 7, 7, call(1)])
    assert [frame.payload for frame in rig.client.take_frames()] == [struct.pack("!H", 1008) + b"too many bad messages"]
    assert [request.id for request in rig.backend.conversations[0].requests] == ["start"]
