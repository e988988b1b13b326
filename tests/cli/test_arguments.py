"""Arguments as they are typed."""

from __future__ import annotations

from typing import Any

import pytest
from click import BadParameter
from msgspec import Raw

from mcpws.cli.arguments import Arguments, to_json_object
from mcpws.jsonrpc.messages import to_raw

SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "unit": {"enum": ["C", "1"]},
        "count": {"type": "integer"},
        "size": {"type": "number"},
        "on": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "point": {"$ref": "#/$defs/Point"},
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "maybe": {"type": ["string", "null"]},
        "any": {},
    },
    "$defs": {"Point": {"type": "object", "properties": {"x": {"type": "number"}}}},
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("text=1", "1"),
        ("text=", ""),
        ("text=a=b", "a=b"),
        ('text="a"', '"a"'),
        ("unit=1", "1"),
        ("count=5", Raw(b"5")),
        ("count=5.0", Raw(b"5.0")),
        ("count=-5", Raw(b"-5")),
        ("count=123456789012345678901234567890", Raw(b"123456789012345678901234567890")),
        ("size=5", Raw(b"5")),
        ("size=1.5e3", Raw(b"1.5e3")),
        ("on=true", Raw(b"true")),
        ('tags=["a", "b"]', Raw(b'["a", "b"]')),
        ('tags=["\\ud83d"]', Raw(rb'["\ud83d"]')),
        ('point={"x": 1}', Raw(b'{"x": 1}')),
        ("either=5", Raw(b"5")),
        ("either=five", "five"),
        ('either="5"', Raw(b'"5"')),
        ("maybe=null", Raw(b"null")),
        ("maybe=5", "5"),
        ("any=5", Raw(b"5")),
        ("any=five", "five"),
        ("unknown=5", Raw(b"5")),
        ("unknown=five", "five"),
        ("unknown=" + "[" * 100_000, "[" * 100_000),
    ],
)
def test_a_value_is_json_where_the_schema_takes_that_and_text_elsewhere(word: str, value: object) -> None:
    name = word.partition("=")[0]
    assert Arguments([word]).by(SCHEMA) == {name: value}


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("count=five", r"count must be integer \(got 'five'\)"),
        ("count=1.5", r"count must be integer \(got '1\.5'\)"),
        ("size=", r"size must be number \(got ''\)"),
        ("on=yes", r"on must be boolean \(got 'yes'\)"),
        ("tags=a", r"tags must be \[string\] \(got 'a'\)"),
        ("point=[1]", r"point must be \{x\?: number\} \(got '\[1\]'\)"),
    ],
)
def test_a_value_that_the_schema_does_not_take_is_named(word: str, problem: str) -> None:
    with pytest.raises(BadParameter, match=problem):
        Arguments([word]).by(SCHEMA)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["five"], r"must be NAME=VALUE or a JSON object \(got 'five'\)"),
        (["=5"], "must be NAME=VALUE"),
        (["a=\udce9"], r"is not UTF-8 \(got 'a=\\udce9'\)"),
        (["a=1", '{"b": 2}'], "must be NAME=VALUE"),
        (["a=1", "a=2"], r"a is given twice; a list is written as a='\[1, 2\]'"),
        (['{"a": 1}', "a=2"], "a is given twice"),
        (["[1]"], "must be an object"),
        (['{"a":'], "is no JSON"),
    ],
)
def test_what_is_no_argument_is_refused(words: list[str], problem: str) -> None:
    with pytest.raises(BadParameter, match=problem):
        Arguments(words)


def test_an_object_and_what_is_named_go_together() -> None:
    arguments = Arguments(['{"a": {"b": 1}, "c": "d"}', "count=2", "x=y"])
    assert arguments.texts == {"count": "2", "x": "y"}
    assert to_raw(arguments.by(SCHEMA)) == Raw(b'{"a":{"b": 1},"c":"d","count":2,"x":"y"}')
    assert arguments.as_text() == {"a": Raw(b'{"b": 1}'), "c": Raw(b'"d"'), "count": "2", "x": "y"}
    assert Arguments([]).by(None) == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no JSON"),
        ('{"a":', "is no JSON"),
        ('{"a": \udce9}', "is no JSON"),
        ('{"a":' * 100_000, "is no JSON"),
        ('{"\\ud83d": 1}', "is no JSON: a name in it has half of a surrogate pair"),
        ("[1]", "must be an object"),
        ("null", "must be an object"),
        ('{"_meta": 1}', "_meta must be an object"),
    ],
)
def test_what_is_no_json_object_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(BadParameter, match=problem) as refused:
        to_json_object(text)
    assert refused.value.param_hint == "JSON"


@pytest.mark.parametrize(
    "text",
    [
        rb'{"a":"\ud83d"}',
        rb'{"a":{"b":["\uDE00\ud83d"]},"c":"\ud83d\ude00"}',
        rb'{"a":1e999}',
        rb'{"a":"\\ud83d"}',
        b'{"a":12345678901234567890123}',
    ],
)
def test_an_object_is_sent_as_it_is_written(text: bytes) -> None:
    assert bytes(to_raw(to_json_object(text.decode()))) == text


def test_a_name_may_be_written_in_escapes() -> None:
    assert to_json_object(r'{"\ud83d\ude00": "\ud83d"}') == {"\U0001f600": Raw(rb'"\ud83d"')}


def test_meta_is_read_so_that_more_can_be_added() -> None:
    found: dict[str, Any] = to_json_object('{"_meta": {"a": "\\ud83d"}, "b": "\\ud83d"}')
    assert found["_meta"] == {"a": "\N{REPLACEMENT CHARACTER}"}
