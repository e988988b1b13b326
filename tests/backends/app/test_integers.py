import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.backends.app.integers import MAX_REWRITTEN, plain_integers


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("5.0", "5"),
        ("-5.0", "-5"),
        ("-0.0", "0"),
        ("5.000", "5"),
        ("5e0", "5"),
        ("5E+1", "50"),
        ("500e-2", "5"),
        ("1.5e1", "15"),
        ("9007199254740993.0", "9007199254740993"),
        ("123456789012345678901234567890.0", "123456789012345678901234567890"),
        ("1e308", "1" + "0" * 308),
        ('{"a":[1.0,{"b":2.0}],"1.0":"1.0"}', '{"a":[1,{"b":2}],"1.0":"1.0"}'),
        ("[1.0,1.10,0.1000000000000000055511151231257827]", "[1,1.10,0.1000000000000000055511151231257827]"),
        ('["\\" 1.0,",1.0]', '["\\" 1.0,",1]'),
    ],
)
def test_an_integer_with_a_fraction_of_nothing_is_written_without(raw: str, plain: str) -> None:
    assert plain_integers(raw.encode()) == plain.encode()


@pytest.mark.parametrize(
    "raw",
    [
        "5",
        "5.5",
        "1e-1",
        "5.00000000000000000001",
        "1e309",
        "1e999999999",
        "1e-999999999",
        "1e99999999999999999999",
        '"5.0"',
        "null",
    ],
)
def test_what_is_none_stays_what_it_is(raw: str) -> None:
    assert plain_integers(raw.encode()) is None


@pytest.mark.parametrize("raw", [b"[1.0", b'["\xff",1.0]', b"[" * 10_000 + b"1.0" + b"]" * 10_000])
def test_what_cannot_be_read_is_left_to_others(raw: bytes) -> None:
    assert plain_integers(raw) is None


def test_integers_are_not_looked_for_without_end() -> None:
    longest = b"[" + b"1.0,".ljust(MAX_REWRITTEN - 5) + b"1.0]"
    assert len(longest) == MAX_REWRITTEN
    assert plain_integers(longest) == b"[1,1]"
    assert plain_integers(longest + b" ") is None


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(values)
def test_it_is_the_same_json(value: Any) -> None:
    raw = json.dumps(value).encode()
    plain = plain_integers(raw)
    if plain is not None:
        assert msgspec.json.decode(plain, type=Any) == json.loads(raw, parse_float=number)
        assert not any(isinstance(one, float) and one.is_integer() for one in numbers_in(json.loads(plain)))


def number(text: str) -> int | float:
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else float(text)


def numbers_in(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [one for part in value for one in numbers_in(part)] if isinstance(value, list) else [value]
