"""Aggregates under the contract of all backends: of one App and of two, for clients of both eras."""

from __future__ import annotations

from typing import Any

from mcpws.backends.aggregate import Aggregate
from mcpws.backends.app import App
from mcpws.errors import BackendLost
from mcpws.seam.interfaces import Backend
from mcpws.testing import RecordingBackend
from tests.backends.waiting import OfAnApp


class TestAggregateOfOne(OfAnApp):
    def backend(self) -> Backend:
        return Aggregate({"own": self.app()}, clock=self.clock)

    def unanswered(self) -> tuple[str, dict[str, Any]]:
        return "tools/call", {"name": "own__wait", "arguments": {}}


class TestAggregateOfOneForModernClients(TestAggregateOfOne):
    modern = True


class TestAggregateOfTwo(TestAggregateOfOne):
    def backend(self) -> Backend:
        return Aggregate({"own": self.app(), "other": App("other", "1", clock=self.clock)}, clock=self.clock)


class TestAggregateOfTwoForModernClients(TestAggregateOfTwo):
    modern = True


class TestAggregateBesideOneThatFails(TestAggregateOfOne):
    def backend(self) -> Backend:
        self.failing = RecordingBackend()
        return Aggregate({"failing": self.failing, "own": self.app()}, clock=self.clock)

    def settle(self, condition: Any) -> None:
        for conversation in self.failing.conversations:
            if conversation.closed is None and conversation.requests:
                conversation.received.clear()
                conversation.link.lost(BackendLost("it has failed"))
        super().settle(condition)
