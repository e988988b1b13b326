"""Shared under the contract of all backends: what all share is a modern App in memory."""

from typing import Any

from twisted.internet.defer import Deferred

from mcpws.backends.app import App
from mcpws.backends.shared import Shared
from mcpws.seam.interfaces import Backend
from mcpws.testing import BackendContract


class TestShared(BackendContract):
    modern = True

    def backend(self) -> Backend:
        self.within = App("under contract", "1", clock=self.clock)

        @self.within.tool
        async def wait() -> str:
            await Deferred()
            return "never"

        return Shared(self.within, clock=self.clock)

    def answered(self) -> tuple[str, dict[str, Any]]:
        return "tools/list", {}

    def unanswered(self) -> tuple[str, dict[str, Any]]:
        return "tools/call", {"name": "wait", "arguments": {}}

    def lose(self) -> bool:
        self.within.stop()
        return True
