"""The fixtures of conftest.py are shown to fail the tests they must fail, and no others."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from twisted.internet.task import Clock

HERE = Path(__file__).parent

SAMPLE = """
import pytest_twisted
import pytest
from twisted.internet import defer, protocol, reactor, utils
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.logger import Logger
from twisted.python import log as legacy_log
from twisted.python.failure import Failure

from mcpws.testing import RecordingBackend, connected

log = Logger()

class Refused(Exception):
    pass

def fail():
    raise Refused("door shut")

def lose_a_failure():
    defer.fail(Refused("nobody listens"))

def lose_a_failure_in_a_cycle():
    lost = defer.fail(Refused("nobody listens"))
    lost.itself = lost

def log_an_error():
    log.error("the pipe broke")

def log_a_failure():
    log.failure("while opening", Failure(Refused("door shut")))

def log_the_old_way():
    legacy_log.err(Failure(Refused("door shut")))

def leave_a_timer():
    reactor.callLater(1000, print)

def leave_a_port():
    reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1")

def leave_a_child():
    reactor.spawnProcess(protocol.ProcessProtocol(), "/bin/sleep", ["sleep", "1000"], childFDs={})


def test_lost_failure():
    lose_a_failure()

def test_lost_failure_in_a_cycle():
    lose_a_failure_in_a_cycle()

def test_logged_error():
    log_an_error()

def test_logged_failure():
    log_a_failure()

def test_error_logged_the_old_way():
    log_the_old_way()

def test_timer_left():
    leave_a_timer()

def test_port_left():
    leave_a_port()

@pytest_twisted.ensureDeferred
async def test_connection_left():
    factory = protocol.Factory.forProtocol(protocol.Protocol)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    client = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    connected = await connectProtocol(client, protocol.Protocol())
    connected.transport.write(b"x" * 50_000_000)
    await port.stopListening()

def test_child_left():
    leave_a_child()

def test_error_of_another_type_claimed(logged_errors):
    log_a_failure()
    assert logged_errors.flush(KeyError) == []

@pytest_twisted.ensureDeferred
async def test_timer_left_by_a_coroutine():
    leave_a_timer()

@pytest.fixture
def untidy():
    yield
    leave_a_timer()

def test_timer_left_by_a_fixture(untidy):
    pass


def test_clean_error_claimed(logged_errors):
    log_a_failure()
    [event] = logged_errors.flush(Refused)
    assert event["log_failure"].getErrorMessage() == "door shut"

def test_clean_everything_claimed(logged_errors):
    lose_a_failure_in_a_cycle()
    log_an_error()
    assert len(logged_errors.flush()) == 2

def test_clean_warning():
    log.warn("not an error")

def test_clean_failure_with_a_listener():
    lost = defer.fail(Refused("door shut"))
    lost.addErrback(lambda failure: failure.trap(Refused))

def test_clean_cancelled_timer():
    reactor.callLater(1000, print).cancel()

@pytest_twisted.ensureDeferred
async def test_clean_port_closed():
    port = reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1")
    await port.stopListening()

def test_clean_port_closing():
    reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1").stopListening()

@pytest_twisted.ensureDeferred
async def test_clean_child_that_ended():
    await utils.getProcessOutput("/bin/true")

def test_invalid_message_made():
    connected(RecordingBackend(), era="legacy").session.request("tools/call", {})

@pytest.mark.not_mcp("what is passed on, not what is made")
def test_invalid_message_made_where_others_may_pass():
    connected(RecordingBackend(), era="legacy").session.request("tools/call", {})

@pytest.fixture
def client():
    yield (pair := connected(RecordingBackend(), era="legacy"))
    pair.session.request("tools/call", {})

def test_invalid_message_made_by_a_fixture(client):
    pass

@pytest.mark.not_mcp("on purpose", made=True)
def test_clean_invalid_message_on_purpose():
    connected(RecordingBackend(), era="legacy").session.request("tools/call", {})

def test_clean_valid_message():
    connected(RecordingBackend(), era="legacy").session.request("tools/call", {"name": "x"})
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Why each test of SAMPLE failed: name to text, empty for those that passed."""
    root = tmp_path_factory.mktemp("sample")
    (root / "conftest.py").write_bytes((HERE / "conftest.py").read_bytes())
    (root / "test_sample.py").write_text(SAMPLE)
    report = root / "report.xml"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", root),
            *("-c", HERE.parent / "pyproject.toml", "--junit-xml", report, root / "test_sample.py"),
        ],
        cwd=root,
        env=os.environ | {"PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        problems = [problem.get("message", "") + (problem.text or "") for problem in case]
        found[case.attrib["name"]] = found.get(case.attrib["name"], "") + "".join(problems)
    return found


@pytest.mark.parametrize(
    ("name", "evidence"),
    [
        ("test_lost_failure", "nobody listens"),
        ("test_lost_failure_in_a_cycle", "nobody listens"),
        ("test_logged_error", "the pipe broke"),
        ("test_logged_failure", "while opening"),
        ("test_error_logged_the_old_way", "door shut"),
        ("test_timer_left", "DelayedCall"),
        ("test_port_left", "Port"),
        ("test_connection_left", "tcp"),
        ("test_child_left", "Process"),
        ("test_error_of_another_type_claimed", "while opening"),
        ("test_timer_left_by_a_coroutine", "DelayedCall"),
        ("test_timer_left_by_a_fixture", "DelayedCall"),
        ("test_invalid_message_made", "tools/call of 2025-11-25"),
        ("test_invalid_message_made_where_others_may_pass", "params.name"),
        ("test_invalid_message_made_by_a_fixture", "params.name"),
    ],
)
def test_a_test_fails_on_what_it_leaves_behind(verdicts: dict[str, str], name: str, evidence: str) -> None:
    assert evidence in verdicts[name]


def test_a_tidy_test_passes(verdicts: dict[str, str]) -> None:
    tidy = {name: why for name, why in verdicts.items() if name.startswith("test_clean_")}
    assert len(tidy) == 10
    assert set(tidy.values()) == {""}


def test_the_clock_stands_until_it_is_advanced(clock: Clock) -> None:
    fired: list[float] = []
    clock.callLater(3, lambda: fired.append(clock.seconds()))
    assert fired == []
    clock.advance(3)
    assert fired == [3]
