import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from mcpws.backends.app import App

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient
    from tests.conftest import LoggedErrors


class AsyncLibraryNotFoundError(RuntimeError):
    """As sniffio has it."""


class NoCurrentAsyncBackend(Exception):
    """As anyio has it."""


async def sleep() -> None:
    await asyncio.sleep(1)


async def sniff() -> None:
    raise AsyncLibraryNotFoundError("unknown async library, or not in async context")


async def look() -> None:
    raise NoCurrentAsyncBackend


async def limit() -> None:
    async with asyncio.timeout(1):
        pass


async def group() -> None:
    async with asyncio.TaskGroup():
        pass


async def wait() -> None:
    loop = asyncio.new_event_loop()
    try:
        await loop.create_future()
    finally:
        loop.close()


async def wrapped() -> None:
    try:
        await sleep()
    except RuntimeError as error:
        raise ValueError("cannot fetch") from error


@pytest.fixture
def shown(clock: Clock) -> App:
    return App("shown", "1", clock=clock, show_errors=True)


@pytest.mark.parametrize("function", [sleep, sniff, look, limit, group, wait, wrapped])
def test_a_coroutine_that_wants_asyncio_is_told_the_word(
    shown: App,
    new_client: Callable[..., "AppClient"],
    logged_errors: "LoggedErrors",
    function: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    shown.tool(name="fetch")(function)
    client = new_client(shown).initialize()
    result = client.tool("fetch")
    advice = 'it needs asyncio, register it with on="asyncio", as in @app.tool(on="asyncio")'
    [event] = logged_errors.flush()
    assert formatEvent(event).endswith(f": {advice}")
    assert f"({advice})" in result["content"][0]["text"]


def test_what_else_fails_gets_no_advice(
    shown: App, new_client: Callable[..., "AppClient"], logged_errors: "LoggedErrors"
) -> None:
    @shown.tool
    async def other() -> None:
        raise RuntimeError("no running engine")

    @shown.tool
    def plain() -> None:
        asyncio.get_running_loop()

    client = new_client(shown).initialize()
    for name in ("other", "plain"):
        assert "asyncio" not in client.tool(name)["content"][0]["text"]
    assert [event["advice"] for event in logged_errors.flush()] == ["", ""]


def test_a_task_that_awaits_a_deferred_is_told_the_word(
    shown: App, new_client: Callable[..., "AppClient"], logged_errors: "LoggedErrors"
) -> None:
    @shown.resource("a://b", on="asyncio")
    async def read() -> str:
        await Deferred()
        return ""

    client = new_client(shown).initialize()
    client.begin("resources/read", uri="a://b")
    [event] = logged_errors.flush()
    assert (
        event["advice"]
        == ': it awaits a Deferred, register it with on="reactor", as in @app.resource(..., on="reactor")'
    )
