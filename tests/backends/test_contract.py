"""Upstream under the contract of all backends: the server behind it is an App, in memory."""

from collections.abc import Callable

import pytest

from mcpws.backends.upstream import Upstream
from mcpws.seam.interfaces import Backend
from mcpws.testing import Network
from mcpws.ws.server import ServerFactory
from tests.backends.waiting import OfAnApp


class TestUpstream(OfAnApp):
    def backend(self) -> Backend:
        self.network = Network(self.clock)
        self.origin = ServerFactory(self.app(), reactor=self.clock)
        endpoint = self.network.endpoint(self.origin)
        return Upstream("ws://127.0.0.1:8082", reactor=self.clock, endpoint=endpoint)

    def settle(self, condition: Callable[[], bool]) -> None:
        self.network.flush()
        super().settle(condition)
        self.network.flush()

    @pytest.mark.not_mcp("it passes on an answer to no request")
    def test_an_answer_to_no_request_does_no_harm(self) -> None:
        super().test_an_answer_to_no_request_does_no_harm()

    def lose(self) -> bool:
        for connection in self.origin.connections:
            connection.abort()
        return True

    def teardown_method(self) -> None:
        if hasattr(self, "origin"):
            self.origin.stop(0)
        super().teardown_method()


class TestUpstreamForModernClients(TestUpstream):
    modern = True
