"""Secrets in what is recorded: which values are left out, and how.

A value is left out where its name says what it is. Beside it stands the text itself: what was left out once is left out
of every other text of the conversation, too, for a server repeats in its `content` what it has in `structuredContent`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from msgspec import Raw

from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Message, put_together
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import PROGRESS_TOKEN

LEFT_OUT = "[left out]"
"""Stands for a value that was left out, or for a part of a text."""

NAMES = (
    "access key",
    "api key",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "private key",
    "secret",
    "session id",
    "token",
)
"""Words that make the name of a secret, wherever in it they are, in any case, with anything or nothing between them."""

WHOLE_NAMES = ("auth", "otp", "pin", "pwd")
"""Names that are whole names of secrets."""

HARMLESS = (PROGRESS_TOKEN, "maxTokens")
"""Names of MCP's own that only look like it."""

SHORTEST = 6
"""Characters of a secret that is looked for in other texts; what is shorter would be found where it is none."""

MAX_KNOWN = 64
"""Secrets of one conversation that are looked for in other texts: the last ones."""

MAX_DEPTH = 200
"""Levels of a value that are looked into; what lies deeper is left out."""

_SCHEMAS = ("inputSchema", "outputSchema", "requestedSchema")
"""Members of MCP's that are JSON Schemas, in which the name of a property is no name of a value."""

_OF_PROPERTIES = ("properties", "patternProperties", "$defs", "definitions")
"""Members of a JSON Schema whose own members have names that are none of values."""

_OF_VALUES = ("const", "default", "enum", "examples")
"""Members of a JSON Schema that have values."""

_AUTH = "mcp.auth."
_HEADERS = ("sec-websocket-key", "proxy-authorization")
_OFFERED = "sec-websocket-protocol"

_ENVELOPE = ("jsonrpc", "id", "method")

_read = reader(Any)


class _Names:
    """Names of secrets: `is_one` of them, and whether a message `may_have` any.

    :param more: besides those that are known.
    """

    def __init__(self, more: tuple[str, ...]) -> None:
        words = [r"[\W_]{0,3}".join(map(re.escape, name.split())) for name in NAMES if name != "token"]
        # Of these, those that MCP has for something else.
        anywhere = "|".join([*words, "authorisation", r"(?<!progress)(?<!max)(?<!max_)token"])
        whole = "|".join([*WHOLE_NAMES, *map(re.escape, more)])
        self.is_one = re.compile(rf"{anywhere}|\A(?:{whole})\Z", re.IGNORECASE).search
        # A name may be spelled with escapes, and then anything may be one.
        scan = rf"{anywhere}|(?<![A-Za-z0-9])(?:{whole})(?![A-Za-z0-9])|\\u"
        self._scan = re.compile(scan.encode(), re.IGNORECASE).search
        firsts = {name.split()[0] for name in NAMES} | {"authorisation", *WHOLE_NAMES}
        self._firsts = [one.encode() for one in sorted(firsts | {name.lower() for name in more} | {"\\u"})]
        # Of bytes, case is told of ASCII alone.
        self._always = not "".join(more).isascii()

    def may_have(self, data: bytes) -> bool:
        """Whether there may be such a name in the JSON `data`. A look for each word takes a tenth of the whole one."""
        if self._always:
            return True
        lower = data.lower()
        for first in self._firsts:
            if first in lower:
                return self._scan(data) is not None
        return False


_names = cache(_Names)


class Secrets:
    """The secrets of one conversation: what messages are recorded without.

    :param more: names of secrets besides those that are known as such; in any case.
    :param known: secrets themselves, by which they are found in any text.
    """

    def __init__(self, more: Sequence[str] = (), known: Sequence[str] = ()) -> None:
        self._names = _names(tuple(more))
        self._known: dict[str, None] = {}
        for one in known:
            self._learn(one)

    def without(self, message: Message) -> Raw:
        """A message as JSON without secrets, in one line."""
        data = encode(message)
        if not self._known and not self._names.may_have(data):
            # In JSON a raw newline can only stand between tokens.
            return Raw(data.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in data or b"\r" in data else data)
        try:
            return put_together(self.cleaned(_read(data)))
        except (ValueError, TypeError, RecursionError):
            return put_together(LEFT_OUT)

    def cleaned(self, message: Any) -> Any:
        """A decoded message without secrets."""
        if not isinstance(message, dict):
            return LEFT_OUT
        # Twice: what is a secret may only be told after a text that has it.
        found = {key: one if key in _ENVELOPE else self._without(one, 0, False) for key, one in message.items()}
        if not self._known:
            return found
        return {key: one if key in _ENVELOPE else self._hidden(one) for key, one in found.items()}

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers of a handshake, without those that have secrets, and without offers that may be some."""
        found = {}
        for name, value in headers.items():
            if name in _HEADERS or self._names.is_one(name):
                for word in (value, *value.split()):
                    self._learn(word)
            elif name == _OFFERED:
                offers = [one.strip() for one in value.split(",")]
                found[name] = ", ".join(one for one in offers if not one.startswith(_AUTH))
                for one in offers:
                    if one.startswith(_AUTH):
                        self._learn(one.removeprefix(_AUTH))
            else:
                found[name] = value
        return found

    def text(self, text: str) -> str:
        """A text without the secrets that are known."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, LEFT_OUT)
        return text

    def _without(self, value: Any, depth: int, in_schema: bool) -> Any:
        """`value` without what lies under names of secrets, which are known from then on."""
        if depth > MAX_DEPTH:
            self._learn_all(value)
            return LEFT_OUT
        if isinstance(value, dict):
            found: dict[str, Any] = {}
            for key, one in value.items():
                if in_schema and key in _OF_PROPERTIES and isinstance(one, dict):
                    found[key] = {name: self._property(name, one[name], depth + 2) for name in one}
                elif self._is_secret(key):
                    self._learn_all(one)
                    found[key] = one if one is None or one == "" else LEFT_OUT
                else:
                    found[key] = self._without(one, depth + 1, in_schema or key in _SCHEMAS)
            return found
        if isinstance(value, list):
            return [self._without(one, depth + 1, in_schema) for one in value]
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            return self._within(value, depth)
        return value

    def _property(self, name: str, schema: Any, depth: int) -> Any:
        """The JSON Schema of a property, which tells nothing of its value unless it has one."""
        if self._is_secret(name) and isinstance(schema, dict):
            for key in _OF_VALUES:
                self._learn_all(schema.get(key))
            schema = {key: LEFT_OUT if key in _OF_VALUES else one for key, one in schema.items()}
        elif self._is_secret(name):
            self._learn_all(schema)
            return schema if isinstance(schema, bool) else LEFT_OUT
        return self._without(schema, depth, True)

    def _within(self, text: str, depth: int) -> str:
        """A text that is JSON itself, without what lies under names of secrets in it."""
        try:
            value = json.loads(text, object_pairs_hook=self._members)
        except (ValueError, RecursionError):
            return text
        found = self._without(value, depth + 1, False)
        return text if found == value else json.dumps(found, ensure_ascii=False)

    def _members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The members of an object; of those that a later one of the same name replaces, secrets are known as well."""
        found = dict(pairs)
        if len(found) < len(pairs):
            for name, one in pairs:
                if self._is_secret(name):
                    self._learn_all(one)
        return found

    def _hidden(self, value: Any) -> Any:
        """`value` without the secrets that are known, wherever they stand in its texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self._hidden(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._hidden(one) for one in value]
        return value

    def _is_secret(self, name: str) -> bool:
        return self._names.is_one(name) is not None

    def _learn_all(self, value: Any) -> None:
        for text in _texts(value):
            self._learn(text)

    def _learn(self, secret: str) -> None:
        if len(secret) < SHORTEST or secret == LEFT_OUT:
            return
        # A text may be JSON, in which it is written with escapes.
        for one in {secret: None, _quoted(secret): None, json.dumps(secret)[1:-1]: None}:
            self._known.pop(one, None)
            self._known[one] = None
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value, without recursion: it may be as deep as JSON goes."""
    ahead = [value]
    while ahead:
        one = ahead.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            ahead.extend(one.values())
        elif isinstance(one, list):
            ahead.extend(one)
        elif isinstance(one, int | float) and not isinstance(one, bool):
            yield str(one)
