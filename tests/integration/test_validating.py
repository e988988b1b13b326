"""What leaves mcpws in the processes that tests start is seen here, and no other program is disturbed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import threads

from mcpws import connect
from tests.emitted import About
from tests.schema import complaints_about

if TYPE_CHECKING:
    from tests.integration.conftest import Elsewhere

pytestmark = pytest.mark.integration

VALIDATING = Path(__file__).parent / "validating"
BRIDGE = f"{sys.executable} -m mcpws.cli connect"

# Says `tools/call` without the name of a tool, and goes without a farewell.
INVALID = """
import os
from mcpws.testing import RecordingBackend, connected

connected(RecordingBackend(), era="legacy").session.request("tools/call", {})
os.kill(os.getpid(), 9)
"""
LOADED = "import sys; print('mcpws_tests_emitted' in sys.modules)"


def run(python: object, code: str, **environment: str) -> str:
    command = [str(python), "-c", code]
    done = subprocess.run(
        command, env=os.environ | environment, stdout=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return done.stdout.strip()


@ensureDeferred
async def test_services_and_their_children_are_seen(serve: Callable[..., Any], elsewhere: Elsewhere) -> None:
    origin = serve()
    service = serve("--stdio", f"{BRIDGE} {origin.url}")
    session = await connect(service.url, era="legacy")
    await session.request("tools/list")
    await session.close()
    for one in (service, origin):
        one.terminate()
        assert await threads.deferToThread(one.wait) == 0
    emissions, failures = elsewhere.take()
    assert failures == []
    assert complaints_about(emissions, None) == []
    listed = [(one.sender, one.passed_on) for one in emissions if one.about == (About("tools/list", "2025-11-25"),)]
    # The App makes the result; two fronts pass it on. The request is passed on to App, bridge and child.
    assert listed.count(("server", False)) == 1
    assert listed.count(("server", True)) >= 2
    assert listed.count(("client", True)) >= 3


def test_a_program_that_says_what_is_not_valid_is_found(elsewhere: Elsewhere) -> None:
    run(sys.executable, INVALID)
    emissions, failures = elsewhere.take()
    assert failures == []
    [wrong] = complaints_about(emissions, None)
    assert "tools/call of 2025-11-25" in wrong
    assert "params.name" in wrong


def test_that_it_cannot_be_seen_is_told(elsewhere: Elsewhere, tmp_path: Path) -> None:
    shutil.copytree(VALIDATING, moved := tmp_path / "a" / "b")
    run(sys.executable, INVALID, PYTHONPATH=os.pathsep.join([str(moved), os.environ["PYTHONPATH"]]))
    emissions, [failure] = elsewhere.take()
    assert emissions == []
    assert "emitted.py" in failure


def test_interpreters_of_other_environments_are_left_alone(elsewhere: Elsewhere, sdk1: Path) -> None:
    assert run(sys.executable, LOADED) == "True"
    assert run(sys.executable, LOADED, TESTS_OF_MCPWS_PREFIX="/elsewhere") == "False"
    assert run(sdk1 / "python", LOADED) == "False"
    assert elsewhere.take() == ([], [])
