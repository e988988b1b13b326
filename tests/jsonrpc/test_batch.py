import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.jsonrpc.batch import Batch
from mcpws.jsonrpc.messages import RequestId

LIMIT = 10_000


def answer(id: RequestId, length: int) -> bytes:
    """So many bytes that answer `id`."""
    head = b'{"id":%b,"result":"' % json.dumps(id).encode()
    return b'%b%b"}' % (head, b"x" * (length - len(head) - 2))


@pytest.mark.proves("B-3")
def test_a_batch_is_complete_when_it_is_sealed_and_all_its_requests_are_answered() -> None:
    batch = Batch({1, "1"}, LIMIT)
    batch.add(b'{"id":1}', 1)
    batch.seal()
    assert (batch.complete, "1" in batch, 1 in batch) == (False, True, False)
    batch.add(b'{"id":"1"}', "1")
    assert batch.complete
    assert batch.encoded() == b'[{"id":1},{"id":"1"}]'


def test_an_answer_before_the_last_member_was_looked_at_completes_nothing() -> None:
    batch = Batch({1}, LIMIT)
    batch.add(b'{"id":1}', 1)
    assert not batch.complete
    batch.add(b'{"error":{}}')
    batch.seal()
    assert batch.encoded() == b'[{"id":1},{"error":{}}]'


@pytest.mark.proves("B-4")
def test_what_will_not_be_answered_is_not_waited_for() -> None:
    batch = Batch({1, 2}, LIMIT)
    batch.seal()
    batch.expect_only({2, 3})
    assert (1 in batch, 2 in batch, batch.complete) == (False, True, False)
    batch.add(b"{}", 2)
    assert batch.complete


def test_a_batch_of_notifications_has_no_answer() -> None:
    batch = Batch(set(), LIMIT)
    batch.seal()
    assert batch.complete
    assert batch.encoded() == b""


def test_an_answer_that_fits_to_the_byte_is_kept() -> None:
    for length, kept in ((498, True), (499, False)):
        batch = Batch({1, 2}, 1000)
        assert batch.add(answer(1, 499), 1)
        assert batch.add(answer(2, length), 2) is kept
        batch.seal()
        assert (len(batch.encoded()) == 1000) is kept


@pytest.mark.proves("B-7")
def test_an_answer_that_does_not_fit_becomes_an_error() -> None:
    batch = Batch({1, "2", 3}, 1000)
    assert batch.add(answer(1, 600), 1)
    assert not batch.add(answer("2", 700), "2")
    assert batch.add(answer(3, 100), 3)
    batch.seal()
    assert len(batch.encoded()) <= 1000
    first, lost, last = json.loads(batch.encoded())
    assert (first["id"], last["id"]) == (1, 3)
    assert (lost["id"], lost["error"]["code"]) == ("2", 413)
    assert lost["error"]["data"]["limit"] == 1000
    assert lost["error"]["data"]["size"] > 1300


def test_a_request_without_an_answer_leaves_its_room_to_others() -> None:
    batch = Batch({1, 2}, 500)
    batch.expect_only({1})
    assert batch.add(answer(1, 498), 1)


def test_an_answer_that_is_shorter_than_the_error_is_kept() -> None:
    batch = Batch({1}, 10)
    assert batch.add(answer(1, 60), 1)
    assert not Batch({1}, 10).add(answer(1, 600), 1)


@pytest.mark.proves("B-7")
@given(
    lengths=st.dictionaries(st.integers(0, 99) | st.text("ab", max_size=3), st.integers(50, 3000), max_size=20),
    limit=st.integers(4000, 20_000),
)
def test_the_array_is_never_too_long(lengths: dict[RequestId, int], limit: int) -> None:
    batch = Batch(set(lengths), limit)
    kept = {id: batch.add(answer(id, length), id) for id, length in lengths.items()}
    batch.seal()
    assert batch.complete
    encoded = batch.encoded()
    assert len(encoded) <= limit
    answers = json.loads(encoded or b"[]")
    assert [one["id"] for one in answers] == list(lengths)
    assert [("result" in one) for one in answers] == list(kept.values())
    if sum(lengths.values()) + len(lengths) * 200 < limit:
        assert all(kept.values())
