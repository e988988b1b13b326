"""The methods of MCP that an App answers by itself.

They are those of conversations that begin with `initialize` (MCP 2024-11-05 to 2025-11-25), and those of requests that
stand for themselves (MCP 2026-07-28). Each takes the Scope of the request, and the request, and answers as
a method given to `Answerer.answer` may. Paths in refusals begin at the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct
from twisted.internet.defer import Deferred

from mcpws.backends.app.arguments import reader, unknown
from mcpws.backends.app.catalog import Catalog
from mcpws.backends.app.channel import AppChannel, Listener, Method, Scope
from mcpws.backends.app.listen import Filter, available
from mcpws.backends.app.modern_answers import ModernMethod
from mcpws.backends.app.modern_call import ModernCall
from mcpws.backends.app.prompts import completed
from mcpws.backends.app.registry import Registry
from mcpws.backends.app.resources import Resource
from mcpws.backends.app.tool_call import tool_call
from mcpws.backends.app.uri import MAX_LENGTH, canonical
from mcpws.errors import CapabilityMissing, ResourceNotFound, ToolError
from mcpws.jsonrpc.messages import EMPTY, Notification, Request
from mcpws.mcp.content import Implementation
from mcpws.mcp.levels import Level
from mcpws.mcp.methods import (
    CANCELLED,
    COMPLETE,
    DISCOVER,
    INITIALIZE,
    INITIALIZED,
    LISTEN,
    PING,
    PROGRESS,
    PROMPTS_GET,
    PROMPTS_LIST,
    RESOURCES_LIST,
    RESOURCES_READ,
    RESOURCES_SUBSCRIBE,
    RESOURCES_UNSUBSCRIBE,
    SET_LEVEL,
    TEMPLATES_LIST,
    TOOLS_CALL,
    TOOLS_LIST,
)
from mcpws.mcp.schema import DiscoverResult, InitializeParams, InitializeResult, ListenParams, Uri
from mcpws.mcp.versions import LEGACY_VERSIONS, SUPPORTED_VERSIONS


class _Page(Struct):
    cursor: str | None = None


class _Uri(Struct):
    uri: Annotated[str, Meta(max_length=MAX_LENGTH)]


class _Subscribe(Struct):
    uri: Uri


class _Get(Struct):
    name: str
    arguments: dict[str, str] = {}


class _PromptReference(Struct, tag_field="type", tag="ref/prompt"):
    name: str


class _ResourceReference(Struct, tag_field="type", tag="ref/resource"):
    uri: Annotated[str, Meta(max_length=MAX_LENGTH)]


class _Argument(Struct):
    name: str
    value: str


class _Complete(Struct):
    ref: _PromptReference | _ResourceReference
    argument: _Argument


class _SetLevel(Struct):
    level: Level


_read_initialize = reader(InitializeParams[Any, Implementation])
_read_page = reader(_Page)
_read_uri = reader(_Uri)
_read_subscribe = reader(_Subscribe)
_read_get = reader(_Get)
_read_complete = reader(_Complete)
_read_level = reader(_SetLevel)
_read_listen = reader(ListenParams[Filter])


def _initialize(channel: AppChannel, request: Request) -> InitializeResult[Any, Implementation]:
    params = _read_initialize(request)
    client, catalog = channel.client, channel.catalog
    known = params.protocol_version in LEGACY_VERSIONS
    client.version = params.protocol_version if known else LEGACY_VERSIONS[-1]
    client.info = params.client_info
    client.capabilities = params.capabilities or {}
    capabilities = catalog.capabilities()
    client.features = tuple(capabilities)
    return InitializeResult(client.version, capabilities, catalog.info, catalog.instructions)


def _ping(channel: AppChannel, request: Request) -> Raw:
    return EMPTY


def _list(member: str, registry_of: Callable[[Catalog], Registry[Any]]) -> Callable[[Scope, Request], dict[str, Any]]:
    def answer(scope: Scope, request: Request) -> dict[str, Any]:
        entries, cursor = registry_of(scope.catalog).page(_read_page(request).cursor)
        page = {member: [entry.definition for entry in entries]}
        return page if cursor is None else {**page, "nextCursor": cursor}

    return answer


def _read_resource(scope: Scope, request: Request) -> object:
    uri = _read_uri(request).uri
    return _run_resource(scope, request, uri, *_find_resource(scope, uri))


def _read_kept_resource(call: ModernCall, request: Request) -> object:
    uri = _read_uri(request).uri
    resource, variables = _find_resource(call, uri)
    call.cache = resource.cache
    return _run_resource(call, request, uri, resource, variables)


def _find_resource(scope: Scope, uri: str) -> tuple[Resource, dict[str, str]]:
    found = scope.catalog.find_resource(uri)
    if found is None:
        raise ResourceNotFound(uri)
    return found


def _run_resource(scope: Scope, request: Request, uri: str, resource: Resource, variables: dict[str, str]) -> object:
    values = resource.arguments.convert(variables, "$.uri")
    return scope.run(resource.signature, values, request, partial(resource.result, uri))


def _subscribe(channel: AppChannel, request: Request) -> Raw:
    # Unlike one that is only read, it is kept.
    uri = _read_subscribe(request).uri
    _find_resource(channel, uri)
    channel.subscribe(uri)
    return EMPTY


def _unsubscribe(channel: AppChannel, request: Request) -> Raw:
    channel.unsubscribe(_read_uri(request).uri)
    return EMPTY


def _get_prompt(scope: Scope, request: Request) -> object:
    params = _read_get(request)
    prompt = scope.catalog.prompts.get(params.name)
    if prompt is None:
        raise unknown("prompt", "$.name", params.name)
    values = prompt.arguments.convert(params.arguments, "$.arguments")
    return scope.run(prompt.signature, values, request, prompt.result)


def _complete(scope: Scope, request: Request) -> object:
    params = _read_complete(request)
    catalog, reference = scope.catalog, params.ref
    if isinstance(reference, _PromptReference):
        name = reference.name
        if catalog.prompts.get(name) is None:
            raise unknown("prompt", "$.ref.name", name)
    else:
        name = reference.uri
        if not catalog.has_reference(name):
            raise unknown("resource template", "$.ref.uri", name)
    completion = catalog.completions.get((canonical(name), params.argument.name))
    if completion is None:
        return completed([])
    return scope.run(completion.signature, (params.argument.value,), request, completion.result)


def _set_level(channel: AppChannel, request: Request) -> Raw:
    channel.client.level = _read_level(request).level
    return EMPTY


def _ready(channel: AppChannel, notification: Notification) -> None:
    channel.client.initialized = True


def _discover(call: ModernCall, request: Request) -> DiscoverResult[Any, Implementation]:
    return DiscoverResult(SUPPORTED_VERSIONS, call.catalog.capabilities(), call.catalog.instructions)


def _listen(call: ModernCall, request: Request) -> Deferred[dict[str, Any]]:
    wanted = _read_listen(request).notifications
    return call.channel.listens.open(request.id, available(wanted, call.catalog))


_SHARED: dict[str, Callable[[Scope, Request], object]] = {
    TOOLS_LIST: _list("tools", lambda catalog: catalog.tools),
    RESOURCES_LIST: _list("resources", lambda catalog: catalog.resources),
    TEMPLATES_LIST: _list("resourceTemplates", lambda catalog: catalog.templates),
    PROMPTS_LIST: _list("prompts", lambda catalog: catalog.prompts),
    PROMPTS_GET: _get_prompt,
    COMPLETE: _complete,
}

METHODS: dict[str, Method] = {
    INITIALIZE: _initialize,
    PING: _ping,
    # This era has no error for it.
    TOOLS_CALL: tool_call(ToolError, CapabilityMissing),
    RESOURCES_READ: _read_resource,
    RESOURCES_SUBSCRIBE: _subscribe,
    RESOURCES_UNSUBSCRIBE: _unsubscribe,
    SET_LEVEL: _set_level,
    **_SHARED,
}
"""What every App answers in a conversation that began with `initialize`."""

MODERN_METHODS: dict[str, ModernMethod] = {
    DISCOVER: _discover,
    TOOLS_CALL: tool_call(ToolError),
    RESOURCES_READ: _read_kept_resource,
    LISTEN: _listen,
    **_SHARED,
}
"""What every App answers of requests that stand for themselves."""

NOTIFICATIONS: dict[str, Listener] = {INITIALIZED: _ready}
"""What every App listens to."""

RESERVED = {*METHODS, *MODERN_METHODS, *NOTIFICATIONS, CANCELLED, PROGRESS}
"""Names that are not for methods and notifications of one's own."""
