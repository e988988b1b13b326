"""Newline framing for stdio (MCP, stdio transport): one UTF-8 message a line, no newline inside."""

from __future__ import annotations

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
        *lines, rest = data.split(b"\n")
        if lines and self._held:
            lines[0] = self.finish() + lines[0]
        self._held += rest
        if len(self._held) > self.limit or any(len(line) > self.limit for line in lines):
            self._held.clear()
            raise LineTooLong(self.limit)
        return [stripped for line in lines if (stripped := line.removesuffix(b"\r"))]

    def finish(self) -> bytes:
        """What is left without a newline at the end of the stream; empty if nothing."""
        left = bytes(self._held)
        self._held.clear()
        return left


def to_line(data: bytes) -> bytes:
    """A JSON message as a line: raw newlines, only between tokens in valid JSON, become spaces."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\n", b" ").replace(b"\r", b" ")
    return data + b"\n"
