"""Methods of this process as a backend: tools, resources, prompts, and JSON-RPC methods of one's own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar, overload

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from mcpws.backends.app.away import On
from mcpws.backends.app.catalog import Catalog
from mcpws.backends.app.channel import AnswersModern, AppChannel, Listener, Method
from mcpws.backends.app.content import UNCACHED, CacheHint
from mcpws.backends.app.custom import RpcFunction
from mcpws.backends.app.failures import Failures
from mcpws.backends.app.in_flight import InFlight
from mcpws.backends.app.input_required import Safe
from mcpws.backends.app.methods import METHODS, MODERN_METHODS, NOTIFICATIONS, RESERVED
from mcpws.backends.app.modern_answers import ModernAnswers, ModernMethod
from mcpws.backends.app.places import Places
from mcpws.backends.app.prompts import Completion, Prompt
from mcpws.backends.app.registering import check_first, check_function, check_options
from mcpws.backends.app.resources import Resource
from mcpws.backends.app.subscriptions import Subscriber, Subscriptions, Watcher
from mcpws.backends.app.tools import Tool
from mcpws.backends.app.uri import canonical
from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError, ShuttingDown
from mcpws.mcp.content import Implementation, ToolAnnotations
from mcpws.policy.seal import MIN_KEY, Seal
from mcpws.seam.interfaces import Channel, Description, Link
from mcpws.turns.hearing import Hearing
from mcpws.turns.steady import SteadyTime, steady
from mcpws.turns.timing import Timings

F = TypeVar("F", bound=Callable[..., Any])


class App:
    """Answers MCP clients with functions of yours::

        app = App("calculator", "1.0")

        @app.tool
        def add(a: int, b: int) -> int:
            "Add two integers."
            return a + b

    Every decorator returns the function as it was. A parameter annotated with Context gets the Context of the call.
    The others are described to clients by their annotations (what msgspec knows), defaults and docstring, and what
    clients send is checked against them. What cannot be registered raises ConfigError.

    An RpcError answers the request as it says, and the text of a ToolError is a result with `isError`, for the model to
    read. Any other exception, that of `sys.exit()` included, is logged with its traceback under a reference. The client
    gets no more than that reference: of a tool as a result with `isError`, else as error -32603.

    A function runs in the turns of the reactor: it returns soon, returns a Deferred, or is a coroutine that awaits
    Deferreds. Others say where they run. With `on="thread"`, as in `@app.tool(on="thread")`, one that blocks runs in a
    thread and holds up nobody; its Context is a ThreadContext. With `on="asyncio"` a coroutine is a task of asyncio,
    for httpx, anyio and all that is made for it, on any reactor; what Context returns is awaited there as elsewhere.
    Where no reactor runs, as in a test with `mcpws.testing`, both run in place, and the caller waits.

    When a call is cancelled a task is cancelled too. A thread goes on, but nobody waits for it.

    Tools, resources and prompts may come and go at any time: clients are told.

    It speaks both eras of MCP, on one conversation if need be: with a request that names its protocol version
    (2026-07-28) it deals without a thought for any other, and all others are part of what `initialize` began.

    :param name: of the server, for programs; `title` is for people.
    :param version: of the server.
    :param instructions: for the model, on how to use all this.
    :param clock: for timeouts; the global reactor by default, looked up with the first client, and in `mcpws.testing`
        the Clock of the pair.
    :param page_size: entries in one answer to a list request.
    :param max_pending: requests to one client that may wait for an answer.
    :param max_notifications: of one client that functions may be at work on; further ones are dropped and counted.
    :param max_notification_bytes: of these together, as long as there is more than one.
    :param cache: how long clients may keep lists, and what `server/discover` says.
    :param state_key: 32 random bytes or more, kept secret: seals what a client carries while a function waits for its
        answer. Apps that share it, and their name, continue each other's calls; by default nobody else can.
    :param now: seconds since an epoch that they share as well, for the end of the ten minutes which that may take.
    :param on: where functions run of which their decorator does not say it, as far as it suits them: plain functions in
        threads for "thread", coroutine functions as tasks for "asyncio". The others run on the reactor.
    :param max_threads: functions that run in threads at the same time.
    :param max_thread_queue: calls that wait for one of them to end. Further ones are refused with error 429.
    :param show_errors: whether clients are shown type and text of any exception, as is good while one writes tools.
    :param stop_grace: seconds that `stop` waits for functions that go on after they were cancelled.
    """

    def __init__(
        self,
        name: str,
        version: str,
        *,
        instructions: str | None = None,
        title: str | None = None,
        clock: IReactorTime | None = None,
        page_size: int = 100,
        max_pending: int = 1024,
        max_notifications: int = 1024,
        max_notification_bytes: int = 16 * 1024 * 1024,
        cache: CacheHint = UNCACHED,
        state_key: bytes | None = None,
        now: Callable[[], float] = time.time,
        on: On = "reactor",
        max_threads: int = 16,
        max_thread_queue: int = 64,
        show_errors: bool = False,
        stop_grace: float = 5,
    ) -> None:
        for key, limit in (
            ("max_pending", max_pending),
            ("max_notifications", max_notifications),
            ("max_notification_bytes", max_notification_bytes),
            ("max_threads", max_threads),
        ):
            if limit < 1:
                raise ConfigError(key, limit, "must be 1 or more")
        if max_thread_queue < 0:
            raise ConfigError("max_thread_queue", max_thread_queue, "must be 0 or more")
        if not stop_grace > 0:
            raise ConfigError("stop_grace", stop_grace, "must be above 0")
        self._catalog = Catalog(Implementation(name, version, title), instructions, page_size)
        self._given_clock = clock
        self._clock: IReactorTime | None = None
        self._max_pending = max_pending
        self._max_notifications = max_notifications
        self._max_notification_bytes = max_notification_bytes
        self._dropped_before = 0
        self._tool_timings: Timings | None = None
        self._failures = Failures(show_errors)
        self._stop_grace = stop_grace
        self._methods: dict[str, Method] = dict(METHODS)
        self._modern_methods: dict[str, ModernMethod] = dict(MODERN_METHODS)
        self._notifications: dict[str, Listener] = dict(NOTIFICATIONS)
        safe = Safe(Seal(secrets.token_bytes(MIN_KEY) if state_key is None else state_key), name, now)
        self._answer_modern: AnswersModern = ModernAnswers(self._catalog.info, self._modern_methods, safe, cache).answer
        self._subscriptions: Subscriptions[Subscriber] = Subscriptions()
        self._in_flight = InFlight()
        self._places = Places(on, self._in_flight, max_threads, max_thread_queue)
        self._channels: dict[AppChannel, None] = {}
        self._stopping = False

    @property
    def show_errors(self) -> bool:
        """Whether clients are shown type and text of any exception. It may be set at any time."""
        return self._failures.show_errors

    @show_errors.setter
    def show_errors(self, shown: bool) -> None:
        self._failures.show_errors = shown

    @overload
    def tool(self, function: F, /) -> F: ...
    @overload
    def tool(
        self,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: ToolAnnotations | None = None,
        on: On | None = None,
    ) -> Callable[[F], F]: ...
    def tool(
        self,
        function: F | None = None,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: ToolAnnotations | None = None,
        on: On | None = None,
    ) -> F | Callable[[F], F]:
        """Offer a function to models. Name and description are by default the function's.

        A string, content or a list of content is what the model gets. Anything else is structured content, described
        by the return annotation: a JSON object as it is, other values as `{"result": value}`. A ToolResult says all by
        itself. ToolError tells the model what went wrong.
        """

        def register(function: F) -> F:
            check_function("tool", function)
            where = self._places.where(on)
            tool = Tool(function, where, name=name, title=title, description=description, annotations=annotations)
            self._catalog.tools.add(tool.name, tool)
            self._time(tool)
            self._list_changed("tools")
            return function

        check_options("tool", name=name, title=title, description=description, annotations=annotations)
        return register if function is None else register(function)

    def resource(
        self,
        uri: str,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        cache: CacheHint = UNCACHED,
        confined: bool = True,
        on: On | None = None,
    ) -> Callable[[F], F]:
        """Let clients read what a function returns: text, bytes, or anything else as JSON.

        `cache` tells clients how long they may keep it.

        With variables, as in `files://{name}`, the URI is a template: each variable is a parameter of the function, and
        is converted to what that is annotated with. `{name}` stands for a part without slash that is neither `.` nor
        `..`, `{+name}` at the end for all the rest: a path that leads nowhere else, unless it need not be `confined`.
        Percent-encoding hides nothing of that. Equivalent URIs are one, as with spaces and with `%20`. A resource goes
        before a template, an earlier template before a later one.
        """

        def register(function: F) -> F:
            check_function("resource", function)
            resource = Resource(
                uri,
                function,
                self._places.where(on),
                name=name,
                title=title,
                description=description,
                mime_type=mime_type,
                cache=cache,
                confined=confined,
            )
            self._catalog.add_resource(resource)
            self._list_changed("resources")
            return function

        check_first("resource", uri)
        check_options("resource", name=name, title=title, description=description, mime_type=mime_type, cache=cache)
        return register

    @overload
    def prompt(self, function: F, /) -> F: ...
    @overload
    def prompt(
        self,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        on: On | None = None,
    ) -> Callable[[F], F]: ...
    def prompt(
        self,
        function: F | None = None,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        on: On | None = None,
    ) -> F | Callable[[F], F]:
        """Offer a prompt to users: a function that returns a string, a PromptMessage, content, or a list of these."""

        def register(function: F) -> F:
            check_function("prompt", function)
            where = self._places.where(on)
            prompt = Prompt(function, where, name=name, title=title, description=description)
            self._catalog.prompts.add(prompt.name, prompt)
            self._list_changed("prompts")
            return function

        check_options("prompt", name=name, title=title, description=description)
        return register if function is None else register(function)

    def completion(self, reference: str, argument: str = "", *, on: On | None = None) -> Callable[[F], F]:
        """Help users type an `argument` of the prompt, or of the URI template, that `reference` names.

        The function takes what was typed so far and returns all strings that it can become, best first.
        """

        def register(function: F) -> F:
            check_function("completion", function)
            key = canonical(reference), argument
            if key in self._catalog.completions:
                raise ConfigError("completion", (reference, argument), "is registered already")
            self._catalog.completions[key] = Completion(function, self._places.where(on))
            return function

        check_first("completion", reference, argument)
        return register

    def method(self, name: str, *, on: On | None = None) -> Callable[[F], F]:
        """Answer requests for the JSON-RPC method `name` with what a function returns.

        The function gets the parameters as one object: of the type that it annotates, else a dict.
        """

        def register(function: F) -> F:
            check_function("method", function)
            self._check_free(name)
            answer = RpcFunction(name, function, "method", self._places.where(on)).answer
            self._methods[name] = self._modern_methods[name] = answer
            return function

        check_first("method", name)
        return register

    def notification(self, name: str, *, on: On | None = None) -> Callable[[F], F]:
        """Give notifications `name` to a function, as `method` does with requests. What it returns is not wanted."""

        def register(function: F) -> F:
            check_function("notification", function)
            self._check_free(name)
            self._notifications[name] = RpcFunction(name, function, "notification", self._places.where(on)).listen
            return function

        check_first("notification", name)
        return register

    def remove_tool(self, name: str) -> None:
        """Offer it no more; calls in flight go on. ConfigError if there is none."""
        self._catalog.tools.remove(name)
        self._list_changed("tools")

    def remove_resource(self, uri: str) -> None:
        """Offer it, or the template, no more; subscriptions stay. ConfigError if there is none."""
        self._catalog.remove_resource(uri)
        self._list_changed("resources")

    def remove_prompt(self, name: str) -> None:
        """Offer it no more. ConfigError if there is none."""
        self._catalog.prompts.remove(name)
        self._list_changed("prompts")

    def resource_updated(self, uri: str) -> None:
        """Tell all subscribers of `uri` that it has changed."""
        for subscriber in self._subscriptions.of(uri):
            subscriber.resource_updated(uri)

    def on_subscription(self, uri: str, watcher: Watcher) -> None:
        """Call `watcher` with True when `uri` gets its first subscriber, with False when the last one is gone."""
        self._subscriptions.watch(uri, watcher)

    def use_clock(self, clock: IReactorTime) -> None:
        """Take `clock` for clients that connect from now on, unless the App was made with one of its own.

        `mcpws.testing` calls it: what is served on a Clock has no other time.
        """
        if self._given_clock is None:
            self._begin(clock)

    def open(self, link: Link) -> Deferred[Channel]:
        """Begin a conversation; fails with ShuttingDown after `stop`."""
        if self._stopping:
            return fail(ShuttingDown())
        clock = self._clock or self._begin(self._given_clock)
        channel = AppChannel(
            link,
            self._catalog,
            self._methods,
            self._notifications,
            self._answer_modern,
            subscriptions=self._subscriptions,
            in_flight=self._in_flight,
            hearing=Hearing(link.identity.peer, self._max_notifications, self._max_notification_bytes),
            clock=clock,
            max_pending=self._max_pending,
            failures=self._failures,
            ended=self._ended,
        )
        if not self._channels:
            self._places.watch(True)
        self._channels[channel] = None
        opened: Channel = channel
        return succeed(opened)

    def stop(self) -> Deferred[None]:
        """End all conversations with ShuttingDown and cancel what is in flight; fires when that has ended.

        What goes on after it was cancelled has `stop_grace` seconds; then it is logged by name and left to itself.
        """
        self._stopping = True
        for channel in list(self._channels):
            channel.end(ShuttingDown())
        # Without a clock there was no client yet.
        if self._clock is None:
            return succeed(None)
        none = self._in_flight.when_none(self._clock, self._stop_grace)
        return none.addCallback(self._end_places, self._clock)

    def counted(self) -> dict[str, int]:
        """Numbers of what was dropped or refused at a limit, by its name.

        Notifications, for `max_notifications` or `max_notification_bytes`; calls, for `max_thread_queue`.
        """
        dropped = self._dropped_before + sum(channel.hearing.dropped for channel in self._channels)
        return {"app.notifications_dropped": dropped, "app.threads_refused": self._places.threads.refused}

    def time_tools(self, timings: Timings) -> None:
        """Count and time the calls of each tool in `timings` from now on (turns.timing.TimesTools)."""
        self._tool_timings = timings
        for tool in self._catalog.tools:
            self._time(tool)

    def described(self) -> Description:
        """Name, version, and how much there is of what."""
        return Description(self._catalog.info.name, self._catalog.summary())

    def run(self, port: int | str = 8082, *, config: WebSocketConfig | None = None, log: bool = True) -> None:
        """Serve until Ctrl-C or SIGTERM, as `mcpws.run` does with any backend."""
        # Not earlier: whoever embeds an App has no use for a program's beginning and end.
        from mcpws.service.program import run

        run(self, port, config=config, log=log)

    def _ended(self, channel: AppChannel) -> None:
        if channel in self._channels:
            del self._channels[channel]
            self._dropped_before += channel.hearing.dropped
            if not self._channels:
                self._places.watch(False)

    def _begin(self, clock: IReactorTime | None) -> IReactorTime:
        """The clock, from now on; the global reactor for None. Not earlier: an App is often made while modules are
        imported, before a reactor is chosen."""
        if clock is None:
            from twisted.internet import reactor

            clock = IReactorTime(reactor)
        self._clock = clock = steady(clock)
        self._places.use(clock.reactor if isinstance(clock, SteadyTime) else clock)
        return clock

    def _end_places(self, _: None, clock: IReactorTime) -> Deferred[None]:
        return self._places.end(clock)

    def _time(self, tool: Tool) -> None:
        if self._tool_timings is not None:
            tool.timing = self._tool_timings.named(tool.name)

    def _list_changed(self, feature: str) -> None:
        for channel in list(self._channels):
            channel.list_changed(feature)

    def _check_free(self, name: str) -> None:
        if name in RESERVED:
            raise ConfigError("method", name, "is MCP's own")
        if name in self._methods or name in self._notifications:
            raise ConfigError("method", name, "is registered already")
