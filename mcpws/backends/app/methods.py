"""The methods of MCP that an App answers by itself (MCP 2024-11-05 to 2025-11-25, those that begin with `initialize`).

Each takes the client's channel and the request, and answers as `Conversation.dispatch` may. Paths in refusals begin at
the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mcpws.backends.app.arguments import MAX_REASON, decode
from mcpws.backends.app.catalog import Catalog
from mcpws.backends.app.channel import AppChannel, Listener, Method
from mcpws.backends.app.content import Implementation, ToolResult
from mcpws.backends.app.context import Level
from mcpws.backends.app.prompts import completed
from mcpws.backends.app.registry import Registry
from mcpws.backends.app.tools import failed
from mcpws.core.ledger import CANCELLED, INITIALIZE, PROGRESS
from mcpws.core.lifecycle import LEGACY_VERSIONS
from mcpws.core.messages import EMPTY, Notification, Request
from mcpws.errors import InvalidParams, ResourceNotFound, ToolError

T = TypeVar("T")


class _Initialize(Struct, rename="camel"):
    protocol_version: str
    capabilities: dict[str, Any] = {}
    client_info: Implementation | None = None


class _Initialized(Struct, omit_defaults=True, rename="camel"):
    protocol_version: str
    capabilities: dict[str, Any]
    server_info: Implementation
    instructions: str | None = None


class _Page(Struct):
    cursor: str | None = None


class _Call(Struct):
    name: str
    arguments: Raw = EMPTY


class _Uri(Struct):
    uri: str


class _Get(Struct):
    name: str
    arguments: dict[str, str] = {}


class _PromptReference(Struct, tag_field="type", tag="ref/prompt"):
    name: str


class _ResourceReference(Struct, tag_field="type", tag="ref/resource"):
    uri: str


class _Argument(Struct):
    name: str
    value: str


class _Complete(Struct):
    ref: _PromptReference | _ResourceReference
    argument: _Argument


class _SetLevel(Struct):
    level: Level


def _reader(type: type[T]) -> Callable[[Request], T]:
    decoder = msgspec.json.Decoder(type)

    def read(request: Request) -> T:
        return decode(decoder, EMPTY if request.params is None else request.params, "$")

    return read


_read_initialize = _reader(_Initialize)
_read_page = _reader(_Page)
_read_call = _reader(_Call)
_read_uri = _reader(_Uri)
_read_get = _reader(_Get)
_read_complete = _reader(_Complete)
_read_level = _reader(_SetLevel)


def _initialize(channel: AppChannel, request: Request) -> _Initialized:
    params = _read_initialize(request)
    client, catalog = channel.client, channel.catalog
    known = params.protocol_version in LEGACY_VERSIONS
    client.version = params.protocol_version if known else LEGACY_VERSIONS[-1]
    client.info = params.client_info
    client.capabilities = params.capabilities
    capabilities = catalog.capabilities()
    client.features = frozenset(capabilities)
    return _Initialized(client.version, capabilities, catalog.info, catalog.instructions)


def _ping(channel: AppChannel, request: Request) -> Raw:
    return EMPTY


def _list(member: str, registry_of: Callable[[Catalog], Registry[Any]]) -> Method:
    def answer(channel: AppChannel, request: Request) -> dict[str, Any]:
        entries, cursor = registry_of(channel.catalog).page(_read_page(request).cursor)
        page = {member: [entry.definition for entry in entries]}
        return page if cursor is None else {**page, "nextCursor": cursor}

    return answer


def _call_tool(channel: AppChannel, request: Request) -> object:
    params = _read_call(request)
    tool = channel.catalog.tools.get(params.name)
    if tool is None:
        raise _unknown("tool", "$.name", params.name)
    values = tool.arguments.decode(params.arguments, "$.arguments")
    try:
        outcome = channel.run(tool.signature, values, request, tool.result)
    except ToolError as error:
        return failed(error)
    return outcome.addErrback(_tool_failed) if isinstance(outcome, Deferred) else outcome


def _tool_failed(failure: Failure) -> ToolResult | Failure:
    return failed(failure.value) if isinstance(failure.value, ToolError) else failure


def _read_resource(channel: AppChannel, request: Request) -> object:
    uri = _read_uri(request).uri
    found = channel.catalog.find_resource(uri)
    if found is None:
        raise ResourceNotFound(uri)
    resource, variables = found
    values = resource.arguments.convert(variables, "$.uri")
    return channel.run(resource.signature, values, request, partial(resource.result, uri))


def _subscribe(channel: AppChannel, request: Request) -> Raw:
    uri = _read_uri(request).uri
    if channel.catalog.find_resource(uri) is None:
        raise ResourceNotFound(uri)
    channel.subscribe(uri)
    return EMPTY


def _unsubscribe(channel: AppChannel, request: Request) -> Raw:
    channel.unsubscribe(_read_uri(request).uri)
    return EMPTY


def _get_prompt(channel: AppChannel, request: Request) -> object:
    params = _read_get(request)
    prompt = channel.catalog.prompts.get(params.name)
    if prompt is None:
        raise _unknown("prompt", "$.name", params.name)
    values = prompt.arguments.convert(params.arguments, "$.arguments")
    return channel.run(prompt.signature, values, request, prompt.result)


def _complete(channel: AppChannel, request: Request) -> object:
    params = _read_complete(request)
    catalog, reference = channel.catalog, params.ref
    if isinstance(reference, _PromptReference):
        name = reference.name
        if catalog.prompts.get(name) is None:
            raise _unknown("prompt", "$.ref.name", name)
    else:
        name = reference.uri
        if catalog.templates.get(name) is None and catalog.resources.get(name) is None:
            raise _unknown("resource template", "$.ref.uri", name)
    completion = catalog.completions.get((name, params.argument.name))
    if completion is None:
        return completed([])
    return channel.run(completion.signature, (params.argument.value,), request, completed)


def _set_level(channel: AppChannel, request: Request) -> Raw:
    channel.client.level = _read_level(request).level
    return EMPTY


def _unknown(kind: str, path: str, name: str) -> InvalidParams:
    shown = name[:MAX_REASON]
    return InvalidParams(f"Unknown {kind}: {shown}", {"path": path, "reason": f"no {kind} {shown!r}"})


def _ready(channel: AppChannel, notification: Notification) -> None:
    channel.client.initialized = True


METHODS: dict[str, Method] = {
    INITIALIZE: _initialize,
    "ping": _ping,
    "tools/list": _list("tools", lambda catalog: catalog.tools),
    "tools/call": _call_tool,
    "resources/list": _list("resources", lambda catalog: catalog.resources),
    "resources/templates/list": _list("resourceTemplates", lambda catalog: catalog.templates),
    "resources/read": _read_resource,
    "resources/subscribe": _subscribe,
    "resources/unsubscribe": _unsubscribe,
    "prompts/list": _list("prompts", lambda catalog: catalog.prompts),
    "prompts/get": _get_prompt,
    "completion/complete": _complete,
    "logging/setLevel": _set_level,
}
"""What every App answers."""

NOTIFICATIONS: dict[str, Listener] = {"notifications/initialized": _ready}
"""What every App listens to."""

RESERVED = {*METHODS, *NOTIFICATIONS, CANCELLED, PROGRESS}
"""Names that are not for methods and notifications of one's own."""
