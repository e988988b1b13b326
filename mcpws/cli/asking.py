"""Questions of a server to the user, asked at the terminal (MCP 2025-11-25, elicitation)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, DeferredLock

from mcpws.cli.form import Field, fields
from mcpws.cli.report import printable
from mcpws.cli.style import bold, dim, say
from mcpws.cli.terminal import Terminal
from mcpws.mcp.content import Action

CAPABILITIES: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}}
"""What a client declares that asks like this."""

Answer = dict[str, Any]

_SEND: Mapping[str, Action | None] = {"": "accept", "y": "accept", "n": "decline", "e": None}
_OPEN: Mapping[str, Action | None] = {"y": "accept", "n": "decline"}


class Asking:
    """Asks a person, one thing after the other.

    :param held: in its context keeps still what must not go on meanwhile: a bar that moves, a time that passes.
    """

    def __init__(self, terminal: Terminal, held: Callable[[], AbstractContextManager[object]]) -> None:
        self._terminal = terminal
        self._held = held
        self._turn = DeferredLock()

    def elicit(self, params: dict[str, Any]) -> Deferred[Answer]:
        """Answers `elicitation/create`."""
        return self._turn.run(lambda: Deferred.fromCoroutine(self._elicit(params)))

    async def _elicit(self, params: dict[str, Any]) -> Answer:
        with self._held():
            # Further lines are set in, as all that comes from here begins at the left.
            message = "\n    ".join(map(printable, str(params.get("message", "")).splitlines()))
            say(f"{bold('The server asks:')} {message}")
            if params.get("mode") == "url":
                return {"action": await self._open(str(params.get("url", "")))}
            return await self._fill_in(list(fields(params.get("requestedSchema"))))

    async def _open(self, url: str) -> Action:
        say(f"It wants you to open this page, and to go on there: {bold(printable(url))}")
        say(dim(f"The host is {printable(urlsplit(url).hostname or 'missing')}. Open it yourself if you trust it."))
        action = await self._choose("Will you? y: yes, n: no, Ctrl-D: no answer: ", _OPEN)
        return action or "cancel"

    async def _fill_in(self, form: list[Field]) -> Answer:
        if form:
            say(dim("Enter takes what is in brackets. Ctrl-D ends it without an answer."))
        values: dict[str, Any] = {field.name: field.default for field in form}
        while True:
            for field in form:
                if not await self._ask(field, values):
                    return {"action": "cancel"}
            action = await self._choose("Send this? Enter: yes, n: no, e: change it, Ctrl-D: no answer: ", _SEND)
            if action == "accept":
                return {"action": action, "content": {name: one for name, one in values.items() if one is not None}}
            if action is not None:
                return {"action": action}

    async def _ask(self, field: Field, values: dict[str, Any]) -> bool:
        """Have a field filled in; whether there was an answer."""
        if field.description:
            say(dim(printable(field.description)))
        for number, (value, title) in enumerate(field.choices, start=1):
            say(printable(f"  {number}  {value}" + ("" if title == value else f"  {title}")))
        before = field.typed(values[field.name])
        blank = "" if field.required or before is not None else ", or nothing"
        brackets = "" if before is None else f" [{printable(before)}]"
        while True:
            line = await self._terminal.ask(f"{bold(printable(field.title))} ({field.wanted}{blank}){brackets}: ")
            if line is None:
                return False
            if before is not None and not line.strip():
                return True
            try:
                values[field.name] = field.value(line)
            except ValueError as error:
                say(f"  {printable(str(error))}")
            else:
                return True

    async def _choose(self, prompt: str, actions: Mapping[str, Action | None]) -> Action | None:
        """One of `actions`; cancel at the end of the input."""
        while True:
            line = await self._terminal.ask(prompt)
            if line is None:
                return "cancel"
            word = line.strip().lower()[:1]
            if word in actions:
                return actions[word]


def declined(params: dict[str, Any]) -> Answer:
    """Answers `elicitation/create` where there is nobody to ask."""
    message = printable(str(params.get("message", "")))
    say(f"mcpws: declined, as there is no terminal to ask at: {message}")
    return {"action": "decline"}
