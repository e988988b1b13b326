"""`make serve` in a checkout that nothing was installed in, and what it tells its user to do next."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration import foreground
from tests.integration.foreground import Foreground

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
INSTALLED = 300.0
"""Seconds for a new environment with all that it needs."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this one, as it was cloned."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for path in ROOT.iterdir():
        if path.name in ("mcpws", "twisted"):
            shutil.copytree(path, copy / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file():
            shutil.copy(path, copy)
    return copy


def test_the_command_that_is_printed_works_as_it_is_printed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground, "PATIENCE", INSTALLED)
    # Nothing of the environment that the tests run in.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    said = checkout.parent / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            ["make", "serve", "PORT=0", f"PYTHON={sys.executable}"],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    served = Foreground(process, said)
    try:
        served.wait_for("Ctrl-C ends it.")
        [next_command] = re.findall(r"^ +(\S*mcpws tools ws://\S+)$", served.said(), re.MULTILINE)
        told = subprocess.run(
            shlex.split(next_command), cwd=checkout, env=environment, capture_output=True, text=True, timeout=60
        )
        assert (told.returncode, told.stderr) == (0, "")
        assert "add(a: integer, b: integer)" in told.stdout
        served.interrupt()
        served.end()
        assert "***" not in served.said()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
