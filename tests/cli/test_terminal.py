"""A terminal to ask at: a pseudo-terminal, and a reactor that is the test."""

from __future__ import annotations

import os
import pty
import sys
import termios
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from mcpws.cli.terminal import Terminal, can_ask
from mcpws.testing import result_of


class Readers:
    """What a terminal has of a reactor."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.all.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.all:
            self.all.remove(reader)


class Rig:
    def __init__(self, person: int, fd: int) -> None:
        self.readers = Readers()
        self.terminal = Terminal(self.readers, fd)
        self._person = person

    def types(self, data: bytes) -> None:
        os.write(self._person, data)
        if self.readers.all:
            assert self.readers.all[0].fileno() >= 0
            self.readers.all[0].doRead()


@pytest.fixture
def rig() -> Iterator[Rig]:
    person, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    yield Rig(person, terminal)
    assert termios.tcgetattr(terminal) == before
    for fd in person, terminal:
        os.close(fd)


def test_a_line_that_is_typed_answers(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    asked = rig.terminal.ask("City: ")
    assert capsys.readouterr().err == "City: "
    rig.types("Parx\x7fis, Grünwald\n".encode())
    assert result_of(asked) == "Paris, Grünwald"
    assert rig.readers.all == []


def test_what_is_pasted_answers_what_follows_too(rig: Rig) -> None:
    first = rig.terminal.ask("a: ")
    rig.types(b"1\n2\n")
    assert result_of(first) == "1"
    # A terminal gives one line at a time, a pipe would not.
    second = rig.terminal.ask("b: ")
    if rig.readers.all:
        rig.readers.all[0].doRead()
    assert result_of(second) == "2"


def test_lines_that_come_together_are_taken_apart() -> None:
    reading, writing = os.pipe()
    rig = Rig(writing, reading)
    first = rig.terminal.ask("a: ")
    rig.types(b"1\n2\nthe rest")
    assert result_of(first) == "1"
    assert result_of(rig.terminal.ask("b: ")) == "2"
    third = rig.terminal.ask("c: ")
    os.close(writing)
    rig.readers.all[0].doRead()
    assert result_of(third) == "the rest"
    os.close(reading)


def test_the_end_of_input_is_no_line(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    asked = rig.terminal.ask("City: ")
    rig.types(b"\x04")
    assert result_of(asked) is None
    assert capsys.readouterr().err == "City: \n"
    again = rig.terminal.ask("City: ")
    rig.types(b"Paris\n")
    assert result_of(again) == "Paris"


def test_a_question_that_is_withdrawn_reads_no_more(rig: Rig) -> None:
    asked = rig.terminal.ask("City: ")
    asked.cancel()
    with pytest.raises(CancelledError):
        result_of(asked)
    assert rig.readers.all == []


def test_a_reactor_that_stops_ends_it(rig: Rig) -> None:
    asked = rig.terminal.ask("City: ")
    rig.terminal.connectionLost(Failure(ConnectionDone()))
    assert result_of(asked) is None
    rig.terminal.connectionLost(Failure(ConnectionDone()))


@pytest.mark.parametrize(("stdin", "stderr"), [(True, True), (True, False), (False, True), (None, True)])
def test_there_is_a_person_where_both_ends_are_a_terminal(
    stdin: bool | None, stderr: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stream:
        def __init__(self, is_terminal: bool) -> None:
            self.isatty = lambda: is_terminal

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdin", None if stdin is None else Stream(stdin))
    monkeypatch.setattr(sys, "stderr", Stream(stderr))
    assert can_ask() is (stdin is True and stderr)
