"""The stdio backend with real child processes, most of which misbehave. Linux, for what is seen in /proc."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from zipfile import ZipFile

import pytest
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred

from mcpws.backends.stdio import ProcessReactor, Stdio, launch
from mcpws.backends.stdio.streams import READ, WIDE
from mcpws.errors import BackendLost
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Notification, Result
from mcpws.seam.interfaces import Channel
from mcpws.testing import RecordingLink
from tests.integration.live import PATIENCE, bounded

pytestmark = pytest.mark.integration

reactor = cast(ProcessReactor, global_reactor)

# What the children have in common: `say` writes a message, `tell` a notification that tests can read.
PRELUDE = """
import json, os, signal, subprocess, sys, time

def say(message):
    os.write(1, json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\\n")

def tell(value):
    say({"method": "told", "params": {"value": value}})

def answer(request):
    say({"id": request["id"], "result": request["params"]})

def serve():
    for line in sys.stdin:
        answer(json.loads(line))
"""


class Client(RecordingLink):
    """A Link whose test waits for what it is told."""

    def stopProducing(self) -> None:
        raise AssertionError("a backend never stops its client")

    async def loss(self) -> str:
        await self.until(lambda: self.ended is not None)
        assert isinstance(self.ended, BackendLost)
        return str(self.ended)

    async def told(self) -> Any:
        """The value of the next notification, which is taken away."""
        await self.until(lambda: bool(self.received))
        message = self.received.pop(0)
        assert isinstance(message, Notification)
        assert message.params is not None
        return json.loads(bytes(message.params))["value"]


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", PRELUDE + code]


def ask(channel: Channel, id: int, value: object = None) -> None:
    channel.receive(decode(json.dumps({"jsonrpc": "2.0", "id": id, "method": "m", "params": [value]}).encode()))


async def start(command: list[str], **settings: Any) -> tuple[Stdio, Client, Channel]:
    stdio = Stdio(command, reactor=reactor, **{"stop_grace": 0.2} | settings)
    client = Client()
    return stdio, client, await stdio.open(client)


async def stopped(stdio: Stdio) -> None:
    await stdio.stop()
    assert stdio.children == 0


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than as a zombie that waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(autouse=True)
def _no_process_or_descriptor_is_left() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert len(os.listdir("/proc/self/fd")) == len(before)


# What behaves


@bounded
async def test_requests_are_answered_and_a_child_leaves_at_the_end_of_its_input() -> None:
    stdio, client, channel = await start(python("serve()"), stop_grace=PATIENCE)
    for id in range(100):
        ask(channel, id, "x" * id)
    await client.until(lambda: len(client.received) == 100)
    assert [cast(Result, message).id for message in client.received] == list(range(100))
    channel.close("the client is gone")
    await stopped(stdio)
    assert client.ended is None


@bounded
async def test_large_messages_pass_both_ways() -> None:
    stdio, client, channel = await start(python("serve()"))
    value = "x" * (4 * 1024 * 1024)
    ask(channel, 1, value)
    await client.until(lambda: bool(client.received))
    assert json.loads(bytes(cast(Result, client.received[0]).result)) == [value]
    await stopped(stdio)


@bounded
async def test_a_slow_client_slows_its_child() -> None:
    flood = python(
        '[say({"method": "m", "params": {"n": n, "filler": "x" * 1000}}) for n in range(5000)]; tell("done")'
    )
    stdio, client, channel = await start(flood)
    await client.until(lambda: len(client.received) >= 100)
    channel.pauseProducing()
    so_far = len(client.received)
    await pause(0.2)
    assert len(client.received) <= so_far + (READ + WIDE) // 1000  # at most the rest of one read
    channel.resumeProducing()
    await client.until(lambda: len(client.received) == 5001)
    await stopped(stdio)


@bounded
async def test_a_slow_child_slows_its_client_and_is_let_be() -> None:
    stdio, client, channel = await start(python('tell("up"); time.sleep(0.5); serve()'), stall_timeout=5)
    assert await client.told() == "up"
    ask(channel, 1, "x" * 500_000)
    assert client.paused
    await client.until(lambda: not client.paused)
    await client.until(lambda: bool(client.received))
    await stopped(stdio)


@bounded
async def test_the_command_runs_as_leader_of_a_session_in_its_directory_and_environment(tmp_path: Path) -> None:
    code = 'tell([os.getpid(), os.getsid(0), os.getpgid(0), os.getcwd(), os.environ["A"]])'
    stdio, client, _ = await start(python(code), cwd=str(tmp_path), env={"A": "b"})
    pid, session, group, directory, variable = await client.told()
    assert session == group == pid != os.getpgid(0)
    assert (directory, variable) == (str(tmp_path), "b")
    await stopped(stdio)


@bounded
async def test_the_command_gets_three_descriptors_and_no_more() -> None:
    stdio, client, _ = await start(python('tell(sorted(os.listdir("/proc/self/fd")))'))
    assert await client.told() == ["0", "1", "2", "3"]  # the last is the listing's own
    await stopped(stdio)


@bounded
async def test_the_command_ignores_no_signal() -> None:
    # sed, because Python ignores some itself. Those above 31 are the C library's own.
    tell = r's/^SigIgn:\s*\(.*\)$/{"jsonrpc":"2.0","method":"told","params":{"value":"\1"}}/p'
    stdio, client, _ = await start(["sed", "-n", tell, "/proc/self/status"])
    assert int(await client.told(), 16) & 0x7FFFFFFF == 0
    await stopped(stdio)


# What misbehaves


@bounded
async def test_a_command_that_cannot_be_run_is_named_in_the_log(tmp_path: Path, log: list[str]) -> None:
    script = tmp_path / "server"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o700)
    stdio, client, _ = await start([str(script)])
    assert await client.loss() == "The server process exited with status 127"
    assert any(f"stderr: {script} cannot be run in" in line for line in log)
    await stopped(stdio)


@bounded
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("sys.exit(3)", "The server process exited with status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "The server process was killed by signal 9 (Killed)"),
    ],
)
async def test_a_child_that_dies_with_requests_open_is_lost(code: str, reason: str) -> None:
    stdio, client, channel = await start(python(f"sys.stdin.readline(); {code}"))
    ask(channel, 1)
    assert await client.loss() == reason
    await stopped(stdio)


@bounded
async def test_what_a_child_wrote_before_it_died_is_delivered_to_a_slow_client_too() -> None:
    code = "for id in range(40): answer({'id': id, 'params': 'x' * 1000})\nos._exit(1)"
    stdio, client, channel = await start(python(code))
    channel.pauseProducing()
    assert await client.loss() == "The server process exited with status 1"
    assert [cast(Result, message).id for message in client.received] == list(range(40))
    await stopped(stdio)


@bounded
async def test_a_line_over_the_limit_is_skipped_whatever_its_length() -> None:
    code = "for _ in range(1000): os.write(1, b'x' * 65536)\nos.write(1, b'\\n'); serve()"
    stdio, client, channel = await start(python(code), max_line=1_000_000)
    ask(channel, 1)
    await client.until(lambda: bool(client.received))
    await stopped(stdio)
    assert (stdio.too_long, stdio.given_up) == (1, 0)


@bounded
async def test_a_child_that_does_not_read_is_given_up() -> None:
    stdio, client, channel = await start(python('tell("up"); time.sleep(1000)'), stall_timeout=0.3)
    assert await client.told() == "up"
    ask(channel, 1, "x" * 1_000_000)
    assert await client.loss() == "The server process has read nothing for 0.3 s"
    await stopped(stdio)


@bounded
async def test_a_flood_of_standard_error_does_not_stop_the_conversation(log: list[str]) -> None:
    code = "os.write(2, b'noise\\n' * 200_000 + b'x' * 100_000 + b'\\n'); serve()"
    stdio, client, channel = await start(python(code), stderr_lines_per_second=5)
    ask(channel, 1)
    await client.until(lambda: bool(client.received))
    await stopped(stdio)
    noise = [line for line in log if line.endswith("stderr: noise")]
    assert 5 <= len(noise) <= 50
    assert any("more lines not shown" in line for line in log)


@bounded
async def test_a_child_that_writes_what_is_no_message_goes_on_until_it_is_too_much() -> None:
    stdio, client, channel = await start(python("print('Server ready!', flush=True); serve()"), max_garbage=2)
    ask(channel, 1)
    await client.until(lambda: bool(client.received))
    assert stdio.garbage == 1
    await stopped(stdio)

    stdio, client, _ = await start(python("print('a\\nb\\nc', flush=True); serve()"), max_garbage=2)
    assert "more than 2 lines a minute" in await client.loss()
    await stopped(stdio)


@bounded
@pytest.mark.parametrize(("fd", "name"), [(0, "standard input"), (1, "standard output")])
async def test_a_child_that_closes_a_stream_is_given_up(fd: int, name: str) -> None:
    stdio, client, _ = await start(python(f"os.close({fd}); time.sleep(1000)"))
    assert await client.loss() == f"The server process closed its {name}"
    await stopped(stdio)


@pytest.mark.proves("mcp/2025-11-25/basic/lifecycle#stdio-shutdown")
@bounded
async def test_a_child_that_ignores_the_end_of_its_input_and_sigterm_is_killed(log: list[str]) -> None:
    code = "signal.signal(signal.SIGTERM, signal.SIG_IGN); tell(os.getpid()); time.sleep(1000)"
    stdio, client, channel = await start(python(code))
    pid = await client.told()
    channel.close("the client is gone")
    await stopped(stdio)
    assert not is_running(pid)
    assert f"child {pid} was killed by signal 9 (Killed)" in log[-1]


@bounded
async def test_a_child_that_is_still_starting_can_be_stopped() -> None:
    stdio, _, _ = await start(python("time.sleep(1000)"), stop_grace=0.001)
    await stopped(stdio)


@bounded
async def test_stopping_takes_all_children_at_once() -> None:
    stdio = Stdio(python("time.sleep(1000)"), reactor=reactor, stop_grace=0.5)
    clients = [Client() for _ in range(8)]
    for client in clients:
        await stdio.open(client)
    before = time.monotonic()
    await stopped(stdio)
    assert all(client.ended for client in clients)
    assert time.monotonic() - before < 8 * 0.5


# Those that end at once, and too many


async def refused(stdio: Stdio, client: Client) -> str:
    with pytest.raises(BackendLost) as caught:
        await stdio.open(client)
    return str(caught.value)


@bounded
async def test_a_child_that_reads_nothing_before_it_ends_holds_off_all() -> None:
    stdio, client, channel = await start(python("time.sleep(0.3); sys.exit(3)"), random=lambda: 0)
    ask(channel, 1)
    assert await client.loss() == "The server process exited with status 3"
    assert "The server process exited with status 3; it is started again in " in await refused(stdio, Client())
    await stopped(stdio)
    assert (stdio.started, stdio.counted()["stdio.held_off"]) == (1, 1)


@bounded
async def test_a_child_that_ends_over_what_it_read_holds_off_its_own_client_only() -> None:
    stdio, client, channel = await start(python("sys.stdin.readline(); sys.exit(3)"))
    for _ in range(2):
        ask(channel, 1)
        await client.loss()
        client.ended = None
        if stdio.started == 1:
            channel = await stdio.open(client)
    assert "it is started again in " in await refused(stdio, client)
    await stdio.open(Client())
    await stopped(stdio)
    assert stdio.started == 3


@bounded
async def test_a_command_that_cannot_be_run_is_not_tried_for_every_client(tmp_path: Path) -> None:
    script = tmp_path / "server"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o700)
    stdio, client, _ = await start([str(script)])
    assert await client.loss() == "The server process exited with status 127"
    assert "exited with status 127; it is started again" in await refused(stdio, Client())
    await stopped(stdio)


@pytest.mark.proves("L-22")
@bounded
async def test_clients_that_come_and_go_leave_no_more_children_than_may_be() -> None:
    # It heeds neither the end of its input nor SIGTERM.
    code = "signal.signal(signal.SIGTERM, signal.SIG_IGN); serve()\ntime.sleep(1000)"
    stdio = Stdio(python(code), reactor=reactor, stop_grace=0.2, max_children=3)
    for _ in range(12):
        client = Client()
        (await stdio.open(client)).close("the client is gone")
        assert stdio.children <= 3
    client = Client()
    channel = await stdio.open(client)
    ask(channel, 1)
    await client.until(lambda: bool(client.received))
    await stopped(stdio)
    assert stdio.started == 13
    assert stdio.counted()["stdio.crowded"] >= 9


@pytest.mark.proves("G-11")
@bounded
async def test_a_stopped_child_is_given_up_while_a_slow_one_is_not() -> None:
    stdio = Stdio(
        python("for line in sys.stdin: tell(os.getpid()); time.sleep(2); answer(json.loads(line))"),
        reactor=reactor,
        stop_grace=0.2,
        stall_timeout=0.8,
    )
    halted, slow, idle = [(client := Client(), await stdio.open(client)) for _ in range(3)]
    ask(idle[1], 1)
    idle_pid = await idle[0].told()
    await idle[0].until(lambda: bool(idle[0].received))
    os.kill(idle_pid, signal.SIGSTOP)
    ask(halted[1], 1)
    os.kill(await halted[0].told(), signal.SIGSTOP)
    ask(slow[1], 1)
    await slow[0].told()
    assert "The server process has been stopped for " in await halted[0].loss()
    await slow[0].until(lambda: bool(slow[0].received))
    assert (idle[0].ended, slow[0].ended) == (None, None)
    # It goes on where it was.
    os.kill(idle_pid, signal.SIGCONT)
    idle[0].received.clear()
    ask(idle[1], 2)
    await idle[0].until(lambda: len(idle[0].received) == 2)
    await stopped(stdio)
    assert stdio.counted()["stdio.stopped"] == 2


# Programs that are no Python

PROGRAM = """
import sys
sys.{setting}
from twisted.internet import reactor
from mcpws import ConfigError
from mcpws.backends.stdio import Stdio
from mcpws.jsonrpc.messages import Request
from mcpws.seam.interfaces import Identity

class Client:
    identity = Identity("test")
    def send(self, message):
        print("answer", message.id)
        stdio.stop().addCallback(lambda _: reactor.stop())
    def lost(self, reason): print(reason)
    def pauseProducing(self): pass
    def resumeProducing(self): pass

def begin():
    stdio.open(Client()).addCallback(lambda channel: channel.receive(Request(1, "m")))

try:
    stdio = Stdio([{python!r}, "-S", "-c", {code!r}], reactor=reactor)
except ConfigError as error:
    print(error)
else:
    reactor.callWhenRunning(begin)
    reactor.run()
"""
ANSWERING = 'input(); print(\'{"jsonrpc":"2.0","id":1,"result":{}}\', flush=True); input()'


def said(setting: str, **environment: str) -> str:
    """By a program with this setting in `sys`, as another would have it."""
    program = PROGRAM.format(setting=setting, python=sys.executable, code=ANSWERING)
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | environment,
        # Not here, where the package is found as well.
        cwd=os.sep,
        check=True,
    ).stdout


@pytest.mark.parametrize("setting", ["executable = None", "executable = ''", "executable = '/bin/true'"])
def test_a_program_that_is_no_python_starts_children_with_its_own(setting: str) -> None:
    assert said(setting).startswith("answer 1\n")


def test_a_frozen_program_starts_nothing_in_place_of_a_python() -> None:
    # As PyInstaller has it: everything is in a folder that has no interpreter.
    frozen = "frozen = True; sys.executable = '/bin/true'; sys.exec_prefix = sys.base_exec_prefix = '/nowhere'"
    assert "is no Python interpreter" in said(frozen)


def test_a_program_in_one_archive_starts_children(tmp_path: Path) -> None:
    archive = tmp_path / "library.zip"
    package = Path(launch.__file__).parents[2]
    with ZipFile(archive, "w") as file:
        for path in package.rglob("*.py"):
            file.write(path, path.relative_to(package.parent))
    setting = f"path; import mcpws; assert {str(archive)!r} in mcpws.__file__"
    first = os.pathsep.join([str(archive), os.environ["PYTHONPATH"]])
    # What watches its messages cannot tell the modules of one archive apart.
    assert said(setting, PYTHONPATH=first, TESTS_OF_MCPWS_PREFIX="").startswith("answer 1\n")


# Descendants

DESCENDANT = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.write(1, b'\\n'); time.sleep(1000)"
)


@bounded
async def test_a_server_behind_a_wrapper_is_reached_by_signals() -> None:
    inner = python("tell(os.getpid()); time.sleep(1000)")
    stdio, client, channel = await start(python(f"sys.exit(subprocess.call({inner!r}))"))
    pid = await client.told()
    channel.close("the client is gone")
    await stopped(stdio)
    await gone(pid)


@bounded
async def test_a_descendant_that_outlives_the_child_in_its_group_is_killed() -> None:
    code = f"""
inner = subprocess.Popen([sys.executable, "-S", "-c", {DESCENDANT!r}])
tell(inner.pid)
sys.stdin.readline()
sys.exit(5)
"""
    stdio, client, channel = await start(python(code))
    pid = await client.told()
    assert is_running(pid)
    ask(channel, 1)
    assert await client.loss() == "The server process exited with status 5"
    await stopped(stdio)
    await gone(pid)


@bounded
async def test_a_descendant_outside_the_group_does_not_keep_a_dead_child_alive() -> None:
    code = f"""
inner = subprocess.Popen([sys.executable, "-S", "-c", {DESCENDANT!r}], start_new_session=True)
tell(inner.pid)
sys.stdin.readline()
sys.exit(5)
"""
    stdio, client, channel = await start(python(code))
    pid = await client.told()
    ask(channel, 1, "x" * 500_000)  # most of which nobody will read
    assert await client.loss() == "The server process exited with status 5"
    await stopped(stdio)
    os.kill(pid, signal.SIGKILL)
    await gone(pid)


def test_children_die_with_a_service_that_is_killed(tmp_path: Path) -> None:
    fifo = tmp_path / "held-open-by-the-child"
    os.mkfifo(fifo)
    code = f"held = open({str(fifo)!r}, 'w'); tell('up'); time.sleep({2 * PATIENCE})"
    service = f"""
from twisted.internet import reactor
from mcpws.backends.stdio import launch
from mcpws.backends.stdio import Stdio
from mcpws.seam.interfaces import Identity

class Client:
    identity = Identity("test")
    def send(self, message): print("up", flush=True)
    def lost(self, reason): print(reason, flush=True)

reactor.callWhenRunning(lambda: Stdio({python(code)!r}, reactor=reactor).open(Client()))
reactor.run()
"""
    with (
        subprocess.Popen([sys.executable, "-c", service], stdout=subprocess.PIPE, text=True) as process,
        fifo.open() as held,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.kill()
        # Nothing is ever written: it becomes readable at the child's end.
        assert select.select([held], [], [], PATIENCE)[0] == [held]


def test_a_command_whose_service_is_gone_already_is_not_run() -> None:
    nobody = "0"
    launched = [sys.executable, "-I", "-S", launch.__file__, nobody, ".", "echo", "hello"]
    assert subprocess.run(launched, capture_output=True, timeout=PATIENCE).stdout == b""


async def pause(seconds: float) -> None:
    deferred: Deferred[None] = Deferred()
    reactor.callLater(seconds, deferred.callback, None)
    await deferred


async def gone(pid: int) -> None:
    """A killed process that is not our child may take a moment."""
    deadline = time.monotonic() + PATIENCE
    while is_running(pid):
        assert time.monotonic() < deadline
        await pause(0.01)


# What takes too much memory


GROWS = """
def grow(size):
    kept = bytearray(b"x") * size
    tell(os.getpid())
    time.sleep(60)
"""
MIB = 1024 * 1024


def passed(seconds: float) -> Deferred[None]:
    """Fires when so much time has."""
    waited: Deferred[None] = Deferred()
    reactor.callLater(seconds, waited.callback, None)
    return waited


@pytest.mark.parametrize("grown", ["grow(200 << 20)", "os.fork() or grow(200 << 20)\ntime.sleep(60)"])
@bounded
async def test_a_child_that_uses_too_much_memory_is_killed_with_those_that_it_started(grown: str) -> None:
    stdio, client, _ = await start(python(GROWS + grown), max_memory=100 * MIB, stop_grace=PATIENCE)
    pid = await client.told()
    assert re.fullmatch(r"The server process used [0-9]{9} bytes of memory, more than 104857600", await client.loss())
    while is_running(pid):
        await passed(0.01)
    await stopped(stdio)
    assert stdio.given_up == 1


@bounded
async def test_a_child_that_uses_less_is_left_alone() -> None:
    stdio, client, channel = await start(python("serve()"), max_memory=500 * MIB, stall_timeout=0.4)
    ask(channel, 1)
    await client.until(lambda: bool(client.received))
    # Several looks.
    await passed(0.5)
    assert client.ended is None
    channel.close("the client is gone")
    await stopped(stdio)
    assert stdio.given_up == 0
