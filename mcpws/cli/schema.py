"""JSON Schemas as people read them, and what people type as such a schema has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from mcpws.jsonrpc.messages import encode_value

MAX_DEPTH = 4
"""Objects and lists within each other that are shown with their parts; a schema may be part of itself."""

MAX_SHOWN = 8
"""Values of an enumeration, and members of an object, that are shown."""

MAX_PARTS = 200
"""Schemas within one that are shown."""

MAX_DEFAULT = 40
"""Characters of a default that are shown."""

KINDS = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
"""Types of JSON values, as schemas call them."""

Schema = dict[str, Any]


class Reader:
    """Reads schemas that are part of `root`, whose definitions they may refer to (JSON Schema 2020-12, `$ref`)."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = MAX_PARTS

    def members(self) -> Iterator[tuple[str, Schema, bool]]:
        """Name and schema of each member of an object that `root` describes, and whether it must be there."""
        yield from self._members(self._seen_through(self._root))

    def argument(self, name: str, schema: Schema, required: bool) -> str:
        """A member as `b: integer = 5`, or `b?: integer` without a default."""
        default = schema.get("default")
        # That something may be null says no more than that it may be missing, where both mean the same.
        kind = self.type(schema, null=required or default is not None)
        told = "" if default is None else f" = {_shortened(_json(default))}"
        return f"{name}{'' if required or told else '?'}{': ' if kind else ''}{kind}{told}"

    def type(self, schema: Any, depth: int = 0, null: bool = True) -> str:
        """Type of the values that fit, as `[string]`, `"C"|"F"` or `{x: number, y: number}`; empty where all do.

        :param null: whether to say that null fits.
        """
        schema = self._seen_through(schema)
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            return "..."
        if "const" in schema:
            return _json(schema["const"])
        values = schema.get("enum")
        if isinstance(values, list):
            return _joined(_json(value) for value in values if null or value is not None)
        several = [one for one in _alternatives(schema) if null or not _is_null(one)]
        if several:
            return _joined(filter(None, (self.type(one, depth + 1, null) for one in several)))
        kinds = [kind for kind in _kinds(schema) if null or kind != "null"]
        return _joined(self._one_type(kind, schema, depth) for kind in kinds)

    def kinds(self, schema: Any, depth: int = 0) -> frozenset[str]:
        """The types that a value may be of: all of them where the schema does not say."""
        schema = self._seen_through(schema)
        if "const" in schema:
            return frozenset({kind_of(schema["const"])})
        values = schema.get("enum")
        if isinstance(values, list) and values:
            return frozenset(map(kind_of, values))
        several = _alternatives(schema)
        if several and depth < MAX_DEPTH:
            return frozenset().union(*(self.kinds(one, depth + 1) for one in several))
        return KINDS.intersection(_kinds(schema)) or KINDS

    def _one_type(self, kind: str, schema: Schema, depth: int) -> str:
        if kind == "array":
            return self._array(schema, depth)
        return self._object(schema, depth) if kind == "object" else kind

    def _array(self, schema: Schema, depth: int) -> str:
        first = schema.get("prefixItems")
        if depth == MAX_DEPTH:
            return "array"
        if isinstance(first, list) and first:
            return f"[{', '.join(self.type(one, depth + 1) or 'any' for one in first[:MAX_SHOWN])}]"
        items = self.type(schema.get("items"), depth + 1)
        return f"[{items}]" if items else "array"

    def _object(self, schema: Schema, depth: int) -> str:
        if depth == MAX_DEPTH:
            return "object"
        members = [
            f"{name}{'' if required else '?'}{': ' if kind else ''}{kind}"
            for name, one, required in islice(self._members(schema), MAX_SHOWN)
            for kind in [self.type(one, depth + 1, required)]
        ]
        properties = schema.get("properties")
        if isinstance(properties, dict) and len(properties) > MAX_SHOWN:
            members.append("...")
        others = self.type(schema.get("additionalProperties"), depth + 1)
        if others:
            members.append(f"*: {others}")
        return f"{{{', '.join(members)}}}" if members else "object"

    def _members(self, schema: Schema) -> Iterator[tuple[str, Schema, bool]]:
        properties, required = schema.get("properties"), schema.get("required")
        for name, one in properties.items() if isinstance(properties, dict) else ():
            yield name, self._seen_through(one), isinstance(required, list) and name in required

    def _seen_through(self, schema: Any) -> Schema:
        """The schema that `schema` refers to in the end; what is none, and what refers to nothing, says nothing."""
        for _ in range(MAX_DEPTH):
            if not isinstance(schema, dict):
                return {}
            whole = schema.get("allOf")
            if "$ref" in schema:
                more = {key: value for key, value in schema.items() if key != "$ref"}
                schema = {**self._referred(schema["$ref"]), **more}
            elif isinstance(whole, list) and len(whole) == 1 and isinstance(whole[0], dict):
                more = {key: value for key, value in schema.items() if key != "allOf"}
                schema = {**whole[0], **more}
            else:
                return schema
        return {}

    def _referred(self, reference: object) -> Schema:
        found: Any = self._root
        if not isinstance(reference, str) or not reference.startswith("#"):
            return {}
        for step in reference.removeprefix("#").split("/")[1:]:
            # RFC 6901, section 4.
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}


def kind_of(value: object) -> str:
    """The type of a JSON value, as schemas call it."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    if value is None:
        return "null"
    return "array" if isinstance(value, list) else "object"


def _kinds(schema: Schema) -> list[str]:
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return [kinds]
    if isinstance(kinds, list):
        return [kind for kind in kinds if isinstance(kind, str)]
    return ["object"] if "properties" in schema else []


def _alternatives(schema: Schema) -> list[Any]:
    for key in "anyOf", "oneOf":
        several = schema.get(key)
        if isinstance(several, list) and several:
            return several
    return []


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _joined(parts: Iterable[str]) -> str:
    found = list(dict.fromkeys(parts))
    if len(found) > MAX_SHOWN:
        found[MAX_SHOWN:] = ["..."]
    return "|".join(found)


def _json(value: object) -> str:
    return msgspec.json.format(encode_value(value).decode(), indent=0)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_DEFAULT else f"{text[:MAX_DEFAULT]}..."
