"""Arguments and results that pydantic describes and checks: of functions in whose annotations something is its own.

Nothing here needs it to be installed: it is imported for what comes from it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from importlib import import_module
from typing import Any, get_args, get_type_hints, is_typeddict

import msgspec
from msgspec import Raw

from mcpws.backends.app.arguments import MAX_EXPLANATION, Arguments, ArgumentsOfFunction
from mcpws.backends.app.hooks import SUPPORTED
from mcpws.backends.app.signature import MISSING, Parameter, Signature
from mcpws.errors import ConfigError, InvalidParams

_LIBRARIES = ("pydantic", "pydantic_core", "annotated_types")
_REF = "#/$defs/"
_STRUCTURED = frozenset({"array", "object"})


def is_modelled(annotation: Any) -> bool:
    """Whether something in `annotation` says what only pydantic understands: a model, a constraint, a type of its own.

    What JSON has a type for by itself is not, though pydantic would understand it too.
    """
    return any(map(_is_own, _parts(annotation)))


def arguments_of(signature: Signature) -> ArgumentsOfFunction:
    """The parameters of a function, as whatever understands all their annotations takes them.

    :raises ConfigError: a parameter without annotation, or with one that JSON cannot stand for.
    """
    own = any(is_modelled(parameter.type) for parameter in signature.parameters)
    return ModelledArguments(signature) if own else Arguments(signature)


class ModelledArguments:
    """The parameters of a function as one JSON object, as Arguments; all of them are checked by pydantic.

    :raises ConfigError: a parameter without annotation, or with one that pydantic has no JSON for; or it is not
        installed.
    """

    def __init__(self, signature: Signature) -> None:
        own = next(one for one in signature.parameters if is_modelled(one.type))
        library = _pydantic(signature, own.name, own.type)
        self._names = [f"p{number}" for number in range(len(signature.parameters))]
        fields: dict[str, Any] = {}
        for name, parameter in zip(self._names, signature.parameters, strict=True):
            if parameter.type is MISSING:
                raise signature.no_annotation(parameter.name)
            fields[name] = (parameter.type, library.Field(**_field(parameter)))
        config = library.ConfigDict(extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")
        try:
            model = library.create_model("Arguments", __config__=config, **fields)
            self.schema = _schema(library, model, "validation")
        except Exception as error:
            # The types' own code runs here too.
            for parameter in signature.parameters:
                Model(signature, parameter.name, parameter.type)
            raise _refusal(signature, own.name, own.type, error) from None
        self._decode = model.model_validate_json
        self._invalid = library.ValidationError
        for parameter in signature.parameters:
            _check_default(library, signature, parameter)
        self._types = {name: _types(member, self.schema) for name, member in self.schema["properties"].items()}

    def decode(self, raw: Raw, at: str) -> tuple[Any, ...]:
        """The values in the JSON object `raw`, which stands at the path `at`; InvalidParams if they do not fit."""
        try:
            values = self._decode(bytes(raw)).__dict__
        except self._invalid as error:
            raise misfit(error.errors(include_url=False), raw, at) from None
        return tuple(values[name] for name in self._names)

    def decode_call(self, params: Raw) -> tuple[str, tuple[Any, ...]] | None:
        """No decoder, since name and arguments are not read in one pass here."""
        return None

    def convert(self, values: Mapping[str, str], at: str) -> tuple[Any, ...]:
        """Values from strings: a number is one in a string, a list or an object is JSON in a string."""
        read = {name: self._read(name, text) for name, text in values.items()}
        return self.decode(Raw(msgspec.json.encode(read)), at)

    def is_json(self, name: str) -> bool:
        """Whether `convert` wants JSON for this parameter."""
        types = self._types[name]
        return bool(types & _STRUCTURED) and "string" not in types

    def _read(self, name: str, text: str) -> Any:
        if name not in self._types or not self.is_json(name):
            return text
        try:
            value = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            # Whoever takes it says what else it has to be.
            return text
        return value if isinstance(value, list | dict) else text


class Model:
    """A type as pydantic has it.

    :param name: of the parameter that is of this type, or "return"; for errors.
    :param mode: whether it is what is read ("validation"), or what is written ("serialization").
    :raises ConfigError: pydantic is not installed, or has no JSON for it.
    """

    def __init__(self, signature: Signature, name: str, type: Any, mode: str = "validation") -> None:
        library = _pydantic(signature, name, type)
        try:
            self._adapter = library.TypeAdapter(type)
            self.schema = _schema(library, self._adapter, mode)
        except Exception as error:
            raise _refusal(signature, name, type, error) from None
        self._invalid = library.ValidationError

    def decode(self, raw: Raw, at: str) -> Any:
        """The value that JSON stands for, which is at the path `at`; InvalidParams if it does not fit."""
        try:
            return self._adapter.validate_json(bytes(raw))
        except self._invalid as error:
            raise misfit(error.errors(include_url=False), raw, at) from None

    def written(self, value: Any) -> Any:
        """Built-in types for the JSON of a value; InvalidParams if it is none of the type's."""
        try:
            return self._adapter.dump_python(self._adapter.validate_python(value), mode="json", by_alias=True)
        except self._invalid as error:
            raise misfit(error.errors(include_url=False), None, "$") from None


def misfit(errors: Sequence[Mapping[str, Any]], raw: Raw | None, at: str) -> InvalidParams:
    """InvalidParams with the faults that pydantic found in `raw`, and the paths to them; the first of them counts."""
    try:
        value = None if raw is None else msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        value = None
    told = [(at + _path(error["loc"], value, raw is None), str(error["msg"])) for error in errors]
    (path, reason), *others = told
    reason = "; ".join([reason, *(f"{where}: {what}" for where, what in others)])[:MAX_EXPLANATION]
    # What was sent, which is part of some of it, may hold what UTF-8 cannot.
    reason = reason.encode(errors="backslashreplace").decode()
    return InvalidParams(f"Invalid params: {path}: {reason}", {"path": path, "reason": reason})


def _path(place: Sequence[str | int], value: Any, is_known: bool) -> str:
    """A place as a path. Names of types, which pydantic has among the steps, are not in what was sent."""
    path = ""
    for index, step in enumerate(place):
        is_last = index == len(place) - 1
        if isinstance(step, int):
            if is_known or (isinstance(value, list) and step < len(value)):
                path += f"[{step}]"
                value = value[step] if isinstance(value, list) and step < len(value) else None
        elif is_known or (isinstance(value, dict) and (step in value or is_last)):
            path += f".{step}"
            value = value.get(step) if isinstance(value, dict) else None
    return path


def _parts(annotation: Any) -> Iterable[Any]:
    """`annotation`, its arguments, what `Annotated` adds, and the fields of classes: each once."""
    seen: set[int] = set()
    ahead = [annotation]
    while ahead:
        part = ahead.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        ahead.extend(getattr(part, "__metadata__", ()))
        ahead.extend(get_args(part))
        if isinstance(part, type) and (is_dataclass(part) or is_typeddict(part) or hasattr(part, "_fields")):
            try:
                ahead.extend(get_type_hints(part, include_extras=True).values())
            except Exception:
                # Whoever makes a schema of it says what is wrong.
                continue


def _is_own(part: Any) -> bool:
    if isinstance(part, type):
        return "__pydantic_validator__" in vars(part) or hasattr(part, "__get_pydantic_core_schema__")
    return type(part).__module__.partition(".")[0] in _LIBRARIES


def _pydantic(signature: Signature, name: str, type: Any) -> Any:
    try:
        return import_module("pydantic")
    except ImportError:
        problem = "a constraint would be lost: install pydantic, or write it as msgspec.Meta"
        raise signature.refusal(name, type, problem) from None


def _field(parameter: Parameter) -> dict[str, Any]:
    """Field by which pydantic is told of a parameter, besides its type."""
    options: dict[str, Any] = {"alias": parameter.name, "validation_alias": parameter.name}
    if parameter.description is not None:
        options["description"] = parameter.description
    if not parameter.required and not parameter.is_made:
        options["default"] = parameter.default
    return options


def _schema(library: Any, described: Any, mode: str) -> dict[str, Any]:
    """The JSON Schema of a model or an adapter, complete in itself, without titles that say what names say."""

    class Untitled(import_module("pydantic.json_schema").GenerateJsonSchema):  # type: ignore[misc]
        def field_title_should_be_set(self, schema: Any) -> bool:
            return False

    options = {"mode": mode, "schema_generator": Untitled, "ref_template": f"{_REF}{{model}}"}
    with warnings.catch_warnings():
        # A default that is no JSON, for one, is no more than warned of.
        warnings.simplefilter("error")
        is_model = hasattr(described, "model_json_schema")
        schema: dict[str, Any] = (described.model_json_schema if is_model else described.json_schema)(**options)
    if "$ref" in schema:
        # Of a type that has itself for a part; what is announced has to tell its own type.
        definitions = schema["$defs"]
        schema = {**definitions[schema["$ref"].removeprefix(_REF)], "$defs": definitions}
    if is_model:
        schema.pop("title", None)
    return schema


def _check_default(library: Any, signature: Signature, parameter: Parameter) -> None:
    if parameter.required or parameter.is_made:
        return
    try:
        library.TypeAdapter(parameter.type).validate_python(parameter.default, strict=True)
    except library.ValidationError as error:
        problem = f"its default is none of its type's: {error.errors()[0]['msg']}"
        raise signature.refusal(parameter.name, parameter.default, problem) from None


def _refusal(signature: Signature, name: str, type: Any, error: Exception) -> ConfigError:
    # What else it says is how to do without a check.
    said = str(error).strip().partition("\n")[0].partition(". ")[0]
    return signature.refusal(name, type, f"pydantic has no JSON for it: {said}: {SUPPORTED}")


def _types(schema: Mapping[str, Any], root: Mapping[str, Any]) -> set[str]:
    """The types of JSON that a schema allows, as far as it names them."""
    found: set[str] = set()
    seen: set[str] = set()
    ahead = [schema]
    while ahead:
        part = ahead.pop()
        reference = part.get("$ref")
        if reference is not None and reference not in seen:
            seen.add(reference)
            ahead.append(root["$defs"][reference.removeprefix(_REF)])
        for key in ("anyOf", "oneOf", "allOf"):
            ahead.extend(part.get(key, ()))
        if isinstance(part.get("type"), str):
            found.add(part["type"])
    return found
