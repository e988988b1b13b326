"""What a Recorder writes of real conversations, and that it ends none."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer

from mcpws import App
from mcpws.config import MIB
from mcpws.core.counters import Counters
from mcpws.errors import ConfigError
from mcpws.jsonrpc.messages import Notification, Request, to_raw
from mcpws.recording.form import read_recording
from mcpws.recording.recorder import KEPT_BYTES, KEPT_SECONDS, Recorder
from mcpws.seam.interfaces import Identity
from mcpws.seam.observer import ClientInfo, Closing, Party
from mcpws.testing import Connected, connected, result_of

SECRET = "hunter22-4711"


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[LogEvent]: ...


def shop() -> App:
    app = App("shop", "1")

    @app.tool
    def add(a: int, b: int) -> int:
        return a + b

    @app.tool
    def login(password: str) -> dict[str, str]:
        return {"token": f"tok-{password}", "text": f"hello {password}"}

    return app


class Rig:
    """A Recorder with a file and a clock of its own."""

    def __init__(self, folder: Path, most: int = MIB, **more: Any) -> None:
        self.file = folder / "recording.jsonl"
        self.clock = Clock()
        self.recorder = Recorder(str(self.file), self.clock, most=most, now=lambda: 1_800_000_000.0, **more)
        self.party = Party("client", 3, Identity("tcp4:127.0.0.1:5", path="/mcp", connection=3))

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def end(self, party: Party | None = None) -> None:
        counts = Counters(0.0).counts()
        self.recorder.closed(party or self.party, Closing(1000, "bye", "them", 1.0, counts))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def served(rig: Rig, **client: Any) -> Connected:
    return connected(shop(), clock=rig.clock, observer=rig.recorder, **client)


def call(pair: Connected, name: str, **arguments: Any) -> Any:
    asked = pair.session.call_tool(name, **arguments)
    pair.flush()
    return result_of(asked)


def leave(pair: Connected) -> None:
    gone = pair.session.close()
    pair.flush()
    result_of(gone)


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_conversation_is_kept_from_its_beginning_to_its_end(rig: Rig, era: Any) -> None:
    pair = served(rig, era=era, headers={"Authorization": f"Bearer {SECRET}", "X-Team": "red"})
    rig.clock.advance(0.25)
    call(pair, "add", a=1, b=2)
    leave(pair)
    [found] = read_recording(str(rig.file))
    assert (found.opened.connection, found.opened.path, found.opened.subprotocol) == (1, "/", "mcp")
    assert found.opened.headers["x-team"] == "red"
    assert "authorization" not in found.opened.headers
    assert SECRET not in rig.file.read_text()
    assert found.closed is not None
    assert (found.closed.by, found.closed.code) == ("client", 1000)
    asked, answered = found.said[-2:]
    assert (asked.by, answered.by, asked.at) == ("client", "server", 0.25)
    assert asked.value["params"]["arguments"] == {"a": 1, "b": 2}
    assert answered.value["result"]["structuredContent"] == {"result": 3}
    [introduced] = [line for line in rig.lines() if line["event"] == "client"]
    assert introduced["name"] == "mcpws"
    rig.recorder.close()


def test_secrets_are_left_out_of_both_sides_and_of_the_texts_that_repeat_them(rig: Rig) -> None:
    pair = served(rig)
    assert SECRET in call(pair, "login", password=SECRET)["text"]
    leave(pair)
    assert SECRET not in rig.file.read_text()
    assert "[left out]" in rig.file.read_text()
    rig.recorder.close()


def test_further_names_are_left_out_and_told_to_who_reads_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, names=("iban",))
    rig.recorder.opened(rig.party)
    rig.recorder.received(rig.party, Request(1, "x", to_raw({"IBAN": SECRET})))
    rig.end()
    assert rig.lines()[0]["names"] == ["iban"]
    assert SECRET not in rig.file.read_text()
    rig.recorder.close()


def test_the_file_is_for_its_owner_alone_and_begins_with_the_run(rig: Rig) -> None:
    rig.recorder.opened(rig.party)
    rig.end()
    assert rig.file.stat().st_mode & 0o777 == 0o600
    assert rig.lines()[0]["event"] == "recording"
    assert rig.lines()[0]["time"] == "2027-01-15T08:00:00.000+00:00"
    rig.recorder.close()


def test_what_is_kept_back_is_written_after_a_second_at_most(rig: Rig) -> None:
    rig.recorder.opened(rig.party)
    assert rig.lines() == []
    rig.clock.advance(KEPT_SECONDS)
    assert [line["event"] for line in rig.lines()] == ["recording", "opened"]
    rig.recorder.received(rig.party, Notification("x", to_raw(["y" * KEPT_BYTES])))
    assert len(rig.lines()) == 3
    rig.recorder.introduced(rig.party, ClientInfo("a", "1", "2025-11-25"))
    rig.recorder.close()
    assert len(rig.lines()) == 4
    assert not rig.clock.getDelayedCalls()


def test_of_a_server_that_we_are_the_client_of_it_is_the_other_way_round(rig: Rig) -> None:
    party = Party("server", 3, Identity("ws://there"))
    rig.recorder.opened(party)
    rig.recorder.received(party, Notification("from-server"))
    rig.recorder.sent(party, Notification("from-client"))
    rig.end(party)
    assert [(line["from"], line["message"]["method"]) for line in rig.lines() if line["event"] == "message"] == [
        ("server", "from-server"),
        ("client", "from-client"),
    ]
    assert rig.lines()[-1]["by"] == "server"
    rig.recorder.close()


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        rig = Rig(tmp_path)
        rig.recorder.opened(rig.party)
        rig.end()
        rig.recorder.close()
    assert [line["event"] for line in rig.lines()] == ["recording", "opened", "closed"] * 2
    assert len(read_recording(str(rig.file))) == 2


@pytest.mark.parametrize("rest", ['{"event":"mess', "x" * 3 * KEPT_BYTES])
def test_half_a_line_of_a_run_that_was_ended_is_cut_off(tmp_path: Path, rest: str) -> None:
    rig = Rig(tmp_path)
    rig.recorder.opened(rig.party)
    rig.recorder.close()
    whole = rig.file.read_text()
    with rig.file.open("a") as file:
        file.write(rest)
    again = Rig(tmp_path)
    again.recorder.close()
    assert rig.file.read_text() == whole


def test_nothing_is_written_into_what_is_no_recording(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    file.write_text("my diary")
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="is there, and no recording"):
        Rig(tmp_path)
    assert file.read_text() == "my diary"


def test_what_others_may_read_is_no_place_for_it(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    file.touch(0o644)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="is open to others: chmod 600 it"):
        Rig(tmp_path)


@pytest.mark.parametrize(("name", "problem"), [("no/such", "No such file"), ("", "Is a directory"), ("pipe", "a file")])
def test_what_cannot_be_written_is_named(tmp_path: Path, name: str, problem: str) -> None:
    if name == "pipe":
        os.mkfifo(tmp_path / name, 0o600)
    with pytest.raises(ConfigError, match=problem) as caught:
        Recorder(str(tmp_path / name), Clock(), most=MIB)
    assert caught.value.key == "record"


def warnings_of(act: Any) -> list[str]:
    events: list[LogEvent] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        events.append(event)

    globalLogPublisher.addObserver(observe)
    try:
        act()
    finally:
        globalLogPublisher.removeObserver(observe)
    return [formatEvent(event) for event in events if event["log_level"] >= LogLevel.warn]


@settings(deadline=None)
@given(st.lists(st.integers(0, 600), max_size=12), st.integers(1024, 3000))
def test_a_file_never_has_more_than_it_may(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], most: int
) -> None:
    rig = Rig(tmp_path_factory.mktemp("full"), most)

    def fill() -> None:
        rig.recorder.opened(rig.party)
        for size in sizes:
            rig.recorder.received(rig.party, Notification("x", to_raw(["y" * size])))
        rig.end()
        rig.recorder.close()

    said = warnings_of(fill)
    assert rig.file.stat().st_size <= most
    written = [line["event"] for line in rig.lines()]
    if rig.recorder.left_out:
        assert written[-1] == "full"
        assert said == [
            f"no more is recorded: {rig.file} is full, at {most} bytes",
            f"{rig.recorder.left_out} lines were not recorded in {rig.file}",
        ]
    assert len(written) - ("full" in written) + rig.recorder.left_out == len(sizes) + 3
    assert read_recording(str(rig.file))


def test_what_was_there_before_counts(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.recorder.opened(rig.party)
    rig.recorder.received(rig.party, Notification("x", to_raw(["y" * 2000])))
    rig.recorder.close()
    before = rig.file.read_bytes()
    again = Rig(tmp_path, 2048)
    assert len(warnings_of(lambda: again.recorder.opened(again.party))) == 1
    again.recorder.close()
    assert rig.file.read_bytes().startswith(before)
    assert again.recorder.left_out == 2


def test_a_disk_that_is_full_ends_the_recording_and_nothing_else(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, logged_errors: LoggedErrors
) -> None:
    pair = served(rig)
    rig.clock.advance(KEPT_SECONDS)
    whole = rig.file.read_bytes()
    real, times = os.write, []

    def write(file: int, data: bytes) -> int:
        times.append(len(data))
        if len(times) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data[:20])

    monkeypatch.setattr("mcpws.recording.recorder.os.write", write)
    assert call(pair, "add", a=1, b=2) == {"result": 3}
    rig.clock.advance(KEPT_SECONDS)
    assert not rig.recorder.recording
    assert call(pair, "add", a=2, b=2) == {"result": 4}
    leave(pair)
    rig.recorder.close()
    assert rig.file.read_bytes() == whole
    assert rig.recorder.left_out == 6
    [event] = logged_errors.flush()
    assert formatEvent(event) == f"no more is recorded: {rig.file}: No space left on device"


def test_nothing_is_known_of_a_conversation_that_is_over(rig: Rig) -> None:
    rig.recorder.opened(rig.party)
    rig.end()
    before = len(rig.lines())
    rig.recorder.received(rig.party, Notification("late"))
    rig.recorder.introduced(rig.party, ClientInfo("late", "1", "x"))
    rig.end()
    rig.recorder.close()
    assert len(rig.lines()) == before
