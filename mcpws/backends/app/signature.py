"""A registered function: what it takes by its annotations, and how it is called."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from types import CodeType, FrameType, NoneType, UnionType
from typing import Annotated, Any, Optional, Union, get_args, get_origin, get_type_hints

from twisted.internet.defer import Deferred

from mcpws.backends.app import docstring
from mcpws.backends.app.away import On, ThreadContext
from mcpws.backends.app.context import Context
from mcpws.backends.app.places import ON_REACTOR, Where
from mcpws.errors import ConfigError, InvalidParams

Function = Callable[..., Any]

MISSING: Any = inspect.Parameter.empty
"""Stands for no default, and for no annotation."""

MADE: Any = object()
"""Stands for a default that pydantic makes."""

# Where the type that counts stands among the arguments of what an asynchronous function is annotated with.
_OUTCOME = {"Deferred": 0, "Awaitable": 0, "Coroutine": 2, "Generator": 2}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter besides the Context. `type` and `default` may be MISSING; a `type` takes a `default` of None."""

    name: str
    type: Any
    default: Any
    description: str | None

    @property
    def required(self) -> bool:
        """Whether a caller has to give it."""
        return self.default is MISSING

    @property
    def is_made(self) -> bool:
        """Whether its default is made anew for each call, by what its annotation says."""
        return self.default is MADE


class Signature:
    """Reads `function`, once.

    `name` is the function's own, `label` tells it from others, `description` is from its docstring. `parameters` come
    in the order in which `call` wants their values; `returns` is the type of what comes in the end (what a Deferred
    fires with), MISSING without annotation. `role` names what it is registered as, for people; whoever registers it
    under another name says so there.

    :param kind: of what it is registered as: tool, resource, prompt, completion, method or notification.
    :param where: where it is to run; in the turns of the reactor by default.
    :raises ConfigError: `*args`, `**kwargs`, a second Context, annotations that cannot be resolved, a generator, or one
        that does not tell its parameters.
    """

    def __init__(self, function: Function, kind: str = "method", where: Where = ON_REACTOR) -> None:
        self.function = function
        self.kind = kind
        bare = _without_partial(function)
        inner = inspect.unwrap(_called(bare))
        self.is_coroutine = inspect.iscoroutinefunction(inner)
        self.code: CodeType | None = getattr(inner, "__code__", None)
        self.name: str = getattr(bare, "__name__", type(bare).__name__)
        self.label = f"{getattr(bare, '__module__', None)}.{getattr(bare, '__qualname__', self.name)}"
        self.role = f"{kind} {self.name}"
        if _is_generator(bare):
            raise ConfigError(self.label, function, "is a generator, and a call has one result: return it instead")
        hints = _hints(bare, self.label)
        self._place = where.place_of(
            self.label, coroutine=self.is_coroutine, deferred=_returns_deferred(bare, hints.get("return"))
        )
        self.on: On = "reactor" if self._place is None else self._place.word
        self.description, described = docstring.parse(inspect.getdoc(bare))
        self.returns = _outcome(hints.get("return", MISSING))
        parameters: list[Parameter] = []
        keywords: list[str] = []
        self._context_at: int | None = None
        for index, parameter in enumerate(_parameters(function, self.label)):
            name, annotation = _unmangled(bare, parameter.name), hints.get(parameter.name, MISSING)
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise self.refusal(name, str(parameter), "what it takes must be known beforehand")
            if parameter.kind is parameter.KEYWORD_ONLY:
                keywords.append(parameter.name)
            context = _context_in(annotation)
            if context is ThreadContext and self.on != "thread":
                raise self.refusal(name, annotation, f"is for {self.decorator('thread')}: write Context")
            if context is None:
                annotation, default = _with_default(annotation, parameter.default)
                description = annotated_description(annotation) or described.get(name)
                parameters.append(Parameter(name, annotation, default, description))
            elif self._context_at is None:
                self._context_at = index
            else:
                raise self.refusal(name, annotation, "there is one Context for a call")
        self.parameters = tuple(parameters)
        self.takes_context = self._context_at is not None
        self._keywords = tuple(keywords)
        self.simple = not (self.takes_context or keywords or self._place)
        """Whether the function takes just the values, in their order, as `call` would do."""
        if self._place is None:
            where.watch(self)

    def call(self, values: tuple[Any, ...], context: Context | None = None) -> Any:
        """Call the function, where it is to run, with one value for each of `parameters`."""
        if self._place is not None:
            return self._place.run(partial(self._call, values), self.label, context)
        return self._call(values, context)

    def _call(self, values: tuple[Any, ...], context: Context | None) -> Any:
        at = self._context_at
        if at is not None:
            values = (*values[:at], context, *values[at:])
        if not self._keywords:
            return self.function(*values)
        first = len(values) - len(self._keywords)
        return self.function(*values[:first], **dict(zip(self._keywords, values[first:], strict=True)))

    def decorator(self, on: str) -> str:
        """Decorator as its author writes it for a function that is to run elsewhere."""
        return f'@app.{self.kind}({"" if self.kind in ("tool", "prompt") else "..., "}on="{on}")'

    def fault(self, problem: Exception) -> TypeError:
        """A defect in what the function returned, for its author to read in the log."""
        if isinstance(problem, InvalidParams):
            reason = f"its outputSchema does not allow: {problem.data['path']}: {problem.data['reason']}"
        else:
            reason = f"it may not: {problem}"
        return TypeError(f"{self.label} returned what {reason}")

    def refusal(self, parameter: str, value: object, problem: str) -> ConfigError:
        """Why the function cannot be registered, for its author."""
        return ConfigError(f"{self.label}, parameter {parameter}", value, problem)

    def no_annotation(self, parameter: str) -> ConfigError:
        """Why a function cannot be registered of whose `parameter` it is not known what it takes."""
        problem = f"needs a type annotation, as in {parameter}: str"
        if parameter in ("self", "cls"):
            write = f"app.{self.kind}(tools.{self.name})"
            problem = f"needs a type annotation; a method is registered with its object, as in {write}"
        return self.refusal(parameter, None, problem)


def _without_partial(function: Function) -> Function:
    while isinstance(function, partial):
        function = function.func
    return function


def _parameters(function: Function, label: str) -> Iterable[inspect.Parameter]:
    try:
        return inspect.signature(function).parameters.values()
    except ValueError as error:
        # Some of what is written in C does not tell what it takes.
        raise ConfigError(label, function, f"what it takes must be known beforehand: {error}") from None


def annotated_description(annotation: Any) -> str | None:
    """Description of a parameter in its `Annotated`, as a string or as msgspec has it; of an optional one too."""
    if get_origin(annotation) is Annotated:
        for said in annotation.__metadata__:
            # A Meta of msgspec's, a Field of pydantic's, or a string.
            text = getattr(said, "description", said)
            if isinstance(text, str):
                return text
    parts = get_args(annotation) if get_origin(annotation) in (Annotated, Union, UnionType) else ()
    return next(filter(None, map(annotated_description, parts)), None)


def _unmangled(function: Function, name: str) -> str:
    """The parameter's name as its author wrote it, where the class around the method became part of it."""
    path = getattr(_called(function), "__qualname__", "").split(".")
    private = f"_{path[-2].lstrip('_')}__" if len(path) > 1 else ""
    return f"__{name.removeprefix(private)}" if private and name.startswith(private) else name


def _called(function: Function) -> Function:
    """Function that a call runs: of an object, its method."""
    called: Function = function if inspect.isroutine(function) else type(function).__call__
    return called


def _is_generator(function: Function) -> bool:
    """Whether a call only makes a generator; inlineCallbacks make something else of one."""
    called = _called(function)
    return inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called)


def _hints(function: Function, label: str) -> dict[str, Any]:
    """The annotations as types, when they are strings too."""
    annotated = inspect.unwrap(_called(function))
    try:
        try:
            return get_type_hints(annotated, include_extras=True)
        except NameError:
            return get_type_hints(annotated, localns=_enclosing(annotated), include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        raise ConfigError(label, annotated.__annotations__, f"an annotation cannot be resolved: {error}") from None


def _enclosing(function: Any) -> dict[str, Any]:
    """Names local to the functions that are running in the same module: one of them defines `function`."""
    names: dict[str, Any] = {}
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals is function.__globals__:
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names


def _with_default(annotation: Any, default: Any) -> tuple[Any, Any]:
    """The annotation and the default of a parameter, whose default may say more of its type: that it may be None, or
    what a Field of pydantic's says.
    """
    if annotation is MISSING:
        return annotation, default
    if default is None:
        return Optional[annotation], None  # noqa: UP045
    if _is_pydantic_field(default):
        annotation, default = Annotated[annotation, default], MISSING
    if default is MISSING:
        for field in filter(_is_pydantic_field, getattr(annotation, "__metadata__", ())):
            if field.default_factory is not None:
                default = MADE
            elif not field.is_required():
                default = field.default
    return annotation, default


def _is_pydantic_field(value: Any) -> bool:
    return type(value).__module__ == "pydantic.fields" and type(value).__name__ == "FieldInfo"


def _context_in(annotation: Any) -> type[Context] | None:
    """The kind of Context that a parameter is annotated with, be it an optional one; None if it is annotated else."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, Context):
            return one
    return None


def _returns_deferred(function: Function, annotation: Any) -> bool:
    """Whether it is known beforehand: of what inlineCallbacks made, and by what it is annotated to return."""
    return inspect.isgeneratorfunction(inspect.unwrap(_called(function))) or (
        (get_origin(annotation) or annotation) is Deferred
    )


def _outcome(annotation: Any) -> Any:
    index = _OUTCOME.get(getattr(get_origin(annotation), "__name__", ""))
    if index is not None:
        return get_args(annotation)[index]
    if annotation is Deferred:
        return MISSING
    return NoneType if annotation is None else annotation
