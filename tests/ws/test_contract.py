"""The WebSocket front under the contract of all fronts."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from mcpws.config import WebSocketConfig
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import MessageObserver
from mcpws.testing import FrontContract, RawClient, Served
from mcpws.testing.front_under_test import LIMIT
from mcpws.testing.raw import CLOSE, TEXT
from tests.fronts.wire import OnTheWire


class WebSocketClient(OnTheWire):
    raw: RawClient

    def send(self, text: bytes) -> None:
        self.raw.send_frame(TEXT, text)

    def take(self) -> list[Any]:
        return self.raw.take_messages()

    def hang_up(self) -> None:
        self.raw.send_frame(CLOSE)
        super().hang_up()


@pytest.mark.not_mcp("the backend is played")
class TestWebSocket(FrontContract):
    def serve(self, backend: Backend, observer: MessageObserver) -> None:
        config = WebSocketConfig(
            max_connections=3,
            max_in_flight=self.max_in_flight,
            max_waiting=self.max_waiting,
            max_message_size=LIMIT,
            max_outbound_size=LIMIT,
        )
        self.front = Served(backend, config=config, clock=self.clock, observer=observer)
        self.drained: Deferred[None] | None = None

    def connect(self) -> WebSocketClient:
        raw = self.front.raw()
        raw.handshake()
        self.settle()
        raw.take_head()
        return WebSocketClient(raw)

    def settle(self) -> None:
        self.front.flush()

    def drain(self) -> bool:
        self.drained = self.front.server.drain()
        return True

    def statistics(self) -> ServerStatistics:
        return self.front.server.statistics()
