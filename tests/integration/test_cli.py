"""The `mcpws` command as a process of its own, against servers that run in this one."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import pytest
import trustme
from OpenSSL import SSL
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapServerTLS
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import ContextFactory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from mcpws import App, Context, DualEra, ServerFactory, SharedStdio, Stdio, ToolError

pytestmark = pytest.mark.integration

reactor: Any = installed
COMMAND = (sys.executable, "-m", "mcpws.cli")
SECONDS = 60
SOON = 5
"""Seconds, for what takes milliseconds on a machine with nothing else to do."""

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def call(id: int, tool: str, **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def lines(*messages: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def answers(output: bytes) -> dict[int, Any]:
    """By id, results or errors; every line must be an answer."""
    found = [json.loads(line) for line in output.splitlines()]
    return {one["id"]: one.get("result", one.get("error")) for one in found}


class Ran:
    """How a command ended."""

    def __init__(self, status: int, out: bytes, err: bytes) -> None:
        self.status = status
        self.out = out
        self.err = err.decode()

    def complaint(self) -> str:
        """The one line on standard error."""
        assert self.err.count("\n") == 1, self.err
        return self.err.removesuffix("\n")


class Running:
    """A command that is running; its standard input is a pipe unless it is given another."""

    command = COMMAND

    def __init__(self, *arguments: str, stdin: int | IO[bytes] = subprocess.PIPE, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*self.command, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )

    def writes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def reads(self) -> Deferred[bytes]:
        """The next line of its output."""
        assert self.process.stdout is not None
        return deferToThread(self.process.stdout.readline)

    def complains(self) -> Deferred[bytes]:
        """The next line on standard error."""
        assert self.process.stderr is not None
        return deferToThread(self.process.stderr.readline)

    async def ends(self, input: bytes | None = None) -> Ran:
        """Write the last `input`, close, and wait for the end."""
        try:
            out, err = await deferToThread(self.process.communicate, input, SECONDS)
        finally:
            self.process.kill()
        return Ran(self.process.returncode, out, err)


async def run(*arguments: str, input: bytes | None = None, stdin: int | IO[bytes] | None = None, **env: str) -> Ran:
    """Run a command to its end."""
    return await Running(*arguments, stdin=subprocess.PIPE if stdin is None else stdin, **env).ends(input)


def example_app() -> App:
    app = App("example", "1", clock=reactor)

    @app.tool
    def add(a: int, b: int) -> int:
        """Add two integers."""
        return a + b

    @app.tool
    def echo(text: str) -> str:
        return text

    @app.tool
    def fail() -> str:
        raise ToolError("it does not work")

    @app.tool
    async def wait(context: Context, seconds: float) -> str:
        context.log("warning", "patience", "waiting")
        context.progress(1, 2, "half")
        await deferLater(reactor, seconds)
        return "done"

    @app.resource("notes://today", mime_type="text/plain")
    def today() -> str:
        """Things to do."""
        return "buy milk"

    @app.resource("notes://picture")
    def picture() -> bytes:
        return b"\x89PNG\x00\n"

    @app.resource("notes://{day}")
    def notes(day: str) -> str:
        return day

    @app.prompt
    def greet(name: str, language: str = "English") -> str:
        """Ask for a greeting."""
        return f"Greet {name} in {language}."

    return app


class Server:
    """An example server that listens."""

    def __init__(self) -> None:
        self.factory = ServerFactory(example_app(), reactor=reactor)
        self.url = ""

    def drop(self) -> None:
        """All connections, without a word."""
        for connection in self.factory.connections:
            connection.abort()


@asynccontextmanager
async def listening(factory: IProtocolFactory, options: Any = None) -> AsyncIterator[int]:
    """The port."""
    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port: Any = await (endpoint if options is None else wrapServerTLS(options, endpoint)).listen(factory)
    try:
        yield port.getHost().port
    finally:
        await port.stopListening()


@asynccontextmanager
async def serving(options: Any = None) -> AsyncIterator[Server]:
    server = Server()
    async with listening(server.factory, options) as port:
        server.url = f"{'ws' if options is None else 'wss'}://127.0.0.1:{port}"
        yield server
        await server.factory.stop(0)


class ServerContext(ContextFactory):
    """TLS with this certificate."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        certificate.configure_cert(self._context)

    def getContext(self) -> SSL.Context:
        return self._context


class Silent(Factory):
    """Takes connections and says nothing; `connected` fires with the first."""

    def __init__(self) -> None:
        self.connected: Deferred[None] = Deferred()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        if not self.connected.called:
            self.connected.callback(None)
        return Protocol()


class Canned(Factory):
    """Answers whatever comes with the same bytes, and hangs up."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _CannedProtocol(self.answer)


class Hearing(Factory):
    """Keeps what comes, and hangs up."""

    def __init__(self) -> None:
        self.data = b""

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _HearingProtocol(self)


class _HearingProtocol(Protocol):
    def __init__(self, hearing: Hearing) -> None:
        self.hearing = hearing

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.hearing.data += data
        self.transport.loseConnection()


class _CannedProtocol(Protocol):
    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self.answer)
        self.transport.loseConnection()


# call, tool, tools


@ensureDeferred
async def test_call_prints_the_result() -> None:
    async with serving() as server:
        ran = await run("call", server.url, "tools/call", '{"name": "add", "arguments": {"a": 1, "b": 2}}')
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(b"{\n  ")
    assert json.loads(ran.out)["structuredContent"] == {"result": 3}


@ensureDeferred
async def test_a_tool_is_called_in_one_line_by_way_of_json() -> None:
    async with serving() as server:
        port = server.url.rpartition(":")[2]
        ran = await run("tool", port, "echo", "-", "--json", "--era", "legacy", input='{"text": "Grüße"}'.encode())
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == '{"content":[{"type":"text","text":"Grüße"}]}\n'.encode()


@pytest.mark.parametrize("era", ["auto", "legacy", "modern"])
@ensureDeferred
async def test_a_server_of_both_eras_is_spoken_to_in_either(era: str) -> None:
    async with serving() as server:
        ran = await run("call", server.url, "tools/list", "--json", "--era", era)
    assert (ran.status, ran.err) == (0, "")
    assert ("resultType" in json.loads(ran.out)) is (era != "legacy")


@ensureDeferred
async def test_the_tools_are_listed() -> None:
    async with serving() as server:
        listed = await run("tools", server.url)
        whole = await run("tools", server.url, "--json")
    assert (listed.status, listed.err) == (0, "")
    assert listed.out.startswith(b"add(a: integer, b: integer)\n    Add two integers.\necho(text: string)\nfail()\n")
    assert [tool["name"] for tool in json.loads(whole.out)] == ["add", "echo", "fail", "wait"]
    assert whole.out.count(b"\n") == 1


@ensureDeferred
async def test_arguments_are_taken_as_the_tool_has_them() -> None:
    async with serving() as server:
        text = await run("tool", server.url, "echo", "text=5", "--text")
        numbers = await run("tool", server.url, "add", '{"a": 1}', "b=2", "--text")
        wrong = await run("tool", server.url, "add", "a=one", "b=2")
        unknown = await run("tool", server.url, "nothing", "a=one")
    assert (text.status, text.out, text.err) == (0, b"5\n", "")
    assert (numbers.status, numbers.out, numbers.err) == (0, b"3\n", "")
    assert (wrong.status, wrong.out) == (2, b"")
    assert wrong.complaint().startswith("mcpws: Invalid value for ARGUMENTS: a must be integer (got 'one')")
    assert unknown.status == 1
    assert unknown.complaint() == f"mcpws: {server.url}: Unknown tool: nothing (code -32602)"


@ensureDeferred
async def test_half_of_a_surrogate_pair_is_left_to_the_server() -> None:
    argument = r'{"text": "\ud83d"}'
    async with serving() as server:
        tool = await run("tool", server.url, "echo", argument, "--json")
        call = await run("call", server.url, "tools/call", rf'{{"name": "echo", "arguments": {argument}}}', "--json")
    assert tool.status == call.status == 1
    assert tool.out == call.out
    assert b"a string holds half of a surrogate pair" in tool.out


@ensureDeferred
async def test_resources_and_prompts_are_listed_and_fetched() -> None:
    async with serving() as server:
        resources = await run("resources", server.url)
        text = await run("read", server.url, "notes://today")
        data = await run("read", server.url, "notes://picture")
        nothing = await run("read", server.url, "notes://a/b")
        prompts = await run("prompts", server.url)
        prompt = await run("prompt", server.url, "greet", "name=Ann")
        whole = await run("prompt", server.url, "greet", "name=Ann", "--json")
    assert resources.out == b"notes://today  text/plain\n    Things to do.\nnotes://picture\nnotes://{day}\n"
    assert (text.status, text.out, text.err) == (0, b"buy milk\n", "")
    assert (data.status, data.out, data.err) == (0, b"\x89PNG\x00\n", "")
    assert nothing.status == 1
    assert nothing.complaint().startswith(f"mcpws: {server.url}: Resource not found: notes://a/b")
    assert prompts.out == b"greet(name, language?)\n    Ask for a greeting.\n"
    assert (prompt.status, prompt.out, prompt.err) == (0, b"user: Greet Ann in English.\n", "")
    assert json.loads(whole.out)["messages"][0]["role"] == "user"


@ensureDeferred
async def test_a_shell_completes_commands_and_the_tools_of_the_server() -> None:
    async def completed(*words: str) -> list[str]:
        line = " ".join(["mcpws", *words])
        count = str(len(words))
        ran = await run(COMP_WORDS=line, COMP_CWORD=count, _MCPWS_COMPLETE="bash_complete")
        assert (ran.status, ran.err) == (0, "")
        return ran.out.decode().split()

    async with serving() as server:
        port = server.url.rpartition(":")[2]
        assert await completed("to") == ["plain,tool", "plain,tools", "plain,top"]
        assert await completed("tool", port, "e") == ["plain,echo"]
        assert await completed("tool", "--era", "legacy", port, "-q", "f") == ["plain,fail"]
        assert await completed("prompt", port, "g") == ["plain,greet"]
        assert await completed("read", port, "notes") == ["plain,notes://today", "plain,notes://picture"]
        assert await completed("tool", port, "--era", "l") == ["plain,legacy"]
    assert await completed("tool", port, "e") == []
    assert await completed("tool", "http://x", "e") == []


@ensureDeferred
async def test_progress_and_log_messages_go_to_standard_error() -> None:
    async with serving() as server:
        told = await run("tool", server.url, "wait", '{"seconds": 0}')
        quiet = await run("tool", server.url, "wait", '{"seconds": 0}', "--quiet")
    assert (told.status, told.err) == (0, "warning: waiting: patience\nprogress 1/2 half\n")
    assert (quiet.status, quiet.err) == (0, "")


@ensureDeferred
async def test_an_error_of_the_servers_ends_with_1() -> None:
    async with serving() as server:
        plain = await run("call", server.url, "nothing")
        as_json = await run("call", server.url, "nothing", "--json")
    assert (plain.status, plain.out) == (1, b"")
    assert plain.complaint().startswith(f"mcpws: {server.url}: Method not found: nothing (code -32601)")
    assert as_json.status == 1
    error = json.loads(as_json.out)["error"]
    assert (error["type"], error["code"], error["data"]) == ("RemoteError", -32601, {"method": "nothing"})


@ensureDeferred
async def test_a_tool_that_fails_ends_with_1_and_its_result() -> None:
    async with serving() as server:
        ran = await run("tool", server.url, "fail", "--json")
    assert (ran.status, ran.err) == (1, "")
    assert json.loads(ran.out)["isError"] is True


@ensureDeferred
async def test_no_answer_in_time_ends_with_5() -> None:
    async with serving() as server:
        ran = await run("tool", server.url, "wait", '{"seconds": 60}', "--quiet", "--timeout", "0.5")
    assert (ran.status, ran.out) == (5, b"")
    assert ran.complaint() == f"mcpws: {server.url}: tools/call: no answer within 0.5 s"


@ensureDeferred
async def test_a_lost_connection_ends_with_4() -> None:
    async with serving() as server:
        running = Running("tool", server.url, "wait", '{"seconds": 60}')
        await running.complains()
        await running.complains()
        server.drop()
        ran = await running.ends()
    assert ran.status == 4
    assert ran.complaint().startswith(f"mcpws: {server.url}: connection closed with 1006")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@ensureDeferred
async def test_a_signal_ends_a_call_cleanly(number: int) -> None:
    async with serving() as server:
        running = Running("tool", server.url, "wait", '{"seconds": 60}')
        await running.complains()
        await running.complains()
        running.process.send_signal(number)
        ran = await running.ends()
        await deferLater(reactor, 0)
        assert server.factory.connections == ()
    assert (ran.status, ran.out, ran.err) == (128 + number, b"", "")


@ensureDeferred
async def test_a_signal_ends_an_attempt_to_connect() -> None:
    silent = Silent()
    async with listening(silent) as port:
        running = Running("call", str(port), "ping")
        await silent.connected
        running.process.send_signal(signal.SIGINT)
        ran = await running.ends()
    assert (ran.status, ran.out, ran.err) == (128 + signal.SIGINT, b"", "")


IMPORTING = """
import sys, time
class Slow:
    def find_spec(self, name, path, target=None):
        if name == "MODULE":
            sys.stderr.write("importing\\n")
            sys.stderr.flush()
            time.sleep(600)
sys.meta_path.insert(0, Slow())
from mcpws.cli import main
main()
"""


@pytest.mark.parametrize("module", ["click", "mcpws.cli.commands", "mcpws.client.factory", "twisted.internet.reactor"])
@ensureDeferred
async def test_a_signal_ends_a_command_that_is_still_being_imported(module: str) -> None:
    class Importing(Running):
        command = (sys.executable, "-c", IMPORTING.replace("MODULE", module))

    running = Importing("tools", "8082")
    assert await running.complains() == b"importing\n"
    running.process.send_signal(signal.SIGINT)
    ran = await running.ends()
    # A shell makes 130 of either.
    assert ran.status in (-signal.SIGINT, 128 + signal.SIGINT)
    assert (ran.out, ran.err) == (b"", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["connect", "tool"])
@ensureDeferred
async def test_after_a_second_signal_nothing_is_waited_for(command: str, number: signal.Signals) -> None:
    async with serving() as server:
        running = Running(command, server.url, *(["wait", '{"seconds": 60}'] if command == "tool" else []))
        if command == "tool":
            await running.complains()
            await running.complains()
        else:
            running.writes(lines(INITIALIZE))
            await running.reads()
        # From now on it answers nothing, the Close neither.
        [connection] = server.factory.connections
        connection.pause_reading()
        running.process.send_signal(number)
        seconds = 7 if command == "connect" else 2
        warning = await running.complains()
        assert warning == f"mcpws: {number.name}: ending, which may take {seconds} s; again: at once\n".encode()
        running.process.send_signal(number)
        ran = await running.ends()
        connection.resume_reading()
    assert (ran.status, ran.err) == (128 + number, "")


LOOKING = """
import socket, sys, time
lookup = socket.getaddrinfo
def slow(host, *arguments, **options):
    if host.endswith(".example"):
        sys.stderr.write("looking\\n")
        sys.stderr.flush()
        time.sleep(600)
    return lookup(host, *arguments, **options)
socket.getaddrinfo = slow
from mcpws.cli import main
main()
"""


class Looking(Running):
    """A command with a name server that does not answer; `complains` when it is asked."""

    command = (sys.executable, "-c", LOOKING)


@pytest.mark.proves("H-33")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["tools", "call", "connect"])
@ensureDeferred
async def test_a_signal_ends_a_command_at_once_whose_host_is_still_looked_up(command: str, number: int) -> None:
    running = Looking(command, "ws://a.example", *(["ping"] if command == "call" else []))
    assert await running.complains() == b"looking\n"
    running.process.send_signal(number)
    started = time.monotonic()
    status = await deferToThread(running.process.wait, SECONDS)
    assert time.monotonic() - started < SOON
    ran = await running.ends()
    assert (status, ran.out, ran.err) == (128 + number, b"", "")


@pytest.mark.proves("H-33")
@pytest.mark.parametrize("command", ["tools", "connect"])
@ensureDeferred
async def test_to_look_a_host_up_takes_no_longer_than_the_timeout(command: str) -> None:
    running = Looking(command, "ws://a.example", "--timeout", "0.5")
    assert await running.complains() == b"looking\n"
    started = time.monotonic()
    assert await deferToThread(running.process.wait, SECONDS) == 3
    assert time.monotonic() - started < SOON
    ran = await running.ends()
    assert ran.complaint() == "mcpws: cannot connect to ws://a.example: no connection within 0.5 s"


# Connections that cannot be


@pytest.mark.parametrize("era", ["auto", "legacy", "modern"])
@pytest.mark.parametrize("shared", [False, True])
@ensureDeferred
async def test_a_server_whose_child_dies_is_not_reached(shared: bool, era: str) -> None:
    child = Stdio([sys.executable, "-c", "raise SystemExit(3)"], reactor=reactor)
    backend = SharedStdio(child, clock=reactor) if shared else DualEra(child, clock=reactor)
    factory = ServerFactory(backend, reactor=reactor)
    async with listening(factory) as port:
        ran = await run("tools", str(port), "--era", era, "--json")
        await factory.stop(0)
        await backend.stop()
    assert ran.status == 3
    assert ran.complaint().startswith(f"mcpws: cannot connect to ws://127.0.0.1:{port}: ")
    assert "The server process exited with status 3" in ran.complaint()
    assert json.loads(ran.out)["error"]["type"] == "ConnectFailed"


@ensureDeferred
async def test_nobody_there_ends_with_3() -> None:
    async with listening(Factory()) as port:
        pass
    plain = await run("call", str(port), "ping")
    as_json = await run("tools", str(port), "--json")
    assert (plain.status, plain.out) == (3, b"")
    assert plain.complaint().startswith(f"mcpws: cannot connect to ws://127.0.0.1:{port}: ")
    assert plain.complaint().endswith("(is the server running there?)")
    assert as_json.status == 3
    assert json.loads(as_json.out)["error"]["type"] == "ConnectFailed"


@ensureDeferred
async def test_a_refused_handshake_ends_with_3_and_a_hint() -> None:
    async with serving() as server:
        lost = await run("call", f"{server.url}/nowhere", "ping")
        strange = await run("call", server.url, "ping", "--origin", "https://evil.example")
    assert lost.status == strange.status == 3
    assert "HTTP 404 Not Found" in lost.complaint()
    assert "HTTP 403 Forbidden" in strange.complaint()
    assert "--origin" in strange.complaint()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"", "cannot connect to URL: "),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "is it a WebSocket server"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP 200 OK: hi"),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "--header 'Authorization: Bearer TOKEN'"),
    ],
)
@ensureDeferred
async def test_what_is_no_websocket_server_ends_with_3(answer: bytes, complaint: str) -> None:
    async with listening(Canned(answer)) as port:
        ran = await run("call", str(port), "ping")
    assert ran.status == 3
    assert complaint.replace("URL", f"ws://127.0.0.1:{port}") in ran.complaint()


@ensureDeferred
async def test_a_header_that_cannot_be_sent_ends_with_2() -> None:
    ran = await run("call", "8082", "ping", "--header", "X-Test: a\x07b")
    assert ran.status == 2
    assert ran.complaint() == "mcpws: headers: has a value with control characters (got 'X-Test')"


@pytest.mark.proves("H-34")
@pytest.mark.parametrize(
    "url",
    [
        "ws://me:secret@127.0.0.1:8082",
        "wss://me:secret@[::1]:8082",
        "wss://me:secret@[::1",
        "ws://me:secret%40127.0.0.1:8082",
        "http://me:secret@127.0.0.1",
        "me:secret@localhost:8082",
        "ws:/secret@localhost",
        "ws://secret@localhost",
    ],
)
@ensureDeferred
async def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    ran = await run("connect", url, "-v")
    assert ran.status == 2
    assert "secret" not in ran.err


@pytest.mark.proves("H-34")
@ensureDeferred
async def test_what_a_query_says_is_sent_and_not_shown() -> None:
    async with serving() as server:
        ran = await run("tools", f"{server.url}/nowhere?token=secret", "-v", "-H", "Authorization: Bearer secret")
    assert ran.status == 3
    assert "secret" not in ran.err
    assert f"mcpws: {server.url}/nowhere?...: " in ran.err


@pytest.mark.proves("H-31")
@ensureDeferred
async def test_the_headers_of_the_command_are_all_sent() -> None:
    heard = Hearing()
    async with listening(heard) as port:
        ran = await run("tools", str(port), "-H", "Host: a.example", "-H", "Cookie: a", "-H", "Cookie: b")
    assert ran.status == 3
    head = heard.data
    assert head.count(b"\r\nHost: ") == 1
    assert b"\r\nHost: a.example\r\nCookie: a\r\nCookie: b\r\n" in head


@ensureDeferred
async def test_over_tls_only_a_trusted_certificate_will_do(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    options = ServerContext(certificate)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    async with serving(options) as server:
        strange = await run("call", server.url, "ping")
        trusts = str(tmp_path / "authority.pem")
        trusted = await run("call", server.url, "tools/list", "--json", SSL_CERT_FILE=trusts)
        url = server.url.replace("127.0.0.1", "localhost.")
        absolute = await run("call", url, "tools/list", "--json", SSL_CERT_FILE=trusts)
    assert strange.status == 3
    assert "SSL_CERT_FILE" in strange.complaint()
    assert (trusted.status, trusted.err) == (absolute.status, absolute.err) == (0, "")
    assert json.loads(trusted.out)["tools"] == json.loads(absolute.out)["tools"]


# connect


@ensureDeferred
async def test_a_file_of_requests_is_answered_line_by_line(tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    requests.write_bytes(lines(INITIALIZE, INITIALIZED, *(call(id, "add", a=id, b=1) for id in range(1, 200))))
    async with serving() as server:
        with requests.open("rb") as stdin, (tmp_path / "answers.jsonl").open("wb") as stdout:
            process = subprocess.Popen([*COMMAND, "connect", server.url], stdin=stdin, stdout=stdout)
            assert await deferToThread(process.wait, SECONDS) == 0
    found = answers((tmp_path / "answers.jsonl").read_bytes())
    assert found.keys() == set(range(200))
    assert all(found[id]["structuredContent"] == {"result": id + 1} for id in range(1, 200))


@ensureDeferred
async def test_no_input_is_a_short_conversation() -> None:
    async with serving() as server:
        ran = await run("connect", server.url, stdin=subprocess.DEVNULL)
    assert (ran.status, ran.out, ran.err) == (0, b"", "")


@ensureDeferred
async def test_a_dialogue_over_pipes_ends_with_the_input() -> None:
    async with serving() as server:
        running = Running("connect", server.url, "-v")
        running.writes(lines(INITIALIZE))
        assert json.loads(await running.reads())["result"]["serverInfo"]["name"] == "example"
        running.writes(lines(INITIALIZED, call(1, "echo", text="x")))
        assert json.loads(await running.reads())["result"]["content"] == [{"type": "text", "text": "x"}]
        running.writes(lines(call(2, "wait", seconds=0.5)))
        assert json.loads(await running.reads())["method"] == "notifications/message"
        ran = await running.ends()
        await deferLater(reactor, 0)
        assert server.factory.connections == ()
    assert ran.status == 0
    assert answers(ran.out)[2]["content"] == [{"type": "text", "text": "done"}]


@ensureDeferred
async def test_a_terminal_will_do_for_standard_input() -> None:
    ours, theirs = pty.openpty()
    try:
        async with serving() as server:
            os.write(ours, lines(INITIALIZE) + b"\x04")
            ran = await run("connect", server.url, stdin=theirs)
        assert os.get_blocking(theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert ran.status == 0
    assert answers(ran.out).keys() == {0}


@ensureDeferred
async def test_large_messages_pass_both_ways() -> None:
    text = "é" * 1_000_000
    async with serving() as server:
        ran = await run("connect", server.url, input=lines(INITIALIZE, INITIALIZED, call(1, "echo", text=text)))
    assert ran.status == 0
    assert answers(ran.out)[1]["content"] == [{"type": "text", "text": text}]


@ensureDeferred
async def test_a_message_over_the_limit_fails_alone() -> None:
    said: list[dict[str, Any]] = [INITIALIZE, INITIALIZED, call(1, "echo", text="x" * 1000), call(2, "echo", text="y")]
    async with serving() as server:
        ran = await run("connect", server.url, "--max-message-size", "1000", input=lines(*said))
    assert ran.status == 0
    told = [json.loads(line) for line in ran.out.splitlines()]
    assert sorted((one["id"], one.get("error", {}).get("code", 0)) for one in told) == [(0, 0), (1, -32600), (2, 0)]


@ensureDeferred
async def test_when_the_server_cannot_be_reached_the_client_is_told_in_its_own_protocol() -> None:
    async with listening(Factory()) as port:
        pass
    ran = await run("connect", str(port), input=lines(INITIALIZE))
    assert ran.status == 3
    assert ran.complaint().startswith(f"mcpws: cannot connect to ws://127.0.0.1:{port}")
    assert answers(ran.out)[0]["message"].startswith(f"cannot connect to ws://127.0.0.1:{port}")


@ensureDeferred
async def test_a_server_that_hangs_up_in_the_handshake_was_not_reached() -> None:
    async with listening(Canned(b"")) as port:
        ran = await run("connect", str(port), input=lines(INITIALIZE))
    assert ran.status == 3
    assert answers(ran.out).keys() == {0}


@ensureDeferred
async def test_when_the_connection_is_lost_open_requests_get_errors_and_the_status_is_4() -> None:
    async with serving() as server:
        running = Running("connect", server.url)
        running.writes(lines(INITIALIZE, INITIALIZED, call(1, "wait", seconds=60)))
        for _ in range(2):
            await running.reads()
        server.drop()
        ran = await running.ends()
    assert ran.status == 4
    assert ran.complaint().startswith(f"mcpws: {server.url}: connection closed with 1006")
    assert answers(ran.out)[1]["code"] == 502


@ensureDeferred
async def test_a_closed_output_ends_the_conversation() -> None:
    async with serving() as server:
        running = Running("connect", server.url)
        running.writes(lines(INITIALIZE))
        await running.reads()
        assert running.process.stdout is not None
        running.process.stdout.close()
        assert await deferToThread(running.process.wait, SECONDS) == 0
        assert running.process.stderr is not None
        assert running.process.stdin is not None
        assert running.process.stderr.read() == b""
        running.process.stdin.close()
        running.process.stderr.close()


@pytest.mark.parametrize("command", ["connect", "tools", "call"])
@ensureDeferred
async def test_output_that_cannot_be_written_ends_with_1(command: str) -> None:
    async with serving() as server:
        arguments = [*COMMAND, command, server.url, *(["tools/list", "--json"] if command == "call" else [])]
        with open("/dev/full", "wb") as full:
            process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=full, stderr=subprocess.PIPE)
            _, err = await deferToThread(process.communicate, lines(INITIALIZE), SECONDS)
    assert process.returncode == 1
    assert err.startswith(f"mcpws: {server.url}: standard output".encode())
    assert err.count(b"\n") == 1


@ensureDeferred
async def test_a_reader_that_has_enough_is_no_reason_to_complain() -> None:
    async with serving() as server:
        running = Running("tools", server.url)
        assert running.process.stdout is not None
        running.process.stdout.close()
        assert running.process.stderr is not None
        with running.process.stderr as err:
            assert await deferToThread(running.process.wait, SECONDS) == 1
            assert err.read() == b""
        assert running.process.stdin is not None
        running.process.stdin.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@ensureDeferred
async def test_a_signal_is_a_proper_end_of_a_server(number: int) -> None:
    async with serving() as server:
        running = Running("connect", server.url)
        running.writes(lines(INITIALIZE, INITIALIZED, call(1, "wait", seconds=60)))
        for _ in range(2):
            await running.reads()
        running.process.send_signal(number)
        ran = await running.ends()
    assert (ran.status, ran.err) == (0, "")
    assert answers(ran.out)[1]["code"] == 503


@ensureDeferred
async def test_without_standard_input_there_is_nothing_to_do() -> None:
    closing = ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "connect", "8082"]
    done = await deferToThread(subprocess.run, closing, capture_output=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (2, b"mcpws: standard input or output is closed\n")
