"""Bytes that the kernel holds since the other end has not taken them: the one way to see that a slow reader reads.

Linux calls a socket writable only once a third of its buffer is free, which may be of megabytes, and a pipe once it has
room for a page. Where the kernel does not tell how much it holds, either is writable as soon as there is any room.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

if sys.platform != "win32":
    import fcntl
    import termios


def in_socket(transport: Any) -> int | None:
    """Bytes that the other end has not acknowledged (SIOCOUTQ, tcp(7) and unix(7)); None if that is not known."""
    return _asked(transport, termios.TIOCOUTQ) if sys.platform == "linux" else None


def in_pipe(pipe: Any) -> int | None:
    """Bytes that nobody has read (FIONREAD, pipe(7)); None if that is not known."""
    return _asked(pipe, termios.FIONREAD) if sys.platform != "win32" else None


def _asked(descriptor: Any, request: int) -> int | None:
    # It may be closed, or stand for something that has no descriptor.
    with suppress(OSError, ValueError, AttributeError):
        return int.from_bytes(fcntl.ioctl(descriptor.fileno(), request, bytes(4)), sys.byteorder)
    return None
