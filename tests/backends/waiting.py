"""An App that answers at once or never, for contracts of backends that stand on one."""

from typing import Any

from twisted.internet.defer import Deferred

from mcpws.backends.app import App
from mcpws.testing import BackendContract


class OfAnApp(BackendContract):
    """The contract of a backend behind which is the `app` that this makes."""

    def app(self) -> App:
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
