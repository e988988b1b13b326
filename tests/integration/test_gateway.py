"""`--stdio` with servers and clients that nobody here wrote, and with many clients at once."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred, gatherResults

from mcpws import Error, McpwsError, Message, Notification, Request, RequestId, Result, Session, connect
from mcpws.client.endpoint import endpoint_for
from mcpws.jsonrpc.messages import to_raw
from mcpws.ws.client import ClientConnection, ClientConnectionFactory
from mcpws.ws.target import Target

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
CLIENT_SECONDS = 60

Serve = Callable[..., Any]


def run(*command: object) -> str:
    ended = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip()


def test_mcp_server_time_answers_the_official_python_client(serve: Serve, sdk1: Path) -> None:
    service = serve("--stdio", str(sdk1 / "mcp-server-time"))
    assert run(sdk1 / "python", HERE / "foreign" / "time_client.py", service.url) == "Europe/Paris"


def test_server_everything_answers_the_official_python_client_in_everything(
    serve: Serve, sdk1: Path, node: Path
) -> None:
    service = serve("--stdio", f"npx --prefix {node} mcp-server-everything")
    assert run(sdk1 / "python", HERE / "foreign" / "everything_client.py", service.url) == "everything"


def test_the_demo_answers_the_official_typescript_client(serve: Serve, node: Path) -> None:
    service = serve()
    assert run("node", HERE / "foreign" / "typescript_client.mjs", service.url, node) == "typescript"


def test_the_official_python_client_of_version_2_comes_through_the_bridge(serve: Serve, sdk2: Path) -> None:
    service = serve()
    bridge = [sys.executable, "-m", "mcpws.cli", "connect", service.url]
    assert run(sdk2 / "python", HERE / "foreign" / "bridge_client.py", *bridge) == "through the bridge"


OFFER = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "chat", "version": "1"}}


class Chat:
    """A client that uses the same ids as every other, and keeps all that it gets."""

    def __init__(self, connection: ClientConnection) -> None:
        self.name = ""
        self.got: list[Message] = []
        self.connection = connection
        self._enough: Deferred[None] = Deferred()
        self._expected = 0

    def begin(self, name: str) -> "Deferred[None]":
        """Initialise, then three calls at once: ids of both types, progress tokens of both types."""
        self.name = name
        # Initialised; two reports; of each call a log message, two questions and the answer.
        self._expected = 1 + 2 + 3 * 4
        self.connection.send_message(Request("init", "initialize", to_raw(OFFER)))
        return self._enough

    def call(self) -> None:
        calls: list[tuple[RequestId, RequestId | None]] = [(1, "token"), ("1", 1), ("x", None)]
        for id, token in calls:
            meta = {} if token is None else {"_meta": {"progressToken": token}}
            self.connection.send_message(Request(id, "tools/call", to_raw({"name": f"{self.name}/{id!r}", **meta})))

    def receive(self, message: Message) -> None:
        self.got.append(message)
        if isinstance(message, Request):
            self.connection.send_message(Result(message.id, to_raw([self.name, message.id])))
        if isinstance(message, Result) and message.id == "init":
            self.connection.send_message(Notification("notifications/initialized"))
            self.call()
        if len(self.got) == self._expected:
            self._enough.callback(None)

    def pause_sending(self) -> None: ...
    def resume_sending(self) -> None: ...
    def lost(self, reason: McpwsError) -> None: ...

    @property
    def in_flight(self) -> int:
        return 0


@pytest.mark.proves("G-1", "I-2", "P-1")
@ensureDeferred
async def test_ten_clients_at_once_see_nothing_of_each_other(serve: Serve) -> None:
    service = serve("--stdio", f"{sys.executable} {HERE / 'servers' / 'chatty.py'}")
    chats: list[Chat] = []

    def receiver(connection: ClientConnection) -> Chat:
        chats.append(Chat(connection))
        return chats[-1]

    factory = ClientConnectionFactory(service.url, receiver)
    endpoint = endpoint_for(Target(service.url), reactor)
    protocols: list[Any] = await gatherResults([endpoint.connect(factory) for _ in range(10)])
    await gatherResults([protocol.connection.when_open for protocol in protocols])
    await gatherResults([chat.begin(f"client {number}") for number, chat in enumerate(chats)])
    processes = set()
    for number, chat in enumerate(chats):
        name = f"client {number}"
        answers = {
            message.id: msgspec.json.decode(message.result) for message in chat.got if isinstance(message, Result)
        }
        assert not [message for message in chat.got if isinstance(message, Error)]
        answers.pop("init")
        assert set(answers) == {1, "1", "x"}
        for id, answer in answers.items():
            assert answer["name"] == f"{name}/{id!r}"
            assert [who for who, _ in answer["said"]] == [name, name]
            assert sorted(type(asked).__name__ for _, asked in answer["said"]) == ["int", "str"]
            processes.add(answer["pid"])
        told = [
            msgspec.json.decode(message.params or b"{}") for message in chat.got if isinstance(message, Notification)
        ]
        reports = {report["progressToken"]: report["message"] for report in told if "progressToken" in report}
        assert reports == {"token": f"{name}/1", 1: f"{name}/'1'"}
        assert sorted(one["data"] for one in told if "data" in one) == sorted(f"{name}/{id!r}" for id in (1, "1", "x"))
    assert len(processes) == 10
    for protocol in protocols:
        protocol.connection.close()
    service.terminate()
    assert await threads.deferToThread(service.wait) == 0


@pytest.mark.proves("D-4")
@ensureDeferred
async def test_sigterm_leaves_no_child(serve: Serve) -> None:
    service = serve("--stdio", f"{sys.executable} {HERE / 'servers' / 'chatty.py'}")
    sessions: list[Session] = [await connect(service.url, era="legacy") for _ in range(3)]
    children = service.children()
    closed = gatherResults([session.when_lost() for session in sessions])
    service.terminate()
    assert [str(reason) for reason in await closed] == ["connection closed with 1001: the service is shutting down"] * 3
    assert await threads.deferToThread(service.wait) == 0
    assert len(children) == 3
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
