"""Recorder: an observer that keeps what passes in a file, in the form of `recording.form`."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import time
from typing import Literal

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mcpws.config import MIB
from mcpws.errors import ConfigError
from mcpws.jsonrpc.messages import Message
from mcpws.recording.form import BEGINNING, FORMAT, Closed, Full, Introduced, Line, Opened, Run, Said, Side, written
from mcpws.recording.secrets import Secrets
from mcpws.seam.observer import ClientInfo, Closing, MessageObserver, Party
from mcpws.turns.timer import Timer
from mcpws.version import __version__

log = Logger()

RECORDED_BYTES = 100 * MIB
"""Of a file, where nobody says how many."""

KEPT_BYTES = 64 * 1024
"""Bytes that are kept back, at most, to be written together."""

KEPT_SECONDS = 1.0
"""How long they are, at most."""

_LAST_LINE = 100
"""Bytes, of the line that says that there are no more."""


class _Conversation:
    """What is known of one that goes on."""

    __slots__ = ("began", "secrets")

    def __init__(self, began: float, secrets: Secrets) -> None:
        self.began = began
        self.secrets = secrets


class Recorder(MessageObserver):
    """Appends what passes to the file `path`, without secrets. `close` it in the end.

    It never holds up nor ends what it records: once the file has `most` bytes, or cannot be written, it says so in the
    log, once, and counts in `left_out` what it does not record.

    :param clock: by which messages are timed; a turn of its own writes what was kept back for a second.
    :param most: bytes of the whole file, those of runs before included.
    :param names: of secrets, besides those that `recording.secrets` knows.
    :param now: seconds since 1970, for the beginnings.
    :raises ConfigError: the file cannot be had, or is one that others may read. It names the field `record`.
    """

    def __init__(
        self,
        path: str,
        clock: IReactorTime,
        *,
        most: int,
        names: Sequence[str] = (),
        now: Callable[[], float] = time,
    ) -> None:
        self.left_out = 0
        """Lines that were not recorded."""
        self._path = path
        self._clock = clock
        self._most = most
        self._names = tuple(names)
        self._now = now
        self._conversations: dict[Party, _Conversation] = {}
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._timer = Timer(clock)
        self._begun = False
        self._file: int | None = None
        self._file, self._size = _opened(path)

    @property
    def recording(self) -> bool:
        """Whether it still does."""
        return self._file is not None

    def close(self) -> None:
        """Write what was kept back, and record no more."""
        self._write()
        self._end()
        if self.left_out:
            log.warn("{count} lines were not recorded in {path}", count=self.left_out, path=self._path)

    # observer.MessageObserver

    def opened(self, party: Party) -> None:
        secrets = Secrets(self._names)
        self._conversations[party] = _Conversation(self._clock.seconds(), secrets)
        if not self._begun:
            self._begun = True
            self._keep(Run(FORMAT, __version__, self._time(), self._names))
        who = party.identity
        headers = secrets.headers(who.headers)
        self._keep(Opened(party.id, self._time(), who.peer, who.path, who.subprotocol, headers))

    def introduced(self, party: Party, client: ClientInfo) -> None:
        found = self._conversations.get(party)
        if found is not None:
            texts = map(found.secrets.text, (client.name, client.version, client.protocol))
            self._keep(Introduced(party.id, self._at(found), *texts))

    def received(self, party: Party, message: Message) -> None:
        self._say(party, "client" if party.kind == "client" else "server", message)

    def sent(self, party: Party, message: Message) -> None:
        self._say(party, "server" if party.kind == "client" else "client", message)

    def closed(self, party: Party, closing: Closing) -> None:
        found = self._conversations.pop(party, None)
        if found is not None:
            by: Literal["client", "server"] = "server" if (closing.by == "us") is (party.kind == "client") else "client"
            reason = found.secrets.text(closing.reason)
            self._keep(Closed(party.id, self._at(found), by, closing.code, reason))
            self._write()

    # Writing.

    def _say(self, party: Party, by: Side, message: Message) -> None:
        if self._file is None:
            self.left_out += 1
            return
        found = self._conversations.get(party)
        if found is not None:
            self._keep(Said(party.id, self._at(found), by, found.secrets.without(message)))

    def _keep(self, line: Line) -> None:
        if self._file is None:
            self.left_out += 1
            return
        data = written(line)
        if self._size + self._kept_bytes + len(data) + _LAST_LINE > self._most:
            log.warn("no more is recorded: {path} is full, at {most} bytes", path=self._path, most=self._most)
            self.left_out += 1
            self._kept.append(written(Full(self._time())))
            self._write()
            self._end()
            return
        self._kept.append(data)
        self._kept_bytes += len(data)
        if self._kept_bytes >= KEPT_BYTES:
            self._write()
        elif not self._timer.is_set:
            self._timer.set(KEPT_SECONDS, self._write)

    def _write(self) -> None:
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        self._timer.stop()
        if self._file is None or not kept:
            return
        data = memoryview(b"".join(kept))
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError as error:
            log.error("no more is recorded: {path}: {problem}", path=self._path, problem=error.strerror)
            self.left_out += len(kept)
            self._take_back(self._size, done)
            self._end()
        else:
            self._size += done

    def _take_back(self, size: int, written: int) -> None:
        """Cut off a line of which only the beginning was written, unless somebody else writes there."""
        assert self._file is not None
        try:
            if os.fstat(self._file).st_size == size + written:
                os.ftruncate(self._file, size)
        except OSError as error:
            log.error("{path} ends with half a line: {problem}", path=self._path, problem=error.strerror)

    def _end(self) -> None:
        file, self._file = self._file, None
        self._kept, self._kept_bytes = [], 0
        self._timer.stop()
        if file is not None:
            try:
                os.close(file)
            except OSError as error:
                log.error("{path}: {problem}", path=self._path, problem=error.strerror)

    def _at(self, conversation: _Conversation) -> float:
        return round(self._clock.seconds() - conversation.began, 6)

    def _time(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")


def _opened(path: str) -> tuple[int, int]:
    """The file, to append to, and its size. It is made if there is none; one that others may read is refused."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        file = os.open(path, flags, 0o600)
    except OSError as error:
        raise ConfigError("record", path, f"cannot be written: {error.strerror}") from None
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode):
            raise ConfigError("record", path, "must be a file")
        if about.st_mode & 0o077:
            raise ConfigError("record", path, "is open to others: chmod 600 it, or name another file")
        size = about.st_size
        if size and os.pread(file, len(BEGINNING), 0) != BEGINNING:
            raise ConfigError("record", path, "is there, and no recording: name another file")
        if size and os.pread(file, 1, size - 1) != b"\n":
            # Of a run that was ended while it wrote: half a line is none, and what comes now must not be part of it.
            size = _last_end(file, size)
            os.ftruncate(file, size)
    except OSError as error:
        os.close(file)
        raise ConfigError("record", path, f"cannot be written: {error.strerror}") from None
    except ConfigError:
        os.close(file)
        raise
    return file, size


def _last_end(file: int, size: int) -> int:
    """Where the last whole line of a file ends."""
    while size:
        start = max(0, size - KEPT_BYTES)
        found = os.pread(file, size - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        size = start
    return 0
