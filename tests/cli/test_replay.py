"""What people and programs read of recordings that were played back."""

from __future__ import annotations

from typing import Any

import click
import pytest

from mcpws.cli.replay import MAX_DIFFERENCES, as_object, lines, to_secret
from mcpws.recording.differences import Difference
from mcpws.recording.form import Conversation, Opened
from mcpws.recording.playback import Compared, Outcome


def outcome(*compared: Compared, **more: Any) -> Outcome:
    conversation = Conversation(1, 12, Opened(7, "now", "peer", "/"), ())
    return Outcome(conversation, list(compared), sent=3, **more)


SAME = Compared("same", 13, "answer to ping")
DIFFERENT = Compared(
    "different",
    14,
    "answer to tools/call \x1b[2J",
    (
        Difference("/result/a", "changed", 3, "4"),
        Difference("/result/b", "missing", {"c": None}, None),
        Difference("/result/d", "extra", None, "x" * 300),
        Difference("/result/e", "moved", ["a", "b"], ["b", "a"]),
    ),
)
MISSING = Compared("missing", 15, "notifications/progress", value={"method": "notifications/progress"})
EXTRA = Compared("extra", None, "request roots/list", value={"method": "roots/list", "x": "\x1b"})


def test_what_is_the_same_takes_a_line_each() -> None:
    assert list(lines([outcome(SAME), outcome(SAME, SAME)])) == [
        "connection 7 (line 12): same",
        "connection 7 (line 12): same",
        "conversations: 2, messages sent: 6, expected: 3 (3 same, 0 different, 0 missing), extra: 0",
    ]


def test_what_is_different_is_told_with_its_line_its_place_and_both_values() -> None:
    told = list(lines([outcome(SAME, DIFFERENT, MISSING, EXTRA, not_sent=1, more=2, lost="code 1011 \x1b")]))
    assert told == [
        "connection 7 (line 12): different",
        "  line 14: answer to tools/call ?[2J",
        '    /result/a: expected 3, got "4"',
        '    /result/b: missing, expected {"c":null}',
        f'    /result/d: extra, got "{"x" * 196}...',
        '    /result/e: in another order, expected ["a","b"], got ["b","a"]',
        '  line 15: notifications/progress: missing, {"method":"notifications/progress"}',
        '  request roots/list: extra, {"method":"roots/list","x":"\\u001b"}',
        "  and 2 more that nobody expected",
        "  the connection was lost: code 1011 ?",
        "conversations: 1, messages sent: 3, expected: 3 (1 same, 1 different, 1 missing), extra: 3, "
        "answers that nobody asked for: 1",
    ]


def test_of_many_differences_some_are_shown() -> None:
    many = tuple(Difference(f"/{number}", "changed", 1, 2) for number in range(MAX_DIFFERENCES + 3))
    assert "    and 3 more" in list(lines([outcome(Compared("different", 1, "x", many))]))


def test_programs_get_all_of_it() -> None:
    told = as_object([outcome(SAME, DIFFERENT, EXTRA, lost="gone")])
    assert {name: told[name] for name in ("conversations", "messages", "same", "different", "missing", "extra")} == {
        "conversations": 1,
        "messages": 2,
        "same": 1,
        "different": 1,
        "missing": 0,
        "extra": 1,
    }
    different, extra = told["differences"]
    assert different["differences"][0] == {"path": "/result/a", "kind": "changed", "expected": 3, "got": "4"}
    assert (extra["line"], extra["message"]["method"]) == (None, "roots/list")
    assert told["lost"] == [{"connection": 7, "reason": "gone"}]


def test_a_secret_is_given_or_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "from there")
    assert to_secret("password=a=b") == ("password", "a=b")
    assert to_secret("api-key") == ("api-key", "from there")
    for wrong in ("=x", "nowhere"):
        with pytest.raises(click.BadParameter):
            to_secret(wrong)
