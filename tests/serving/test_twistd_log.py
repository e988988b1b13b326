"""What twistd and twist are given to log with, and what becomes of that."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import Application, IServiceCollection
from twisted.logger import FilteringLogObserver, ILogObserver, LogLevel
from twisted.python.components import Componentized

from mcpws.log.output import Lines
from mcpws.service.program import Start
from mcpws.serving.twistd_log import Logged, RunnerLog

EVENT = {"log_format": "it rains", "log_level": LogLevel.warn, "log_namespace": "test", "log_time": 0.0}


def twistd(**options: Any) -> dict[str, Any]:
    return {"logger": None, "logfile": None, "syslog": False, "prefix": "twisted", "nodaemon": False, **options}


def given(options: dict[str, Any], level: Any = "info") -> tuple[RunnerLog, Any]:
    log = RunnerLog(options, "text", level)
    application = Application("test")
    log.give_to(application)
    return log, application.getComponent(ILogObserver, None)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("logfile", "name"), [("own.log", "own.log"), (None, "twistd.log")])
def test_a_daemon_logs_to_its_file(logfile: str | None, name: str, tmp_path: Path) -> None:
    log, observer = given(twistd(logfile=logfile))
    observer(EVENT)
    assert (tmp_path / name).read_text().endswith(" [test#warn] it rains\n")
    assert log.file is not None
    log.file.close()


@pytest.mark.parametrize("logfile", [None, "-"])
def test_in_the_foreground_the_log_goes_to_standard_output(
    logfile: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", stdout := io.StringIO())
    log, observer = given(twistd(logfile=logfile, nodaemon=True), "warn")
    observer(EVENT)
    observer(EVENT | {"log_level": LogLevel.info})
    assert len(stdout.getvalue().splitlines()) == 1
    assert log.file is None


def test_what_twistd_refuses_or_was_told_stays_as_it_was() -> None:
    assert given(twistd(logfile="-"))[1] is None
    assert given(twistd(logger=object))[1] is None
    # Another one than twistd, which has nowhere to put it.
    RunnerLog({}, "text", "info").give_to(object())


def test_the_system_log_has_what_is_important_enough() -> None:
    log, observer = given(twistd(syslog=True))
    assert isinstance(observer, FilteringLogObserver)
    assert log.file is None


@pytest.mark.parametrize(
    ("level", "before", "after"),
    [
        ("info", LogLevel.info, LogLevel.info),
        ("debug", LogLevel.info, LogLevel.debug),
        ("debug", LogLevel.warn, LogLevel.warn),
    ],
)
def test_twist_is_given_the_lines_and_leaves_out_no_more_than_we(level: Any, before: Any, after: Any) -> None:
    options: dict[str, Any] = {"logLevel": before}
    RunnerLog(options, "json", level)
    stream = io.StringIO()
    observer = options["fileLogObserverFactory"](stream)
    assert isinstance(observer, Lines)
    observer(EVENT)
    assert stream.getvalue().startswith('{"time": ')
    assert options["logLevel"] is after


def test_who_told_twist_how_to_log_gets_that() -> None:
    options = {"logLevel": LogLevel.info, "fileLogObserverFactory": "theirs"}
    RunnerLog(options, "json", "info")
    assert options["fileLogObserverFactory"] == "theirs"


def test_a_file_that_cannot_be_opened_ends_the_program_in_one_line(tmp_path: Path) -> None:
    whole = Logged(Start({}), RunnerLog(twistd(logfile="nowhere/log"), "text", "info"))
    with pytest.raises(SystemExit, match=rf"^mcpws: cannot log to {tmp_path}/nowhere/log: No such file or directory$"):
        whole.setServiceParent(Application("test"))


def test_a_service_gives_its_log_to_what_takes_it() -> None:
    application: Componentized = Application("test")
    log = RunnerLog(twistd(), "text", "info")
    Logged(Start({}), log).setServiceParent(application)
    assert isinstance(application.getComponent(ILogObserver), Lines)
    assert [type(one) for one in IServiceCollection(application)] == [Logged]
    assert log.file is not None
    log.file.close()
