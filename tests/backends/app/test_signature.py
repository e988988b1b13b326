from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from functools import partial, wraps
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from msgspec import Meta, Struct
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.task import Clock

from mcpws.backends.app.context import ClientState, Context
from mcpws.backends.app.gate import Gate
from mcpws.backends.app.signature import MISSING, Parameter, Signature
from mcpws.core.rpc import Rpc
from mcpws.errors import ConfigError
from mcpws.seam.interfaces import Identity
from mcpws.turns.caller import Caller

if TYPE_CHECKING:
    from decimal import Decimal


@pytest.fixture
def context(clock: Clock) -> Context:
    caller = Caller(Rpc(lambda message: None), clock)
    return Context(caller, ClientState(), Identity("here"), Gate(), None)


def annotated(a: int, b: Annotated[str, Meta(min_length=1)] = "x", *, c: list[int] | None = None) -> dict[str, int]:
    """Do it.

    Args:
        a: the first.
    """
    return {}


class Greeter:
    """Greets."""

    def greet(self, name: str) -> str:
        """Greet somebody."""
        return f"Hello, {name}"

    def __call__(self, name: str, context: Context) -> str:
        return f"Hi, {name}"


def test_parameters_have_their_types_defaults_and_descriptions() -> None:
    signature = Signature(annotated)
    assert signature.parameters == (
        Parameter("a", int, MISSING, "the first."),
        Parameter("b", Annotated[str, Meta(min_length=1)], "x", None),
        Parameter("c", list[int] | None, None, None),
    )
    assert [parameter.required for parameter in signature.parameters] == [True, False, False]
    assert signature.returns == dict[str, int]
    assert signature.description == "Do it."
    assert signature.name == "annotated"
    assert signature.label.endswith("test_signature.annotated")
    assert not signature.takes_context


def test_a_parameter_whose_default_is_none_takes_none() -> None:
    def function(
        a: int = None,  # type: ignore[assignment]  # noqa: RUF013
        b: list[int] = None,  # type: ignore[assignment]  # noqa: RUF013
        c: Annotated[int, Meta(ge=1)] = None,  # type: ignore[assignment]  # noqa: RUF013
        d: int | None = None,
        e: Any = None,
    ) -> None: ...

    assert [parameter.type for parameter in Signature(function).parameters] == [
        int | None,
        list[int] | None,
        Annotated[int, Meta(ge=1)] | None,
        int | None,
        Any | None,
    ]
    assert Signature(lambda a=None: a).parameters[0].type is MISSING


def test_a_description_may_stand_in_the_annotation() -> None:
    def function(
        a: Annotated[int, "the first"],
        b: Annotated[int, Meta(ge=1), "the second", "or so"],
        c: Annotated[int, Meta(ge=1, description="the third")],
        d: Annotated[int, "the fourth"] | None,
        e: Annotated[int, Meta(ge=1)],
        f: Annotated[int, "the sixth"] = None,  # type: ignore[assignment]  # noqa: RUF013
        g: list[Annotated[int, "of an item"]] = [],  # noqa: B006
    ) -> None:
        """Do it.

        :param a: not this one.
        :param e: the fifth
        """

    assert [parameter.description for parameter in Signature(function).parameters] == [
        "the first",
        "the second",
        "the third",
        "the fourth",
        "the fifth",
        "the sixth",
        None,
    ]


def test_what_is_not_annotated_is_missing() -> None:
    signature = Signature(lambda a: a)
    assert signature.parameters == (Parameter("a", MISSING, MISSING, None),)
    assert signature.returns is MISSING
    assert signature.description is None


def test_values_are_passed_in_the_order_of_the_parameters(context: Context) -> None:
    def plain(a: int, b: int = 2) -> object:
        return a, b

    def mixed(a: int, /, c: Context, b: int, *, d: int, e: int) -> object:
        return a, c, b, d, e

    def first(c: Context, a: int) -> object:
        return c, a

    def keyword(a: int, *, b: int, c: Context, d: int) -> object:
        return a, b, c, d

    def alone(*, c: Context) -> object:
        return c

    assert Signature(plain).call((1, 3)) == (1, 3)
    assert Signature(mixed).call((1, 2, 3, 4), context) == (1, context, 2, 3, 4)
    assert Signature(first).call((1,), context) == (context, 1)
    assert Signature(keyword).call((1, 2, 3), context) == (1, 2, context, 3)
    assert Signature(alone).call((), context) is context


def test_a_context_may_be_optional(context: Context) -> None:
    def optional(a: int, context: Context | None = None) -> object:
        return a, context

    signature = Signature(optional)
    assert [parameter.name for parameter in signature.parameters] == ["a"]
    assert signature.takes_context
    assert signature.call((1,), context) == (1, context)


def test_methods_and_callable_objects_and_partial_ones_are_functions_too(context: Context) -> None:
    method = Signature(Greeter().greet)
    assert (method.name, method.description, method.call(("Bo",))) == ("greet", "Greet somebody.", "Hello, Bo")
    assert method.parameters == (Parameter("name", str, MISSING, None),)

    instance = Signature(Greeter())
    assert (instance.name, instance.description, instance.call(("Bo",), context)) == ("Greeter", "Greets.", "Hi, Bo")
    assert instance.label.endswith("test_signature.Greeter")

    bound = Signature(partial(annotated, 5))
    assert [parameter.name for parameter in bound.parameters] == ["b", "c"]
    assert (bound.name, bound.description, bound.returns) == ("annotated", "Do it.", dict[str, int])


def test_a_decorated_function_has_the_annotations_of_the_one_inside() -> None:
    def twice(function: Callable[[int], int]) -> Callable[..., int]:
        @wraps(function)
        def inner(*args: Any) -> int:
            return 2 * function(*args)

        return inner

    @twice
    def one(a: int) -> int:
        return a

    signature = Signature(one)
    assert signature.parameters == (Parameter("a", int, MISSING, None),)
    assert signature.call((3,)) == 6


def test_what_an_asynchronous_function_returns_is_what_comes_in_the_end() -> None:
    async def coroutine() -> int:
        return 1

    def deferred() -> Deferred[int]:
        return succeed(1)

    def bare() -> Deferred:  # type: ignore[type-arg]
        return succeed(1)

    def awaitable() -> Awaitable[int]:
        return succeed(1)

    def made() -> Coroutine[Deferred[Any], Any, int]:
        return coroutine()

    @inlineCallbacks
    def generator() -> Generator[Deferred[Any], Any, int]:
        yield succeed(1)
        return 1

    def nothing() -> None: ...

    for function in (coroutine, deferred, awaitable, made, generator):
        assert Signature(function).returns is int
    assert Signature(bare).returns is MISSING
    assert Signature(nothing).returns is NoneType


def test_types_that_are_local_where_the_function_is_registered_are_found() -> None:
    class Point(Struct):
        x: int

    def outer() -> Signature:
        def move(point: Point, by: Other) -> Point:
            return point

        class Other(Struct):
            y: int

        signature = Signature(move)
        assert [parameter.type for parameter in signature.parameters] == [Point, Other]
        return signature

    assert outer().returns is Point


@pytest.mark.parametrize("name", ["*args", "**kwargs"])
def test_what_a_function_takes_must_be_known_beforehand(name: str) -> None:
    def positional(*args: int) -> None: ...

    def named(**kwargs: int) -> None: ...

    function = positional if name == "*args" else named
    with pytest.raises(ConfigError) as caught:
        Signature(function)
    assert f".{function.__name__}, parameter {name.strip('*')}: what it takes must be known" in str(caught.value)


def test_there_is_one_context_for_a_call() -> None:
    def greedy(a: Context, b: Context) -> None: ...

    with pytest.raises(ConfigError, match=r"greedy, parameter b: there is one Context for a call"):
        Signature(greedy)


def test_an_annotation_that_cannot_be_resolved_is_refused() -> None:
    def unresolvable(a: Decimal) -> None: ...

    with pytest.raises(ConfigError, match=r"unresolvable: an annotation cannot be resolved: name 'Decimal' is not"):
        Signature(unresolvable)


def numbers(a: int = 0) -> Iterator[int]:
    yield a


async def later_numbers(a: int = 0) -> AsyncIterator[int]:
    yield a


def delegating(a: int = 0) -> Generator[int, None, str]:
    yield from numbers(a)
    return "done"


class Streams:
    def method(self, a: int = 0) -> Iterator[int]:
        yield a

    async def later(self, a: int = 0) -> AsyncIterator[int]:
        yield a

    @classmethod
    def of_class(cls, a: int = 0) -> Iterator[int]:
        yield a

    @staticmethod
    def static(a: int = 0) -> Iterator[int]:
        yield a

    def __call__(self, a: int = 0) -> Iterator[int]:
        yield a


class LaterStream:
    async def __call__(self, a: int = 0) -> AsyncIterator[int]:
        yield a


@pytest.mark.parametrize(
    "function",
    [
        numbers,
        later_numbers,
        delegating,
        Streams().method,
        Streams().later,
        Streams.of_class,
        Streams.static,
        Streams(),
        LaterStream(),
        partial(numbers, 1),
        partial(partial(later_numbers), 1),
        partial(Streams().method, 1),
        partial(Streams(), 1),
        partial(LaterStream()),
        lambda: (yield),
    ],
)
def test_a_generator_has_no_result_for_a_call(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"test_signature\.\S+: is a generator, and a call has one result"):
        Signature(function)


def test_what_makes_no_generator_of_one_is_a_function_as_any() -> None:
    @inlineCallbacks
    def inline(a: int) -> Generator[Deferred[Any], Any, int]:
        yield succeed(1)
        return a

    @wraps(numbers)
    def listed(a: int = 0) -> list[int]:
        return list(numbers(a))

    async def coroutine(a: int = 0) -> list[int]:
        return [number async for number in later_numbers(a)]

    for function in (inline, listed, coroutine, partial(coroutine, a=1), lambda: (n for n in (1, 2))):
        Signature(function)


def test_a_private_name_in_a_class_is_the_one_that_its_author_wrote() -> None:
    class _Private:
        def method(self, __a: int, __b__: int, _c: int, *, __d: int) -> object:
            """Do it.

            :param __a: the first.
            """
            return __a, __b__, _c, __d

        def __call__(self, __a: int) -> object:
            return __a

    signature = Signature(_Private().method)
    assert [parameter.name for parameter in signature.parameters] == ["__a", "__b__", "_c", "__d"]
    assert signature.parameters[0].description == "the first."
    assert signature.call((1, 2, 3, 4)) == (1, 2, 3, 4)
    assert [parameter.name for parameter in Signature(_Private()).parameters] == ["__a"]


@pytest.mark.parametrize("function", [max, dict])
def test_a_function_that_does_not_tell_its_parameters_is_refused(function: Any) -> None:
    with pytest.raises(ConfigError, match="known beforehand"):
        Signature(function)


def test_a_function_need_not_have_a_module() -> None:
    assert Signature(str.upper).label == "None.str.upper"
