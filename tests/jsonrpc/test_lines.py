import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpws.errors import LineTooLong
from mcpws.jsonrpc.lines import LineFramer, to_line, to_lines
from mcpws.jsonrpc.outline import KEPT

# Mostly what matters to the framer, so that lines are short and ends meet.
streams = st.lists(st.sampled_from([b"\n", b"\r", b"a", b"\xff", b"{}"]), max_size=30).map(b"".join)


def split(stream: bytes, draw: st.DataObject) -> list[bytes]:
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    return [stream[start:end] for start, end in pairwise([0, *cuts, len(stream)])]


def lines_of(stream: bytes) -> list[bytes]:
    *lines, _ = stream.split(b"\n")
    return [line for line in (line.removesuffix(b"\r") for line in lines) if line]


def test_a_line_is_given_out_once_its_newline_has_come() -> None:
    framer = LineFramer(100)
    assert framer.feed(b'{"id"') == []
    assert framer.feed(b":1") == []
    assert framer.feed(b"}\n[") == [b'{"id":1}']
    assert framer.feed(b"1]\n[2]\n[3") == [b"[1]", b"[2]"]
    assert framer.finish() == b"[3"


def test_carriage_returns_before_newlines_and_empty_lines_are_dropped() -> None:
    stream, lines = b"\n\r\na\r\n\nb\rc\r\r\n", [b"a", b"b\rc\r"]
    framer = LineFramer(100)
    # What begins a stream is looked at more closely than what follows.
    assert [framer.feed(stream), framer.feed(stream)] == [lines, lines]


def test_nothing_is_left_after_the_end() -> None:
    framer = LineFramer(100)
    framer.feed(b"rest")
    assert framer.finish() == b"rest"
    assert framer.finish() == b""
    assert framer.feed(b"new\n") == [b"new"]


@settings(deadline=None)
@given(streams, st.data())
def test_how_a_stream_is_split_changes_no_line(stream: bytes, draw: st.DataObject) -> None:
    framer = LineFramer(len(stream))
    lines = [line for part in split(stream, draw) for line in framer.feed(part)]
    assert lines == lines_of(stream)
    assert framer.finish() == stream.split(b"\n")[-1]


@settings(deadline=None)
@given(streams, st.integers(0, 6), st.data())
def test_only_lines_over_the_limit_are_left_out_however_a_stream_is_split(
    stream: bytes, limit: int, draw: st.DataObject
) -> None:
    framer = LineFramer(limit)
    found = [line for part in split(stream, draw) for line in framer.feed(part)]
    *ended, rest = stream.split(b"\n")
    expected = [line.removesuffix(b"\r") if len(line) <= limit else len(line) for line in ended]
    assert [line.size if isinstance(line, LineTooLong) else line for line in found] == [one for one in expected if one]
    left = framer.finish()
    assert (left.size if isinstance(left, LineTooLong) else left) == (rest if len(rest) <= limit else len(rest))


@settings(deadline=None)
@given(st.lists(st.binary()), st.integers(0, 20))
def test_arbitrary_bytes_raise_nothing(parts: list[bytes], limit: int) -> None:
    framer = LineFramer(limit)
    for part in parts:
        for line in framer.feed(part):
            assert isinstance(line, LineTooLong) or (line and b"\n" not in line and len(line) <= limit)


@pytest.mark.parametrize("parts", [[b"abcd\n"], [b"ab", b"cd", b"\n"], [b"a\nabcd\nb\n"], [b"a\nabc", b"d\nb\n"]])
def test_in_the_place_of_a_line_over_the_limit_stands_what_is_known_of_it(parts: list[bytes]) -> None:
    framer = LineFramer(3)
    lines = [line for part in parts for line in framer.feed(part)]
    [error] = [line for line in lines if isinstance(line, LineTooLong)]
    assert (error.size, error.limit, error.begins, error.ends) == (4, 3, b"abcd", b"abcd")
    assert [line for line in lines if line is not error] == ([b"a", b"b"] if len(lines) > 1 else [])


def test_of_a_line_over_the_limit_only_its_ends_are_held() -> None:
    framer = LineFramer(100)
    framer.feed(b"\n<" + b"x" * 1000)
    for _ in range(1000):
        framer.feed(b"x" * 10_000)
    assert len(framer._held) + len(framer._begins) + len(framer._ends) <= 2 * KEPT
    [error, line] = framer.feed(b">\nok\n")
    assert isinstance(error, LineTooLong)
    assert (error.size, error.begins[:2], error.ends[-2:], line) == (10_001_002, b"<x", b"x>", b"ok")


def test_a_line_over_the_limit_may_be_the_last() -> None:
    framer = LineFramer(3)
    framer.feed(b"abcd")
    left = framer.finish()
    assert isinstance(left, LineTooLong)
    assert left.size == 4
    assert framer.finish() == b""


def test_a_line_as_long_as_the_limit_passes() -> None:
    framer = LineFramer(3)
    assert framer.feed(b"abc\nab\r\nab") == [b"abc", b"ab"]
    assert framer.feed(b"c") == []
    assert framer.feed(b"\n") == [b"abc"]


@pytest.mark.parametrize(
    "parts", [[b"\xef\xbb\xbfa\nb\n"], [b"\xef", b"\xbb\xbf", b"a\nb\n"], [b"\xef\xbb\xbf\na\nb\n"]]
)
def test_a_byte_order_mark_before_the_first_line_is_dropped(parts: list[bytes]) -> None:
    framer = LineFramer(10)
    assert [line for part in parts for line in framer.feed(part)] == [b"a", b"b"]
    assert framer.feed(b"\xef\xbb\xbfc\n") == [b"\xef\xbb\xbfc"]


def test_a_byte_order_mark_before_the_only_line_is_dropped() -> None:
    framer = LineFramer(10)
    framer.feed(b"\xef\xbb\xbfa")
    assert framer.finish() == b"a"


json_values = st.recursive(
    st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@pytest.mark.proves("M-11", "mcp/2025-11-25/basic/transports#stdio-lines")
@settings(deadline=None)
@given(json_values, st.sampled_from([None, 1, "\n", "\r\n"]))
def test_a_json_text_becomes_one_line_of_the_same_meaning(value: object, indent: int | str | None) -> None:
    text = json.dumps(value, indent=indent).encode()
    line = to_line(text)
    assert json.loads(line) == value
    assert line.count(b"\n") == 1
    assert LineFramer(len(line)).feed(line) == [line[:-1]]


@pytest.mark.proves("mcp/2025-11-25/basic/transports#stdio-lines")
@pytest.mark.parametrize("newline", [b"\n", b"\r", b"\r\n"])
def test_no_newline_of_any_kind_stays_within_a_line(newline: bytes) -> None:
    assert to_line(b"{" + newline + b"}") == b"{" + b" " * len(newline) + b"}\n"


@settings(deadline=None)
@given(st.lists(json_values), st.sampled_from([None, 1]))
def test_many_messages_become_the_lines_that_each_becomes(values: list[object], indent: int | None) -> None:
    texts = [json.dumps(value, indent=indent).encode() for value in values]
    assert to_lines(texts) == b"".join(map(to_line, texts))


def test_a_message_without_newlines_is_a_line_as_it_is() -> None:
    assert to_line(b'{"a": "\\n"}') == b'{"a": "\\n"}\n'
