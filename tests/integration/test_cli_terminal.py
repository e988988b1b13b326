"""The `mcpws` command on a terminal, as a person sees it: forms, bars, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from mcpws import App, Context, ElicitResult, ServerFactory
from tests.integration.terminal import COMMAND, SECONDS, OnTerminal

pytestmark = pytest.mark.integration

reactor: Any = installed
ERAS = ["legacy", "modern"]


def asking_app() -> tuple[App, Deferred[None]]:
    """An App that asks, and takes its time; and when a call of it was cancelled."""
    app = App("asking", "1", clock=reactor)
    cancelled: Deferred[None] = Deferred()

    @app.tool
    async def book(context: Context) -> str:
        schema = {
            "type": "object",
            "properties": {
                "city": {"type": "string", "title": "City"},
                "guests": {"type": "integer", "minimum": 1, "maximum": 12, "default": 2},
            },
            "required": ["city"],
        }
        answer: ElicitResult = await context.elicit("Where to?", schema)
        return f"{answer.action} {answer.content}"

    @app.tool
    async def login(context: Context) -> str:
        page = {
            "mode": "url",
            "message": "Who are you?",
            "url": "https://login.example.com/a?b=c",
            "elicitationId": "1",
        }
        answer: ElicitResult = await context.request("elicitation/create", page, type=ElicitResult)
        return answer.action

    @app.tool
    async def work(context: Context, seconds: float) -> str:
        """Work, and tell of it."""
        try:
            for step in range(4):
                context.progress(step, 4, f"step {step}")
                context.log("warning", f"log {step}", "work")
                await deferLater(reactor, seconds / 4)
        except CancelledError:
            cancelled.callback(None)
            raise
        return "done"

    return app, cancelled


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[str]:
    factory = ServerFactory(app, reactor=reactor)
    port: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    try:
        yield f"ws://127.0.0.1:{port.getHost().port}"
    finally:
        await port.stopListening()
        await factory.stop(0)


@pytest.mark.parametrize("era", ERAS)
@ensureDeferred
async def test_a_form_is_filled_in_at_the_terminal(era: str) -> None:
    app, _ = asking_app()
    async with serving(app) as url:
        run = OnTerminal("tool", url, "book", "--text", "--era", era, "--timeout", "20")
        await run.shows("City")
        run.types("Paris\n")
        await run.shows("guests")
        run.types("99\n")
        await run.shows("it must be 12 or less")
        run.types("\n")
        await run.shows("Send this?")
        run.types("\n")
        status, shown = await run.ends()
    assert status == 0
    assert "The server asks: Where to?\n" in shown
    assert shown.endswith("accept {'city': 'Paris', 'guests': 2}\n")


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("key", "answer"), [("\x04", "cancel None"), ("Rome\n\nn\n", "decline None")])
@ensureDeferred
async def test_a_form_need_not_be_filled_in(era: str, key: str, answer: str) -> None:
    app, _ = asking_app()
    async with serving(app) as url:
        run = OnTerminal("tool", url, "book", "--text", "--era", era)
        await run.shows("City")
        run.types(key)
        status, shown = await run.ends()
    assert status == 0
    assert shown.endswith(f"{answer}\n")


@pytest.mark.parametrize(("key", "answer"), [("y\n", "accept"), ("n\n", "decline"), ("\x04", "cancel")])
@ensureDeferred
async def test_a_page_is_shown_and_agreed_to_or_not(key: str, answer: str) -> None:
    app, _ = asking_app()
    async with serving(app) as url:
        run = OnTerminal("tool", url, "login", "--text", "--era", "legacy")
        await run.shows("Will you?")
        run.types(key)
        status, shown = await run.ends()
    assert status == 0
    assert "https://login.example.com/a?b=c" in shown
    assert "The host is login.example.com." in shown
    assert shown.endswith(f"{answer}\n")


@pytest.mark.parametrize("era", ERAS)
@ensureDeferred
async def test_without_a_terminal_a_form_is_declined(era: str) -> None:
    app, _ = asking_app()
    async with serving(app) as url:
        arguments = [*COMMAND, "tool", url, "book", "--text", "--era", era]
        done = await deferToThread(
            subprocess.run, arguments, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    assert (done.returncode, done.stdout) == (0, b"decline None\n")
    assert done.stderr == b"mcpws: declined, as there is no terminal to ask at: Where to?\n"


@ensureDeferred
async def test_the_time_of_a_person_does_not_count() -> None:
    app, _ = asking_app()
    async with serving(app) as url:
        run = OnTerminal("tool", url, "book", "--text", "--timeout", "1.5")
        await run.shows("City")
        await deferLater(reactor, 2.5)
        run.types("Paris\n\n\n")
        status, shown = await run.ends()
    assert status == 0, shown


@pytest.mark.parametrize("era", ERAS)
@ensureDeferred
async def test_progress_is_a_bar_with_log_messages_above_it(era: str) -> None:
    app, _ = asking_app()
    async with serving(app) as url:
        run = OnTerminal("tool", url, "work", "seconds=2", "--era", era)
        await run.shows("step 3")
        status, shown = await run.ends()
    assert status == 0
    assert "warning: work: log 2" in shown
    assert "75%" in shown
    # Nothing is left of the bar but the result.
    assert json.loads(shown[shown.index('{\n  "') :])["content"][0]["text"] == "done"
    assert b"\x1b[?25h" in run.shown


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("tool", "seen"), [("work", "step 0"), ("book", "City")])
@ensureDeferred
async def test_ctrl_c_cancels_the_call_and_ends_with_130(era: str, tool: str, seen: str) -> None:
    app, cancelled = asking_app()
    async with serving(app) as url:
        arguments = ["seconds=60"] if tool == "work" else []
        run = OnTerminal("tool", url, tool, *arguments, "--era", era)
        await run.shows(seen)
        run.types("\x03")
        if tool == "work":
            await cancelled
        status, shown = await run.ends()
    assert status == 128 + signal.SIGINT
    assert "Traceback" not in shown
    if tool == "work":
        # The cursor, which the bar hides.
        assert run.shown.rindex(b"\x1b[?25h") > run.shown.rindex(b"\x1b[?25l")


@ensureDeferred
async def test_a_list_is_laid_out_for_the_terminal() -> None:
    app = App("wide", "1", clock=reactor)

    @app.tool
    def issue(title: str, body: str | None = None, labels: list[str] | None = None, assignee: str = "nobody") -> str:
        """Open an issue."""
        return title

    async with serving(app) as url:
        status, shown = await OnTerminal("tools", url).ends()
    assert status == 0
    assert shown == (
        "issue(\n    title: string,\n    body?: string,\n    labels?: [string],\n"
        '    assignee: string = "nobody",\n)\n    Open an issue.\n'
    )
