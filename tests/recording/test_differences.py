"""What is told to be different, and where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.recording.differences import Difference, Ignored, differences, escaped, unescaped
from mcpws.recording.secrets import LEFT_OUT

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=15,
)


def found(expected: Any, got: Any, *ignored: str) -> list[Difference]:
    return list(differences(expected, got, Ignored(ignored)))


@given(JSON)
def test_a_value_is_as_itself(value: Any) -> None:
    assert found(value, value) == []


@given(JSON, JSON)
def test_every_difference_is_found_and_leads_to_its_place(expected: Any, got: Any) -> None:
    there = found(expected, got)
    if not there:
        assert expected == got
    for one in there:
        for value, side in ((expected, one.expected), (got, one.got)):
            if one.kind == "changed":
                assert at(value, one.path) == side


def at(value: Any, path: str) -> Any:
    for step in path.split("/")[1:]:
        value = value[int(step)] if isinstance(value, list) else value[unescaped(step)]
    return value


@pytest.mark.parametrize(
    ("expected", "got", "there"),
    [
        ({"a": 1}, {"a": 2}, [("/a", "changed", 1, 2)]),
        ({"a": 1}, {}, [("/a", "missing", 1, None)]),
        ({}, {"a/b~c": 1}, [("/a~1b~0c", "extra", None, 1)]),
        ([1, 2], [1], [("/1", "missing", 2, None)]),
        ([1], [1, 2], [("/1", "extra", None, 2)]),
        ({"a": [{"b": True}]}, {"a": [{"b": 1}]}, [("/a/0/b", "changed", True, 1)]),
        ({"a": [1]}, {"a": {"0": 1}}, [("/a", "changed", [1], {"0": 1})]),
        (1, 1.0, []),
        ("a", None, [("", "changed", "a", None)]),
    ],
)
def test_a_difference_has_its_place_and_both_values(expected: Any, got: Any, there: list[Any]) -> None:
    assert found(expected, got) == there


def test_objects_of_a_list_are_told_apart_by_their_names() -> None:
    add, sub, new = {"name": "add", "n": 1}, {"name": "sub", "n": 2}, {"name": "new"}
    assert found([add, sub], [new, add, {**sub, "n": 3}]) == [
        ("/1/n", "changed", 2, 3),
        ("/0", "extra", None, new),
    ]
    assert found([add, sub], [sub]) == [("/0", "missing", add, None)]
    assert found([add, sub], [sub, add]) == [("", "moved", ["add", "sub"], ["sub", "add"])]


def test_without_names_of_their_own_they_are_told_apart_by_their_places() -> None:
    twice = {"name": "a"}
    assert found([twice, twice], [twice]) == [("/1", "missing", twice, None)]


@pytest.mark.parametrize("place", ["/a/0/b", "/a/*/b", "b", "/a", "/*", "a"])
def test_what_is_ignored_may_differ_be_missing_or_extra(place: str) -> None:
    assert found({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, place) == []
    assert found({"a": [{"b": 1}]}, {"a": [{}]}, place) == []
    assert found({"a": [{}]}, {"a": [{"b": 1}]}, place) == []


@pytest.mark.parametrize("place", ["/a/1/b", "/a/0", "c", "/b", "/a/0/b/c"])
def test_what_is_elsewhere_is_not_ignored(place: str) -> None:
    assert found({"a": [{"b": 1}, 0]}, {"a": [{"b": 2}, 0]}, place) == (
        [] if place == "/a/0" else [("/a/0/b", "changed", 1, 2)]
    )


@pytest.mark.parametrize("got", [1, "x", None, {"a": [1]}])
def test_a_value_that_was_left_out_is_as_any(got: Any) -> None:
    assert found({"token": LEFT_OUT}, {"token": got}) == []


@pytest.mark.parametrize(
    ("got", "same"), [("a x b y c", True), ("a b c", False), ("a  b  c", True), ("x b y c", False), ("a x c", False)]
)
def test_a_text_of_which_a_part_was_left_out_is_as_one_with_any_part(got: str, same: bool) -> None:
    assert (found(f"a {LEFT_OUT} b {LEFT_OUT} c", got) == []) is same


def test_texts_that_only_the_server_can_read_may_differ_but_must_be_there() -> None:
    assert found({"nextCursor": "a", "requestState": "b"}, {"nextCursor": "c", "requestState": "d"}) == []
    assert found({"nextCursor": "a"}, {}) == [("/nextCursor", "missing", "a", None)]
    assert found({"nextCursor": "a"}, {"nextCursor": 1}) == [("/nextCursor", "changed", "a", 1)]


@given(st.text())
def test_steps_of_pointers_mean_the_names_that_they_are_made_of(name: str) -> None:
    assert unescaped(escaped(name)) == name
    assert "/" not in escaped(name)
