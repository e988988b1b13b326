"""Tests of an App: server and client in memory, no port, no process, no waiting.

Run it:  python -m pytest examples/test_calculator.py
"""

import sys
from pathlib import Path

import pytest

from mcpws import ToolFailed
from mcpws.testing import connected, result_of

sys.path.insert(0, str(Path(__file__).parent))

from calculator import app


@pytest.fixture
def call():
    pair = connected(app)

    def call(name, **arguments):
        called = pair.session.call_tool(name, **arguments)
        pair.flush()
        return result_of(called)

    return call


def test_adds(call):
    assert call("add", a=1, b=2) == {"result": 3}


def test_says_why_it_does_not_divide(call):
    with pytest.raises(ToolFailed, match="b must not be 0"):
        call("divide", a=1, b=0)
