"""The stdio backend with a played process: what it is given, what it is made to do, and that nothing of it is left."""

import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IProcessProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent
from twisted.python.failure import Failure

from mcpws.backends.stdio import launch
from mcpws.backends.stdio.backend import KEPT, ProcessReactor, Stdio
from mcpws.backends.stdio.child import ESCALATION, GARBAGE_LOGGED, GARBAGE_SHOWN, LAST_WORDS
from mcpws.errors import BackendLost, ConfigError, McpwsError, ResultTooLarge, ShuttingDown
from mcpws.jsonrpc.codec import decode, encode
from mcpws.jsonrpc.messages import Error, Message, Notification, Request
from mcpws.seam.interfaces import Channel, Identity
from mcpws.testing import RecordingLink

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
PONG = b'{"jsonrpc":"2.0", "id":1, "result":{}}'
GRACE = 5
STDIN, STDOUT, STDERR = 0, 1, 2


class Stream(FileDescriptor):
    """Our end of one stream of a played process; the other end takes everything unless it is `stuck`."""

    connected = 1

    def __init__(self, reactor: MemoryReactorClock, lost: Callable[[], None]) -> None:
        super().__init__(reactor)
        self._lost = lost
        self.taken = b""
        self.stuck = False

    def writeSomeData(self, data: bytes) -> int:
        if self.stuck:
            return 0
        self.taken += data
        return len(data)

    def connectionLost(self, reason: Failure) -> None:
        FileDescriptor.connectionLost(self, reason)
        self._lost()


class PlayedProcess:
    """Twisted's process transport as far as a child sees it; `says`, `closes` and `exits` play the process."""

    def __init__(self, reactor: "PlayedReactor", protocol: IProcessProtocol, pid: int) -> None:
        self._reactor = reactor
        self._protocol = protocol
        self._reason: Failure | None = None
        self.pid = pid
        self.pipes: dict[int, Any] = {fd: Stream(reactor, partial(self._lost, fd)) for fd in range(3)}
        self.pipes[STDOUT].startReading()
        self.pipes[STDERR].startReading()
        self.stdin: Any = self.pipes[STDIN]
        self.members = {pid}
        self.has_group = True
        self.signals: list[int] = []

    def is_read(self, fd: int) -> bool:
        return self.pipes[fd] in self._reactor.memory.getReaders()

    def says(self, *lines: bytes, fd: int = STDOUT) -> None:
        self._protocol.childDataReceived(fd, b"".join(line + b"\n" for line in lines))

    def takes(self) -> bytes:
        """What it has been given on standard input, and the chance to be given more."""
        while self.stdin in self._reactor.memory.getWriters() and not self.stdin.stuck:
            if end := self.stdin.doWrite():
                self.stdin.connectionLost(Failure(end))
        taken, self.stdin.taken = self.stdin.taken, b""
        return cast(bytes, taken)

    def closes(self, *fds: int) -> None:
        for fd in fds:
            self.pipes[fd].connectionLost(Failure(ConnectionDone()))

    def exits(self, status: int = 0, *, signal: int | None = None, holding: Sequence[int] = ()) -> None:
        """It ends; the streams in `holding` stay open, as a descendant outside its group has them too."""
        ended = ProcessTerminated(status, signal) if status or signal else ProcessDone(0)
        self._reason = Failure(ended)
        self.members.discard(self.pid)
        self._protocol.processExited(self._reason)
        self.closes(*(fd for fd in list(self.pipes) if fd not in holding))

    def signalProcess(self, signalID: int) -> None:
        if self._reason is not None:
            raise ProcessExitedAlready
        self.signals.append(signalID)

    def signalGroup(self, number: int) -> None:
        if not self.members or not self.has_group:
            raise ProcessLookupError
        self.signals.append(number)

    def _lost(self, fd: int) -> None:
        del self.pipes[fd]
        self._protocol.childConnectionLost(fd)
        if not self.pipes and self._reason is not None:
            self._protocol.processEnded(self._reason)


class PlayedReactor(MemoryReactorClock):
    """Starts played processes. Their numbers are out of reach of the system's."""

    def __init__(self) -> None:
        MemoryReactorClock.__init__(self)
        # Under its own type, whose methods have no annotations.
        self.memory: MemoryReactorClock = self
        self.processes: list[PlayedProcess] = []
        self.launched: list[tuple[str, list[str], dict[str, str]]] = []
        self.refusal: OSError | None = None

    def spawnProcess(
        self, protocol: IProcessProtocol, executable: str, args: Sequence[str], env: Mapping[str, str]
    ) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.launched.append((executable, list(args), dict(env)))
        process = PlayedProcess(self, protocol, 2**30 + len(self.processes))
        self.processes.append(process)
        protocol.makeConnection(cast(Any, process))

    def killpg(self, group: int, number: int) -> None:
        self.processes[group - 2**30].signalGroup(number)


class Client(RecordingLink):
    """A Link that writes down what happens to it, and does something about it."""

    def __init__(self) -> None:
        super().__init__(Identity("test"))
        self.on_send: Callable[[], None] = lambda: None
        self.on_lost: Callable[[], None] = lambda: None

    def send(self, message: Message) -> None:
        assert self.ended is None
        super().send(message)
        self.on_send()

    def lost(self, reason: McpwsError) -> None:
        super().lost(reason)
        self.on_lost()

    def stopProducing(self) -> None:
        raise AssertionError("a backend never stops its client")


def result_of(deferred: Deferred[Any]) -> Any:
    results: list[Any] = []
    deferred.addCallback(results.append)
    [result] = results
    return result


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedReactor]:
    reactor = PlayedReactor()
    monkeypatch.setattr(os, "killpg", reactor.killpg)
    yield reactor
    # Whatever a test did, no timer may be left once its children have exited.
    for process in reactor.processes:
        if process.pipes:
            process.exits()
    assert reactor.getDelayedCalls() == []
    assert reactor.memory.getReaders() == reactor.memory.getWriters() == []


def make(reactor: PlayedReactor, command: Sequence[str] = (sys.executable, "server.py"), **settings: Any) -> Stdio:
    return Stdio(command, reactor=cast(ProcessReactor, reactor), **settings)


class Conversation:
    """One client with its played child."""

    def __init__(self, reactor: PlayedReactor, stdio: Stdio) -> None:
        self.client = Client()
        self.channel: Channel = result_of(stdio.open(self.client))
        self.process = reactor.processes[-1]


@pytest.fixture
def stdio(reactor: PlayedReactor) -> Stdio:
    return make(reactor, stop_grace=GRACE)


@pytest.fixture
def c(reactor: PlayedReactor, stdio: Stdio) -> Conversation:
    return Conversation(reactor, stdio)


def reason_of(client: Client) -> str:
    loss = client.ended
    assert isinstance(loss, BackendLost)
    return str(loss)


# Starting


def test_the_command_is_started_through_the_launcher(reactor: PlayedReactor, tmp_path: Path) -> None:
    stdio = make(reactor, ["sh", "-c", "cat"], cwd=str(tmp_path))
    Conversation(reactor, stdio)
    [(executable, args, _)] = reactor.launched
    assert executable == args[0] == sys.executable
    assert args[1:5] == ["-I", "-S", "-c", inspect.getsource(launch)]
    assert args[5:] == [str(os.getpid()), str(tmp_path), "sh", "-c", "cat"]


@pytest.mark.proves("G-1")
def test_each_client_gets_a_child_of_its_own(reactor: PlayedReactor, stdio: Stdio) -> None:
    one, two = Conversation(reactor, stdio), Conversation(reactor, stdio)
    assert (stdio.children, stdio.started) == (2, 2)
    one.process.says(PONG)
    assert [len(one.client.received), len(two.client.received)] == [1, 0]
    one.process.exits()
    assert (stdio.children, stdio.started) == (1, 2)
    assert two.client.ended is None


def test_children_inherit_the_environment_unless_it_is_replaced(
    reactor: PlayedReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "inherited")
    monkeypatch.setenv("TERM", "inherited")
    Conversation(reactor, make(reactor, env={"TERM": "own"}))
    Conversation(reactor, make(reactor, env={"OWN": "1"}, inherit_env=False))
    first, second = (env for _, _, env in reactor.launched)
    assert first == dict(os.environ) | {"TERM": "own"}
    assert second == {name: os.environ[name] for name in KEPT if name in os.environ} | {"OWN": "1"}


def test_a_process_that_cannot_be_started_refuses_the_conversation(
    reactor: PlayedReactor, stdio: Stdio, logged_errors: Any
) -> None:
    reactor.refusal = OSError(24, "Too many open files")
    failures: list[Failure] = []
    stdio.open(Client()).addErrback(failures.append)
    [failure] = failures
    assert failure.check(BackendLost)
    assert (stdio.children, stdio.started) == (0, 0)
    [event] = logged_errors.flush()
    assert "Too many open files" in formatEvent(event)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ([], "must be a program and its arguments"),
        ("cat -n", "must be a program and its arguments"),
        (["no-such-program"], "there is no such program (got 'no-such-program')"),
        (["./no-such-program"], "there is no such program (got './no-such-program')"),
        ([""], "there is no such program"),
        (["./plain-file"], "the program is not executable (got './plain-file')"),
        (["cat", "a\0b"], "NUL"),
    ],
)
def test_a_command_that_cannot_run_is_refused_when_it_is_configured(
    reactor: PlayedReactor, tmp_path: Path, command: Sequence[str], problem: str
) -> None:
    (tmp_path / "plain-file").touch(mode=0o600)
    with pytest.raises(ConfigError) as caught:
        make(reactor, command, cwd=str(tmp_path))
    assert caught.value.key == "stdio"
    assert problem in str(caught.value)


def test_the_command_is_looked_for_where_the_child_will(
    reactor: PlayedReactor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server").touch(mode=0o700)
    make(reactor, ["server"], env={"PATH": str(tmp_path)})
    make(reactor, ["./server"], cwd=str(tmp_path))
    monkeypatch.chdir(tmp_path)
    make(reactor, ["./server"])
    with pytest.raises(ConfigError, match="there is no such program"):
        make(reactor, ["server"])


def test_a_directory_that_does_not_exist_is_refused(reactor: PlayedReactor, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"directory to run in does not exist \(got '.*/nowhere'\)"):
        make(reactor, cwd=str(tmp_path / "nowhere"))


def test_a_variable_that_cannot_be_passed_is_refused(reactor: PlayedReactor) -> None:
    with pytest.raises(ConfigError, match="NUL"):
        make(reactor, env={"A": "b\0c"})


@pytest.mark.parametrize("name", ["max_line", "max_garbage", "stall_timeout", "stop_grace", "max_depth"])
def test_a_limit_that_permits_nothing_is_refused(reactor: PlayedReactor, name: str) -> None:
    nothing: dict[str, Any] = {name: 0}
    with pytest.raises(ConfigError, match=f"{name}: must be above 0"):
        make(reactor, **nothing)


# Passing messages


@pytest.mark.proves("M-11", "mcp/2026-07-28/basic/transports#custom-format")
def test_a_message_to_the_child_keeps_its_bytes_but_for_newlines(c: Conversation) -> None:
    c.channel.receive(decode(PING.replace(b",", b" ,\r\n")))
    assert c.process.takes() == PING.replace(b",", b" ,  ") + b"\n"
    c.channel.receive(Notification("notifications/initialized"))
    assert c.process.takes() == b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'


@pytest.mark.proves("M-11", "mcp/2025-11-25/basic/transports#custom-format")
def test_a_message_of_the_child_keeps_its_bytes(c: Conversation) -> None:
    c.process.says(PONG, PING)
    assert [message.data for message in c.client.received] == [PONG, PING]
    assert isinstance(c.client.received[1], Request)


def test_what_is_no_message_is_dropped_counted_and_logged(c: Conversation, stdio: Stdio, log: list[str]) -> None:
    c.process.says(b"Server ready!", PONG, b'{"jsonrpc":"1.0"}', b"\x1b" + b"x" * 1000)
    assert len(c.client.received) == 1
    assert stdio.garbage == 3
    assert stdio.given_up == 0
    pid = c.process.pid
    assert log[0] == f"child {pid} sent what is no message: Server ready!"
    assert 'must be "2.0"' in log[1]
    assert log[1].endswith(': {"jsonrpc":"1.0"}')
    assert log[2].endswith(f"\\x1b{'x' * (GARBAGE_SHOWN - 1)}...")


def test_what_is_no_message_is_logged_within_bounds(reactor: PlayedReactor, log: list[str]) -> None:
    c = Conversation(reactor, make(reactor))
    c.process.says(PONG, *[b"noise"] * 500)
    assert len(log) == 1 + GARBAGE_LOGGED
    reactor.advance(1)
    c.process.says(b"more")
    assert log[1 + GARBAGE_LOGGED :] == [
        f"child {c.process.pid} sent what is no message: {500 - GARBAGE_LOGGED} more lines not shown",
        f"child {c.process.pid} sent what is no message: more",
    ]


def test_a_child_that_talks_may_write_as_much_else_as_it_likes(reactor: PlayedReactor) -> None:
    stdio = make(reactor, max_garbage=3)
    c = Conversation(reactor, stdio)
    c.process.says(*[b"starting"] * 3, PONG, *[b"noise"] * 1000, PONG)
    assert [message.data for message in c.client.received] == [PONG, PONG]
    assert (stdio.garbage, stdio.given_up) == (1003, 0)


def test_a_byte_order_mark_before_the_first_line_is_skipped(c: Conversation, stdio: Stdio) -> None:
    c.process.says(b"\xef\xbb\xbf" + PONG, PONG)
    assert [message.data for message in c.client.received] == [PONG, PONG]
    assert stdio.garbage == 0


@pytest.mark.proves("M-15")
@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":1,"result":{"v":NaN}}',
        b'{"result":{"v":Infinity},"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"error":"boom"}',
        b'{"jsonrpc":"2.0","id":1,"error":null}',
        b'{"id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":"\xff"}',
        b'{"jsonrpc":"2.0","id":1.0,"result":{}}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"result":{"content":[',
        b'{"result":{"v":NaN},"id":1,"_meta":{"a":1},"jsonrpc":"2.0"}',
        b'[{"jsonrpc":"2.0","id":1,"result":{"v":NaN}}]',
        b'{"result":{},"jsonrpc":"2.0","id":1};',
        b'\x1b[0mDEBUG {"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 200 + b"]" * 200 + b"}",
    ],
)
def test_an_answer_that_cannot_be_used_fails_its_request_alone(c: Conversation, stdio: Stdio, line: bytes) -> None:
    c.process.says(line, PONG)
    [failed, pong] = c.client.received
    assert isinstance(failed, Error)
    assert (failed.id, failed.error.code, failed.error.message) == (1, 502, "The answer cannot be used")
    assert pong.data == PONG
    assert (stdio.garbage, stdio.given_up) == (1, 0)


@pytest.mark.proves("B-6")
def test_several_messages_in_one_line_are_taken_one_by_one(c: Conversation, stdio: Stdio) -> None:
    c.process.says(b"[%b,%b]" % (PONG, b'{"jsonrpc":"2.0","id":2,"error":"boom"}'), b"[]", b"[done]", b"[%b" % PONG)
    pong, failed, broken_off = c.client.received
    assert pong.data == PONG
    assert isinstance(broken_off, Error)
    assert isinstance(failed, Error)
    assert (failed.id, failed.error.code) == (2, 502)
    assert stdio.garbage == 4


def test_several_messages_in_one_line_may_hold_halves_of_surrogate_pairs(c: Conversation) -> None:
    halves = rb'{"jsonrpc":"2.0","id":2,"result":{"text":"ab\ud83d"}}'
    c.process.says(b"[%b,%b]" % (halves, PONG))
    assert [message.data for message in c.client.received] == [halves, PONG]


def test_a_request_of_the_child_that_cannot_be_used_is_answered(c: Conversation) -> None:
    c.process.says(b'{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{"temperature":NaN}}')
    assert c.client.received == []
    answer = decode(c.process.takes())
    assert isinstance(answer, Error)
    assert (answer.id, answer.error.code) == ("s1", -32700)


def test_what_only_has_an_id_is_neither_answer_nor_request(c: Conversation) -> None:
    c.process.says(b'{"level":"info","id":1}', b'{"level":"info","id":1,"took":NaN}')
    assert c.client.received == []
    assert c.process.takes() == b""


def test_a_child_that_mostly_sends_garbage_is_given_up(reactor: PlayedReactor) -> None:
    stdio = make(reactor, max_garbage=3)
    c = Conversation(reactor, stdio)
    c.process.says(*[b"noise"] * 4, PONG)
    assert reason_of(c.client) == "The server process sent more than 3 lines a minute that are no messages"
    assert c.client.received == []
    assert (stdio.garbage, stdio.given_up) == (4, 1)
    assert stdio.counted() == {
        "stdio.children": stdio.children,
        "stdio.started": 1,
        "stdio.given_up": 1,
        "stdio.garbage": 4,
        "stdio.too_long": 0,
        "stdio.held_off": 0,
        "stdio.crowded": 0,
        "stdio.stopped": 0,
    }


def test_garbage_now_and_then_is_borne(reactor: PlayedReactor) -> None:
    c = Conversation(reactor, make(reactor, max_garbage=3))
    for _ in range(10):
        reactor.advance(60)
        c.process.says(*[b"noise"] * 3)
    assert c.client.ended is None


def test_a_child_that_nests_too_deep_sends_no_message(reactor: PlayedReactor) -> None:
    stdio = make(reactor, max_depth=4)
    c = Conversation(reactor, stdio)
    c.process.says(b'{"jsonrpc":"2.0","id":1,"result":[[[[]]]]}')
    [failed] = c.client.received
    assert isinstance(failed, Error)
    assert failed.error.code == 502
    assert stdio.garbage == 1


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":"a","result":{"text":"%b"}}' % (b"x" * 1000),
        b'{"result":{"text":"%b"},"jsonrpc":"2.0","id":"a"}' % (b"x" * 1_000_000),
        b'{"result":{"text":"%b"},"id":"a","jsonrpc":"2.0"}' % (b"x" * 1000),
    ],
    ids=["id first", "id last", "version last"],
)
def test_an_answer_over_the_limit_fails_its_request_alone(reactor: PlayedReactor, line: bytes) -> None:
    stdio = make(reactor, max_line=100)
    c = Conversation(reactor, stdio)
    c.process.says(PONG, line, PONG)
    [_, failed, _] = c.client.received
    assert failed == Error.answering("a", ResultTooLarge(len(line), 100))
    assert (stdio.too_long, stdio.garbage, stdio.given_up) == (1, 0, 0)


def test_a_line_over_the_limit_may_be_the_last(reactor: PlayedReactor) -> None:
    c = Conversation(reactor, make(reactor, max_line=100))
    line = b'{"jsonrpc":"2.0","id":7,"result":"' + b"x" * 100
    c.process._protocol.childDataReceived(STDOUT, line)
    c.process.exits(1)
    assert c.client.received == [Error.answering(7, ResultTooLarge(len(line), 100))]


def test_a_request_of_the_child_over_the_limit_is_answered(reactor: PlayedReactor) -> None:
    c = Conversation(reactor, make(reactor, max_line=100))
    line = b'{"method":"sampling/createMessage","params":{"x":"%b"},"jsonrpc":"2.0","id":3}' % (b"x" * 100)
    c.process.says(line, b"x" * 1000, PONG)
    assert [message.data for message in c.client.received] == [PONG]
    assert c.process.takes().strip() == encode(Error.answering(3, ResultTooLarge(len(line), 100)))


@pytest.mark.proves("mcp/2025-11-25/basic/transports#stdio-stderr")
def test_standard_error_is_logged_within_bounds(reactor: PlayedReactor, log: list[str]) -> None:
    c = Conversation(reactor, make(reactor, max_stderr_line=20, stderr_lines_per_second=2))
    c.process.says(b"starting {up}", b"x" * 21, b"too much", fd=STDERR)
    c.process.exits()
    pid = c.process.pid
    assert log == [
        f"test child {pid} started: {sys.executable}",
        f"child {pid} stderr: starting {{up}}",
        f"child {pid} stderr: {'x' * 20}...",
        f"child {pid} stderr: 1 more lines not shown",
        f"test child {pid} exited with status 0 after 0.0 s, by itself",
    ]


# Backpressure


def test_a_client_that_reads_slowly_slows_standard_output_alone(c: Conversation) -> None:
    c.channel.pauseProducing()
    assert [c.process.is_read(fd) for fd in (STDOUT, STDERR)] == [False, True]
    c.channel.resumeProducing()
    assert [c.process.is_read(fd) for fd in (STDOUT, STDERR)] == [True, True]


def test_a_child_that_reads_slowly_slows_its_client(c: Conversation) -> None:
    c.process.stdin.stuck = True
    c.channel.receive(Notification("x" * 100_000))
    assert c.client.paused
    c.process.stdin.stuck = False
    assert len(c.process.takes()) > 100_000
    assert not c.client.paused


def test_a_child_that_reads_nothing_is_given_up(reactor: PlayedReactor) -> None:
    stdio = make(reactor, stall_timeout=7)
    c = Conversation(reactor, stdio)
    c.process.stdin.stuck = True
    c.channel.receive(Notification("x" * 100_000))
    reactor.advance(6.9)
    assert c.client.ended is None
    reactor.advance(0.2)
    assert reason_of(c.client) == "The server process has read nothing for 7 s"
    assert stdio.given_up == 1


def test_pausing_what_has_ended_does_nothing(c: Conversation) -> None:
    c.process.closes(STDOUT)
    c.channel.pauseProducing()
    c.channel.resumeProducing()
    c.process.exits()
    c.channel.pauseProducing()
    c.channel.resumeProducing()


# The end of the child


@pytest.mark.parametrize(
    ("status", "signal", "reason"),
    [
        (0, None, "The server process exited with status 0"),
        (127, None, "The server process exited with status 127"),
        (0, 9, "The server process was killed by signal 9 (Killed)"),
    ],
)
def test_a_child_that_exits_is_lost_and_it_is_said_how(
    c: Conversation, stdio: Stdio, status: int, signal: int | None, reason: str
) -> None:
    c.process.exits(status, signal=signal)
    assert reason_of(c.client) == reason
    assert (stdio.children, stdio.given_up) == (0, 0)


def test_what_a_child_wrote_last_is_delivered_before_it_is_lost(reactor: PlayedReactor, c: Conversation) -> None:
    c.channel.pauseProducing()
    c.process.exits(1, holding=[STDOUT])
    assert c.process.is_read(STDOUT)
    c.channel.pauseProducing()
    assert c.process.is_read(STDOUT)
    c.process.says(PONG)
    c.process._protocol.childDataReceived(STDOUT, PING)
    assert c.client.ended is None
    c.process.closes(STDOUT)
    assert [message.data for message in c.client.received] == [PONG, PING]
    assert reason_of(c.client) == "The server process exited with status 1"


def test_half_a_message_at_the_end_is_garbage(c: Conversation, stdio: Stdio) -> None:
    c.process._protocol.childDataReceived(STDOUT, PONG[:-1])
    c.process.exits(1)
    [failed] = c.client.received
    assert isinstance(failed, Error)
    assert (failed.id, failed.error.code) == (1, 502)
    assert stdio.garbage == 1


def test_streams_that_outlive_the_child_are_closed(reactor: PlayedReactor, c: Conversation, stdio: Stdio) -> None:
    c.process.exits(holding=[STDIN, STDOUT, STDERR])
    reactor.advance(LAST_WORDS - 0.1)
    assert c.client.ended is None
    reactor.advance(0.2)
    assert reason_of(c.client) == "The server process exited with status 0"
    assert (stdio.children, c.process.pipes) == (0, {})


def test_input_that_nobody_reads_any_more_does_not_delay_the_end(reactor: PlayedReactor, c: Conversation) -> None:
    c.process.stdin.stuck = True
    c.channel.receive(Notification("x" * 100_000))
    c.process.exits(holding=[STDIN])
    reactor.advance(LAST_WORDS)
    assert reason_of(c.client) == "The server process exited with status 0"


def test_a_child_that_exits_has_not_stalled(reactor: PlayedReactor) -> None:
    c = Conversation(reactor, make(reactor, stall_timeout=7))
    c.process.stdin.stuck = True
    c.channel.receive(Notification("x" * 100_000))
    reactor.advance(6.9)
    c.process.exits(3, holding=[STDIN])
    reactor.advance(LAST_WORDS)
    assert reason_of(c.client) == "The server process exited with status 3"


def test_descendants_left_in_the_group_are_asked_then_killed(reactor: PlayedReactor, c: Conversation) -> None:
    c.process.members.add(4242)
    c.process.exits(holding=[STDOUT])
    assert c.process.signals == [signal.SIGTERM]
    reactor.advance(LAST_WORDS)
    assert c.process.signals == [signal.SIGTERM, signal.SIGKILL]


def test_a_group_that_is_gone_is_never_signalled_again(reactor: PlayedReactor, c: Conversation) -> None:
    c.process.exits(holding=[STDOUT])
    c.process.members.add(4242)  # a stranger, with the same number by now
    reactor.advance(LAST_WORDS)
    assert c.process.signals == []


@pytest.mark.parametrize(("fd", "name"), [(STDIN, "standard input"), (STDOUT, "standard output")])
def test_a_child_that_closes_a_stream_is_given_up(
    reactor: PlayedReactor, c: Conversation, stdio: Stdio, fd: int, name: str
) -> None:
    c.process.closes(fd)
    c.channel.receive(Notification("x" * 100_000))
    reactor.advance(LAST_WORDS)
    assert reason_of(c.client) == f"The server process closed its {name}"
    assert stdio.given_up == 1
    reactor.advance(GRACE)
    assert c.process.signals == [signal.SIGTERM]


def test_a_child_that_closes_its_streams_because_it_exits_is_no_more_than_that(
    reactor: PlayedReactor, c: Conversation, stdio: Stdio
) -> None:
    c.process.closes(STDIN, STDOUT)
    reactor.advance(LAST_WORDS / 2)
    c.process.exits(3)
    assert reason_of(c.client) == "The server process exited with status 3"
    assert stdio.given_up == 0


def test_a_second_stream_closed_wins_no_time(reactor: PlayedReactor, c: Conversation) -> None:
    c.process.closes(STDIN)
    reactor.advance(LAST_WORDS / 2)
    c.process.closes(STDOUT)
    reactor.advance(LAST_WORDS / 2)
    assert reason_of(c.client) == "The server process closed its standard input"


def test_a_child_may_close_its_standard_error(reactor: PlayedReactor, c: Conversation) -> None:
    c.process.closes(STDERR)
    reactor.advance(1000)
    assert c.client.ended is None


# The end of the conversation


def test_a_client_that_leaves_ends_its_child_and_hears_no_more(
    reactor: PlayedReactor, c: Conversation, stdio: Stdio
) -> None:
    c.channel.pauseProducing()
    c.channel.close("the client is gone")
    assert c.process.is_read(STDOUT)
    c.process.says(PONG)
    c.process.takes()
    assert STDIN not in c.process.pipes
    c.channel.receive(decode(PING))
    c.process.exits()
    assert c.client.received == []
    assert c.client.ended is None
    assert stdio.children == 0


def test_a_consumer_that_stops_its_channel_ends_the_child(c: Conversation) -> None:
    c.channel.stopProducing()
    c.channel.close("again")
    c.process.takes()
    assert STDIN not in c.process.pipes


def test_what_the_client_sent_before_it_left_is_still_read(c: Conversation) -> None:
    for _ in range(3):
        c.channel.receive(decode(PING))
    c.channel.close("the client is gone")
    assert c.process.takes() == 3 * (PING + b"\n")


def test_a_message_may_end_the_conversation_it_comes_in(c: Conversation) -> None:
    c.client.on_send = lambda: c.channel.close("enough")
    c.process.says(PONG, PONG)
    assert len(c.client.received) == 1


def test_a_front_may_close_the_channel_while_it_is_told_of_the_loss(reactor: PlayedReactor, c: Conversation) -> None:
    c.client.on_lost = lambda: c.channel.close("lost")
    c.process.closes(STDOUT)
    reactor.advance(LAST_WORDS)
    assert c.client.ended is not None


@pytest.mark.proves("mcp/2025-11-25/basic/lifecycle#stdio-shutdown")
def test_a_child_that_does_not_leave_is_asked_then_killed(reactor: PlayedReactor, c: Conversation) -> None:
    c.channel.close("the client is gone")
    reactor.advance(GRACE - 0.1)
    assert c.process.signals == []
    reactor.advance(0.2)
    assert c.process.signals == [signal.SIGTERM]
    reactor.advance(GRACE)
    assert c.process.signals == list(ESCALATION)
    assert reactor.getDelayedCalls() == []


def test_a_child_that_is_no_group_yet_is_signalled_alone(reactor: PlayedReactor, c: Conversation) -> None:
    c.process.has_group = False
    c.channel.close("the client is gone")
    reactor.advance(GRACE)
    assert c.process.signals == [signal.SIGTERM]


def test_a_child_that_exited_unseen_is_not_signalled(reactor: PlayedReactor, c: Conversation) -> None:
    c.channel.close("the client is gone")
    c.process.has_group = False
    c.process._reason = Failure(ProcessDone(0))
    reactor.advance(GRACE)
    assert c.process.signals == []


def test_a_child_of_another_user_is_left_to_itself(
    reactor: PlayedReactor, c: Conversation, monkeypatch: pytest.MonkeyPatch, log: list[str]
) -> None:
    def refuse(group: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refuse)
    c.channel.close("the client is gone")
    reactor.advance(GRACE)
    assert log[-1] == f"child {c.process.pid} may not be sent signal 15"


# The end of the service


@pytest.mark.proves("D-4")
def test_stopping_ends_every_conversation_and_waits_for_every_child(reactor: PlayedReactor, stdio: Stdio) -> None:
    one, two = Conversation(reactor, stdio), Conversation(reactor, stdio)
    stopped = stdio.stop()
    again = stdio.stop()
    for c in (one, two):
        assert type(c.client.ended) is ShuttingDown
        c.process.takes()
        assert STDIN not in c.process.pipes
    one.process.exits()
    assert not stopped.called
    two.process.exits()
    assert result_of(stopped) is result_of(again) is None


def test_stopping_waits_for_a_child_whose_client_has_left(c: Conversation, stdio: Stdio) -> None:
    c.channel.close("the client is gone")
    stopped: list[None] = []
    stdio.stop().addCallback(stopped.append)
    assert stopped == []
    c.process.exits()
    assert stopped == [None]
    assert c.client.ended is None


def test_stopping_what_has_no_children_takes_no_time(stdio: Stdio) -> None:
    assert result_of(stdio.stop()) is None


def test_a_stopped_backend_takes_no_conversation(reactor: PlayedReactor, stdio: Stdio) -> None:
    stdio.stop()
    failures: list[Failure] = []
    stdio.open(Client()).addErrback(failures.append)
    assert failures[0].check(BackendLost)
    assert reactor.processes == []


# Too many, too soon


def test_a_client_too_many_gets_its_child_when_another_is_gone(reactor: PlayedReactor) -> None:
    stdio = make(reactor, max_children=1, stop_grace=GRACE)
    first = Conversation(reactor, stdio)
    opened: list[Channel] = []
    stdio.open(Client()).addCallback(opened.append)
    first.channel.close("the client is gone")
    # It is not gone before it is.
    assert (stdio.children, opened) == (1, [])
    first.process.exits()
    assert len(opened) == 1
    assert (stdio.children, stdio.started) == (1, 2)
    assert stdio.counted()["stdio.crowded"] == 1


def test_stopping_leaves_nobody_waiting_for_room(reactor: PlayedReactor) -> None:
    stdio = make(reactor, max_children=1)
    Conversation(reactor, stdio)
    failures: list[Failure] = []
    stdio.open(Client()).addErrback(failures.append)
    stopped = stdio.stop()
    assert failures[0].check(ShuttingDown)
    reactor.processes[0].exits()
    assert stopped.called
    assert stdio.started == 1


def test_a_child_that_ends_before_it_has_read_anything_is_not_replaced_at_once(reactor: PlayedReactor) -> None:
    stdio = make(reactor, random=lambda: 0)
    c = Conversation(reactor, stdio)
    refusals: list[Failure] = []

    def want_another() -> None:
        stdio.open(Client()).addErrback(refusals.append)

    c.client.on_lost = want_another
    c.process.exits(1)
    [failure] = refusals
    assert str(failure.value) == "The server process exited with status 1; it is started again in 1.0 s"
    assert (stdio.started, stdio.counted()["stdio.held_off"]) == (1, 1)
    reactor.advance(1)
    Conversation(reactor, stdio)


def test_without_a_backoff_there_is_always_another_one(reactor: PlayedReactor) -> None:
    stdio = make(reactor, backoff=None)
    for _ in range(5):
        Conversation(reactor, stdio).process.exits(1)
    assert stdio.started == 5


def test_a_child_that_is_told_to_go_holds_off_nobody(reactor: PlayedReactor) -> None:
    stdio = make(reactor)
    for _ in range(5):
        c = Conversation(reactor, stdio)
        c.channel.close("the client is gone")
        c.process.exits()
    assert stdio.started == 5


# Stopped children


@pytest.fixture
def halted(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The processes that are stopped."""
    pids: set[int] = set()
    monkeypatch.setattr("mcpws.backends.stdio.child.is_stopped", pids.__contains__)
    return pids


def test_a_stopped_child_is_told_of_and_given_up_once_somebody_waits(
    reactor: PlayedReactor, stdio: Stdio, c: Conversation, halted: set[int], log: list[str]
) -> None:
    halted.add(c.process.pid)
    for _ in range(20):
        reactor.advance(5)
    assert [line for line in log if "is stopped" in line] == [
        f"child {c.process.pid} is stopped, as by SIGSTOP: it reads and answers nothing"
    ]
    assert stdio.counted()["stdio.stopped"] == 1
    assert c.client.ended is None
    c.channel.receive(decode(PING))
    reactor.advance(5)
    assert reason_of(c.client).startswith("The server process has been stopped for ")


@pytest.mark.proves("G-11")
def test_who_waits_for_a_stopped_child_waits_for_stall_timeout(
    reactor: PlayedReactor, c: Conversation, halted: set[int]
) -> None:
    c.channel.receive(decode(PING))
    halted.add(c.process.pid)
    for _ in range(6):
        reactor.advance(5)
        assert c.client.ended is None
    reactor.advance(5)
    assert reason_of(c.client) == "The server process has been stopped for 30 s, as by SIGSTOP"


def test_a_child_that_goes_on_in_time_is_let_be(
    reactor: PlayedReactor, stdio: Stdio, c: Conversation, halted: set[int], log: list[str]
) -> None:
    c.channel.receive(decode(PING))
    for _ in range(3):
        halted.add(c.process.pid)
        for _ in range(5):
            reactor.advance(5)
        halted.clear()
        reactor.advance(5)
    assert c.client.ended is None
    assert stdio.counted()["stdio.stopped"] == 3
    assert log.count(f"child {c.process.pid} is not stopped any more") == 3


@pytest.mark.proves("G-11")
def test_a_slow_child_is_not_a_stopped_one(reactor: PlayedReactor, c: Conversation, halted: set[int]) -> None:
    c.channel.receive(decode(PING))
    for _ in range(1000):
        reactor.advance(5)
    assert c.client.ended is None


def test_a_stopped_wrapper_of_a_server_that_speaks_is_let_be(
    reactor: PlayedReactor, c: Conversation, halted: set[int]
) -> None:
    c.channel.receive(decode(PING))
    halted.add(c.process.pid)
    for _ in range(20):
        reactor.advance(5)
        c.process.says(b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}')
    assert c.client.ended is None


def test_our_own_pause_is_not_held_against_a_child(reactor: PlayedReactor, c: Conversation, halted: set[int]) -> None:
    c.channel.receive(decode(PING))
    halted.add(c.process.pid)
    reactor.advance(5)
    reactor.advance(1000)
    assert c.client.ended is None


def test_a_child_whose_requests_have_their_answers_may_be_stopped(
    reactor: PlayedReactor, c: Conversation, halted: set[int]
) -> None:
    c.channel.receive(decode(PING))
    c.process.says(PONG)
    halted.add(c.process.pid)
    for _ in range(20):
        reactor.advance(5)
    assert c.client.ended is None
