"""docs/binding.md against the code: the same numbers in both, and a client that begins as it is written there."""

import ast
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from mcpws import connect, errors
from mcpws.config import WebSocketConfig
from mcpws.errors import (
    BackendLost,
    InternalError,
    InvalidParams,
    InvalidRequest,
    McpwsError,
    MethodNotFound,
    MissingClientCapability,
    ParseError,
    ResourceNotFound,
    ResultTooLarge,
    RpcError,
    ShuttingDown,
    TooManyRequests,
    UnsupportedProtocol,
)
from mcpws.http.checks import BUSY, OVERDUE
from mcpws.http.request import FAILED
from mcpws.testing import Network, RawServer, RecordingBackend, Served
from mcpws.testing.raw import TEXT, upgrade_request
from mcpws.ws import connection

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "binding.md").read_text()
FLOWING = " ".join(DOCUMENT.split())

UNITS = {"": 1, "s": 1, "KiB": 1024, "MiB": 1024 * 1024}
MCP_RANGE = range(-32_768, -31_999)

ERRORS: dict[str, type[RpcError]] = {
    "E-1": ParseError,
    "E-2": InvalidRequest,
    "E-3": MethodNotFound,
    "E-4": InvalidParams,
    "E-5": InternalError,
    "E-6": ResourceNotFound,
    "E-7": MissingClientCapability,
    "E-8": UnsupportedProtocol,
    "E-9": ResultTooLarge,
    "E-10": TooManyRequests,
    "E-11": BackendLost,
    "E-12": ShuttingDown,
}
CLOSE_CODES = {
    "K-1": connection.NORMAL,
    "K-2": errors.GOING_AWAY,
    # Autobahn sends these by itself.
    "K-3": 1002,
    "K-4": connection.UNSUPPORTED_DATA,
    "K-5": 1007,
    "K-6": connection.POLICY_VIOLATION,
    "K-7": 1009,
    "K-8": connection.INTERNAL_ERROR,
    "K-9": connection.TRY_AGAIN_LATER,
    "K-10": connection.NO_INITIALIZE,
    "K-20": connection.SERVICE_RESTART,
}

GOOD = upgrade_request()
REFUSED = {
    "H-3": b"GET / HTTP/1.1\r\nX: " + b"x" * 17_000,
    "H-4": b"hello",
    "H-5": GOOD.replace(b"Upgrade:", b"Host: again\r\nUpgrade:"),
    "H-7": upgrade_request("/other"),
    "H-8": upgrade_request(headers={"Upgrade": "h2c"}),
    "H-9": upgrade_request(headers={"Host": "evil.example"}),
    "H-10": upgrade_request(headers={"Origin": "https://evil.example"}),
    "H-11": GOOD.replace(b"GET", b"PUT", 1),
    "H-12": GOOD.replace(b"/1.1", b"/1.0", 1),
    "H-13": upgrade_request(headers={"Connection": "close"}),
    "H-14": upgrade_request(headers={"Sec-WebSocket-Version": "8"}),
    "H-15": upgrade_request(headers={"Sec-WebSocket-Key": "AAAA"}),
    "H-16": upgrade_request(headers={"Sec-WebSocket-Protocol": "wamp"}),
    "H-17": upgrade_request(headers={"Sec-WebSocket-Extensions": "permessage-deflate; nonsense="}),
}
REFUSED_OTHERWISE = {"H-6": BUSY, "H-18": FAILED, "H-35": OVERDUE}

# The texts of all refusals, as they stand in the code, each with the row whose it is; of a page alone, with none.
TEXTS = {
    "more than {} bytes of headers": "H-3",
    "this is not an HTTP/1.1 request": "H-4",
    "more than one {} header": "H-5",
    "a header is malformed": "H-5",
    "no connection is free": "H-6",
    "the service is shutting down": "H-6",
    "nothing is served at this path": "H-7",
    "this is a WebSocket endpoint": "H-8",
    "this host is not served here": "H-9",
    "this origin may not connect": "H-10",
    "use GET": "H-11",
    "use HTTP/1.1": "H-12",
    "the Connection header must name Upgrade": "H-13",
    "use Sec-WebSocket-Version 13": "H-14",
    "Sec-WebSocket-Key must be 16 bytes in base64": "H-15",
    "none of the offered subprotocols is spoken here": "H-16",
    "the Sec-WebSocket-Extensions header is malformed": "H-17",
    "the handshake failed here": "H-18",
    "the checks took too long": "H-35",
    "a WebSocket needs a connection of its own": "",
    "more than {} bytes in a request": "",
    "the request is malformed": "",
    "the request took too long to come": "",
}


def rows(letter: str) -> dict[str, list[str]]:
    """The further cells of the rows whose ids begin with `letter`, by id."""
    lines = [line.strip("|").split("|") for line in DOCUMENT.splitlines() if line.startswith(f"| {letter}-")]
    return {id.strip(): [cell.strip() for cell in cells] for id, *cells in lines}


def amount(text: str) -> float:
    """A number with its unit, in bytes or seconds."""
    number, _, unit = text.partition(" ")
    return float(number) * UNITS[unit]


def further(text: str) -> dict[str, str]:
    """The headers in a cell, as in `Upgrade: websocket`, `Allow: GET`."""
    return {name.lower(): value for name, value in re.findall("`([^`:]+): ([^`]+)`", text)}


def test_every_refusal_of_the_table_is_tried() -> None:
    assert rows("H").keys() == REFUSED.keys() | REFUSED_OTHERWISE.keys()


def texts_of_refusals() -> set[str]:
    """The text of each Refusal that handshakes may get, and pages, with `{}` where it has a value."""
    trees = [ast.parse(path.read_text()) for place in ("http", "ws") for path in (ROOT / "mcpws" / place).glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = [node.args[1] for node in calls if isinstance(node.func, ast.Name) and node.func.id == "Refusal"]
    return {text_of(argument) for argument in made}


def text_of(argument: ast.expr) -> str:
    parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)


def test_every_refusal_in_the_code_has_its_row() -> None:
    assert texts_of_refusals() == TEXTS.keys()
    assert set(filter(None, TEXTS.values())) == rows("H").keys()


@pytest.mark.proves(
    "H-3", "H-4", "H-5", "H-7", "H-8", "H-9", "H-10", "H-11", "H-12", "H-13", "H-14", "H-15", "H-16", "H-17"
)
@pytest.mark.parametrize("id", REFUSED)
def test_a_handshake_is_refused_as_the_table_says(id: str) -> None:
    _, status, headers = rows("H")[id]
    service = Served(RecordingBackend())
    client = service.raw()
    client.send(REFUSED[id])
    service.flush()
    line, sent = client.take_head()
    usual = {"server", "content-type", "content-length", "cache-control", "connection"}
    assert line.split()[1] == status
    assert {name: value for name, value in sent.items() if name not in usual} == further(headers)
    said = client.received.decode().partition(": ")[2].rstrip("\n")
    assert id in [row for text, row in TEXTS.items() if re.fullmatch(re.escape(text).replace(r"\{\}", ".+"), said)]


@pytest.mark.proves("H-6", "H-18", "H-35")
@pytest.mark.parametrize("id", REFUSED_OTHERWISE)
def test_a_refusal_that_takes_more_than_a_request_is_that_of_the_table(id: str) -> None:
    _, status, headers = rows("H")[id]
    refusal = REFUSED_OTHERWISE[id]
    assert str(refusal.status.value) == status
    assert {name.lower(): value for name, value in refusal.headers} == further(headers)


@pytest.mark.proves(
    "L-1", "L-2", "L-3", "L-4", "L-5", "L-6", "L-7", "L-8", "L-9", "L-10", "L-11", "L-12", "L-15", "L-20"
)
def test_the_limits_are_those_of_the_table() -> None:
    config = WebSocketConfig()
    table = {cells[0].strip("`"): amount(cells[1]) for cells in rows("L").values()}
    assert len(table) == len(rows("L"))
    assert table == {name: getattr(config, name) for name in table}


@pytest.mark.proves("A-1", "A-2")
def test_the_defaults_in_the_text_are_those_of_the_settings() -> None:
    config = WebSocketConfig()
    told = {name: amount(value) for name, value in re.findall(r"`([a-z_]+)` \((\d+ s)\)", FLOWING)}
    assert told == {"heartbeat_interval": config.heartbeat_interval, "heartbeat_timeout": config.heartbeat_timeout}


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`([a-z]+(?:_[a-z]+)+|paths|hosts|origins|binary)`", DOCUMENT)))
)
def test_every_setting_of_the_text_is_one(name: str) -> None:
    assert hasattr(WebSocketConfig(), name)


@pytest.mark.proves("H-20")
def test_the_default_paths_are_those_of_the_text() -> None:
    assert FLOWING.count("By default `/`, `/mcp`, `/ws` and `/message` are served.") == 1
    assert WebSocketConfig().paths == ("/", "/mcp", "/ws", "/message")


@pytest.mark.proves("E-1", "E-2", "E-3", "E-4", "E-5", "E-6", "E-7", "E-8", "E-9", "E-10", "E-11", "E-12")
def test_the_codes_of_the_errors_are_those_of_the_table() -> None:
    assert {id: int(cells[0]) for id, cells in rows("E").items()} == {id: error.code for id, error in ERRORS.items()}


@pytest.mark.proves("E-16", "mcp/2026-07-28/basic#error-codes")
def test_codes_of_our_own_are_outside_the_reserved_range() -> None:
    codes = {value.code for value in vars(errors).values() if isinstance(value, type) and issubclass(value, RpcError)}
    assert {code for code in codes if code not in MCP_RANGE} == {413, 429, 502, 503}


@pytest.mark.proves(
    "K-1", "K-2", "K-3", "K-4", "K-5", "K-6", "K-7", "K-8", "K-9", "K-10", "K-20", "rfc6455/7.4.1/codes"
)
def test_the_close_codes_are_those_of_the_table() -> None:
    assert {id: int(cells[0]) for id, cells in rows("K").items()} == CLOSE_CODES


# A client and a server in bytes


class Legacy:
    """A server that knows nothing but `initialize`, and how a client begins with it."""

    def __init__(self, **answer: object) -> None:
        network = Network()
        self.server = RawServer()
        endpoint = network.endpoint(Factory.forProtocol(lambda: self.server))
        connecting = connect("ws://127.0.0.1:8082", reactor=network.clock, endpoint=endpoint)
        network.flush()
        self.server.accept()
        network.flush()
        asked = self._take_initialize(network)
        self.params = asked["params"]
        self.server.send_message({"jsonrpc": "2.0", "id": asked["id"], **answer})
        network.flush()
        self.outcome: list[object] = []
        connecting.addBoth(self.outcome.append)
        self.frames = self.server.take_frames()
        network.advance(10)

    def _take_initialize(self, network: Network) -> Any:
        while True:
            [message] = self.server.take_messages()
            if message["method"] == "initialize":
                return message
            error = {"code": -32601, "message": "Method not found"}
            self.server.send_message({"jsonrpc": "2.0", "id": message["id"], "error": error})
            network.flush()


def initialized(version: str) -> dict[str, object]:
    return {"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}


@pytest.mark.proves("mcp/2025-11-25/basic/lifecycle#request")
def test_a_client_says_its_version_its_capabilities_and_its_name() -> None:
    legacy = Legacy(result=initialized("2025-11-25"))
    assert legacy.params["protocolVersion"] == "2025-11-25"
    assert legacy.params["capabilities"] == {}
    assert legacy.params["clientInfo"].keys() >= {"name", "version"}
    assert [frame.opcode for frame in legacy.frames] == [TEXT]


@pytest.mark.proves("V-7", "mcp/2025-11-25/basic/lifecycle#disconnect")
@pytest.mark.parametrize(
    "answer",
    [{"result": initialized("1999-01-01")}, {"error": {"code": -32602, "message": "no"}}],
    ids=["another version", "an error"],
)
def test_a_client_leaves_a_server_that_it_cannot_speak_with(answer: dict[str, object]) -> None:
    legacy = Legacy(**answer)
    assert [frame.payload[:2] for frame in legacy.frames] == [struct.pack("!H", 1000)]
    assert isinstance(legacy.outcome[0], Failure)
    assert legacy.outcome[0].check(McpwsError)
    assert legacy.server.is_gone()
