"""Keys, one by one: a pseudo-terminal, and a reactor that is the test."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from mcpws.cli.keys import Keys


class Rig:
    """Keys at a terminal, and who sits there."""

    def __init__(self, person: int, fd: int) -> None:
        self.readers: list[Any] = []
        self.pressed: list[str] = []
        self.keys = Keys(self, self.pressed.append, fd)
        self._person = person
        self._fd = fd

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def types(self, data: bytes) -> None:
        os.write(self._person, data)
        self.readers[0].doRead()

    def mode(self) -> list[Any]:
        return termios.tcgetattr(self._fd)

    def hangs_up(self) -> None:
        os.close(self._person)


@pytest.fixture
def rig() -> Iterator[Rig]:
    person, terminal = pty.openpty()
    yield Rig(person, terminal)
    for fd in (person, terminal):
        try:
            os.close(fd)
        except OSError:
            continue


def test_each_key_is_told_without_a_newline_and_not_shown(rig: Rig) -> None:
    rig.keys.begin()
    rig.types(b"q")
    rig.types("sä\n".encode())
    assert rig.pressed == ["q", "s", "ä", "\n"]
    mode = rig.mode()[3]
    assert not mode & (termios.ECHO | termios.ICANON)
    # Ctrl-C stays a signal; what would end the process where it stands is none.
    assert mode & termios.ISIG
    assert rig.mode()[6][termios.VQUIT] == b"\x00"


@pytest.mark.parametrize("data", [b"\x1b[A", b"\x1bOP", b"\x1b[1;5D", b"\x1b"])
def test_a_key_that_sends_several_characters_is_none_of_them(rig: Rig, data: bytes) -> None:
    rig.keys.begin()
    rig.types(data)
    assert rig.pressed == []


def test_what_is_typed_after_the_last_key_is_left_out(rig: Rig) -> None:
    def pressed(key: str) -> None:
        rig.pressed.append(key)
        rig.keys.end()

    rig.keys = Keys(rig, pressed, rig.keys.fileno())
    rig.keys.begin()
    rig.types(b"qdd")
    assert rig.pressed == ["q"]


def test_the_mode_is_that_from_before_however_often_it_ends(rig: Rig) -> None:
    before = rig.mode()
    for _ in range(2):
        rig.keys.begin()
        rig.keys.begin()
        assert rig.mode() != before
        assert rig.readers == [rig.keys]
        rig.keys.end()
        rig.keys.end()
        assert rig.mode() == before
        assert rig.readers == []
    rig.keys.begin()
    rig.keys.connectionLost(Failure(ConnectionDone()))
    assert rig.mode() == before


def test_who_hangs_up_presses_nothing(rig: Rig) -> None:
    rig.keys.begin()
    rig.hangs_up()
    rig.keys.doRead()
    assert rig.readers == []
    rig.keys.end()
    assert rig.pressed == []
