"""A server to try clients on: every feature of MCP that an App has, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct, ValidationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.errors import CapabilityMissing, ConfigError, McpwsError, ToolError
from mcpws.mcp.content import ElicitResult, ToolAnnotations
from mcpws.mcp.levels import Level
from mcpws.policy.stats import ServerStatistics
from mcpws.version import __version__

log = Logger()

STATISTICS_URI = "mcpws://statistics"
PATIENCE = 300.0
"""Seconds for a client's model or user to answer."""

_READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_LANGUAGES = ("English", "French", "German", "Greek", "Spanish")

T = TypeVar("T")
Figures = dict[str, Any]


class Countdowns(Struct):
    """Ends of the countdowns of all clients."""

    running: int = 0
    finished: int = 0
    cancelled: int = 0


class StatisticsFeed:
    """Tells subscribers of the statistics that they have changed, at most once in `interval` seconds.

    Its timer runs only while there are subscribers.
    """

    def __init__(
        self, app: App, statistics: Callable[[], ServerStatistics], clock: IReactorTime, interval: float = 1
    ) -> None:
        self._app = app
        self._statistics = statistics
        self._interval = interval
        self._told: Figures = {}
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock
        app.on_subscription(STATISTICS_URI, self._watched)

    def figures(self) -> Figures:
        """The server as a whole, of which this App is the backend. Clients are not told of each other, only how many
        there are.
        """
        statistics = self._statistics()
        names = [field.name for field in fields(statistics) if field.name not in ("connections", "backend")]
        return {name: getattr(statistics, name) for name in ("active_connections", *names)}

    def _watched(self, anyone: bool) -> None:
        if anyone:
            self._loop.start(self._interval, now=False)
            self._told = self._lasting()
        else:
            self._loop.stop()

    def _tick(self) -> None:
        try:
            if self._lasting() != self._told:
                self._app.resource_updated(STATISTICS_URI)
                # Read again: to have told is a change too, but none to tell.
                self._told = self._lasting()
        except Exception:
            # A loop whose function raises stops for good.
            log.failure("the statistics could not be told")

    def _lasting(self) -> Figures:
        figures = self.figures()
        del figures["uptime"]
        return figures


def demo_app(statistics: Callable[[], ServerStatistics], clock: IReactorTime) -> App:
    """An App that any MCP client can be tried on.

    :param statistics: of the server that it runs in, for the resource `mcpws://statistics`.
    :param clock: for its timers.
    """
    app = App(
        "mcpws-demo",
        __version__,
        title="mcpws demo",
        instructions="A demonstration. Its tools show what MCP over WebSocket can do and change nothing that lasts.",
        clock=clock,
    )
    _add_tools(app, clock)
    _add_tools_that_ask(app)
    _add_resources(app, StatisticsFeed(app, statistics, clock))
    _add_prompts(app)
    return app


def _add_tools(app: App, clock: IReactorTime) -> None:
    countdowns = Countdowns()

    @app.tool(annotations=_READ_ONLY)
    def echo(text: str) -> str:
        """Return the text as it came."""
        return text

    @app.tool(annotations=_READ_ONLY)
    def add(a: int, b: int) -> int:
        """Add two integers."""
        return a + b

    @app.tool(annotations=_READ_ONLY)
    async def countdown(
        context: Context,
        seconds: Annotated[float, Meta(ge=0, le=3600)] = 5,
        steps: Annotated[int, Meta(ge=1, le=1000)] = 5,
    ) -> str:
        """Wait, and report progress meanwhile. May be cancelled.

        Args:
            seconds: how long, in all.
            steps: how many reports.
        """
        countdowns.running += 1
        try:
            for step in range(steps):
                context.progress(step, steps, f"{seconds * (steps - step) / steps:g} s left")
                await deferLater(clock, seconds / steps)
            countdowns.finished += 1
        except CancelledError:
            countdowns.cancelled += 1
            raise
        finally:
            countdowns.running -= 1
        context.progress(steps, steps)
        return f"{seconds:g} seconds in {steps} steps"

    @app.tool(annotations=_READ_ONLY)
    def count_countdowns() -> Countdowns:
        """Count the countdowns of all clients: one that was cancelled does not run any more."""
        return countdowns

    @app.tool(annotations=_READ_ONLY)
    def write_log(context: Context, text: str, level: Level = "info") -> str:
        """Send a log message to the client.

        Args:
            level: less than the client asked for is not sent.
        """
        context.log(level, text, "demo")
        return f"logged at level {level}"

    @app.tool
    def toggle_tool() -> str:
        """Add the tool `extra`, or take it away: the list of tools changes."""
        try:
            app.remove_tool("extra")
        except ConfigError:
            app.tool(extra)
            return "added the tool extra"
        return "removed the tool extra"

    def extra() -> str:
        """Come and go."""
        return "still here"


def _add_tools_that_ask(app: App) -> None:
    @app.tool
    async def ask_model(context: Context, prompt: str) -> str:
        """Have the client's own model answer (sampling)."""
        answer = await _answer(context.sample(prompt, max_tokens=500, timeout=PATIENCE))
        return answer.text

    @app.tool
    async def ask_user(context: Context, question: str) -> str:
        """Have the client ask its user (elicitation)."""
        schema = {
            "type": "object",
            "properties": {"answer": {"type": "string", "title": "Answer"}},
            "required": ["answer"],
        }
        result: ElicitResult = await _answer(context.elicit(question, schema, timeout=PATIENCE))
        if result.action != "accept" or result.content is None:
            raise ToolError(f"The user gave no answer: {result.action}")
        return str(result.content.get("answer", ""))

    @app.tool(annotations=_READ_ONLY)
    async def list_roots(context: Context) -> list[str]:
        """List the directories that the client's user opened to this server (roots)."""
        return [root.uri for root in await _answer(context.list_roots(timeout=PATIENCE))]


async def _answer(asked: Deferred[T]) -> T:
    """Answer of the client; ToolError, for the model, without one. A client that cannot is told so by the App."""
    try:
        return await asked
    except CapabilityMissing:
        raise
    except (McpwsError, ValidationError) as error:
        raise ToolError(f"No answer from the client: {error}") from error


def _add_resources(app: App, feed: StatisticsFeed) -> None:
    @app.resource(STATISTICS_URI, mime_type="application/json")
    def statistics() -> Figures:
        """What the server has done since its start. Subscribe to hear, every second, whether it has changed."""
        return feed.figures()

    @app.resource("mcpws://greeting/{name}", mime_type="text/plain")
    def greeting(name: str) -> str:
        """A greeting for anybody."""
        return f"Hello, {name}!"


def _add_prompts(app: App) -> None:
    @app.prompt
    def greet(name: str, language: str = "English") -> str:
        """Ask for a greeting.

        Args:
            name: whom to greet.
            language: in which to do it.
        """
        return f"Write one line that greets {name} in {language}."

    @app.completion("greet", "language")
    def complete_language(typed: str) -> list[str]:
        return [language for language in _LANGUAGES if language.lower().startswith(typed.lower())]
