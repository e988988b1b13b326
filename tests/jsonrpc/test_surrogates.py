import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import DecodeError, Raw, Struct

from mcpws.jsonrpc.messages import put_together, to_raw
from mcpws.jsonrpc.surrogates import mark, read_as, readable, reader, shown, unmark, whole

# Texts as programs write them that have cut one: in the escapes of JSON.
cut = st.text(st.sampled_from('ab\\\\"u0d8\\ud83d\\ude00\\udfff\\ud55c\\x7f\\ufdd0é')).map(json.dumps).map(str.encode)


class Part(Struct):
    name: str
    rest: Raw


@given(cut)
def test_marks_can_be_taken_out_again(data: bytes) -> None:
    marked = mark(data)
    if marked is not None:
        assert read_as(str, marked)
        assert bytes(unmark(marked)) == data


@given(cut)
def test_what_is_read_says_the_same_but_for_lone_surrogates(data: bytes) -> None:
    expected = json.loads(data).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert read_as(str, data) == expected
    assert shown(reader(str)(data)) == expected
    assert (whole(reader(str)(data)) is None) is ("\ufffd" in expected)


@pytest.mark.proves("M-14")
@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b\ud83d", "c\ude00"]), cut.map(json.loads)))
def test_what_is_taken_apart_is_put_together_as_it_was(value: dict[str, str]) -> None:
    data = json.dumps(value).encode()
    assert json.loads(bytes(put_together(reader(dict[str, Raw])(data)))) == value
    assert json.loads(bytes(put_together(reader(dict[str, str])(data)))) == value


def test_parts_that_stay_raw_are_put_together_byte_for_byte() -> None:
    data = rb'{"name":"\uD83d","rest":[ "\uDead" ,1.0]}'
    part = reader(Part)(data)
    assert bytes(put_together(part)) == data


@pytest.mark.parametrize(
    "data", [rb'"\ud83"', rb'"\ud83g"', rb'"\ud83d', rb'"\ud83d" NaN', b'"a"', rb'"\\ud83d"', rb'"\u0041"']
)
def test_there_is_nothing_to_mark_in_what_is_no_json_or_has_no_surrogates(data: bytes) -> None:
    assert mark(data) is None
    assert readable(data) is None


def test_what_cannot_be_read_even_so_is_refused_as_ever() -> None:
    with pytest.raises(DecodeError):
        reader(int)(rb'"\ud83d"')
    with pytest.raises(DecodeError):
        read_as(int, rb'"\ud83d"')


@pytest.mark.parametrize("text", ["\x7f\ufdd0", "\x7f\ufdd0dog", "\x7f\ufdd0d83", "a\x7fb\ufdd0"])
def test_a_text_that_looks_like_a_mark_stays_what_it_is(text: str) -> None:
    assert json.loads(bytes(put_together(text))) == text
    assert put_together(text) == to_raw(text)
    assert shown(text) == text
    assert mark(json.dumps(text + "\ud800", ensure_ascii=False).encode(errors="surrogatepass")) is None


def test_a_raw_is_given_to_the_program_as_it_came() -> None:
    data = Raw(rb'"\ud83d"')
    assert read_as(Raw, data) is data
    assert read_as(str, data) == "\ufffd"


@pytest.mark.parametrize("raw", [b'"\\ud83d"', b"{}"])
def test_a_raw_is_given_as_it_came(raw: bytes) -> None:
    assert bytes(read_as(Raw, Raw(raw))) == raw


def test_what_is_of_another_type_stays_refused() -> None:
    with pytest.raises(DecodeError):
        read_as(int, b'"x"')
