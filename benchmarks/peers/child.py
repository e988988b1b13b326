"""The stdio MCP server behind both gateways: as cheap as Python can make it, all of a read in one write."""

from __future__ import annotations

import os

import orjson

from benchmarks.peers.echo import answer

READ = 1024 * 1024


def main() -> None:
    """Serve until standard input ends."""
    chunks: list[bytes] = []
    while chunk := os.read(0, READ):
        head, newline, rest = chunk.rpartition(b"\n")
        if not newline:
            # Part of a long line: joined once it is complete.
            chunks.append(chunk)
            continue
        lines = b"".join((*chunks, head)).split(b"\n")
        chunks = [rest] if rest else []
        replies = [answer(orjson.loads(line)) for line in lines if line]
        write(b"".join(orjson.dumps(reply, option=orjson.OPT_APPEND_NEWLINE) for reply in replies if reply))


def write(data: bytes) -> None:
    """All of it, however small the pipe."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


main()
