"""The fronts under the contract of all fronts: standard input and output, and whatever a StreamCarrier stands on."""

import json
from typing import Any

import pytest
from twisted.internet.testing import StringTransport

from mcpws.fronts.roster import Roster
from mcpws.fronts.stdio import StdioFront
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import MessageObserver
from mcpws.testing import FrontContract, Network
from mcpws.testing.front_under_test import LIMIT
from tests.fronts.strings import Dialled, StringsFactory


class Pipes:
    """Both ends of standard input and output; what is written while nobody reads waits in the transport."""

    def __init__(self, front: StdioFront) -> None:
        self.front = front
        self.transport = StringTransport()
        self.is_read = True
        front.makeConnection(self.transport)

    def send(self, text: bytes) -> None:
        self.front.dataReceived(text + b"\n")

    def take(self) -> list[Any]:
        if not self.is_read:
            return []
        lines = self.transport.value().splitlines()
        self.transport.clear()
        return [json.loads(line) for line in lines]

    def is_gone(self) -> bool:
        return self.transport.disconnecting

    def hang_up(self) -> None:
        self.front.readConnectionLost()

    def stop_reading(self) -> None:
        assert self.transport.producer is not None
        self.is_read = False
        self.transport.producer.pauseProducing()

    def read_on(self) -> None:
        if not self.is_read:
            assert self.transport.producer is not None
            self.is_read = True
            self.transport.producer.resumeProducing()


@pytest.mark.not_mcp("the backend is played")
class TestStdio(FrontContract):
    max_clients = None

    def serve(self, backend: Backend, observer: MessageObserver) -> None:
        self.front = StdioFront(
            backend,
            clock=self.clock,
            max_line=LIMIT,
            max_in_flight=self.max_in_flight,
            max_waiting=self.max_waiting,
            observer=observer,
        )

    def connect(self) -> Pipes:
        self.pipes = Pipes(self.front)
        return self.pipes

    def drain(self) -> bool:
        self.pipes.hang_up()
        return True


@pytest.mark.not_mcp("the backend is played")
class TestStream(FrontContract):
    def serve(self, backend: Backend, observer: MessageObserver) -> None:
        self.network = Network(self.clock)
        self.roster = Roster(self.clock, max_connections=3, drain_seconds=30)
        self.factory = StringsFactory(
            backend=backend,
            roster=self.roster,
            observer=observer,
            max_in_flight=self.max_in_flight,
            max_waiting=self.max_waiting,
            max_outbound_size=LIMIT,
        )

    def connect(self) -> Dialled:
        client = Dialled()
        self.network.join(client.raw, self.factory)
        return client

    def settle(self) -> None:
        self.network.flush()

    def drain(self) -> bool:
        self.drained = self.roster.drain()
        return True

    def statistics(self) -> ServerStatistics:
        return self.roster.statistics()
