"""Kinds of values: what is one, in a program, as text and in TOML."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.kinds import Flag, Kind, Number, Pairs, Text, Unfit, Words, kind_of
from mcpws.kinds.plain import MOST

WHOLE = kind_of(int, "bytes", least=1)
SECONDS = kind_of(float, "seconds", above=0)
OPTIONAL = kind_of(float | None, "seconds", above=0, written=True)
CHOICE = kind_of(Literal["text", "json"])


def refused(function: Any, value: object) -> str:
    with pytest.raises(Unfit) as caught:
        function(value)
    return caught.value.problem


@pytest.mark.parametrize(
    ("kind", "texts", "value"),
    [
        (Flag(), ["true"], True),
        (Flag(), ["No"], False),
        (Flag(), ["0"], False),
        (WHOLE, ["77"], 77),
        (WHOLE, [" 77 "], 77),
        (SECONDS, ["0.5"], 0.5),
        (SECONDS, ["30"], 30.0),
        (OPTIONAL, ["none"], None),
        (OPTIONAL, ["None"], None),
        (OPTIONAL, ["2"], 2.0),
        (CHOICE, ["json"], "json"),
        (Text(), ["a b"], "a b"),
        (Words(), ["a", "b c"], ("a", "b c")),
        (Pairs(), ["A=1", "B=x=y", "A=2"], (("A", "2"), ("B", "x=y"))),
    ],
)
def test_a_value_is_read_from_text(kind: Kind, texts: list[str], value: object) -> None:
    assert kind.from_texts(texts) == value
    assert type(kind.from_texts(texts)) is type(value)


@pytest.mark.parametrize(
    ("kind", "toml", "value"),
    [
        (Flag(), True, True),
        (WHOLE, 77, 77),
        (SECONDS, 30, 30),
        (SECONDS, 0.5, 0.5),
        (OPTIONAL, "none", None),
        (CHOICE, "text", "text"),
        (Text(), "a", "a"),
        (Words(), ["a", 8082], ("a", "8082")),
        (Words(), "a", ("a",)),
        (Words(), 8082, ("8082",)),
        (Pairs(), {"A": "1"}, (("A", "1"),)),
    ],
)
def test_a_value_is_read_from_toml(kind: Kind, toml: object, value: object) -> None:
    assert kind.from_toml(toml) == value


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        (Flag(), "perhaps", "must be true or false"),
        (WHOLE, "many", "must be a whole number, 1 or more"),
        (WHOLE, "0", "must be a whole number, 1 or more"),
        (WHOLE, "1.5", "must be a whole number, 1 or more"),
        (WHOLE, "1_000", "must be a whole number, 1 or more"),
        (WHOLE, "٣", "must be a whole number, 1 or more"),
        (WHOLE, "9" * 5000, "must be a whole number, 1 or more"),
        (WHOLE, str(MOST + 1), f"must be at most {MOST}"),
        (SECONDS, "soon", "must be a number of seconds above 0"),
        (SECONDS, "nan", "must be a number of seconds above 0"),
        (SECONDS, "0", "must be a number of seconds above 0"),
        (OPTIONAL, "0", "must be a number of seconds above 0, or none"),
        (OPTIONAL, "never", "must be a number of seconds above 0, or none"),
        (kind_of(float, "seconds", least=0), "-1", "must be 0 or more seconds"),
        (CHOICE, "xml", "must be text or json"),
        (kind_of(Literal["a", "b", "c"]), "d", "must be a, b or c"),
        (Text(), "  ", "must not be empty"),
        (Words(), "", "must not be empty"),
        (Pairs(), "A", "must be NAME=VALUE"),
        (Pairs(), "=1", "must be NAME=VALUE"),
    ],
)
def test_a_text_that_is_no_such_value_is_refused(kind: Kind, text: str, problem: str) -> None:
    with pytest.raises(Unfit) as caught:
        kind.from_texts([text])
    assert (caught.value.value, caught.value.problem) == (text, problem)


@pytest.mark.parametrize(
    ("kind", "toml", "problem"),
    [
        (Flag(), "true", "must be true or false"),
        (Flag(), 1, "must be true or false"),
        (WHOLE, "77", "must be a whole number, 1 or more"),
        (WHOLE, 1.0, "must be a whole number, 1 or more"),
        (WHOLE, True, "must be a whole number, 1 or more"),
        (OPTIONAL, False, 'must be a number of seconds above 0, or "none"'),
        (Text(), 5, "must be text"),
        (Text(), "a\0b", "must not hold a NUL character"),
        (Words(), [True], "must be a list of texts"),
        (Words(), {"a": 1}, "must be a list of texts"),
        (Pairs(), ["A=1"], 'must be a table, as { NAME = "value" }'),
        (Pairs(), {"A": 1}, "must have a text as its value"),
    ],
)
def test_a_toml_value_that_is_no_such_value_is_refused(kind: Kind, toml: object, problem: str) -> None:
    assert refused(kind.from_toml, toml) == problem


@pytest.mark.parametrize("value", ["a", 5, None, [5], ["a", b"b"]])
def test_words_are_a_collection_of_texts(value: object) -> None:
    assert refused(Words().check, value)


def test_there_may_have_to_be_some() -> None:
    Words(1).check(("a",))
    assert refused(Words(1).check, ()) == "must be 1 or more"


@pytest.mark.parametrize(
    "value", ["A=1", [("A",)], [("A", 1)], [["A", "1"]], [("", "1")], [("A=", "1")], [("A", "\0")]]
)
def test_pairs_are_of_a_name_and_a_text(value: object) -> None:
    assert refused(Pairs().check, value)


def test_a_value_that_may_be_a_secret_is_not_shown() -> None:
    assert Pairs().to_text((("TOKEN", "secret"),)) == "TOKEN=..."


def test_what_no_kind_is_made_for_is_the_mistake_of_whoever_writes_the_setting() -> None:
    with pytest.raises(TypeError, match="complex"):
        kind_of(complex)


@given(st.integers())
def test_whole_numbers_are_taken_within_their_bounds(number: int) -> None:
    kind = Number(whole=True, least=-5)
    if -5 <= number <= MOST:
        assert kind.from_texts([str(number)]) == number
        assert kind.from_toml(number) == number
    else:
        assert refused(kind.from_toml, number)
        assert refused(lambda text: kind.from_texts([text]), str(number))


@given(st.text())
def test_any_text_is_a_value_or_is_refused(text: str) -> None:
    for kind in (Flag(), WHOLE, SECONDS, OPTIONAL, CHOICE, Text(), Words(), Pairs()):
        with suppress(Unfit):
            kind.check(kind.from_texts([text]))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_toml_is_a_value_or_is_refused(value: object) -> None:
    for kind in (Flag(), WHOLE, SECONDS, OPTIONAL, CHOICE, Text(), Words(), Pairs()):
        with suppress(Unfit):
            kind.check(kind.from_toml(value))
