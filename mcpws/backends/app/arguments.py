"""Arguments by type: JSON Schema for whoever calls, decoding and a clear refusal when a call comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, UNSET, Raw, inspect

from mcpws.backends.app.hooks import dec_hook, schema_hook
from mcpws.backends.app.integers import plain_integers
from mcpws.backends.app.shape import Shapes, within
from mcpws.backends.app.signature import MISSING, Parameter, Signature, annotated_description
from mcpws.errors import InvalidParams
from mcpws.jsonrpc.messages import EMPTY, Request, to_raw
from mcpws.jsonrpc.nulls import without_nulls

T = TypeVar("T")

_REF = "#/$defs/"
_MEMBER = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)

MAX_EXPLANATION = 500
"""Characters. What is wrong may be quoted, and may be as long as the whole request."""


class ArgumentsOfFunction(Protocol):
    """The parameters of a function as one JSON object: `schema` describes it."""

    schema: dict[str, Any]

    def decode(self, raw: Raw, at: str) -> tuple[Any, ...]:
        """The values in the JSON object `raw`, which stands at the path `at`; InvalidParams if they do not fit."""

    def decode_call(self, params: Raw) -> tuple[str, tuple[Any, ...]] | None:
        """Name and values from the `params` of a call, read in one pass; None if that cannot be."""

    def convert(self, values: Mapping[str, str], at: str) -> tuple[Any, ...]:
        """Values from strings: a number is one in a string, a list or an object is JSON in a string."""

    def is_json(self, name: str) -> bool:
        """Whether `convert` wants JSON for this parameter."""


class Arguments:
    """The parameters of a function as one JSON object.

    `schema` describes it (JSON Schema 2020-12); `decode` and `convert` make of it what `Signature.call` takes.

    :raises ConfigError: a parameter without annotation, or with one that JSON cannot stand for.
    """

    def __init__(self, signature: Signature) -> None:
        infos = {parameter.name: _check(signature, parameter) for parameter in signature.parameters}
        self._from_json = {name: _takes_text(info) for name, info in infos.items() if _takes_json(info)}
        # Not every name of a parameter may be one of a field.
        numbered = {f"p{number}": parameter for number, parameter in enumerate(signature.parameters)}
        fields = [(field, parameter.type, _field(parameter)) for field, parameter in numbered.items()]
        names = {field: parameter.name for field, parameter in numbered.items()}
        self._type = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True, rename=names)
        self._decode = msgspec.json.Decoder(self._type, dec_hook=dec_hook).decode
        call = msgspec.defstruct("Call", [("name", str), ("arguments", self._type)])
        self._decode_call = msgspec.json.Decoder(call, dec_hook=dec_hook).decode
        self.schema = schema_of(self._type)
        del self.schema["title"]
        for parameter in signature.parameters:
            member = self.schema["properties"][parameter.name]
            if parameter.description is not None:
                member.setdefault("description", parameter.description)
            if not parameter.required:
                member.setdefault("default", msgspec.json.decode(to_raw(parameter.default)))

    def decode(self, raw: Raw, at: str) -> tuple[Any, ...]:
        """The values in the JSON object `raw`, which stands at the path `at`; InvalidParams if they do not fit."""
        try:
            return msgspec.structs.astuple(self._decode(raw))
        except (ValueError, RecursionError) as error:
            return msgspec.structs.astuple(_decode_plain(self._decode, raw, error, at))

    def decode_call(self, params: Raw) -> tuple[str, tuple[Any, ...]] | None:
        """Name and values from the `params` of a call, read in one pass; None if they do not fit."""
        try:
            name, arguments = msgspec.structs.astuple(self._decode_call(params))
        except (ValueError, RecursionError):
            return None
        return name, msgspec.structs.astuple(arguments)

    def convert(self, values: Mapping[str, str], at: str) -> tuple[Any, ...]:
        """Values from strings: a number is one in a string, a list or an object is JSON in a string."""
        read = {name: self._read(name, text, f"{at}.{name}") for name, text in values.items()}
        try:
            return msgspec.structs.astuple(
                msgspec.convert(read, self._type, strict=False, str_keys=True, dec_hook=dec_hook)
            )
        except ValueError as error:
            raise invalid_params(error, at) from None

    def is_json(self, name: str) -> bool:
        """Whether `convert` wants JSON for this parameter."""
        return name in self._from_json

    def _read(self, name: str, text: str, at: str) -> Any:
        """Value that a string stands for: itself, but where the parameter wants what only JSON can say."""
        or_text = self._from_json.get(name)
        if or_text is None:
            return text
        try:
            value = msgspec.json.decode(text)
        except (ValueError, RecursionError) as error:
            if or_text:
                return text
            reason = f"has to be JSON in a string: {error}"[:MAX_EXPLANATION]
            raise InvalidParams(f"Invalid params: {at}: {reason}", {"path": at, "reason": reason}) from None
        return value if isinstance(value, list | dict) else text


def reader(type: type[T]) -> Callable[[Request], T]:
    """Reads the parameters of a request as `type`; raises InvalidParams, with paths that begin at them.

    Where `type` has no place for a `null`, it is the same as none.
    """
    decoder = msgspec.json.Decoder(type)

    def read(request: Request) -> T:
        params = EMPTY if request.params is None else request.params
        try:
            return decode(decoder, params, "$")
        except InvalidParams:
            if b"null" not in bytes(params):
                raise
        try:
            fewer = without_nulls(params)
        except (ValueError, RecursionError) as error:
            raise invalid_params(error, "$") from None
        return decode(decoder, fewer, "$")

    return read


def unknown(kind: str, path: str, name: str) -> InvalidParams:
    """There is no such tool, or whatever else is of that `kind`."""
    shown = name[:MAX_EXPLANATION]
    return InvalidParams(f"Unknown {kind}: {shown}", {"path": path, "reason": f"no {kind} {shown!r}"})


def decode(decoder: msgspec.json.Decoder[T], raw: Raw, at: str) -> T:
    """Value of the JSON `raw`; InvalidParams, naming the place below the path `at`, if it does not fit."""
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError) as error:
        return _decode_plain(decoder.decode, raw, error, at)


def _decode_plain(decode: Callable[[Raw | bytes], T], raw: Raw, error: Exception, at: str) -> T:
    """Value of `raw`, which was refused because of `error`, read with its integers written as such."""
    plain = plain_integers(raw) if isinstance(error, msgspec.ValidationError) else None
    if plain is None:
        raise invalid_params(error, at) from None
    try:
        return decode(plain)
    except (ValueError, RecursionError) as error:
        raise invalid_params(error, at) from None


def invalid_params(error: Exception, at: str) -> InvalidParams:
    """InvalidParams with the fault that msgspec found, and the path to it."""
    # As in: Expected `int`, got `str` - at `$.a[0]`. Of a key it says: - at `key` in `$.a`.
    reason, found, where = str(error).rpartition(" - at `")
    if found:
        at += where.rstrip("`").rpartition("$")[2]
    else:
        # What is a message is JSON: nothing else is wrong with its form.
        reason = "a string holds half of a surrogate pair" if type(error) is msgspec.DecodeError else where
    reason = reason[:MAX_EXPLANATION]
    if member := _MEMBER.fullmatch(reason):
        at = f"{at}.{member[1]}"
    return InvalidParams(f"Invalid params: {at}: {reason}", {"path": at, "reason": reason})


def schema_of(type: Any) -> dict[str, Any]:
    """The JSON Schema of `type`, complete in itself: what it refers to stands in its own `$defs`.

    :raises TypeError: JSON has nothing for this type. What the type itself raises may come too.
    """
    (schema,), definitions = msgspec.json.schema_components(
        [type], schema_hook=schema_hook, ref_template=f"{_REF}{{name}}"
    )
    for part in within(inspect.type_info(type)):
        _describe(part, definitions)
    if schema.keys() == {"$ref"}:
        schema = dict(definitions[schema["$ref"].removeprefix(_REF)])
    needed = _references(schema, definitions, set())
    if needed:
        schema["$defs"] = {name: definitions[name] for name in sorted(needed)}
    ordered: dict[str, Any] = _in_order(schema)
    return ordered


def _describe(info: Any, definitions: Mapping[str, Any]) -> None:
    """Put what `Annotated` says of the fields of a class, as a string, into its schema: msgspec leaves that out."""
    fields = getattr(info, "fields", None)
    if not fields:
        return
    owner = get_origin(info.cls) or info.cls
    hints = get_type_hints(owner, include_extras=True)
    for field in fields:
        said = annotated_description(hints.get(field.name))
        for definition in definitions.values():
            if said is not None and str(definition.get("title")).partition("[")[0] == owner.__name__:
                member = definition.get("properties", {}).get(field.encode_name)
                if member is not None:
                    member.setdefault("description", said)


def _references(schema: Any, definitions: Mapping[str, Any], found: set[str]) -> set[str]:
    if isinstance(schema, dict):
        name = str(schema.get("$ref", "")).removeprefix(_REF)
        if name in definitions and name not in found:
            found.add(name)
            _references(definitions[name], definitions, found)
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            _references(part, definitions, found)
    return found


def _in_order(schema: Any) -> Any:
    """The schema in an order that is the same in every process: msgspec takes the members of a union from a set."""
    if isinstance(schema, list):
        return [_in_order(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    ordered = {name: _in_order(part) for name, part in schema.items()}
    if "anyOf" in ordered:
        ordered["anyOf"].sort(key=str)
    return ordered


def _field(parameter: Parameter) -> Any:
    default = parameter.default
    if parameter.required:
        return NODEFAULT
    try:
        hash(default)
        msgspec.to_builtins(default)
    except TypeError:
        # Shared by all calls, as Python shares it.
        return msgspec.field(default_factory=lambda: default)
    return default


def _check(signature: Signature, parameter: Parameter) -> inspect.Type:
    """msgspec's description of a parameter's type; ConfigError if it cannot be announced as what it is."""
    if parameter.type is MISSING:
        raise signature.no_annotation(parameter.name)
    try:
        msgspec.json.Decoder(parameter.type, dec_hook=dec_hook)
        info = inspect.type_info(parameter.type)
        to_raw(schema_of(parameter.type))
        raw = None if parameter.required else to_raw(parameter.default)
    except Exception as error:
        # The types' own code runs here too.
        raise signature.refusal(parameter.name, parameter.type, f"JSON cannot stand for it: {error}") from None
    if raw is not None:
        _check_default(signature, parameter.name, "its default", info, raw)
    for owner in within(info):
        for field in getattr(owner, "fields", ()):
            if field.default is not NODEFAULT and field.default is not UNSET:
                whose = f"the default of {field.name} in {owner.cls.__name__}"  # type: ignore[union-attr]
                _check_default(signature, parameter.name, whose, field.type, to_raw(field.default))
    return info


def _check_default(signature: Signature, parameter: str, whose: str, info: inspect.Type, default: Raw) -> None:
    try:
        decode(msgspec.json.Decoder(Shapes().of(info)), default, "$")
    except InvalidParams as error:
        problem = f"{whose} is none of its type's: {error.data['reason']}"
        raise signature.refusal(parameter, bytes(default).decode(), problem) from None


def _takes_json(info: inspect.Type) -> bool:
    """Whether a string can stand for some of its values only as JSON, and for none by itself."""
    members = _members(info)
    return any(map(_is_structured, members)) and not any(isinstance(one, inspect.StrType) for one in members)


def _takes_text(info: inspect.Type) -> bool:
    return not all(_is_structured(member) or isinstance(member, inspect.NoneType) for member in _members(info))


def _members(info: inspect.Type) -> tuple[inspect.Type, ...]:
    if isinstance(info, inspect.Metadata):
        return _members(info.type)
    return info.types if isinstance(info, inspect.UnionType) else (info,)


def _is_structured(info: inspect.Type) -> bool:
    return hasattr(info, "fields") or isinstance(
        info, inspect.CollectionType | inspect.TupleType | inspect.DictType | inspect.RawType
    )
