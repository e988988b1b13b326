"""Upstream under the contract of all backends: the server behind it is an App, in memory."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from mcpws.backends.app import App
from mcpws.backends.upstream import Upstream
from mcpws.seam.interfaces import Backend
from mcpws.testing import BackendContract, Network
from mcpws.ws.server import ServerFactory


class TestUpstream(BackendContract):
    def backend(self) -> Backend:
        app = App("under contract", "1", clock=self.clock)

        @app.tool
        async def wait() -> str:
            await Deferred()
            return "never"

        self.network = Network(self.clock)
        self.origin = ServerFactory(app, reactor=self.clock)
        endpoint = self.network.endpoint(self.origin)
        return Upstream("ws://127.0.0.1:8082", reactor=self.clock, endpoint=endpoint)

    def answered(self) -> tuple[str, dict[str, Any]]:
        return "tools/list", {}

    def unanswered(self) -> tuple[str, dict[str, Any]]:
        return "tools/call", {"name": "wait", "arguments": {}}

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
