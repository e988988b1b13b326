"""What the kernel says that nobody has read yet."""

import os
import socket
import sys

import pytest

from mcpws.ws.unread import in_pipe, in_socket

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


class Pipe:
    """The writing end of one."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number


@pytest.mark.proves("L-23")
def test_what_was_written_to_a_socket_is_unread_until_it_is_read() -> None:
    near, far = socket.socketpair()
    with near, far:
        assert in_socket(near) == 0
        near.send(b"x" * 10_000)
        before = in_socket(near)
        # A unix socket counts what it takes to keep them.
        assert before is not None
        assert before >= 10_000
        far.recv(10_000)
        assert in_socket(near) == 0


@pytest.mark.proves("L-23")
def test_what_was_written_to_a_pipe_is_unread_to_the_byte() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"x" * 10_000)
        assert in_pipe(Pipe(writing)) == 10_000
        os.read(reading, 1)
        assert in_pipe(Pipe(writing)) == 9_999
    finally:
        os.close(reading)
        os.close(writing)


def test_what_has_no_descriptor_says_nothing() -> None:
    near, far = socket.socketpair()
    near.close()
    far.close()
    assert in_socket(near) is None
    assert in_pipe(Pipe(-1)) is None
    assert in_socket(object()) is None
