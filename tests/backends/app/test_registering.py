"""What the author of an App may write instead of what the decorators take: each is told in one line what to write."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from itertools import count
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks

from mcpws.backends.app import App
from mcpws.backends.app.away import ThreadContext
from mcpws.backends.app.context import Context
from mcpws.errors import ConfigError


def plain() -> str:
    """A function that can be registered."""
    return ""


async def coroutine() -> str:
    """One that is a coroutine function."""
    return ""


@inlineCallbacks
def inline() -> Generator[Deferred[None], None, str]:
    """One that returns a Deferred, though it does not say so."""
    yield Deferred()
    return ""


def deferred() -> Deferred[str]:
    return Deferred()


def generator() -> Iterator[str]:
    yield ""


async def generator_too() -> AsyncIterator[str]:
    yield ""


def reports(context: ThreadContext) -> str:
    return ""


def untyped(name):  # type: ignore[no-untyped-def]
    return ""


class Tools:
    def method(self, name: str) -> str:
        return name

    def method_of(self, plain: str) -> str:
        return plain

    @classmethod
    def of_class(cls) -> str:
        return ""

    @property
    def value(self) -> str:
        return ""


NO_URI = "is no URI, which begins with a scheme: write"
WORDS = 'must be one of "reactor", "thread", "asyncio"'

# The App is of no type here: type checkers tell of most of these.
Mistake = Callable[[Any], object]

BARE: list[tuple[Mistake, str]] = [
    (lambda app: app.resource(plain), 'needs the URI: write @app.resource("notes://today")'),
    (
        lambda app: app.completion(plain),
        'needs the prompt\'s name or the URI template, and the argument: write @app.completion("greeting", "name")',
    ),
    (
        lambda app: app.completion("greeting"),
        'needs the prompt\'s name or the URI template, and the argument as a string: write @app.completion("greeting",',
    ),
    (lambda app: app.method(plain), 'needs the method\'s name: write @app.method("acme/search")'),
    (lambda app: app.notification(plain), 'needs the notification\'s name: write @app.notification("acme/changed")'),
]
OTHER_ARGUMENTS: list[tuple[Mistake, str]] = [
    (lambda app: app.tool("a"), "must stand above a function, and this is none: write @app.tool(name='a')"),
    (lambda app: app.tool(5), "must stand above a function, and this is none: write @app.tool, and options by name"),
    (lambda app: app.prompt("a"), "must stand above a function, and this is none: write @app.prompt(name='a')"),
    (lambda app: app.tool()(5), "must stand above a function, and this is none: write @app.tool, and"),
    (lambda app: app.resource("a://b")("text"), "must stand above a function (got 'text')"),
    (lambda app: app.resource(5), 'needs the URI as a string: write @app.resource("notes://today")'),
    (lambda app: app.method(""), 'needs the method\'s name as a string: write @app.method("acme/search")'),
    (
        lambda app: app.tool(vars(Tools)["of_class"]),
        "is above a classmethod: call app.tool with the bound method",
    ),
    (
        lambda app: app.prompt(vars(Tools)["value"]),
        "is above a property: call app.prompt with the bound method",
    ),
    (
        lambda app: app.tool(Tools.method),
        "Tools.method, parameter self: needs a type annotation; a method is registered with its object, as in"
        " app.tool(tools.method)",
    ),
    (lambda app: app.tool(name=5), "@app.tool, name: must be a string (got 5)"),
    (lambda app: app.prompt(description=["a"]), "@app.prompt, description: must be a string"),
    (lambda app: app.tool(annotations={}), "must be ToolAnnotations: write ToolAnnotations(read_only_hint=True)"),
    (lambda app: app.resource("a://b", cache=60), "cache: must be a CacheHint: write CacheHint(ttl=60) (got 60)"),
]
URIS: list[tuple[Mistake, str]] = [
    (lambda app: app.resource("readme")(plain), f"{NO_URI} @app.resource(\"app://readme\") (got 'readme')"),
    (lambda app: app.resource("/etc/motd")(plain), f'{NO_URI} @app.resource("file:///etc/motd")'),
    (lambda app: app.resource("my notes")(plain), f'{NO_URI} @app.resource("app://my-notes")'),
    (lambda app: app.resource("file:")(plain), f'{NO_URI} @app.resource("app://file-")'),
    (lambda app: app.resource("1a://b")(plain), NO_URI),
]
PLACES: list[tuple[Mistake, str]] = [
    (lambda app: app.tool(on="threads")(plain), f"plain, on: {WORDS} (got 'threads')"),
    (
        lambda app: app.tool(on="asyncio")(plain),
        'plain, on: is for coroutine functions: write async def, or on="thread" if it blocks',
    ),
    (
        lambda app: app.tool(on="thread")(coroutine),
        'coroutine, on: a coroutine function does not block: write on="asyncio", or def',
    ),
    (lambda app: app.prompt(on="thread")(inline), "inline, on: what returns a Deferred belongs to the reactor: write"),
    (lambda app: app.tool(on="thread")(deferred), "deferred, on: what returns a Deferred belongs to the reactor"),
    (lambda app: app.tool(reports), 'parameter context: is for @app.tool(on="thread"): write Context'),
    (
        lambda app: app.resource("a://b")(reports),
        'parameter context: is for @app.resource(..., on="thread"): write Context',
    ),
    (lambda app: App("a", "1", on=cast(Any, "everywhere")), f"on: {WORDS} (got 'everywhere')"),
    (lambda app: App("a", "1", max_threads=0), "max_threads: must be 1 or more (got 0)"),
    (lambda app: App("a", "1", max_thread_queue=-1), "max_thread_queue: must be 0 or more (got -1)"),
]
FUNCTIONS: list[tuple[Mistake, str]] = [
    (lambda app: app.tool(generator), "generator: is a generator, and a call has one result: return it instead"),
    (lambda app: app.resource("a://b")(generator_too), "generator_too: is a generator, and a call has one result"),
    (lambda app: app.tool(untyped), "untyped, parameter name: needs a type annotation, as in name: str (got None)"),
]
MISTAKES = [*BARE, *OTHER_ARGUMENTS, *URIS, *PLACES, *FUNCTIONS]


@pytest.mark.parametrize(("mistake", "told"), MISTAKES, ids=count())
def test_a_mistake_is_told_with_what_to_write_instead(app: App, mistake: Mistake, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mistake(app)
    text = str(caught.value)
    assert told in text
    assert "\n" not in text
    # And nothing is left of it.
    assert app._catalog.capabilities() == {"logging": {}}


def test_what_is_right_is_taken(app: App) -> None:
    tools = Tools()
    app.tool(tools.method)
    app.tool(name="of_class")(Tools.of_class)
    app.tool(on="reactor")(coroutine)
    app.prompt(on="thread")(plain)
    app.resource("{+plain}")(tools.method_of)
    assert len(app._catalog.tools) == 3


@pytest.mark.parametrize("on", ["reactor", "thread", "asyncio"])
def test_a_default_is_for_what_it_suits(on: Any) -> None:
    app = App("a", "1", on=on)
    for function in (plain, coroutine, inline, deferred):
        app.tool(function)
    places = {
        name: tool.signature.on
        for name in ("plain", "coroutine", "inline", "deferred")
        if (tool := app._catalog.tools.get(name))
    }
    assert places == {
        "plain": "thread" if on == "thread" else "reactor",
        "coroutine": "asyncio" if on == "asyncio" else "reactor",
        "inline": "reactor",
        "deferred": "reactor",
    }


def test_an_optional_context_is_one_too(app: App) -> None:
    @app.tool(on="thread")
    def work(number: int, context: ThreadContext | None = None) -> int:
        return number

    @app.tool
    def other(context: Context | None = None) -> None: ...

    tool = app._catalog.tools.get("work")
    assert tool is not None
    assert [parameter.name for parameter in tool.signature.parameters] == ["number"]
