"""An App under the contract of all backends, by clients of either era."""

from typing import Any

from twisted.internet.defer import Deferred

from mcpws.backends.app import App
from mcpws.seam.interfaces import Backend
from mcpws.testing import BackendContract


class TestApp(BackendContract):
    def backend(self) -> Backend:
        app = App("under contract", "1", clock=self.clock)

        @app.tool
        async def wait() -> str:
            await Deferred()
            return "never"

        return app

    def answered(self) -> tuple[str, dict[str, Any]]:
        return "tools/list", {}

    def unanswered(self) -> tuple[str, dict[str, Any]]:
        return "tools/call", {"name": "wait", "arguments": {}}


class TestAppForModernClients(TestApp):
    modern = True
