"""Results of tools, made of what their functions return (MCP 2025-11-25, tools, structured content)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Never, NoReturn, TypeAlias, Union, get_args, get_origin

import msgspec
from msgspec import Raw, inspect

from mcpws.backends.app.arguments import decode, schema_of
from mcpws.backends.app.content import as_content, check_content
from mcpws.backends.app.mixed import BEGIN, as_parts, taken_apart
from mcpws.backends.app.modelled import Model, is_modelled
from mcpws.backends.app.shape import Shapes, within
from mcpws.backends.app.signature import MISSING, Signature
from mcpws.errors import InvalidParams
from mcpws.jsonrpc.messages import encode_value, to_raw
from mcpws.mcp.content import Block, Content, Text, ToolResult

Convert: TypeAlias = Callable[[Any], ToolResult]
"""Makes a result of what a function returned; raises TypeError, which names the function, if that cannot be."""

_UNTOLD = (MISSING, Any, object, str, None, NoneType, NoReturn, Never)
# What one type says of a value, another may say as well.
_EXACT: dict[type[inspect.Type], tuple[type, ...]] = {
    inspect.NoneType: (NoneType,),
    inspect.BoolType: (bool,),
    inspect.IntType: (int,),
    inspect.FloatType: (float, int),
    inspect.StrType: (str,),
    inspect.ListType: (list, tuple),
    inspect.VarTupleType: (list, tuple),
    inspect.DictType: (dict,),
}


def results_of(signature: Signature) -> tuple[Convert, dict[str, Any] | None]:
    """Maker of results for a function, and the schema of their structured part.

    :raises ConfigError: JSON cannot stand for what it is annotated to return.
    """
    returns = signature.returns
    members = _members(returns)
    if any(map(_is_content, members)):
        return Undescribed(signature, True).result, None
    if all(member in _UNTOLD for member in members):
        return Undescribed(signature, False).result, None
    if is_modelled(returns):
        modelled = Modelled(signature)
        return modelled.result, modelled.schema
    try:
        info = inspect.type_info(returns)
        if any(_is_content(getattr(part, "cls", None)) for part in within(info)):
            return Undescribed(signature, True).result, None
        schema = schema_of(returns)
        is_object = schema.get("type") == "object"
        if not is_object:
            schema = schema_of(msgspec.defstruct("Result", [("result", returns)]))
            del schema["title"]
        to_raw(schema)
    except Exception as error:
        # The type's own code runs here too.
        raise signature.refusal("return", returns, f"JSON cannot stand for it: {error}") from None
    return Described(signature, info, is_object).result, schema


class Undescribed:
    """Results of which nothing is told beforehand: text, content, or whatever it is.

    :param of_content: whether that is content of several parts, where it is a list.
    """

    def __init__(self, signature: Signature, of_content: bool) -> None:
        self._signature = signature
        self._of_content = of_content

    def result(self, value: Any) -> ToolResult:
        """A Convert."""
        if type(value) is str:
            return ToolResult([Text(value)])
        try:
            if isinstance(value, ToolResult):
                return _checked(value)
            content, encoded = as_content(value), None
            if content is None:
                encoded = encode_value(value)
                if BEGIN in encoded:
                    encoded, content = _parted(value, encoded)
                if content is None:
                    is_list = self._of_content and isinstance(value, list | tuple)
                    content = as_parts(value) if is_list else [Text(encoded.decode())]
                if not encoded.startswith(b"{"):
                    encoded = None
            check_content(content)
        except TypeError as error:
            raise self._signature.fault(error) from None
        return ToolResult(content, None if encoded is None else Raw(encoded))


class Described:
    """Results whose `outputSchema` is told beforehand: they are held to it.

    :param is_object: whether they are JSON objects by themselves; else there is one around each.
    """

    def __init__(self, signature: Signature, info: inspect.Type, is_object: bool) -> None:
        shape = Shapes().of(info)
        self._signature = signature
        self._is_object = is_object
        self._is_open = any(isinstance(part, inspect.AnyType) for part in within(info))
        self._exact = frozenset(_exact(info))
        self._value = msgspec.json.Decoder(shape)
        wrapped = shape if is_object else msgspec.defstruct("Result", [("result", shape)])
        self._structured = msgspec.json.Decoder(wrapped)

    def result(self, value: Any) -> ToolResult:
        """A Convert."""
        try:
            is_exact = type(value) in self._exact
            if not is_exact and isinstance(value, ToolResult):
                return self._own(value)
            encoded, content = encode_value(value), None
            if self._is_open and BEGIN in encoded:
                encoded, content = _parted(value, encoded)
            if not is_exact:
                # Its type says that it fits, or what is written is read.
                decode(self._value, Raw(encoded), "$")
            if content is not None:
                check_content(content)
        except (TypeError, InvalidParams) as error:
            raise self._signature.fault(error) from None
        if content is None:
            content = [Text(str(value) if isinstance(value, str | PurePath) else encoded.decode())]
        return ToolResult(content, Raw(encoded if self._is_object else b'{"result":%b}' % encoded))

    def _own(self, result: ToolResult) -> ToolResult:
        result = _checked(result)
        if not result.is_error:
            if result.structured is None:
                raise TypeError("without structured content, which its outputSchema promises")
            decode(self._structured, result.structured, "$.structuredContent")
        return result


class Modelled:
    """Results that pydantic describes, and checks.

    :raises ConfigError: it has no JSON for what the function is annotated to return.
    """

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._model = Model(signature, "return", signature.returns, "serialization")
        schema = self._model.schema
        self._is_object = schema.get("type") == "object"
        if not self._is_object:
            definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
            schema = {"type": "object", "properties": {"result": schema}, "required": ["result"], **definitions}
        self.schema = schema

    def result(self, value: Any) -> ToolResult:
        """A Convert."""
        try:
            if isinstance(value, ToolResult):
                return _checked(value)
            encoded = encode_value(self._model.written(value))
        except (TypeError, InvalidParams) as error:
            raise self._signature.fault(error) from None
        structured = encoded if self._is_object else b'{"result":%b}' % encoded
        return ToolResult([Text(encoded.decode())], Raw(structured))


def _parted(value: Any, encoded: bytes) -> tuple[bytes, list[Content] | None]:
    """JSON of `value`, and its content if it has blocks for parts: then only a sign of each is in the JSON."""
    rest, blocks = taken_apart(value)
    return (encode_value(rest), as_parts(value)) if blocks else (encoded, None)


def _checked(result: ToolResult) -> ToolResult:
    """A result that a function made itself, without a number in it that JSON does not have."""
    check_content(result.content)
    if result.structured is None and result.meta is None:
        return result
    structured = None if result.structured is None else to_raw(result.structured)
    encode_value(result.meta)
    return msgspec.structs.replace(result, structured=structured)


def _exact(info: inspect.Type) -> Iterable[type]:
    """The types whose values fit, whatever they are."""
    if isinstance(info, inspect.UnionType):
        return [exact for one in info.types for exact in _exact(one)]
    parts = [getattr(info, name) for name in info.__struct_fields__]
    limited = any(part is not None and not isinstance(part, inspect.AnyType) for part in parts)
    return () if limited else _EXACT.get(type(info), ())


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        return get_args(annotation)
    return (annotation,)


def _is_content(annotation: Any) -> bool:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return issubclass(annotation, Block | ToolResult)
    return any(_is_content(member) for argument in get_args(annotation) for member in _members(argument))
