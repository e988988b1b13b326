"""The public names, all on one screen: adding or losing one is a decision."""

import subprocess
import sys

import mcpws

PUBLIC = {
    "App", "Audio", "Backend", "BackendLost", "CacheHint", "CannotAsk", "CapabilityMissing", "Channel",
    "ClientFactory", "ClientIdentity", "Completion", "ConfigError", "ConnectFailed", "ConnectionClosed",
    "ConnectionState", "ConnectionStatistics", "Context", "CreateMessageResult", "DualEra", "ElicitResult",
    "EmbeddedResource", "EraTranslation", "Error", "ErrorObject", "HandshakeRefused", "Identity", "Image", "Incoming",
    "InputRequired", "InvalidParams", "Link", "ListenFailed", "MalformedResult", "McpwsError", "Message",
    "Notification", "Progress", "Prompt", "PromptArgument", "PromptMessage", "PromptResult", "QueueFull",
    "RemoteError", "Request", "RequestId", "RequestTimeout", "Resource", "ResourceContents", "ResourceLink",
    "ResourceTemplate", "Result", "RpcError", "ServerFactory", "ServerProtocol", "ServerStatistics", "Session",
    "SharedStdio", "ShuttingDown", "Stdio", "Subscription", "SubscriptionRefused", "Text", "Tool", "ToolAnnotations",
    "ToolError", "ToolFailed", "ToolResult", "UnsupportedVersion", "Upstream", "WebSocketConfig", "WebSocketService",
    "WebSocketTransport", "__version__", "connect", "run",
}  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(mcpws.__all__) == PUBLIC
    assert len(mcpws.__all__) == len(PUBLIC)


def test_every_public_name_is_there() -> None:
    for name in mcpws.__all__:
        assert hasattr(mcpws, name)


def test_importing_the_package_installs_no_reactor() -> None:
    code = "import sys, mcpws, mcpws.tap, mcpws.cli; sys.exit('twisted.internet.reactor' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
