"""The public names, all on one screen: adding or losing one is a decision."""

import subprocess
import sys

import pytest

import mcpws

PUBLIC = {
    "Aggregate",
    "App", "Audio", "Backend", "BackendLost", "CacheHint", "CannotAsk", "CapabilityMissing", "Carrier", "Channel",
    "Check", "ClientFactory", "ClientIdentity", "Completion", "ConfigError", "ConnectFailed", "ConnectionClosed",
    "ConnectionState", "ConnectionStatistics", "Context", "CreateMessageResult", "DualEra", "ElicitResult",
    "EmbeddedResource", "EraTranslation", "Error", "ErrorObject", "Front", "HandshakeRefused", "HttpRequest",
    "Identity", "Image", "Incoming", "InputRequired", "InvalidParams", "Link", "ListenFailed", "MalformedResult",
    "McpwsError", "Member", "Message", "MessageObserver", "MessageTooLarge", "Notification", "Observer", "Page",
    "Party", "Principal", "Progress", "Prompt", "PromptArgument", "PromptMessage", "PromptResult", "QueueFull",
    "Refusal", "Refused", "RemoteError", "Request", "RequestId", "RequestTimeout", "Resource", "ResourceContents",
    "ResourceLink", "ResourceTemplate", "Result", "ResultTooLarge", "Roster", "RpcError", "ServerFactory",
    "ServerProtocol", "ServerStatistics", "Session", "Shared", "SharedStdio", "ShuttingDown", "Stdio", "StreamCarrier",
    "Subscription", "SubscriptionRefused", "Target", "Text", "ThreadContext", "Tool", "ToolAnnotations", "ToolError",
    "ToolFailed", "ToolResult", "UnsupportedVersion", "Upstream", "WebSocketConfig", "WebSocketService",
    "WebSocketTransport", "__version__", "administered", "connect", "decode", "run", "watch",
}  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(mcpws.__all__) == PUBLIC
    assert len(mcpws.__all__) == len(PUBLIC)


def test_every_public_name_is_there() -> None:
    for name in mcpws.__all__:
        assert hasattr(mcpws, name)


def test_names_that_there_are_not_are_told() -> None:
    with pytest.raises(AttributeError, match="module 'mcpws' has no attribute 'nothing'"):
        mcpws.nothing  # noqa: B018
    assert set(dir(mcpws)) > PUBLIC
    assert mcpws.backends.__name__ == "mcpws.backends"


def test_importing_the_package_alone_is_quick() -> None:
    code = "import sys, mcpws; mcpws.__version__; sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_importing_the_package_installs_no_reactor() -> None:
    code = "import sys, mcpws, mcpws.api, mcpws.tap, mcpws.cli; sys.exit('twisted.internet.reactor' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
