"""A DualEra under the contract of all backends: clients and servers of both eras, translated and not."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import to_builtins

from mcpws.backends.eras import DualEra
from mcpws.errors import BackendLost, MethodNotFound
from mcpws.jsonrpc.messages import Request
from mcpws.mcp.methods import DISCOVER, INITIALIZE
from mcpws.mcp.schema import DiscoverResult, InitializeResult, ResultMeta
from mcpws.mcp.versions import LEGACY_VERSIONS, MODERN_VERSIONS
from mcpws.seam.interfaces import Backend
from mcpws.testing import BackendContract, RecordingBackend

SERVER = {"name": "under contract", "version": "1"}
CACHED = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
TOOLS: dict[str, Any] = {"tools": []}


class TestLegacyClientOfLegacyServer(BackendContract):
    modern_server = False

    def backend(self) -> Backend:
        self.within = RecordingBackend(initialize=False)
        return DualEra(self.within, clock=self.clock)

    def answered(self) -> tuple[str, dict[str, Any]]:
        return "tools/list", {}

    def unanswered(self) -> tuple[str, dict[str, Any]]:
        return "tools/call", {"name": "waits", "arguments": {}}

    def settle(self, condition: Callable[[], bool]) -> None:
        for _ in range(3):
            for conversation in self.within.conversations:
                received, conversation.received = conversation.received, []
                for message in received:
                    if type(message) is Request and conversation.closed is None and message.method != "tools/call":
                        conversation.answer(message, self.result(message.method))
            super().settle(lambda: True)

    @pytest.mark.not_mcp("it passes on an answer to no request")
    def test_an_answer_to_no_request_does_no_harm(self) -> None:
        super().test_an_answer_to_no_request_does_no_harm()

    def result(self, method: str) -> Any:
        """As a server that knows one era answers."""
        if method == "tools/list":
            return {**CACHED, **TOOLS} if self.modern_server else TOOLS
        if method == DISCOVER and self.modern_server:
            return {**CACHED, **to_builtins(DiscoverResult(MODERN_VERSIONS, {"tools": {}}, meta=ResultMeta(SERVER)))}
        if method == INITIALIZE and not self.modern_server:
            return InitializeResult(LEGACY_VERSIONS[-1], {"tools": {}}, SERVER)
        return MethodNotFound(method)

    def lose(self) -> bool:
        for conversation in self.within.conversations:
            if conversation.closed is None:
                conversation.link.lost(BackendLost("it has failed"))
        return True


class TestModernClientOfModernServer(TestLegacyClientOfLegacyServer):
    modern = modern_server = True


class TestLegacyClientOfModernServer(TestLegacyClientOfLegacyServer):
    modern_server = True


class TestModernClientOfLegacyServer(TestLegacyClientOfLegacyServer):
    modern = True
