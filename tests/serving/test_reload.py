"""Which process serves while the code changes; tests/integration/test_reload.py has real ones."""

from collections.abc import Iterable

import pytest

from mcpws.serving.reload import LEAVE_SECONDS, Reload


class Process:
    """A server process that only remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def serve(self, first: bool) -> None:
        self.told.append("serve first" if first else "serve")

    def restart(self) -> None:
        self.told.append("restart")

    def stop(self) -> None:
        self.told.append("stop")

    def kill(self) -> None:
        self.told.append("kill")


class Files:
    """Remembers whether more files are expected."""

    def __init__(self) -> None:
        self.expecting = False

    def add(self, files: Iterable[str]) -> None:
        raise AssertionError("the rules know no files")

    def expect_more(self, expected: bool) -> None:
        self.expecting = expected


class Rig:
    def __init__(self) -> None:
        self.started: list[Process] = []
        self.said: list[str] = []
        self.files = Files()
        self.reload = Reload(self._start, self.files, self.said.append)

    def _start(self) -> Process:
        self.started.append(Process())
        return self.started[-1]

    def serving(self) -> Process:
        """Begin one that loads the code, and let it serve."""
        self.reload.begin()
        self.reload.loaded(self.started[-1], 0)
        return self.started[-1]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_first_serves_once_it_has_loaded(rig: Rig) -> None:
    rig.reload.begin()
    assert rig.started[0].told == []
    rig.reload.loaded(rig.started[0], 0)
    assert rig.started[0].told == ["serve first"]


def test_the_old_one_serves_until_the_new_one_has_loaded(rig: Rig) -> None:
    old = rig.serving()
    rig.reload.begin()
    new = rig.started[1]
    assert old.told == ["serve first"]
    rig.reload.loaded(new, 1)
    assert old.told == ["serve first", "restart"]
    assert new.told == ["serve"]


def test_the_old_one_goes_on_if_the_new_one_fails(rig: Rig) -> None:
    old = rig.serving()
    rig.reload.begin()
    new = rig.started[1]
    rig.reload.failed(new)
    rig.reload.ended(new, "status 1")
    assert old.told == ["serve first"]
    assert rig.said == ["the server goes on with the code from before; the next change of the code is tried again"]
    assert rig.files.expecting
    rig.serving()
    assert old.told == ["serve first", "restart"]
    assert not rig.files.expecting


def test_what_fails_at_first_is_tried_again_with_the_next_change(rig: Rig) -> None:
    rig.reload.begin()
    rig.reload.failed(rig.started[0])
    rig.reload.ended(rig.started[0], "status 1")
    assert rig.said == ["nothing is served yet; the next change of the code is tried again"]
    assert rig.serving().told == ["serve first"]


def test_what_crashes_as_it_loads_has_failed(rig: Rig) -> None:
    old = rig.serving()
    rig.reload.begin()
    rig.reload.ended(rig.started[1], "signal SIGSEGV")
    assert rig.said == [
        "the server process ended with signal SIGSEGV while it was loading the code",
        "the server goes on with the code from before; the next change of the code is tried again",
    ]
    assert old.told == ["serve first"]


def test_a_change_while_one_loads_begins_another(rig: Rig) -> None:
    rig.reload.begin()
    stale = rig.started[0]
    rig.reload.begin()
    assert stale.told == ["kill"]
    # It may just have finished.
    rig.reload.loaded(stale, 0)
    rig.reload.failed(stale)
    assert stale.told == ["kill"]
    rig.reload.ended(stale, "signal SIGKILL")
    assert rig.said == []
    rig.reload.loaded(rig.started[1], 0)
    assert rig.started[1].told == ["serve first"]


def test_a_server_that_ends_by_itself_is_told_and_comes_back_with_a_change(rig: Rig) -> None:
    rig.reload.ended(rig.serving(), "status 3")
    assert rig.said == ["the server process ended with status 3; a change of the code starts it again"]
    assert rig.serving().told == ["serve"]


def test_an_old_one_that_does_not_end_is_killed_once(rig: Rig) -> None:
    old = rig.serving()
    rig.serving()
    rig.reload.kill_late(LEAVE_SECONDS - 0.1)
    assert "kill" not in old.told
    rig.reload.kill_late(LEAVE_SECONDS)
    rig.reload.kill_late(LEAVE_SECONDS + 100)
    assert old.told == ["serve first", "restart", "kill"]
    rig.reload.ended(old, "signal SIGKILL")
    assert rig.said == ["the old server process does not end: it is killed"]


def test_at_the_end_what_serves_stops_and_what_loads_is_killed(rig: Rig) -> None:
    serving = rig.serving()
    rig.reload.begin()
    loading = rig.started[1]
    rig.reload.stop(0, 3)
    end = 3 + LEAVE_SECONDS
    assert serving.told == ["serve first", "stop"]
    assert loading.told == ["kill"]
    assert not rig.reload.over
    rig.reload.ended(loading, "signal SIGKILL")
    rig.reload.kill_late(end - 1)
    assert serving.told == ["serve first", "stop"]
    rig.reload.kill_late(end)
    assert serving.told == ["serve first", "stop", "kill"]
    rig.reload.ended(serving, "signal SIGKILL")
    assert rig.reload.over


def test_nothing_begins_once_all_is_to_end(rig: Rig) -> None:
    rig.reload.stop(0)
    rig.reload.begin()
    assert rig.started == []
    assert rig.reload.over


def test_the_end_at_once_kills_all(rig: Rig) -> None:
    old, serving = rig.serving(), rig.serving()
    rig.reload.begin()
    rig.reload.kill()
    assert all(one.told[-1] == "kill" for one in (old, serving, rig.started[2]))
    for one in rig.started:
        rig.reload.ended(one, "signal SIGKILL")
    assert rig.reload.over
    assert rig.said == []
