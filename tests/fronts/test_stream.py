"""What a StreamCarrier does besides what every front does."""

from typing import Any

import pytest
from twisted.internet.task import Clock

from mcpws.fronts.roster import Roster
from mcpws.fronts.stream import LINGER
from mcpws.jsonrpc.messages import Notification
from mcpws.seam.interfaces import Identity
from mcpws.seam.observer import Closing, Observer, Party, Refused
from mcpws.testing import Network, RecordingBackend, result_of
from tests.fronts.strings import Dialled, StringsFactory

pytestmark = pytest.mark.not_mcp("what is said stands for any message")

INITIALIZE = (
    b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}'
)
CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}'
NEWS = Notification("notifications/tools/list_changed")


class Told(Observer):
    def __init__(self) -> None:
        self.lines: list[Any] = []

    def refused(self, refused: Refused) -> None:
        self.lines.append(("refused", refused.connection, refused.text))

    def limited(self, party: Party, setting: str) -> None:
        self.lines.append(("limited", party.id, setting))

    def closed(self, party: Party, closing: Closing) -> None:
        self.lines.append(("closed", party.id, closing.by, closing.reason))


class Server:
    def __init__(self, **settings: Any) -> None:
        self.network = Network()
        self.clock: Clock = self.network.clock
        self.backend, self.told = RecordingBackend(), Told()
        self.roster = Roster(self.clock, max_connections=2, drain_seconds=30)
        self.factory = StringsFactory(backend=self.backend, roster=self.roster, observer=self.told, **settings)

    def connect(self, *texts: bytes) -> Dialled:
        client = Dialled()
        self.network.join(client.raw, self.factory)
        for text in texts:
            client.send(text)
        self.network.flush()
        return client

    def end(self) -> None:
        drained = self.roster.drain(0)
        self.network.advance(LINGER + 2)
        result_of(drained)
        assert self.clock.getDelayedCalls() == []


def test_a_client_that_says_nothing_is_hung_up_on() -> None:
    server = Server(initialize_timeout=10)
    silent, begun = server.connect(), server.connect(INITIALIZE)
    server.network.advance(9)
    assert not silent.is_gone()
    server.network.advance(2)
    assert (silent.is_gone(), begun.is_gone()) == (True, False)
    assert server.told.lines == [("closed", 1, "us", "no initialize came in time")]
    server.end()


def test_a_client_may_be_given_any_time() -> None:
    server = Server(initialize_timeout=None)
    silent = server.connect()
    server.network.advance(100)
    assert not silent.is_gone()
    server.end()


def test_a_client_that_does_not_read_is_hung_up_on_in_the_end() -> None:
    server = Server()
    client = server.connect(INITIALIZE, CALL)
    client.stop_reading()
    conversation = server.backend.conversations[0]
    while not conversation.paused:
        conversation.link.send(NEWS)
    server.roster.drain(1)
    server.network.advance(LINGER - 1)
    assert server.roster.statistics().active_connections == 1
    server.network.advance(3)
    assert server.roster.statistics().active_connections == 0
    assert server.roster.statistics().connections_aborted == 1
    assert conversation.closed is not None
    client.read_on()
    server.end()


def test_what_comes_from_a_client_that_is_hung_up_on_goes_nowhere() -> None:
    server = Server()
    client = server.connect(INITIALIZE)
    client.stop_reading()
    conversation = server.backend.conversations[0]
    while not conversation.paused:
        conversation.link.send(NEWS)
    server.roster.drain(0)
    server.network.advance(1)
    client.send(CALL)
    server.network.flush()
    conversation.link.send(NEWS)
    assert (conversation.received, server.roster.broadcast(NEWS)) == ([], 0)
    client.read_on()
    server.end()


def test_one_that_is_too_many_is_told_of_as_refused() -> None:
    server = Server()
    clients = [server.connect(INITIALIZE) for _ in range(3)]
    assert [client.is_gone() for client in clients] == [False, False, True]
    assert server.told.lines == [("refused", 3, "the server takes no more clients")]
    server.end()


def test_news_get_to_those_who_are_initialised() -> None:
    server = Server()
    begun, silent = server.connect(INITIALIZE), server.connect()
    begun.take()
    assert server.roster.broadcast(NEWS) == 1
    server.network.flush()
    assert ([one["method"] for one in begun.take()], silent.take()) == ([NEWS.method], [])
    server.end()


def test_a_limit_is_told_of_once() -> None:
    server = Server(max_outbound_size=500)
    client = server.connect(INITIALIZE, CALL, CALL.replace(b'"id":1', b'"id":2'))
    for request in server.backend.conversations[0].requests:
        server.backend.conversations[0].answer(request, {"x": "x" * 500})
    server.network.flush()
    assert [one.get("error", {}).get("code") for one in client.take()] == [None, 413, 413]
    assert server.told.lines == [("limited", 1, "max_outbound_size")]
    server.end()


def test_who_a_client_is_may_be_said() -> None:
    server = Server(identity=Identity("somebody", principal="ann", path="/a"))
    server.connect(INITIALIZE)
    identity = server.backend.conversations[0].link.identity
    assert identity == Identity("somebody", principal="ann", path="/a", connection=1)
    assert server.roster.statistics().connections[0].peer == "somebody"
    server.end()


def test_json_that_is_deeper_than_may_be_is_refused() -> None:
    server = Server(max_depth=3)
    client = server.connect(INITIALIZE, b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":[[1]]}}')
    assert [one.get("error", {}).get("code") for one in client.take()] == [None, -32700]
    server.end()


def test_without_an_observer_nobody_is_told() -> None:
    server = Server()
    server.factory.settings["observer"] = None
    client = server.connect(INITIALIZE, CALL)
    server.backend.conversations[0].answer(server.backend.conversations[0].requests[0], {})
    server.network.flush()
    assert [one["id"] for one in client.take()] == [0, 1]
    assert [server.connect().is_gone() for _ in range(2)] == [False, True]
    server.end()
    assert server.told.lines == []
