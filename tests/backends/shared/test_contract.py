"""Shared under the contract of all backends: what all share is a modern App in memory."""

from mcpws.backends.shared import Shared
from mcpws.seam.interfaces import Backend
from tests.backends.waiting import OfAnApp


class TestShared(OfAnApp):
    modern = True

    def backend(self) -> Backend:
        self.within = self.app()
        return Shared(self.within, clock=self.clock)

    def lose(self) -> bool:
        self.within.stop()
        return True
