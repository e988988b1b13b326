"""Fenced code blocks of README.md and docs/, and what it takes to run each as its reader would.

What a block needs to be run stands in an HTML comment right above it, which no reader sees:

- `<!-- file: NAME -->`: the reader saves it under this name. `<!-- more: NAME -->`: it goes to the end of that file.
- `<!-- same: PATH -->`: it is the file PATH of this repository, and the reader saves it under that name.
- `<!-- serves -->`: its last command serves until it is stopped, which those of `SERVERS` do without a word.
- `<!-- status: N -->`: its last command ends with this status, not 0.
- `<!-- log: WORDS -->`: lines of the log, which tests/integration/test_log.py sees a service write.
- `<!-- cannot run: REASON -->`: it is not run; `test_snippets.py` knows how many of these there are.

Without a comment: python goes into one program, all such blocks of a page in their order, and pycon is a doctest in
that program; console is run by a shell, a line that begins with `$ ` after the other, and what stands below a command
has to be what it says (`...` stands for anything); toml is a file of settings; json is JSON; a diff is an edit of the
package, of which the reader has a copy from then on. Text, and diagrams, are no code.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SECONDS = 30
SERVERS = ("mcpws serve", "twistd -n", "twist mcpws")
PORTS = ("8082", "8083", "8000")
"""That the pages use; each is replaced by a free one."""

PICTURES = ("text", "")
CANNOT = "cannot run"

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>[\w{}-]*) *$")
_COMMENT = re.compile(r"^ *<!-- ([a-z ]+?)(?:: (.*))? -->$")

_SESSION = """
import doctest, sys
space = {"__name__": "page"}
for kind, name, line, text in BLOCKS:
    source = "\\n" * (line - 1) + text
    if kind == "python":
        exec(compile(source, name, "exec"), space)
        continue
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(text, space, name, name, line)
    test.globs = space
    runner = doctest.DocTestRunner(optionflags=flags)
    if runner.run(test, clear_globs=False).failed:
        sys.exit(1)
"""


@dataclass(frozen=True)
class Block:
    """One fenced block: where it stands (the line of its first line of text), what it is, what its comment says."""

    page: str
    line: int
    language: str
    text: str
    word: str | None
    value: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A line of a console block, and what its reader sees below it."""

    text: str
    expected: str


def pages() -> list[str]:
    """The README and every page of the documentation, by their paths in the repository."""
    found = [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
    return [str(one.relative_to(ROOT)) for one in found]


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    lines = (ROOT / page).read_text().splitlines()
    return list(_blocks(page, lines))


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        at += 1
        if fence is None:
            continue
        begin = at
        while lines[at].strip() != fence["ticks"]:
            at += 1
        text = "\n".join(line.removeprefix(fence["indent"]) for line in lines[begin:at]) + "\n"
        comment = _COMMENT.match(lines[begin - 2]) if begin >= 2 else None
        word, value = (comment[1], comment[2] or "") if comment else (None, "")
        # Words in braces are directives of the pages themselves.
        if not fence["language"].startswith("{"):
            yield Block(page, begin + 1, fence["language"], text, word, value)
        at += 1


def commands_of(block: Block) -> list[Command]:
    """The commands of a console block. A line that ends in a backslash goes on in the next."""
    found: list[list[str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:]])
        elif not found:
            raise AssertionError(f"{block.place}: a console block begins with a command, `$ `")
        elif len(found[-1]) == 1 and found[-1][0].endswith("\\"):
            found[-1][0] += "\n" + line
        else:
            found[-1].append(line)
    return [Command(command, "".join(f"{line}\n" for line in said)) for command, *said in found]


class Reader:
    """Somebody who does what a page says, in an empty folder.

    `counted` is how many blocks were run or checked.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counted = 0
        self._free = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._server: subprocess.Popen[bytes] | None = None
        self._log = folder / "server.log"
        self._session: list[tuple[str, str, int, str]] = []
        path = os.pathsep.join([str(BIN), os.environ["PATH"]])
        self.environment = {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "100", "NO_COLOR": "1"}

    def read(self, blocks: list[Block]) -> None:
        """Do all of them; AssertionError names the first that does not do as it says."""
        try:
            for block in blocks:
                self._do(block)
            self._run_session()
        finally:
            self._stop_server()

    def _do(self, block: Block) -> None:
        if block.word in (CANNOT, "log") or (block.language in PICTURES and block.word is None):
            return
        self.counted += 1
        text = self._own(block.text)
        if block.word in ("file", "more"):
            self._save(block, text)
        elif block.word == "same":
            assert (ROOT / block.value).read_text() == block.text, f"{block.place}: is not {block.value}"
            self._write(Path(block.value).name, text)
        elif block.language == "console":
            self._console(block)
        elif block.language in ("python", "pycon"):
            self._session.append((block.language, block.page, block.line, text))
        elif block.language == "json":
            json.loads(text)
        elif block.language == "diff":
            self._edit(block)
        elif block.language == "toml":
            self._write("mcpws.toml", text)
            self._run(block, Command("mcpws config check mcpws.toml", "...\n"), 0)
        else:
            raise AssertionError(f"{block.place}: nothing says how to run {block.language}")

    def _save(self, block: Block, text: str) -> None:
        if block.word == "more":
            text = (self.folder / block.value).read_text() + "\n\n" + text
        self._write(block.value, text)
        if block.value.endswith(".py"):
            compile(text, block.place, "exec")

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _edit(self, block: Block) -> None:
        """Edit a copy of the package, which comes before the installed one."""
        if not (self.folder / "mcpws").exists():
            shutil.copytree(ROOT / "mcpws", self.folder / "mcpws", ignore=shutil.ignore_patterns("__pycache__"))
        # Where it is in the file may change, so the page does not say.
        text = re.sub(r"^@@ .* @@$", "@@ -1 +1 @@", block.text, flags=re.MULTILINE)
        edit = subprocess.run(
            ["git", "apply", "--unidiff-zero", "--recount", "-"],
            cwd=self.folder,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert edit.returncode == 0, f"{block.place}: {edit.stderr}"

    def _console(self, block: Block) -> None:
        *_, last = commands = commands_of(block)
        for command in commands:
            serves = command.text.startswith(SERVERS) or (block.word == "serves" and command is last)
            if serves:
                self._serve(block, command)
            else:
                status = int(block.value) if block.word == "status" and command is last else 0
                self._run(block, command, status)

    def _run(self, block: Block, command: Command, status: int) -> None:
        try:
            ended = subprocess.run(
                ["bash", "-c", self._own(command.text)],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            served = self._printed(self._log.read_text()) if self._server else "nothing"
            raise AssertionError(f"{block.place}: $ {command.text}\ndoes not end; the server said:\n{served}") from None
        said = self._printed(ended.stdout)
        assert ended.returncode == status, f"{block.place}: $ {command.text}\nends with {ended.returncode}:\n{said}"
        if command.expected:
            assert fits(command.expected, said), f"{block.place}: $ {command.text}\nsays:\n{said}"

    def _serve(self, block: Block, command: Command) -> None:
        """Start a server, in place of the one that runs, as nobody has two on one port."""
        self._stop_server()
        log = self._log
        # The default port, where the command names none.
        port = {} if "8082" in command.text or "--config" in command.text else {"MCPWS_PORT": self._free["8082"]}
        with log.open("wb") as output:
            self._server = subprocess.Popen(
                ["bash", "-c", f"{self._own(command.text)}"],
                cwd=self.folder,
                env={**self.environment, **port},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + SECONDS
        while not (self._listens() and fits(command.expected + "...\n", self._printed(log.read_text()))):
            said = self._printed(log.read_text())
            assert self._server.poll() is None, f"{block.place}: $ {command.text}\nends:\n{said}"
            assert time.monotonic() < deadline, f"{block.place}: $ {command.text}\nsays:\n{said}"
            time.sleep(0.05)

    def _listens(self) -> bool:
        return any(accepts(port) for port in self._free.values())

    def _stop_server(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        with killed(server):
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
                server.wait(SECONDS)

    def _run_session(self) -> None:
        if not self._session:
            return
        program = f"BLOCKS = {self._session!r}\n{_SESSION}"
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def _own(self, text: str) -> str:
        for port, free in self._free.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    def _printed(self, text: str) -> str:
        for port, free in self._free.items():
            text = text.replace(free, port)
        return text


def fits(expected: str, said: str) -> bool:
    """Whether somebody who expects this sees it; blanks at the ends of lines, and their number, do not matter."""
    return OutputChecker().check_output(expected, said, ELLIPSIS | NORMALIZE_WHITESPACE)


def accepts(port: str) -> bool:
    """Whether anything listens there."""
    try:
        socket.create_connection(("127.0.0.1", int(port)), 1).close()
    except OSError:
        return False
    return True


def free_ports(number: int) -> list[str]:
    """Ports of this machine that nobody has, as texts of one length, each given once.

    They are below those that the system gives to whoever asks for any, so nobody gets one before it is used.
    """
    found: list[str] = []
    while len(found) < number:
        port = next(_ports)
        with suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            found.append(str(port))
    return found


_ports = iter(random.sample(range(20_000, 32_000), 12_000))


@contextmanager
def killed(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """In the end nothing is left of a process that leads a session of its own."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def reader() -> Iterator[Reader]:
    """Somebody who reads a page, with a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mcpws-docs-") as folder:
        yield Reader(Path(folder))
