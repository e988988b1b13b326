"""Arguments as they are typed: `NAME=VALUE`, or a JSON object."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec
from msgspec import Raw

from mcpws.cli.schema import KINDS, Reader, kind_of
from mcpws.jsonrpc.surrogates import read_as, reader, unmark, whole

Words = Sequence[str]


class Arguments:
    """Arguments of a command, besides its options.

    :param words: each `NAME=VALUE`, or the first of them a JSON object, or `-` for one on standard input.
    :raises BadParameter: it is neither, or something is given twice.
    """

    def __init__(self, words: Words, hint: str = "ARGUMENTS") -> None:
        self._hint = hint
        self._values: dict[str, Any] = {}
        self.texts: dict[str, str] = {}
        """Those whose value may be text or JSON: a schema says which."""
        for number, word in enumerate(words):
            if number == 0 and (word == "-" or word.lstrip().startswith(("{", "["))):
                self._values = to_json_object(word)
                continue
            if not is_utf8(word):
                raise self._refusal(f"is not UTF-8 (got {word!r})")
            name, equals, text = word.partition("=")
            if not (name and equals):
                raise self._refusal(f"must be NAME=VALUE or a JSON object (got {word!r})")
            if name in self._values or name in self.texts:
                raise self._refusal(f"{name} is given twice; a list is written as {name}='[1, 2]'")
            self.texts[name] = text

    def by(self, schema: Any) -> dict[str, Any]:
        """All arguments, as the JSON `schema` of an object has them.

        :raises BadParameter: one is text where that cannot be.
        """
        reading = Reader(schema)
        members = {name: one for name, one, _ in reading.members()}
        typed = {name: self._value(name, text, reading, members) for name, text in self.texts.items()}
        return {**self._values, **typed}

    def as_text(self) -> dict[str, Any]:
        """All arguments, those that may be text or JSON as text."""
        return {**self._values, **self.texts}

    def _value(self, name: str, text: str, reading: Reader, members: Mapping[str, Any]) -> Any:
        kinds = reading.kinds(members[name]) if name in members else KINDS
        if kinds == {"string"}:
            return text
        try:
            raw, kind = to_json(text)
        except (ValueError, RecursionError):
            pass
        else:
            if kind in kinds or (kind == "integer" and "number" in kinds):
                return raw
        if "string" in kinds:
            return text
        raise self._refusal(f"{name} must be {reading.type(members[name])} (got {text!r})")

    def _refusal(self, problem: str) -> click.BadParameter:
        return click.BadParameter(problem, param_hint=self._hint)


def to_json_object(value: str) -> dict[str, Any]:
    """A JSON object, its members as they are written but for `_meta`; `-` reads it from standard input.

    :raises BadParameter: it is none.
    """
    text = sys.stdin.buffer.read() if value == "-" else value
    try:
        found: dict[str, Any] = {}
        for marked, member in _read_members(_encoded(text)).items():
            name = whole(marked)
            if name is None:
                raise ValueError("a name in it has half of a surrogate pair")
            found[name] = unmark(member)
    except msgspec.ValidationError:
        raise click.BadParameter('must be an object, such as {"name": "value"}', param_hint="JSON") from None
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"is no JSON: {error}", param_hint="JSON") from None
    if "_meta" in found:
        try:
            found["_meta"] = read_as(dict[str, Any], found["_meta"])
        except ValueError:
            raise click.BadParameter("_meta must be an object", param_hint="JSON") from None
    return found


def to_json(text: str) -> tuple[Raw, str]:
    """A JSON text as it is written, and the type of its value; ValueError or RecursionError if it is none."""
    raw = Raw(_encoded(text))
    return raw, kind_of(_read_value(raw))


def is_utf8(word: str) -> bool:
    """Whether a word of the command line was; what is not has halves of surrogate pairs (PEP 383)."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encoded(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


_read_members = reader(dict[str, Raw])
_read_value = reader(Any)
