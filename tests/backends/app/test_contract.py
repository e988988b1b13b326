"""An App under the contract of all backends, by clients of either era."""

from mcpws.seam.interfaces import Backend
from tests.backends.waiting import OfAnApp


class TestApp(OfAnApp):
    def backend(self) -> Backend:
        return self.app()


class TestAppForModernClients(TestApp):
    modern = True
