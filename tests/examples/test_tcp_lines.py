"""The front for lines over TCP under the contract of all fronts."""

import json
from typing import Any

import pytest

from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import MessageObserver
from mcpws.testing import FrontContract, Network
from mcpws.testing.front_under_test import LIMIT
from tests.examples.loading import EXAMPLES, example
from tests.fronts.wire import OnTheWire

tcp_lines = example("tcp_lines")


class Terminal(OnTheWire):
    def send(self, text: bytes) -> None:
        self.raw.send(text + b"\r\n")

    def take(self) -> list[Any]:
        *lines, self.raw.received = self.raw.received.split(b"\n")
        return [json.loads(line) for line in lines]


@pytest.mark.not_mcp("the backend is played")
class TestLines(FrontContract):
    def serve(self, backend: Backend, observer: MessageObserver) -> None:
        self.network = Network(self.clock)
        limits = {"max_in_flight": self.max_in_flight, "max_waiting": self.max_waiting, "max_outbound_size": LIMIT}
        limits["max_line"] = LIMIT
        self.factory = tcp_lines.LineFactory(backend, self.clock, max_connections=3, observer=observer, **limits)
        self.factory.noisy = False

    def connect(self) -> Terminal:
        client = Terminal()
        self.network.join(client.raw, self.factory)
        return client

    def settle(self) -> None:
        self.network.flush()

    def drain(self) -> bool:
        self.drained = self.factory.roster.drain()
        return True

    def statistics(self) -> ServerStatistics:
        statistics: ServerStatistics = self.factory.roster.statistics()
        return statistics


@pytest.mark.parametrize("name", ["tcp_lines", "by_path"])
def test_the_example_is_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 80
