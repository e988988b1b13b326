"""The form of a recording: a file of lines, each a JSON object that tells its `event`.

`recording` begins a run of a service. Each conversation in it is told by `opened`, `client`, `message` and `closed`,
all with the number of its connection and, but for the first, how many seconds after its beginning (`at`). `full` ends
what is recorded of a run before its end. A reader passes over other events, and over members that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from mcpws.errors import ConfigError, RpcError
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Message
from mcpws.jsonrpc.surrogates import reader

FORMAT = 1
"""Version of the form; a reader refuses a newer one."""

Side: TypeAlias = Literal["client", "server"]


class Run(Struct, tag_field="event", tag="recording", omit_defaults=True):
    """The beginning of a run: `time` is that of the day, in ISO 8601; `names` are those of secrets that it was told."""

    format: int
    mcpws: str
    time: str
    names: tuple[str, ...] = ()


class Opened(Struct, tag_field="event", tag="opened", omit_defaults=True):
    """The beginning of a conversation, as its handshake told."""

    connection: int
    time: str
    peer: str
    path: str
    subprotocol: str | None = None
    headers: Mapping[str, str] = {}


class Introduced(Struct, tag_field="event", tag="client"):
    """The client has said who it is."""

    connection: int
    at: float
    name: str
    version: str
    mcp: str


class Said(Struct, tag_field="event", tag="message"):
    """A message."""

    connection: int
    at: float
    by: Side = msgspec.field(name="from")
    message: Raw


class Closed(Struct, tag_field="event", tag="closed", omit_defaults=True):
    """The end of a conversation."""

    connection: int
    at: float
    by: Side
    code: int | None = None
    reason: str = ""


class Full(Struct, tag_field="event", tag="full"):
    """Nothing more of this run is recorded."""

    time: str


Line: TypeAlias = Run | Opened | Introduced | Said | Closed | Full

_encode = msgspec.json.Encoder().encode
_read_line = msgspec.json.Decoder(Line).decode
_read_value = reader(dict[str, Any])


class _Event(Struct):
    event: str


_read_event = msgspec.json.Decoder(_Event).decode
_EVENTS = {"recording", "opened", "client", "message", "closed", "full"}


BEGINNING = b'{"event":"recording",'
"""Of every recording."""


def written(line: Line) -> bytes:
    """A line of the file, with its end."""
    return _encode(line) + b"\n"


@dataclass(frozen=True, slots=True)
class Utterance:
    """A message of a recorded conversation.

    :param line: its number in the file, from 1.
    :param at: seconds since the conversation began.
    :param value: the message as JSON, decoded; with marks in the place of surrogates.
    """

    line: int
    at: float
    by: Side
    message: Message
    value: dict[str, Any]


@dataclass(slots=True)
class Conversation:
    """A recorded conversation.

    :param number: among those of the file, from 1.
    :param line: where it begins.
    :param names: of secrets that its service was told.
    :param closed: how it ended; None if the recording ends before it does.
    """

    number: int
    line: int
    opened: Opened
    names: tuple[str, ...]
    said: list[Utterance] = field(default_factory=list)
    closed: Closed | None = None


def read_recording(path: str) -> list[Conversation]:
    """The conversations in a file, in the order in which they began. A last line that has no end is left out.

    :raises ConfigError: it cannot be read, or is no recording; the line is named by its number.
    """
    try:
        with open(path, "rb") as file:
            return read_lines(file, path)
    except OSError as error:
        raise ConfigError("FILE", path, f"cannot be read: {error.strerror}") from None


def read_lines(lines: Iterable[bytes], path: str) -> list[Conversation]:
    """As `read_recording`, of lines with their ends; `path` is what errors call them."""
    found: list[Conversation] = []
    # By number: of two runs that overlap, as when code is reloaded, the older one goes on until a number comes again.
    open: dict[int, Conversation] = {}
    names: tuple[str, ...] | None = None
    for number, line in _numbered(lines, path):
        if isinstance(line, Run):
            if line.format > FORMAT:
                raise _bad(path, number, f"is of form {line.format}, and this mcpws reads {FORMAT}")
            names = line.names
        elif names is None:
            raise _bad(path, number, "comes before a line with the event recording, with which one begins")
        elif isinstance(line, Opened):
            open[line.connection] = Conversation(len(found) + 1, number, line, names)
            found.append(open[line.connection])
        elif not isinstance(line, Full):
            conversation = open.get(line.connection)
            if conversation is None or conversation.closed is not None:
                raise _bad(path, number, f"is of connection {line.connection}, which is not open there")
            if isinstance(line, Closed):
                conversation.closed = line
            elif isinstance(line, Said):
                conversation.said.append(_utterance(line, number, path))
    return found


def _numbered(lines: Iterable[bytes], path: str) -> Iterator[tuple[int, Line]]:
    for number, text in enumerate(lines, start=1):
        if not text.endswith(b"\n"):
            # What wrote it was ended meanwhile.
            return
        if not text.strip():
            continue
        try:
            yield number, _read_line(text)
        except (ValueError, RecursionError) as error:
            if not _is_of_later(text):
                raise _bad(path, number, f"is no line of a recording: {error}") from None


def _is_of_later(text: bytes) -> bool:
    """Whether a line tells of an event that is not known here."""
    try:
        return _read_event(text).event not in _EVENTS
    except (ValueError, RecursionError):
        return False


def _utterance(line: Said, number: int, path: str) -> Utterance:
    try:
        message = decode(bytes(line.message))
        value = _read_value(line.message)
    except RpcError as error:
        raise _bad(path, number, f"has a message that is none: {error.message} {error.data or ''}".strip()) from None
    except (ValueError, RecursionError) as error:
        raise _bad(path, number, f"has a message that is none: {error}") from None
    return Utterance(number, line.at, line.by, message, value)


def _bad(path: str, number: int, problem: str) -> ConfigError:
    return ConfigError("FILE", path, f"line {number} {problem}")
