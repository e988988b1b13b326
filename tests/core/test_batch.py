from mcpws.core.batch import Batch


def test_a_batch_is_complete_when_it_is_sealed_and_all_its_requests_are_answered() -> None:
    batch = Batch({1, "1"})
    batch.add(b'{"id":1}', 1)
    batch.seal()
    assert (batch.complete, "1" in batch, 1 in batch) == (False, True, False)
    batch.add(b'{"id":"1"}', "1")
    assert batch.complete
    assert batch.encoded() == b'[{"id":1},{"id":"1"}]'


def test_an_answer_before_the_last_member_was_looked_at_completes_nothing() -> None:
    batch = Batch({1})
    batch.add(b'{"id":1}', 1)
    assert not batch.complete
    batch.add(b'{"error":{}}')
    batch.seal()
    assert batch.encoded() == b'[{"id":1},{"error":{}}]'


def test_what_will_not_be_answered_is_not_waited_for() -> None:
    batch = Batch({1, 2})
    batch.seal()
    batch.expect_only({2, 3})
    assert (1 in batch, 2 in batch, batch.complete) == (False, True, False)
    batch.add(b"{}", 2)
    assert batch.complete


def test_a_batch_of_notifications_has_no_answer() -> None:
    batch = Batch(set())
    batch.seal()
    assert batch.complete
    assert batch.encoded() == b""
