"""Newline framing for stdio (MCP, stdio transport): one UTF-8 message a line, no newline inside."""

from __future__ import annotations

from collections.abc import Sequence

from mcpws.errors import LineTooLong


class LineFramer:
    """Cuts a byte stream into lines; holds one unfinished line of at most `limit` bytes, no more.

    The end of a line is LF; a CR before it is dropped, so are empty lines. The CR counts.
    """

    __slots__ = ("_held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes.

        :raises LineTooLong: a line, finished or not, is over the limit. What was held is dropped;
            the complete lines before it are lost with it, so the caller must give the stream up.
        """
        held = self._held
        # What is shorter in all holds no line that is longer.
        may_be_long = len(held) + len(data) > self.limit
        if b"\n" not in data:
            # To look for one byte is many times quicker than to split, and most of a long line comes so.
            lines = []
            held += data
        else:
            lines = data.split(b"\n")
            rest = lines.pop()
            if held:
                held += lines[0]
                lines[0] = self.finish()
            held += rest
        if may_be_long and (len(held) > self.limit or max(map(len, lines), default=0) > self.limit):
            held.clear()
            raise LineTooLong(self.limit)
        # Few programs write any of the two that are dropped.
        if lines and (b"\r" in data or lines[0].endswith(b"\r")):
            lines = [line.removesuffix(b"\r") for line in lines]
        return lines if all(lines) else [line for line in lines if line]

    def finish(self) -> bytes:
        """What is left without a newline at the end of the stream; empty if nothing."""
        left = bytes(self._held)
        self._held.clear()
        return left


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
