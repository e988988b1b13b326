"""Recordings are read as they were written; what is none is named by its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from mcpws.errors import ConfigError
from mcpws.recording.form import (
    FORMAT,
    Closed,
    Conversation,
    Full,
    Introduced,
    Line,
    Opened,
    Run,
    Said,
    read_lines,
    read_recording,
    written,
)

RUN = Run(FORMAT, "0.1", "2026-11-27T12:00:00+00:00")
PING = Raw(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')


def opened(connection: int = 1) -> Opened:
    return Opened(connection, "2026-11-27T12:00:00+00:00", "tcp4:127.0.0.1:5", "/", "mcp", {"host": "here"})


def read(*lines: Line | bytes) -> list[Conversation]:
    return read_lines([one if isinstance(one, bytes) else written(one) for one in lines], "x.jsonl")


def test_conversations_are_told_apart_by_their_connections_and_runs() -> None:
    said = [Said(number, 0.5, "client", PING) for number in (1, 2)]
    end = Closed(1, 1.5, "server", 1001, "bye")
    found = read(RUN, opened(1), opened(2), said[1], said[0], end, Full("now"), RUN, opened(1), said[1], said[0])
    assert [(one.number, one.line, one.opened.connection) for one in found] == [(1, 2, 1), (2, 3, 2), (3, 9, 1)]
    assert [[said.line for said in one.said] for one in found] == [[5], [4, 10], [11]]
    assert [one.closed for one in found] == [end, None, None]
    [first] = found[0].said
    assert (first.by, first.at, first.value) == ("client", 0.5, {"jsonrpc": "2.0", "id": 1, "method": "ping"})


def test_the_names_of_secrets_are_those_of_the_run() -> None:
    named = Run(FORMAT, "0.1", "now", ("iban",))
    assert [one.names for one in read(named, opened(), RUN, opened())] == [("iban",), ()]


def test_what_a_later_version_writes_is_passed_over() -> None:
    of_later = b'{"event":"weather","connection":1}\n'
    more = json.dumps({**json.loads(written(opened())), "colour": "red"}).encode() + b"\n"
    assert len(read(RUN, of_later, more, b"\n", Introduced(1, 0, "a", "1", "2025-11-25"))) == 1


def test_a_last_line_without_an_end_is_of_a_run_that_was_ended() -> None:
    [found] = read(RUN, opened(), Said(1, 0, "client", PING), written(Said(1, 0, "client", PING))[:-9])
    assert len(found.said) == 1


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([b"nonsense\n"], "line 1 is no line of a recording"),
        ([opened()], "line 1 comes before a line with the event recording"),
        ([RUN, b'{"event":"opened","connection":"x"}\n'], "line 2 is no line of a recording"),
        ([RUN, Said(1, 0, "client", PING)], "line 2 is of connection 1, which is not open there"),
        ([RUN, opened(), Closed(1, 0, "us"), Said(1, 0, "client", PING)], "line 3 is no line"),  # type: ignore[arg-type]
        ([RUN, opened(), Closed(1, 0, "client"), Said(1, 0, "client", PING)], "line 4 is of connection 1"),
        ([RUN, opened(), Said(1, 0, "client", Raw(b'"[left out]"'))], "line 3 has a message that is none"),
        ([RUN, opened(), Said(1, 0, "client", Raw(b'{"jsonrpc":"1.0"}'))], "line 3 has a message that is none"),
        ([Run(FORMAT + 1, "9", "now")], f"line 1 is of form {FORMAT + 1}, and this mcpws reads {FORMAT}"),
    ],
)
def test_a_line_that_cannot_be_is_named_by_its_number(lines: list[Line | bytes], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        read(*lines)
    assert caught.value.value == "x.jsonl"


@given(st.lists(st.binary(max_size=40).map(lambda data: data + b"\n"), max_size=4))
def test_any_bytes_are_read_or_refused(lines: list[bytes]) -> None:
    problem = "line "
    try:
        read_lines([written(RUN), written(opened()), *lines], "x.jsonl")
    except ConfigError as error:
        problem = error.problem
    assert "line " in problem


def test_a_file_is_read_and_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(written(RUN) + written(opened()))
    assert len(read_recording(str(file))) == 1
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_recording(str(tmp_path / "b.jsonl"))
