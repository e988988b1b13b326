"""A server process in its turn, by what goes through its pipes; tests/integration/test_reload.py has real ones."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from mcpws.serving.turn import RESTART, SERVE, SERVE_FIRST, STOP, Turn

PATIENCE = 30.0


class Pipes:
    """Both ends of what a Turn speaks through."""

    def __init__(self) -> None:
        self.orders, self.give = os.pipe()
        self.hear, self.reports = os.pipe()
        os.set_blocking(self.hear, False)
        self.turn = Turn(self.orders, self.reports)

    def heard(self) -> list[tuple[str, list[str]]]:
        try:
            lines = os.read(self.hear, 65536).splitlines()
        except BlockingIOError:
            return []
        return [(told["what"], told["files"]) for told in map(json.loads, lines)]

    def close(self, *descriptors: int) -> None:
        for descriptor in descriptors or (self.orders, self.give, self.hear, self.reports):
            with suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    pipes.close()


def test_what_is_loaded_is_told_and_then_the_turn_is_waited_for(pipes: Pipes) -> None:
    os.write(pipes.give, SERVE)
    pipes.turn.loaded({"b", "a"})
    assert not pipes.turn.first
    assert pipes.heard() == [("loaded", ["a", "b"])]


def test_the_first_is_told_that_it_is(pipes: Pipes) -> None:
    os.write(pipes.give, SERVE_FIRST)
    pipes.turn.loaded(())
    assert pipes.turn.first


@pytest.mark.parametrize("order", [STOP, b""])
def test_one_whose_turn_never_comes_ends(pipes: Pipes, order: bytes) -> None:
    os.write(pipes.give, order or STOP)
    with pytest.raises(SystemExit) as ended:
        pipes.turn.loaded(())
    assert ended.value.code == 0


def test_files_are_told_once(pipes: Pipes) -> None:
    os.write(pipes.give, SERVE)
    pipes.turn.loaded(["a"])
    pipes.turn.more(["a"])
    pipes.turn.more(["a", "b"])
    pipes.turn.more(["b"])
    assert pipes.heard() == [("loaded", ["a"]), ("more", ["b"])]


def test_a_failure_is_told_with_what_may_mend_it(pipes: Pipes) -> None:
    pipes.turn.failed(["a"])
    assert pipes.heard() == [("failed", ["a"])]


def test_orders_are_obeyed_in_a_thread_of_their_own_until_nobody_gives_any(pipes: Pipes) -> None:
    obeyed: list[tuple[str, threading.Thread]] = []

    def obey(order: str) -> None:
        obeyed.append((order, threading.current_thread()))

    thread = pipes.turn.obey(lambda: obey("restart"), lambda: obey("stop"), lambda: obey("gone"))
    os.write(pipes.give, RESTART + STOP)
    pipes.close(pipes.give)
    thread.join(PATIENCE)
    assert obeyed == [("restart", thread), ("stop", thread), ("gone", thread)]


def test_nobody_is_told_who_is_gone(pipes: Pipes) -> None:
    pipes.close(pipes.hear)
    pipes.turn.failed(["a"])
