"""Newline framing for stdio (MCP, stdio transport): one UTF-8 message a line, no newline inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from mcpws.errors import LineTooLong
from mcpws.jsonrpc.outline import KEPT

Line: TypeAlias = bytes | LineTooLong
"""A line without its end; where it was too long, what is known of it."""

_BOM = b"\xef\xbb\xbf"


class LineFramer:
    """Cuts a byte stream into lines; holds one unfinished line of at most `limit` bytes, or both ends of a longer one.

    The end of a line is LF; a CR before it is dropped, so are empty lines. The CR counts. A byte order mark before the
    first line is dropped as well.
    """

    __slots__ = ("_begins", "_ends", "_held", "_is_first", "_size", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = bytearray()
        self._is_first = True
        # Of a line that is too long.
        self._size = 0
        self._begins = self._ends = b""

    def feed(self, data: bytes) -> list[Line]:
        """The lines that `data` completes, in order; in the place of one over the limit stands a LineTooLong."""
        held = self._held
        # What is shorter in all holds no line that is longer.
        if self._size or self._is_first or len(held) + len(data) > self.limit:
            return self._feed_slowly(data)
        if b"\n" not in data:
            # To look for one byte is many times quicker than to split, and most of a long line comes so.
            held += data
            return []
        lines = data.split(b"\n")
        rest = lines.pop()
        if held:
            held += lines[0]
            lines[0] = bytes(held)
            held.clear()
        held += rest
        # Few programs write any of the two that are dropped.
        if b"\r" in data or lines[0].endswith(b"\r"):
            lines = [line.removesuffix(b"\r") for line in lines]
        return [*lines] if all(lines) else [line for line in lines if line]

    def finish(self) -> Line:
        """Rest without a newline at the end of the stream; empty if nothing."""
        if self._size:
            error = LineTooLong(self._size, self.limit, self._begins, self._ends)
            self._size = 0
            self._begins = self._ends = b""
            return error
        line = bytes(self._held)
        self._held.clear()
        return line.removeprefix(_BOM) if self._is_first else line

    def _feed_slowly(self, data: bytes) -> list[Line]:
        lines = []
        *ended, rest = data.split(b"\n")
        for part in ended:
            self._add(part)
            line = self.finish()
            self._is_first = False
            lines.append(line.removesuffix(b"\r") if isinstance(line, bytes) else line)
        self._add(rest)
        return [line for line in lines if line]

    def _add(self, part: bytes) -> None:
        """More of the line that is not finished."""
        held = self._held
        if self._size:
            self._size += len(part)
            self._ends = (self._ends + part[-KEPT:])[-KEPT:]
        elif len(held) + len(part) <= self.limit:
            held += part
        else:
            self._size = len(held) + len(part)
            self._begins = bytes(held[:KEPT] + part[:KEPT])[:KEPT]
            self._ends = bytes(held[-KEPT:] + part[-KEPT:])[-KEPT:]
            held.clear()


def to_lines(texts: Sequence[bytes]) -> bytes:
    """JSON messages as lines, as `to_line` makes them; all at once, because newlines in them are rare."""
    lines = b"\n".join(texts)
    if lines.count(b"\n") < len(texts) and b"\r" not in lines:
        return lines + b"\n"
    return b"".join(map(to_line, texts))


def to_line(data: bytes) -> bytes:
    """A JSON message as a line: raw newlines, only between tokens in valid JSON, become spaces."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\n", b" ").replace(b"\r", b" ")
    return data + b"\n"
