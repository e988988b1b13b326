"""Questions of a server, and a person who types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed

from mcpws.cli.asking import Asking, declined
from mcpws.testing import result_of

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "title": "City", "description": "Where to look.", "minLength": 2},
        "days": {"type": "integer", "minimum": 1, "maximum": 14, "default": 3},
        "unit": {"type": "string", "enum": ["C", "F"], "enumNames": ["Celsius", "Fahrenheit"]},
        "exact": {"type": "boolean"},
    },
    "required": ["city", "unit"],
}
FORM = {"message": "What weather?", "requestedSchema": SCHEMA}
PAGE = {
    "mode": "url",
    "message": "Please log in.",
    "url": "https://login.example.com/a?b=\x1b[2Jc",
    "elicitationId": "1",
}


class Typed:
    """A terminal, and what a person types at it; None is Ctrl-D."""

    def __init__(self, *lines: str | None) -> None:
        self.prompts: list[str] = []
        self._lines = list(lines)

    def ask(self, prompt: str) -> Deferred[str | None]:
        self.prompts.append(click.unstyle(prompt))
        return succeed(self._lines.pop(0))


class Rig:
    """Somebody who asks; counts how often other things were held."""

    def __init__(self, terminal: Any) -> None:
        self.terminal = terminal
        self.held = 0
        self.asking = Asking(terminal, self._hold)

    @contextmanager
    def _hold(self) -> Iterator[None]:
        self.held += 1
        yield

    def answer(self, params: dict[str, Any]) -> Any:
        return result_of(self.asking.elicit(params))


def test_a_form_is_filled_in_field_by_field(capsys: pytest.CaptureFixture[str]) -> None:
    rig = Rig(terminal := Typed("Paris", "", "2", "y", ""))
    assert rig.answer(FORM) == {
        "action": "accept",
        "content": {"city": "Paris", "days": 3, "unit": "F", "exact": True},
    }
    assert terminal.prompts == [
        "City (text): ",
        "days (a whole number from 1 up to 14) [3]: ",
        "unit (a number or a value): ",
        "exact (y or n, or nothing): ",
        "Send this? Enter: yes, n: no, e: change it, Ctrl-D: no answer: ",
    ]
    said = capsys.readouterr().err
    assert said.startswith("The server asks: What weather?\n")
    for line in "Where to look.", "  1  C  Celsius", "  2  F  Fahrenheit":
        assert f"{line}\n" in said
    assert rig.held == 1


def test_what_is_left_blank_is_not_sent() -> None:
    assert Rig(Typed("Paris", "", "C", "", "y")).answer(FORM)["content"] == {"city": "Paris", "days": 3, "unit": "C"}


def test_what_does_not_fit_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    rig = Rig(terminal := Typed("", "P", "Paris", "99", "1", "K", "C", "", ""))
    assert rig.answer(FORM)["content"] == {"city": "Paris", "days": 1, "unit": "C"}
    assert len(terminal.prompts) == 9
    said = capsys.readouterr().err
    for problem in "it is required", "it must have 2 or more characters", "it must be 14 or less", "'K' is none of":
        assert problem in said


def test_answers_may_be_changed_before_they_are_sent() -> None:
    rig = Rig(terminal := Typed("Pari", "", "1", "n", "e", "Paris", "4", "", "", "y"))
    assert rig.answer(FORM)["content"] == {"city": "Paris", "days": 4, "unit": "C", "exact": False}
    assert terminal.prompts[5:9] == [
        "City (text) [Pari]: ",
        "days (a whole number from 1 up to 14) [3]: ",
        "unit (a number or a value) [C]: ",
        "exact (y or n) [n]: ",
    ]


@pytest.mark.parametrize(
    ("typed", "action"),
    [
        (["Paris", "", "C", "", "what?", "no"], "decline"),
        ([None], "cancel"),
        (["Paris", None], "cancel"),
        (["Paris", "", "C", "", None], "cancel"),
    ],
)
def test_nobody_has_to_answer(typed: list[str | None], action: str) -> None:
    assert Rig(Typed(*typed)).answer(FORM) == {"action": action}


@pytest.mark.parametrize("schema", [{"type": "object", "properties": {}}, None, "strange"])
def test_a_form_without_fields_is_a_question(schema: Any) -> None:
    params = {"message": "Go on?", "requestedSchema": schema}
    assert Rig(Typed("y")).answer(params) == {"action": "accept", "content": {}}
    assert Rig(Typed("n")).answer(params) == {"action": "decline"}


@pytest.mark.parametrize(("typed", "action"), [(["y"], "accept"), (["", "n"], "decline"), ([None], "cancel")])
def test_a_page_is_shown_whole_with_its_host_and_opened_by_nobody(
    typed: list[str | None], action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Rig(Typed(*typed)).answer(PAGE) == {"action": action}
    said = capsys.readouterr().err
    assert "https://login.example.com/a?b=?[2Jc\n" in said
    assert "The host is login.example.com." in said


def test_nothing_that_the_server_says_reaches_the_terminal_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;evil\x07\r\nmcpws: "
    schema = {"properties": {"a": {"title": evil, "description": evil, "enum": [evil], "default": evil}}}
    terminal = Typed("", "")
    Rig(terminal).answer({"message": evil, "requestedSchema": schema})
    declined({"message": evil})
    said = capsys.readouterr().err + "\n".join(terminal.prompts)
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "\r" not in said


def test_one_question_is_asked_after_the_other() -> None:
    lines: list[Deferred[str | None]] = []

    class Slow:
        def ask(self, prompt: str) -> Deferred[str | None]:
            lines.append(Deferred())
            return lines[-1]

    rig = Rig(Slow())
    params = {"message": "Go on?", "requestedSchema": {}}
    first, second = rig.asking.elicit(params), rig.asking.elicit(params)
    assert len(lines) == 1
    lines[0].callback("y")
    assert result_of(first)["action"] == "accept"
    assert len(lines) == 2
    second.cancel()
    with pytest.raises(CancelledError):
        result_of(second)
    assert rig.held == 2


def test_without_a_terminal_it_is_declined_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert declined({"message": "What weather?"}) == {"action": "decline"}
    assert capsys.readouterr().err == "mcpws: declined, as there is no terminal to ask at: What weather?\n"
