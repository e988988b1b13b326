"""All public names. `mcpws` has them from here, when the first of them is asked for."""

from mcpws.admin.factory import administered
from mcpws.backends.aggregate import Aggregate
from mcpws.backends.app import App
from mcpws.backends.app.away import ThreadContext
from mcpws.backends.app.content import CacheHint
from mcpws.backends.app.context import Context
from mcpws.backends.eras import DualEra, EraTranslation
from mcpws.backends.shared import Shared, SharedStdio
from mcpws.backends.stdio import Stdio
from mcpws.backends.upstream import Upstream
from mcpws.client.factory import ClientFactory, connect
from mcpws.client.identity import ClientIdentity
from mcpws.client.session import Session
from mcpws.client.subscription import Subscription
from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState
from mcpws.core.rpc import Progress
from mcpws.errors import (
    BackendLost,
    CannotAsk,
    CapabilityMissing,
    ConfigError,
    ConnectFailed,
    ConnectionClosed,
    HandshakeRefused,
    InputRequired,
    InvalidParams,
    ListenFailed,
    MalformedResult,
    McpwsError,
    MessageTooLarge,
    QueueFull,
    RemoteError,
    RequestTimeout,
    ResultTooLarge,
    RpcError,
    ShuttingDown,
    SubscriptionRefused,
    ToolError,
    ToolFailed,
    UnsupportedVersion,
)
from mcpws.fronts.front import Front
from mcpws.fronts.roster import Member, Roster
from mcpws.fronts.stream import StreamCarrier
from mcpws.fronts.watch import watch
from mcpws.http.checks import Check, Principal
from mcpws.http.page import Page
from mcpws.http.request import HttpRequest, Refusal
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Error, ErrorObject, Message, Notification, Request, RequestId, Result
from mcpws.mcp.content import (
    Audio,
    CreateMessageResult,
    ElicitResult,
    EmbeddedResource,
    Image,
    PromptMessage,
    ResourceContents,
    ResourceLink,
    Text,
    ToolAnnotations,
    ToolResult,
)
from mcpws.mcp.features import Completion, Prompt, PromptArgument, PromptResult, Resource, ResourceTemplate, Tool
from mcpws.policy.stats import ConnectionStatistics, ServerStatistics
from mcpws.seam.interfaces import Backend, Carrier, Channel, Identity, Link
from mcpws.seam.observer import MessageObserver, Observer, Party, Refused
from mcpws.service.listen import WebSocketService
from mcpws.service.program import run
from mcpws.transport import Incoming, WebSocketTransport
from mcpws.version import __version__
from mcpws.ws.server import ServerFactory, ServerProtocol
from mcpws.ws.target import Target

__all__ = [
    "Aggregate",
    "App",
    "Audio",
    "Backend",
    "BackendLost",
    "CacheHint",
    "CannotAsk",
    "CapabilityMissing",
    "Carrier",
    "Channel",
    "Check",
    "ClientFactory",
    "ClientIdentity",
    "Completion",
    "ConfigError",
    "ConnectFailed",
    "ConnectionClosed",
    "ConnectionState",
    "ConnectionStatistics",
    "Context",
    "CreateMessageResult",
    "DualEra",
    "ElicitResult",
    "EmbeddedResource",
    "EraTranslation",
    "Error",
    "ErrorObject",
    "Front",
    "HandshakeRefused",
    "HttpRequest",
    "Identity",
    "Image",
    "Incoming",
    "InputRequired",
    "InvalidParams",
    "Link",
    "ListenFailed",
    "MalformedResult",
    "McpwsError",
    "Member",
    "Message",
    "MessageObserver",
    "MessageTooLarge",
    "Notification",
    "Observer",
    "Page",
    "Party",
    "Principal",
    "Progress",
    "Prompt",
    "PromptArgument",
    "PromptMessage",
    "PromptResult",
    "QueueFull",
    "Refusal",
    "Refused",
    "RemoteError",
    "Request",
    "RequestId",
    "RequestTimeout",
    "Resource",
    "ResourceContents",
    "ResourceLink",
    "ResourceTemplate",
    "Result",
    "ResultTooLarge",
    "Roster",
    "RpcError",
    "ServerFactory",
    "ServerProtocol",
    "ServerStatistics",
    "Session",
    "Shared",
    "SharedStdio",
    "ShuttingDown",
    "Stdio",
    "StreamCarrier",
    "Subscription",
    "SubscriptionRefused",
    "Target",
    "Text",
    "ThreadContext",
    "Tool",
    "ToolAnnotations",
    "ToolError",
    "ToolFailed",
    "ToolResult",
    "UnsupportedVersion",
    "Upstream",
    "WebSocketConfig",
    "WebSocketService",
    "WebSocketTransport",
    "__version__",
    "administered",
    "connect",
    "decode",
    "run",
    "watch",
]
