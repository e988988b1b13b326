"""A headless Chromium driven by its DevTools over a WebSocket: what it shows, what it logs, and keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.programs import needed

PATIENCE = 60.0

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40}
TEXTS = {"Enter": "\r"}


class Tab:
    """One page of a browser. What it logs, and what its scripts throw, is kept as `logged`."""

    def __init__(self, devtools: ClientConnection) -> None:
        self._devtools = devtools
        self._last = 0
        self.logged: list[str] = []
        for domain in "Log", "Runtime", "Page":
            self.command(f"{domain}.enable")

    def command(self, method: str, **params: object) -> Any:
        """The result of a command; AssertionError says what is wrong with it."""
        self._last += 1
        self._devtools.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            message = json.loads(self._devtools.recv(PATIENCE))
            self._note(message)
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]

    def open(self, url: str) -> None:
        self.command("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript, or what it promises."""
        done = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait_for(self, expression: str, wanted: object = True) -> None:
        """Until an expression has this value."""
        deadline = time.monotonic() + PATIENCE
        while (value := self.evaluate(expression)) != wanted:
            assert time.monotonic() < deadline, f"{expression} is {value!r}; logged: {self.logged}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).textContent"))

    def texts(self, selector: str) -> list[str]:
        selected = f"[...document.querySelectorAll({json.dumps(selector)})]"
        return list(self.evaluate(f"{selected}.map((one) => one.textContent)"))

    def press(self, key: str) -> None:
        """A key, down and up."""
        code = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        down = {"type": "keyDown", "text": TEXTS[key]} if key in TEXTS else {"type": "rawKeyDown"}
        self.command("Input.dispatchKeyEvent", **down, **code)
        self.command("Input.dispatchKeyEvent", type="keyUp", **code)

    def tab_to(self, selector: str) -> None:
        """Press Tab until what is selected has the focus."""
        for _ in range(200):
            if self.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
                return
            self.press("Tab")
        raise AssertionError(f"nobody gets to {selector} with the Tab key")

    def write(self, text: str) -> None:
        self.command("Input.insertText", text=text)

    def _note(self, message: Any) -> None:
        if message.get("method") == "Log.entryAdded":
            entry = message["params"]["entry"]
            self.logged.append(f"{entry['source']}: {entry['text']}")
        elif message.get("method") == "Runtime.exceptionThrown":
            self.logged.append(f"thrown: {message['params']['exceptionDetails']}")
        elif message.get("method") == "Page.javascriptDialogOpening":
            self.logged.append(f"dialog: {message['params']['message']}")


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """A new browser with an empty page."""
    program = needed("chromium")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={folder}"]
    process = subprocess.Popen(
        [program, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        with connect(_page_of(process, folder), max_size=None) as devtools:
            yield Tab(devtools)
            # Its own way to end, which takes along all its processes.
            devtools.send(json.dumps({"id": 0, "method": "Browser.close"}))
            process.wait(PATIENCE)
    finally:
        # Its processes are many, and it leads their group.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _page_of(process: subprocess.Popen[bytes], folder: Path) -> str:
    """The URL of the DevTools of the page, once the browser has written where they are."""
    where = folder / "DevToolsActivePort"
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, "chromium has ended"
        assert time.monotonic() < deadline, "chromium does not say where its DevTools are"
        if where.exists() and (lines := where.read_text().splitlines()):
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json", timeout=PATIENCE) as answer:
                pages = [one for one in json.load(answer) if one["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
