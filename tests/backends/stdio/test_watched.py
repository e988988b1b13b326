"""An Observer is told of child processes, and what passes between them and us."""

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from mcpws.backends.stdio.backend import ProcessReactor, Stdio
from mcpws.jsonrpc.messages import Error, Request, Result, to_raw
from mcpws.seam.observer import Observer
from tests.backends.stdio.test_backend import PING, PONG, Client, PlayedReactor
from tests.observing import MessageRecorder, Recorder


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedReactor]:
    reactor = PlayedReactor()
    monkeypatch.setattr(os, "killpg", reactor.killpg)
    yield reactor
    for process in reactor.processes:
        if process.pipes:
            process.exits()
    assert reactor.getDelayedCalls() == []


def stdio(reactor: PlayedReactor, observer: Observer, **settings: Any) -> Stdio:
    return Stdio([sys.executable], reactor=cast(ProcessReactor, reactor), observer=observer, **settings)


@pytest.mark.parametrize("recorder", [Recorder(), MessageRecorder()], ids=["children", "messages"])
def test_the_start_and_the_end_of_a_child_are_told(reactor: PlayedReactor, recorder: Recorder) -> None:
    client = Client()
    stdio(reactor, recorder).open(client)
    cast(Clock, reactor).advance(2)
    reactor.processes[0].exits(3)
    [party], [program], [exit] = recorder.parties, recorder.programs, recorder.exits
    assert (party.kind, party.id, party.identity) == ("child", reactor.processes[0].pid, client.identity)
    assert program == sys.executable
    assert (exit.status, exit.signal, exit.by_itself, exit.seconds) == (3, None, True, 2)


def test_a_child_that_had_to_go_has_not_ended_by_itself(reactor: PlayedReactor) -> None:
    recorder = Recorder()
    opened: list[Any] = []
    stdio(reactor, recorder).open(Client()).addCallback(opened.append)
    opened[0].close("the client is gone")
    reactor.processes[0].exits(signal=signal.SIGTERM)
    [exit] = recorder.exits
    assert (exit.status, exit.signal, exit.by_itself) == (None, signal.SIGTERM, False)


def test_the_messages_of_a_child_are_told_those_that_we_make_among_them(reactor: PlayedReactor) -> None:
    recorder = MessageRecorder()
    client = Client()
    opened: list[Any] = []
    stdio(reactor, recorder).open(client).addCallback(opened.append)
    opened[0].receive(Request(1, "ping"))
    reactor.processes[0].says(PONG, b'{"jsonrpc":"1.0","id":7,"method":"ping"}')
    assert [type(one) for one in recorder.went] == [Request, Error]
    assert [type(one) for one in recorder.came] == [Result]
    assert client.received == recorder.came
    assert reactor.processes[0].takes().startswith(PING[:20])


def test_that_there_is_no_room_for_a_child_is_told(reactor: PlayedReactor) -> None:
    recorder = Recorder()
    backend = stdio(reactor, recorder, max_children=1)
    backend.open(Client())
    assert recorder.limits == []
    waiting = backend.open(Client()).addErrback(lambda failure: None)
    assert recorder.limits == ["max_children"]
    waiting.cancel()


def test_a_child_sees_whether_its_client_reads(reactor: PlayedReactor) -> None:
    client = Client()
    opened: list[Any] = []
    stdio(reactor, MessageRecorder()).open(client).addCallback(opened.append)
    process = reactor.processes[0]
    process.stdin.stuck = True
    opened[0].receive(Request(1, "tools/call", to_raw({"name": "a", "arguments": {"b": "x" * 2**22}})))
    assert client.paused
    process.stdin.stuck = False
    process.takes()
    assert not client.paused
