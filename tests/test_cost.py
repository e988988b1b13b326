"""Against decay: what a message costs is counted in `tests.cost`, and may not grow unnoticed.

Whoever makes a count grow for a good reason raises it here, and says why; whoever makes it shrink lowers it. Calls have
a tenth of slack: one more for a clear boundary is worth it, and one less is worth no way around it. Writes, copies and
decodes have none.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Functions called for one request and its answer, sixteen of which come in one read.
OF_AN_APP = 44.6
OF_WHAT_IS_PASSED_ON = 28.6
# One of them sees whether it may be sent at all.
SENT_BY_A_SESSION = 26.3
ANSWERED_TO_A_SESSION = 18.9
# JSON decoded for a call whose progress is asked for, without which a legacy one has no `_meta` to read: envelope,
# `_meta`, call, arguments.
DECODES = 4
# Copies of a large text that are held at the same time, the request and the answer among them.
COPIES = 3.63

SLACK = 1.1


@pytest.fixture(scope="module")
def counts() -> dict[str, dict[str, float]]:
    """In a process of its own: in this one, others look on."""
    counted = subprocess.run([sys.executable, "-m", "tests.cost"], cwd=ROOT, capture_output=True, check=True, text=True)
    found: dict[str, dict[str, float]] = json.loads(counted.stdout)
    return found


def test_a_call_of_a_function_takes_hardly_more_calls_than_it_did(counts: dict[str, dict[str, float]]) -> None:
    assert counts["app"]["calls"] <= OF_AN_APP * SLACK


def test_what_is_passed_on_takes_hardly_more_calls_than_it_did(counts: dict[str, dict[str, float]]) -> None:
    assert counts["passing"]["calls"] <= OF_WHAT_IS_PASSED_ON * SLACK


def test_what_one_read_is_answered_with_leaves_in_one_write(counts: dict[str, dict[str, float]]) -> None:
    assert counts["app"]["writes_a_read"] == counts["passing"]["writes_a_read"] == 1


def test_a_request_of_a_session_takes_hardly_more_calls_than_it_did(counts: dict[str, dict[str, float]]) -> None:
    assert counts["session"]["sent"] <= SENT_BY_A_SESSION * SLACK
    assert counts["session"]["answered"] <= ANSWERED_TO_A_SESSION * SLACK


def test_a_modern_call_decodes_no_more_often_than_a_legacy_one(counts: dict[str, dict[str, float]]) -> None:
    assert counts["decodes"]["modern"] <= counts["decodes"]["legacy"] <= DECODES


def test_a_large_message_is_held_in_no_more_copies_than_it_was(counts: dict[str, dict[str, float]]) -> None:
    assert counts["large"]["memory"] <= COPIES
