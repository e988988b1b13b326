import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcpws.jsonrpc.outline import NO_OUTLINE, Outline, outline

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "method", "a"]), inner),
    max_leaves=6,
)
ids = st.integers(-(2**53), 2**53) | st.text()


def both(text: bytes, kept: int = 10_000) -> Outline:
    return outline(text[:kept], text[-kept:])


@pytest.mark.proves("M-15")
@settings(deadline=None)
@given(ids, values, st.permutations(["jsonrpc", "id", "result"]), st.integers(60, 200))
def test_an_id_that_stands_before_or_behind_what_is_long_is_found(
    id: Any, value: Any, order: list[str], kept: int
) -> None:
    message = {"jsonrpc": "2.0", "id": id, "result": [value, "x" * 500, value]}
    text = json.dumps({name: message[name] for name in order}).encode()
    if len(json.dumps(id)) < 10:
        asks, answers = both(text, kept)
        assert answers == id
        # Nobody can tell what it is of which not even the name of one member is left.
        assert asks in (None, id)


@settings(deadline=None)
@given(values, st.integers(30, 200))
def test_no_other_id_is_taken_for_it(value: Any, kept: int) -> None:
    text = json.dumps(
        {"result": {"id": 7, "x": value, "id ": ["x" * 500, ',"id":8}', {"id": 9}]}, "jsonrpc": "2.0"}
    ).encode()
    assert both(text, kept) == NO_OUTLINE


@settings(deadline=None)
@given(st.binary(), st.binary())
@example(b'{"id":1,' * 9000, b'"id":1,' * 9000)
@example(b'{"' + b'\\"' * 30_000, b'"id":"' + b'\\"' * 30_000)
@example(b"{" + b" " * 60_000, b'"id":1' + b" " * 60_000)
@example(b"{" * 60_000, b"}" * 60_000)
@example(b"{", b'\\"' * 30_000 + b"}")
@example(b"{", b'"' + b"\\" * 60_000 + b'"}')
def test_arbitrary_bytes_have_an_outline(begins: bytes, ends: bytes) -> None:
    outline(begins, ends)


@pytest.mark.proves("M-15")
@settings(deadline=None)
@given(ids, values, values, values, st.permutations(["jsonrpc", "id", "result", "_meta", "x"]))
def test_an_id_is_found_wherever_it_stands(id: Any, result: Any, meta: Any, other: Any, order: list[str]) -> None:
    message = {"jsonrpc": "2.0", "id": id, "result": [result, float("nan")], "_meta": meta, "x": {"id": other}}
    text = json.dumps({name: message[name] for name in order}).encode()
    assert both(text) == (None, id)
    # Too long for its id to be near the beginning, or near the end, only.
    message["result"] = [result, "x" * 30_000]
    text = json.dumps({name: message[name] for name in order}).encode()
    assert both(text).answers == id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"a","params":{', (1, None)),
        (b'{"method":"a","params":{"v":NaN},"jsonrpc":"2.0","id":1}', (1, None)),
        (b'{"id":1,"params":{"v":NaN},"method":"a","jsonrpc":"2.0"}', (1, None)),
        (b'{"jsonrpc":"2.0","id":1,"error":{', (None, 1)),
        (b'{"jsonrpc":"2.0","id":1,"extra":{', (1, 1)),
        (b'{"jsonrpc":"2.0","id":1', NO_OUTLINE),
        (b'{"jsonrpc":"2.0","id":"1', NO_OUTLINE),
        (b'{"jsonrpc":"2.0","id":[1],"result":{', NO_OUTLINE),
        (b'{"level":"info","id":1,"took":NaN}', NO_OUTLINE),
        (b'{"result":{"a":[{},"id":1}', (None, 1)),
        (b'{"result":"id":1}', NO_OUTLINE),
        (b'{"result":[1\\"id":1}', NO_OUTLINE),
        (b'{"result":{"v":NaN},"id":1,"x":[1,{"id":2}],"jsonrpc":"2.0"}', (None, 1)),
        (b'{"jsonrpc":"2.0","result":{"v":NaN},"id":1,"_meta":{"id":2}}', (None, 1)),
        (b'{"result":{"path":"C:\\dir\\"},"id":1,"_meta":{"a":"\\"b\\\\"},"jsonrpc":"2.0"}', (None, 1)),
        (b'{"result":{"path":"C:\\"},"id":1,"_meta":{"a":"\\"b\\\\"},"jsonrpc":"2.0"}', (None, 1)),
        (b'{"result":{},"jsonrpc":"2.0","id":1,}', (None, 1)),
        (b'{"result":{},"jsonrpc":"2.0","id":1} and more', (None, 1)),
        (b'{"result":{},"jsonrpc":"2.0","id":1};', (None, 1)),
        (b'INFO {name} {"jsonrpc":"2.0","id":1,"result":{}}', (None, 1)),
        (b'INFO {"method":"GET"} {"jsonrpc":"2.0","result":{},"id":1}', (None, 1)),
        (b'{"jsonrpc":"2.0","method":"a"}{"jsonrpc":"2.0","id":1,"result":{}}', (None, 1)),
        (b'{"a":1} {"result":{"id":1}}', NO_OUTLINE),
        (b"no JSON", NO_OUTLINE),
        (b"", NO_OUTLINE),
    ],
)
def test_what_a_text_may_be_is_told_by_the_names_of_its_members(text: bytes, expected: tuple[Any, Any]) -> None:
    assert both(text) == expected
