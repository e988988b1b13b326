"""A new project does what its README says, in processes of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

BIN = Path(sys.executable).parent
SECONDS = 60


@pytest.fixture
def project(tmp_path: Path) -> Path:
    subprocess.run([BIN / "mcpws", "init", "demo"], cwd=tmp_path, check=True, timeout=SECONDS)
    return tmp_path / "demo"


def test_its_tests_pass(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_it_can_be_built(project: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(build, cwd=project, check=True, capture_output=True, timeout=SECONDS)
    assert [path.name for path in (project / "dist").iterdir()] == ["demo-0.1.0-py3-none-any.whl"]
