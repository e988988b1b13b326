"""The contracts need no pytest, and say what they compare where there is one."""

import subprocess
import sys
from pathlib import Path

WRONG = """
from mcpws.testing import BackendContract, RecordingBackend


class TestWrong(BackendContract):
    def backend(self):
        return RecordingBackend()

    def unanswered(self):
        return None
"""


def test_what_is_for_tests_needs_no_pytest() -> None:
    code = "import sys, mcpws.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_a_contract_that_is_broken_says_what_of_it(tmp_path: Path) -> None:
    (tmp_path / "test_wrong.py").write_text(WRONG)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", "test_wrong.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "it never was so that request 1 was answered" in ended.stdout
    assert "client 0 got 1 messages" in ended.stdout
