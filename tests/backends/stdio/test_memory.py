"""What processes use, as the system tells."""

import os
import subprocess
import sys

import pytest

from mcpws.backends.stdio.memory import IS_KNOWN, resident_by_group

pytestmark = pytest.mark.skipif(not IS_KNOWN, reason="this system does not tell")


def test_a_group_uses_what_all_its_processes_do() -> None:
    code = "kept = bytearray(50_000_000); print(flush=True); input()"
    both = f"import os\npid = os.fork()\n{code}\npid and os.wait()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", both], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        used = resident_by_group({process.pid, 2**31 - 1})
        process.stdin.write(b"\n\n")
        process.stdin.close()
    assert used.keys() == {process.pid}
    assert 100_000_000 < used[process.pid] < 200_000_000


def test_what_is_gone_uses_nothing() -> None:
    assert resident_by_group(set()) == {}
    assert resident_by_group({os.getpgrp()})[os.getpgrp()] > 1_000_000
