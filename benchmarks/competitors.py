"""Who takes part, and how each is started."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
INSTALLED = ROOT / ".bench"
NODE_MODULES = INSTALLED / "node" / "node_modules"
CHILD = shlex.join([sys.executable, "-m", "benchmarks.peers.child"])


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files that TLS needs: two for the server, and the authority for its clients."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a server is to serve."""

    port: int
    heartbeat: float
    max_connections: int
    certificate: Certificate | None = None
    deflate: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """A server: what to call it, its command line, and the path of its URL."""

    label: str
    command: Callable[[Setting], list[str]]
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Client:
    """A client: what to call it, and its module."""

    label: str
    module: str


def _options(setting: Setting) -> list[str]:
    options = [
        f"--port={setting.port}",
        f"--heartbeat={setting.heartbeat}",
        f"--max-connections={setting.max_connections}",
    ]
    if setting.certificate is not None:
        options += [f"--certificate={setting.certificate.certificate}", f"--key={setting.certificate.key}"]
    if setting.deflate:
        options.append("--deflate")
    return options


def _python(module: str, interpreter: str = sys.executable) -> Callable[[Setting], list[str]]:
    return lambda setting: [interpreter, "-m", f"benchmarks.peers.{module}", *_options(setting)]


def _ws(setting: Setting) -> list[str]:
    return ["node", str(ROOT / "benchmarks" / "peers" / "ws_server.mjs"), *_options(setting)]


def _mcpws_gateway(setting: Setting) -> list[str]:
    twistd = [str(Path(sys.executable).parent / "twistd"), "-n", "--pidfile="]
    # Others neither log requests nor count them by their tools.
    quiet = ["--no-access-log", "--status", "off"]
    return [*twistd, "mcpws", "--port", str(setting.port), "--stdio", CHILD, *quiet]


def _supergateway(setting: Setting) -> list[str]:
    program = NODE_MODULES / "supergateway" / "dist" / "index.js"
    # It logs every message unless told not to.
    quiet = ["--logLevel", "none"]
    return ["node", str(program), "--stdio", CHILD, "--outputTransport", "ws", "--port", str(setting.port), *quiet]


SERVERS: Mapping[str, Server] = {
    "mcpws": Server("mcpws", _python("mcpws_server")),
    "picows": Server("picows + uvloop + orjson", _python("picows_server")),
    "websockets": Server("websockets + uvloop + orjson", _python("websockets_server")),
    "autobahn": Server("stock Autobahn + json", _python("autobahn_server")),
    "mcp-sdk": Server(
        "MCP SDK 1.30 websocket_server", _python("mcp_sdk_server", str(INSTALLED / "sdk" / "bin" / "python"))
    ),
    "ws": Server("npm ws", _ws),
    "mcpws-gateway": Server("mcpws --stdio", _mcpws_gateway),
    "supergateway": Server("supergateway", _supergateway, "/message"),
}
CLIENTS: Mapping[str, Client] = {
    "mcpws-client": Client("mcpws Session", "mcpws_client"),
    "websockets-client": Client("websockets + asyncio.Future + orjson", "websockets_client"),
}
ENVIRONMENT = {"NODE_PATH": str(NODE_MODULES), "NODE_ENV": "production"}


def label(name: str) -> str:
    """What to call a competitor."""
    return SERVERS[name].label if name in SERVERS else CLIENTS[name].label
