"""Every exception that mcpws raises on purpose, and what each becomes on the wire.

::

    McpwsError
    ├── ConfigError                 a setting cannot be used; names it and its value
    │   ├── LoadFailed              the user's own code that it names fails
    │   └── UnknownSetting          there is no setting of this name
    ├── RpcError                    is answered to the peer as a JSON-RPC error object
    │   ├── ParseError              -32700  not JSON, or nested too deep
    │   ├── InvalidRequest          -32600  JSON, but no JSON-RPC 2.0 message that may stand here
    │   ├── MethodNotFound          -32601
    │   ├── InvalidParams           -32602
    │   ├── InternalError           -32603  a defect of the server's; says no more than a reference
    │   ├── ResourceNotFound        -32002  no resource has this URI
    │   ├── MissingClientCapability -32021  the request needs what its client does not declare
    │   ├── UnsupportedProtocol     -32022  the request's protocol version is not spoken here
    │   ├── ResultTooLarge             413  the answer is over the limit for outbound messages
    │   ├── TooManyRequests            429  more in flight than the connection may have
    │   ├── BackendLost                502  what would have answered is gone
    │   └── ShuttingDown               503  the service is draining
    ├── ToolError                   a tool's own failure, for the model to read: a result
    ├── CapabilityMissing           the client did not declare what a request to it needs
    ├── CannotAsk                   the protocol has no way to ask the client now
    ├── RemoteError                 the peer answered our request with an error object
    ├── ToolFailed                  the tool that was called says that it failed
    ├── SubscriptionRefused         the server does not tell of updates of this resource
    ├── MalformedResult             the peer answered our request with a result of another shape
    ├── RequestTimeout              no answer in time; the request was cancelled
    ├── UnsupportedVersion          the server speaks no protocol version that we do
    ├── InputRequired               the server wants input of the client's that nothing here can give
    ├── ListenFailed                an endpoint cannot be had
    ├── ConnectFailed               nothing answers at the address
    ├── HandshakeRefused            the server did not answer the upgrade with HTTP status 101
    ├── ConnectionClosed            the connection is gone, with close code and reason
    ├── QueueFull                   a bounded queue of ours was full
    ├── MessageTooLarge             a message is over the limit of what a client sends
    ├── LineTooLong                 a stdio peer sent a longer line than the limit
    └── IllegalTransition           a defect here: a connection was to enter a state that may not follow

JSON-RPC 2.0 and MCP reserve -32768 to -32000; codes of our own are HTTP's numbers for the same
thing, well outside.
"""

from __future__ import annotations

from typing import Any

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
RESOURCE_NOT_FOUND = -32002

MAX_SHOWN = 200
"""Characters of a value in the text of a ConfigError."""


class McpwsError(Exception):
    """Base of all exceptions of this package."""


class ConfigError(McpwsError, ValueError):
    """The setting `key` cannot be `value`, because of `problem`."""

    def __init__(self, key: str, value: object, problem: str) -> None:
        super().__init__(key, value, problem)
        self.key = key
        self.value = value
        self.problem = problem

    def __str__(self) -> str:
        got = repr(self.value)
        if len(got) > MAX_SHOWN:
            got = f"{got[:MAX_SHOWN]}..."
        return _one_line(f"{self.key}: {self.problem} (got {got})")


class LoadFailed(ConfigError):
    """The code that the setting `key` names with `value` fails, because of `problem`; its exception is the cause."""

    def __str__(self) -> str:
        return f"{self.value} cannot be loaded: {self.problem}"


class UnknownSetting(ConfigError):
    """There is no setting `key`; `meant` is the one whose name is most like it, if there is any such.

    Its value is not kept: nobody knows what it may be.
    """

    def __init__(self, key: str, meant: str | None = None) -> None:
        super().__init__(key, None, "no such setting" + ("" if meant is None else f": did you mean {meant}?"))
        self.args = (key, meant)
        self.meant = meant

    def __str__(self) -> str:
        return _one_line(f"{self.key}: {self.problem}")


class RpcError(McpwsError):
    """Raise it in a method to answer the request with exactly this error object.

    :param message: one sentence for a person; it goes to the peer as it is.
    :param data: anything JSON, or None for no `data` member.
    :param code: only for codes of your own; the subclasses have theirs.
    """

    code: int = INTERNAL_ERROR
    id: str | int | None = None
    """Of the request that this answers, where it is about one that could not be taken; None if it could not be read."""
    answers: str | int | None = None
    """Of the request of ours that waits for what this is about; None if that was no answer, or nobody can tell."""
    setting: str | None = None
    """The setting by whose limit this came, as WebSocketConfig names it; None if by none."""

    def __init__(self, message: str, data: Any = None, *, code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data
        if code is not None:
            self.code = code


class ParseError(RpcError):
    """A text that is not JSON (JSON-RPC 2.0, section 5.1)."""

    code = PARSE_ERROR

    def __init__(
        self, message: str, data: Any = None, *, id: str | int | None = None, answers: str | int | None = None
    ) -> None:
        super().__init__(message, data)
        self.id = id
        self.answers = answers


class InvalidRequest(RpcError):
    """JSON, but no message that may stand here."""

    code = INVALID_REQUEST

    def __init__(
        self, message: str, data: Any = None, *, id: str | int | None = None, answers: str | int | None = None
    ) -> None:
        super().__init__(message, data)
        self.id = id
        self.answers = answers

    @classmethod
    def in_use(cls, id: str | int) -> InvalidRequest:
        """The refusal of a request whose id another open one has already."""
        return cls("Request id in use", {"path": "$.id"}, id=id)


class MethodNotFound(RpcError):
    """No such method; `data` names it."""

    code = METHOD_NOT_FOUND

    def __init__(self, method: str) -> None:
        super().__init__(f"Method not found: {method}", {"method": method})


class InvalidParams(RpcError):
    """Parameters do not fit.

    `data` says where (`path`, as in `$.arguments.a`) and why (`reason`).
    """

    code = INVALID_PARAMS


class InternalError(RpcError):
    """A method failed in a way it did not foresee. Only a reference to the log goes to the peer."""

    code = INTERNAL_ERROR

    def __init__(self, reference: str) -> None:
        super().__init__("Internal error", {"reference": reference})


class ResourceNotFound(RpcError):
    """No resource and no template has `uri` (MCP 2024-11-05 to 2025-11-25, resources)."""

    code = RESOURCE_NOT_FOUND

    def __init__(self, uri: str) -> None:
        super().__init__(f"Resource not found: {uri}", {"uri": uri})


class MissingClientCapability(RpcError):
    """To answer the request its client has to declare `capabilities` (MCP 2026-07-28, `_meta`)."""

    code = -32021

    def __init__(self, capabilities: dict[str, Any]) -> None:
        names = ", ".join(capabilities)
        super().__init__(f"Missing client capability: {names}", {"requiredCapabilities": capabilities})


class UnsupportedProtocol(RpcError):
    """Protocol version `requested` is none of the `supported` (MCP 2026-07-28, versioning)."""

    code = -32022

    def __init__(self, requested: str, supported: list[str]) -> None:
        super().__init__(f"Unsupported protocol version: {requested}", {"supported": supported, "requested": requested})


class ResultTooLarge(RpcError):
    """The answer is `size` bytes long, over `limit`; the request ran, its answer is lost."""

    code = 413
    setting = "max_outbound_size"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"The answer has {size} bytes, more than the limit of {limit}",
            {"size": size, "limit": limit},
        )


class TooManyRequests(RpcError):
    """There are `limit` requests in flight on the connection already, as many wait as may; or so many of `of`."""

    code = 429

    def __init__(self, limit: int, of: str = "requests in flight") -> None:
        super().__init__(f"More than {limit} {of}", {"limit": limit})


class BackendLost(RpcError):
    """The loss of a backend: it ended, could not start, or broke its protocol."""

    code = 502


class ShuttingDown(RpcError):
    """The service is going down and takes no new requests."""

    code = 503

    def __init__(self) -> None:
        super().__init__("The service is shutting down")


class ToolError(McpwsError):
    """Raise it in a tool: its text becomes a tool result with `isError`, for the model to read."""


class CapabilityMissing(McpwsError):
    """The client cannot be asked for `method`: it did not declare `capability`, or not the `part` of it.

    Left alone it answers the request: as MissingClientCapability by MCP 2026-07-28; before that as a tool result with
    `isError`, or as -32603 for what is no tool.
    """

    def __init__(self, method: str, capability: str, part: str | None = None) -> None:
        super().__init__(method, capability, part)
        self.method = method
        self.capability = capability
        self.part = part

    @property
    def required(self) -> dict[str, Any]:
        """Capabilities that it would have to declare (MCP, ClientCapabilities)."""
        return {self.capability: {} if self.part is None else {self.part: {}}}

    def __str__(self) -> str:
        name = self.capability if self.part is None else f"{self.capability}.{self.part}"
        return f"the client did not declare the capability {name}, which {self.method} needs"


class CannotAsk(McpwsError):
    """The client cannot be asked for `method` now, whatever it declared, because of `problem`."""

    def __init__(self, method: str, problem: str) -> None:
        super().__init__(method, problem)
        self.method = method
        self.problem = problem

    def __str__(self) -> str:
        return f"the client cannot be asked for {self.method}: {self.problem}"


class RemoteError(McpwsError):
    """The peer's error object: `code`, `message`, `data` (decoded JSON, or None)."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(code, message, data)
        self.code = code
        self.message = message
        self.data = data

    def __str__(self) -> str:
        return f"{self.message} (code {self.code})"


class ToolFailed(McpwsError):
    """The tool `tool` of the server says that it failed: its result has `isError`.

    `text` is what it says of that, all text blocks of its `content`; `structured` its structured content, or None.
    """

    def __init__(self, tool: str, text: str, content: list[Any], structured: Any = None) -> None:
        super().__init__(tool, text, content, structured)
        self.tool = tool
        self.text = text
        self.content = content
        self.structured = structured

    def __str__(self) -> str:
        return f"{self.tool}: {self.text or 'the tool failed, and does not say why'}"


class SubscriptionRefused(McpwsError):
    """The server does not tell of updates of the resource `uri`."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri

    def __str__(self) -> str:
        return f"the server does not tell of updates of {self.uri}"


class MalformedResult(McpwsError, ValueError):
    """The result of `method` is not what it has to be, because of `problem`."""

    def __init__(self, method: str, problem: str) -> None:
        super().__init__(method, problem)
        self.method = method
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.method}: the result is malformed: {self.problem}"


class RequestTimeout(McpwsError, TimeoutError):
    """`method` was not answered within `seconds`; the peer was told that it is cancelled."""

    def __init__(self, method: str, seconds: float) -> None:
        super().__init__(method, seconds)
        self.method = method
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.method}: no answer within {self.seconds:g} s"


class UnsupportedVersion(McpwsError):
    """The server speaks the protocol `versions`, none of which is one of the `supported`."""

    def __init__(self, versions: tuple[str, ...], supported: tuple[str, ...]) -> None:
        super().__init__(versions, supported)
        self.versions = versions
        self.supported = supported

    def __str__(self) -> str:
        return f"the server speaks MCP {', '.join(self.versions)}, not one of {', '.join(self.supported)}"


class InputRequired(McpwsError):
    """To answer `method` the server wants input of the client's, which it does not get, because of `problem`."""

    def __init__(self, method: str, problem: str) -> None:
        super().__init__(method, problem)
        self.method = method
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.method}: the server wants input: {self.problem}"


class ListenFailed(McpwsError):
    """Nothing can listen on `endpoint`, because of `problem`."""

    def __init__(self, endpoint: str, problem: str) -> None:
        super().__init__(endpoint, problem)
        self.endpoint = endpoint
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot listen on {self.endpoint}: {self.problem}"


class ConnectFailed(McpwsError, ConnectionError):
    """No connection to `url` could be made, because of `problem`."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(url, problem)
        self.url = url
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot connect to {self.url}: {self.problem}"


class HandshakeRefused(McpwsError):
    """The server refused the upgrade.

    HTTP `status` (None when it spoke no HTTP), `reason`, `headers` with names in lower case.
    """

    def __init__(self, status: int | None, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}

    def __str__(self) -> str:
        if self.status is None:
            return self.reason
        return f"the server refused the WebSocket upgrade: HTTP {self.status} {self.reason}".rstrip()


GOING_AWAY = 1001
"""The close code of an end that leaves (RFC 6455, section 7.4.1)."""


class ConnectionClosed(McpwsError, ConnectionError):
    """The connection is gone.

    `code` is the close code (RFC 6455, section 7.4), 1006 when there was none.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"connection closed with {self.code}" + (f": {self.reason}" if self.reason else "")


class QueueFull(McpwsError):
    """The bounded queue `name` holds its `limit` already; nothing was added."""

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(name, limit)
        self.name = name
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.name} is full ({self.limit})"


class MessageTooLarge(McpwsError):
    """A request or a notification of `size` bytes, over `limit`; it was not sent."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        return f"the message has {self.size} bytes, more than the limit of {self.limit}"


class LineTooLong(McpwsError):
    """A line had `size` bytes, which is more than `limit`. Of it there is left how it `begins`, and how it `ends`."""

    def __init__(self, size: int, limit: int, begins: bytes = b"", ends: bytes = b"") -> None:
        super().__init__(size, limit)
        self.size = size
        self.limit = limit
        self.begins = begins
        self.ends = ends

    def __str__(self) -> str:
        return f"a line of {self.size} bytes, more than the limit of {self.limit}"


class IllegalTransition(McpwsError):
    """A step from `before` to `after` that the table of states of a `thing` does not have."""

    def __init__(self, before: str, after: str, thing: str = "a connection") -> None:
        super().__init__(before, after, thing)
        self.before = before
        self.after = after
        self.thing = thing

    def __str__(self) -> str:
        return f"{self.thing} that is {self.before} cannot become {self.after}"


def _one_line(text: str) -> str:
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
