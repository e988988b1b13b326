"""`--stdio-mode shared`: ten clients and one process of a modern server that nobody here wrote."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.task import deferLater

from mcpws import Error, McpwsError, Message, Notification, Request, RequestId, Result
from mcpws.jsonrpc.messages import to_raw
from mcpws.ws.client import ClientConnection, ClientConnectionFactory
from tests.integration.live import Waiting, bounded

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/logLevel": "debug",
}
Serve = Callable[..., Any]


class Client(Waiting):
    """Uses the same ids and tokens as every other, and keeps all that it gets."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.got: list[Message] = []
        self.loss: McpwsError | None = None

    def ask(self, id: RequestId, method: str, token: RequestId | None = None, **params: Any) -> None:
        meta = (
            META | {"io.modelcontextprotocol/logLevel": "debug"} | ({} if token is None else {"progressToken": token})
        )
        self.connection.send_message(Request(id, method, to_raw({"_meta": meta, **params})))

    def call(self, id: RequestId, tool: str, token: RequestId | None = None, **arguments: Any) -> None:
        self.ask(id, "tools/call", token, name=tool, arguments=arguments)

    def cancel(self, id: RequestId) -> None:
        self.connection.send_message(Notification("notifications/cancelled", to_raw({"requestId": id})))

    def answer(self, id: RequestId) -> Result | Error | None:
        found = [one for one in self.got if isinstance(one, Result | Error) and _same(one.id, id)]
        assert len(found) < 2
        return found[0] if found else None

    async def text(self, id: RequestId) -> str:
        """What a tool answered."""
        await self.until(lambda: self.answer(id) is not None)
        answer = self.answer(id)
        assert isinstance(answer, Result), answer
        text = msgspec.json.decode(answer.result)["content"][0]["text"]
        assert isinstance(text, str)
        return text

    async def code(self, id: RequestId) -> int:
        """With which error it was answered."""
        await self.until(lambda: self.answer(id) is not None)
        answer = self.answer(id)
        assert isinstance(answer, Error), answer
        return answer.error.code

    def told(self, method: str) -> list[Any]:
        return [
            msgspec.json.decode(one.params or b"{}")
            for one in self.got
            if isinstance(one, Notification) and one.method == method
        ]

    def hears(self, method: str, times: int = 1) -> Deferred[None]:
        return self.until(lambda: len(self.told(method)) >= times)

    def ends(self) -> Deferred[None]:
        return self.until(lambda: self.loss is not None)

    # ws.client.Receiver

    def receive(self, message: Message) -> None:
        self.got.append(message)
        self.changed()

    def lost(self, reason: McpwsError) -> None:
        self.loss = reason
        self.changed()

    def pause_sending(self) -> None: ...
    def resume_sending(self) -> None: ...

    @property
    def in_flight(self) -> int:
        return 0


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


async def connected(service: Any, number: int) -> list[Client]:
    clients: list[Client] = []

    def receiver(connection: ClientConnection) -> Client:
        clients.append(Client(connection))
        return clients[-1]

    factory = ClientConnectionFactory(service.url, receiver)
    endpoint = HostnameEndpoint(reactor, "127.0.0.1", service.port)
    protocols: list[Any] = await gatherResults([endpoint.connect(factory) for _ in range(number)])
    await gatherResults([protocol.connection.when_open for protocol in protocols])
    return clients


async def ended(service: Any, clients: list[Client]) -> None:
    for client in clients:
        client.connection.close()
    for client in clients:
        await client.ends()
    service.terminate()
    assert await threads.deferToThread(service.wait) == 0


@pytest.fixture
def shared(serve: Serve, sdk2: Path) -> Callable[..., Any]:
    """The service with the modern server, and further arguments."""

    def start(*arguments: str) -> Any:
        command = f"{sdk2 / 'python'} {HERE / 'foreign' / 'modern_server.py'}"
        return serve("--stdio", command, "--stdio-mode", "shared", *arguments)

    return start


@bounded
async def test_nothing_crosses_between_ten_clients_with_the_same_ids(shared: Serve) -> None:
    service = shared()
    clients = await connected(service, 10)
    names = {client: f"client-{number}" for number, client in enumerate(clients)}
    for client, name in names.items():
        watched = {"resourceSubscriptions": [f"test://{name}"], "toolsListChanged": True}
        client.ask("1", "subscriptions/listen", notifications=watched)
    acknowledged, changed = "notifications/subscriptions/acknowledged", "notifications/tools/list_changed"
    for client in clients:
        await client.hears(acknowledged)

    for client, name in names.items():
        client.call(1, "work", "t", name=f"{name}/1")
        client.call("", "work", 1, name=f"{name}/empty")
        client.call(2**70, "wait", "1", name=f"{name}/wait")
        client.call("touch", "touch", uri=f"test://{name}")
    processes = set()
    for client, name in names.items():
        for id, part in ((1, "1"), ("", "empty")):
            said, process = (await client.text(id)).split()
            assert said == f"{name}/{part}"
            processes.add(process)
        assert await client.text("touch") == f"test://{name}"
    assert len(processes) == 1
    assert len(service.children()) == 1

    # Everybody hears of the ten changes, on the own subscription; of the ten resources, of the own one.
    for client, name in names.items():
        await client.hears(changed, 10)
        updates = client.told("notifications/resources/updated")
        assert [one["uri"] for one in updates] == [f"test://{name}"]
        for one in (*client.told(acknowledged), *updates, *client.told(changed)):
            assert _same(one["_meta"][SUBSCRIPTION], "1")
        reports = [
            (type(one["progressToken"]), one["progressToken"], one["progress"], one["message"])
            for one in client.told("notifications/progress")
        ]
        assert sorted(reports, key=str) == sorted(
            [
                *((str, "t", step, f"{name}/1") for step in (1, 2, 3)),
                *((int, 1, step, f"{name}/empty") for step in (1, 2, 3)),
                (str, "1", 1, f"{name}/wait"),
            ],
            key=str,
        )
        # What names nobody is not guessed at.
        assert client.told("notifications/message") == []

    # Cancelled by half of them, while the others leave.
    for client in clients[:5]:
        client.cancel(2**70)
    for client in clients[5:]:
        client.connection.close()
    expected = " ".join(sorted(f"{name}/wait" for name in names.values()))
    [last, *_] = clients
    for attempt in range(200):
        last.call(f"attempt {attempt}", "cancelled")
        if await last.text(f"attempt {attempt}") == expected:
            break
        await deferLater(reactor, 0.05)
    else:
        pytest.fail("not everything was cancelled")
    for client in clients:
        assert client.answer(2**70) is None
        assert client.answer("1") is None
        assert not [one for one in client.got if isinstance(one, Request | Error)]
    await ended(service, clients)
    assert "only requests of protocol version 2026-07-28 are served" in service.log()


@bounded
async def test_a_process_that_dies_is_replaced_and_the_clients_stay(shared: Serve) -> None:
    service = shared()
    clients = await connected(service, 3)
    for client in clients:
        client.call(1, "wait", "t", name="n")
        await client.hears("notifications/progress")
    [process] = service.children()
    os.kill(process, signal.SIGKILL)
    for client in clients:
        assert await client.code(1) == 502
    # It did not last, so the next one is given time; who asks before is told when.
    client = clients[0]
    client.call("early", "work", name="early")
    assert await client.code("early") == 502
    early = client.answer("early")
    assert isinstance(early, Error)
    data = msgspec.json.decode(msgspec.json.encode(early.error.data))
    await deferLater(reactor, data["retryAfterMs"] / 1000)
    for one in clients:
        one.call("again", "work", name="n")
    answers = {await one.text("again") for one in clients}
    [again] = service.children()
    assert answers == {f"n {again}"}
    assert again != process
    await ended(service, clients)


@bounded
async def test_a_client_that_does_not_read_does_not_stop_the_others(shared: Serve) -> None:
    service = shared("--max-queued-bytes", "1000000")
    slow, quick = clients = await connected(service, 2)
    slow.connection.pause_reading()
    for id in range(30):
        slow.call(id, "big", size=1_000_000)
    for id in range(30):
        quick.call(id, "work", name="quick")
        assert (await quick.text(id)).startswith("quick ")
    slow.connection.resume_reading()
    await slow.until(lambda: all(slow.answer(id) is not None for id in range(30)))
    lost = [id for id in range(30) if isinstance(slow.answer(id), Error)]
    assert 0 < len(lost) < 30
    assert {await slow.code(id) for id in lost} == {502}
    # Its conversation was given up, not its connection.
    slow.call("after", "work", name="slow")
    assert (await slow.text("after")).startswith("slow ")
    assert slow.loss is None
    assert len(service.children()) == 1
    await ended(service, clients)


@bounded
async def test_a_legacy_client_is_told_why_it_is_not_served(shared: Serve) -> None:
    service = shared()
    [client] = clients = await connected(service, 1)
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    client.connection.send_message(Request("i", "initialize", to_raw(params)))
    assert await client.code("i") == -32022
    answer = client.answer("i")
    assert isinstance(answer, Error)
    assert "a handshake would belong to one client" in answer.error.message
    # The other era is open to it.
    client.call(1, "work", name="n")
    assert (await client.text(1)).startswith("n ")
    await ended(service, clients)


@bounded
async def test_a_legacy_server_is_not_shared(serve: Serve, sdk1: Path) -> None:
    service = serve("--stdio", str(sdk1 / "mcp-server-time"), "--stdio-mode", "shared")
    [client] = await connected(service, 1)
    client.ask(1, "tools/list")
    await client.ends()
    assert not [one for one in client.got if isinstance(one, Result)]
    assert "only a server of protocol version 2026-07-28 can be shared" in service.log()
    service.terminate()
    assert await threads.deferToThread(service.wait) == 0
    assert service.children() == []
