"""Stdio under the contract of all backends, with real child processes."""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from twisted.internet import reactor

from mcpws.backends.stdio import ProcessReactor, Stdio
from mcpws.seam.interfaces import Backend
from mcpws.testing import BackendContract
from tests.integration.live import PATIENCE

pytestmark = pytest.mark.integration

SERVER = """
import json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if "method" in message and "id" in message and message["method"] != "waits":
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": {"pid": os.getpid()}}
        print(json.dumps(answer), flush=True)
"""


@pytest.mark.not_mcp("the child answers whatever it is asked")
class TestStdio(BackendContract):
    def backend(self) -> Backend:
        self.stdio = Stdio([sys.executable, "-S", "-c", SERVER], reactor=cast(ProcessReactor, reactor), backoff=None)
        return self.stdio

    def unanswered(self) -> tuple[str, dict[str, Any]]:
        return "waits", {}

    def settle(self, condition: Callable[[], bool]) -> None:
        # The reactor runs already, and these tests are called by it.
        self.iterate(0.05)
        end = time.monotonic() + PATIENCE
        while not condition() and time.monotonic() < end:
            self.iterate(0.01)

    def iterate(self, seconds: float) -> None:
        cast(Any, reactor).iterate(seconds)

    def lose(self) -> bool:
        [child] = self.stdio._children
        os.kill(child.pid, signal.SIGKILL)
        return True
