"""The requests of MCP as methods of a session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from msgspec import UNSET, Struct, UnsetType, field
from twisted.internet.defer import Deferred

from mcpws.client.pages import all_pages
from mcpws.client.subscription import OnNotification, Subscription
from mcpws.core.rpc import OnProgress
from mcpws.errors import SubscriptionRefused, ToolFailed
from mcpws.mcp.content import Content, ResourceContents, Text
from mcpws.mcp.features import Completion, Prompt, PromptResult, Resource, ResourceTemplate, Tool
from mcpws.mcp.methods import (
    COMPLETE,
    DISCOVER,
    PING,
    PROMPTS_GET,
    PROMPTS_LIST,
    RESOURCE_UPDATED,
    RESOURCES_LIST,
    RESOURCES_READ,
    TEMPLATES_LIST,
    TOOLS_CALL,
    TOOLS_LIST,
)
from mcpws.mcp.versions import LEGACY_VERSIONS

Timeout: TypeAlias = float | UnsetType | None
"""Seconds; None to wait for ever, UNSET for as long as the session says."""

T = TypeVar("T")


class _Called(Struct):
    """Members of the result of `tools/call` that are read."""

    content: list[Content] = []
    structured: Any = field(name="structuredContent", default=None)
    is_error: bool = field(name="isError", default=False)


class _Read(Struct):
    contents: list[ResourceContents]


class _Completed(Struct):
    completion: Completion


class Methods(ABC):
    """Requests of MCP, each a method of a session that returns a Deferred; await it, or add callbacks.

    Every one takes `timeout`, seconds for the answer, None for no limit; without it the session's own `timeout` holds.
    Every one fails as `Session.request` does, with MalformedResult for a result that is not as MCP has it, and with
    TypeError, which names what is wrong, for arguments that cannot be sent. Cancelling it cancels the request.
    """

    @property
    @abstractmethod
    def protocol_version(self) -> str:
        """Of MCP, as `2025-11-25`: what both sides settled on."""

    @abstractmethod
    def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        on_progress: OnProgress | None = None,
        log_level: str | None = None,
        type: Any = Any,
    ) -> Deferred[Any]:
        """Ask the server; fires with the result, decoded as `type`."""

    @abstractmethod
    def listen(
        self, *, uris: Sequence[str] = (), on_notification: OnNotification, timeout: Timeout = UNSET
    ) -> Deferred[Subscription]:
        """Ask for notifications."""

    @abstractmethod
    def seconds(self) -> float:
        """The time, by a clock that only goes forward."""

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: Timeout = UNSET,
        on_progress: OnProgress | None = None,
        **named: Any,
    ) -> Deferred[Any]:
        """Call the tool `name`; fires with what it answers.

        That is its structured content, as it came, if it has any; else its content, a list of Text, Image, Audio,
        ResourceLink and EmbeddedResource. What an App's tool is annotated to return, and is no object, comes as the
        one member `result` of an object, as its `outputSchema` says. For all parts of a result together ask
        `request("tools/call", ..., type=ToolResult)`.

        :param arguments: those that cannot be given by keyword: called `timeout` or `on_progress`, or not spelled as
            names in Python. They go together with the `named` ones.
        :param on_progress: gets a Progress for each report.
        :raises ToolFailed: the tool says that it failed, and why.
        """

        async def call() -> Any:
            params = {"name": _text("the name", name), "arguments": _together(arguments, named)}
            asked = self.request(TOOLS_CALL, params, timeout=timeout, on_progress=on_progress, type=_Called)
            called: _Called = await asked
            if called.is_error:
                text = "\n".join(block.text for block in called.content if isinstance(block, Text))
                raise ToolFailed(name, text, called.content, called.structured)
            return called.content if called.structured is None else called.structured

        return Deferred.fromCoroutine(call())

    def list_tools(self, *, timeout: Timeout = UNSET) -> Deferred[list[Tool]]:
        """All tools, whatever number of pages they come in; `timeout` is for each page."""
        return self._list(TOOLS_LIST, "tools", Tool, timeout)

    def list_resources(self, *, timeout: Timeout = UNSET) -> Deferred[list[Resource]]:
        """All resources, likewise. A server may have more that it does not list."""
        return self._list(RESOURCES_LIST, "resources", Resource, timeout)

    def list_resource_templates(self, *, timeout: Timeout = UNSET) -> Deferred[list[ResourceTemplate]]:
        """All templates of resources, likewise."""
        return self._list(TEMPLATES_LIST, "resourceTemplates", ResourceTemplate, timeout)

    def list_prompts(self, *, timeout: Timeout = UNSET) -> Deferred[list[Prompt]]:
        """All prompts, likewise."""
        return self._list(PROMPTS_LIST, "prompts", Prompt, timeout)

    def _list(self, method: str, key: str, type: type[T], timeout: Timeout) -> Deferred[list[T]]:
        def ask(params: dict[str, Any], page: Any) -> Deferred[Any]:
            return self.request(method, params, timeout=timeout, type=page)

        return Deferred.fromCoroutine(all_pages(method, key, type, ask))

    def read_resource(self, uri: str, *, timeout: Timeout = UNSET) -> Deferred[list[ResourceContents]]:
        """Contents of the resource `uri`: its one part, or several with URIs of their own."""
        return self._part(RESOURCES_READ, lambda: {"uri": _text("the URI", uri)}, timeout, _Read, "contents")

    def get_prompt(
        self, name: str, arguments: Mapping[str, str] | None = None, /, *, timeout: Timeout = UNSET, **named: str
    ) -> Deferred[PromptResult]:
        """The prompt `name`, filled in with its arguments, which are strings and are given as for `call_tool`."""

        def params() -> dict[str, Any]:
            given = _together(arguments, named)
            strings = {key: _text(f"the argument {key}", value) for key, value in given.items()}
            return {"name": _text("the name", name), "arguments": strings}

        return self._part(PROMPTS_GET, params, timeout, PromptResult)

    def complete(
        self,
        argument: str,
        value: str,
        *,
        prompt: str | None = None,
        template: str | None = None,
        others: Mapping[str, str] | None = None,
        timeout: Timeout = UNSET,
    ) -> Deferred[Completion]:
        """Completions of `value`, as somebody types it, for one argument of a prompt or of a template of resources.

        :param prompt: its name; or give `template`, as `list_resource_templates` has it.
        :param others: arguments that have their values already.
        """

        def params() -> dict[str, Any]:
            if (prompt is None) is (template is None):
                raise TypeError("complete takes either prompt or template")
            if prompt is None:
                reference = {"type": "ref/resource", "uri": _text("the template", template)}
            else:
                reference = {"type": "ref/prompt", "name": _text("the prompt", prompt)}
            typed = {"name": _text("the argument", argument), "value": _text("the value", value)}
            context = {"context": {"arguments": dict(others)}} if others else {}
            return {"ref": reference, "argument": typed, **context}

        return self._part(COMPLETE, params, timeout, _Completed, "completion")

    def ping(self, *, timeout: Timeout = UNSET) -> Deferred[float]:
        """Find out whether the server answers; fires with the seconds that it took.

        MCP 2026-07-28 has no `ping`: there `server/discover` asks for nothing that costs the server more.
        """

        async def ping() -> float:
            began = self.seconds()
            await self.request(PING if self.protocol_version in LEGACY_VERSIONS else DISCOVER, timeout=timeout)
            return self.seconds() - began

        return Deferred.fromCoroutine(ping())

    def subscribe(
        self, uri: str, on_update: Callable[[str], object], *, timeout: Timeout = UNSET
    ) -> Deferred[Subscription]:
        """Hear of updates of the resource `uri`; fires with the Subscription, whose `close` ends it.

        `listen` is for several, and for changes of lists. It says no more than that there is an update: read it.

        :param on_update: called with the URI that was updated, `uri` or one below it; may return a Deferred or a
            coroutine.
        :raises SubscriptionRefused: the server does not tell of updates of this resource.
        """

        async def subscribe() -> Subscription:
            def heard(method: str, params: dict[str, Any]) -> object:
                updated = params.get("uri")
                return on_update(updated) if method == RESOURCE_UPDATED and isinstance(updated, str) else None

            subscription = await self.listen(uris=[_text("the URI", uri)], on_notification=heard, timeout=timeout)
            if not subscription.honoured.uris:
                subscription.close()
                raise SubscriptionRefused(uri)
            return subscription

        return Deferred.fromCoroutine(subscribe())

    def _part(
        self,
        method: str,
        params: Callable[[], dict[str, Any]],
        timeout: Timeout,
        type: Any,
        member: str | None = None,
    ) -> Deferred[Any]:
        """Ask for something, and have one `member` of the result, or all of it."""

        async def ask() -> Any:
            result = await self.request(method, params(), timeout=timeout, type=type)
            return result if member is None else getattr(result, member)

        return Deferred.fromCoroutine(ask())


def _together(arguments: Mapping[str, Any] | None, named: dict[str, Any]) -> dict[str, Any]:
    if arguments is None:
        return named
    if not isinstance(arguments, Mapping):
        raise TypeError(f"arguments must be a mapping, or be given by keyword (got {arguments!r})")
    twice = sorted(arguments.keys() & named.keys())
    if twice:
        raise TypeError(f"given twice: the argument {twice[0]}")
    return {**arguments, **named}


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string (got {value!r})")
    return value
