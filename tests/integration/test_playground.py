"""The playground in a real browser, of a real server: what is tried by hand, in both eras of MCP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.devtools import PATIENCE, Tab, chromium
from tests.integration.foreground import BIN, Start, start

pytestmark = pytest.mark.integration

__all__ = ["start"]

SERVER = str(Path(__file__).parent / "servers" / "playing.py")
SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)>"
ERAS = {"modern": "2026-07-28", "legacy": "2025-11-25"}

FIELD = """
  [...document.querySelectorAll(%s + ' .field')].find((one) => one.offsetParent && one.dataset.name === %s)
    .querySelector('input, select, textarea')
"""


class Playground:
    """The page, and who sits in front of it."""

    def __init__(self, tab: Tab, port: int) -> None:
        self.tab = tab
        self.url = f"http://127.0.0.1:{port}/playground"

    def open(self, era: str | None = None, fragment: str = "") -> None:
        # Only a page that has the focus of its window may write to the clipboard.
        self.tab.command("Emulation.setFocusEmulationEnabled", enabled=True)
        self.tab.command(
            "Browser.grantPermissions",
            permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
            origin=self.url.removesuffix("/playground"),
        )
        self.tab.open(self.url + fragment)
        self.is_connected()
        if era is not None:
            self.tab.evaluate(f"document.querySelector('#wanted-era').value = {json.dumps(era)}")
            self.press("Connect", "#connect")
            self.is_connected()
            assert self.tab.text("#protocol") == ERAS[era]

    def is_connected(self) -> None:
        self.tab.wait_for("document.body?.dataset.state", "live")
        self.tab.wait_for("document.querySelectorAll('#lists button').length > 10")
        self.tab.wait_for("document.querySelector('article') !== null")

    def choose(self, kind: str, id: str) -> None:
        key = json.dumps(f"{kind} {id}")
        self.tab.evaluate(
            f"[...document.querySelectorAll('#lists button')].find((one) => one.dataset.key === {key}).click()"
        )

    def press(self, label: str, where: str = "article .run") -> None:
        buttons = f"[...document.querySelectorAll({json.dumps(where + ' button')})]"
        self.tab.evaluate(f"{buttons}.find((one) => one.textContent === {json.dumps(label)}).click()")

    def fill(self, name: str, value: object, where: str = "article") -> None:
        """As if it was typed, or chosen: a title for what there is to choose."""
        self.tab.evaluate(f"""(() => {{
          const field = {FIELD % (json.dumps(where), json.dumps(name))};
          const value = {json.dumps(value)};
          if (field.type === "checkbox") {{
            field.checked = value;
          }} else {{
            const option = [...(field.options ?? [])].find((one) => one.textContent === value);
            field.value = option ? option.value : value;
          }}
          field.dispatchEvent(new Event("input", {{ bubbles: true }}));
          field.dispatchEvent(new Event("change", {{ bubbles: true }}));
        }})()""")

    def call(self, label: str = "Call") -> str:
        """Press the button; how it ends, and what is answered."""
        self.press(label)
        return self.ended()

    def ended(self) -> str:
        outcome = "document.querySelector('article .run').dataset.outcome"
        self.tab.wait_for(f"!['running', undefined].includes({outcome})")
        return f"{self.outcome}: {self.tab.text('article .answer')}"

    @property
    def outcome(self) -> str:
        return str(self.tab.evaluate("document.querySelector('article .run').dataset.outcome"))

    def result(self) -> Any:
        """The whole result of the last call."""
        self.tab.evaluate("document.querySelector('article .whole').open = true")
        self.tab.wait_for("document.querySelector('article .whole pre') !== null")
        return json.loads(self.tab.text("article .whole pre"))

    def problems(self) -> dict[str, str]:
        """What the fields say that is wrong with them, by name."""
        fields = self.tab.evaluate("""
          [...document.querySelectorAll('article .field [aria-invalid]')].map((control) => {
            const one = control.closest('.field');
            const about = control.getAttribute('aria-describedby').split(' ');
            return [one.dataset.name, about.map((id) => document.getElementById(id).textContent).at(-1)];
          })
        """)
        return dict(fields)

    def sent(self) -> list[str]:
        return self.tab.texts("#messages [data-direction=sent] .title")


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    with chromium(tmp_path / "browser") as tab:
        yield tab


@pytest.fixture
def playground(start: Start, tab: Tab) -> Playground:
    return Playground(tab, start(SERVER).port)


def assert_quiet(tab: Tab) -> None:
    """The browser has refused nothing that the page does, no script failed, and none was smuggled in."""
    assert tab.logged == []


def test_the_page_shows_what_the_server_is_and_has_in_either_era(playground: Playground) -> None:
    tab = playground.tab
    for era in None, "legacy", "modern":
        playground.open(era)
        assert tab.text("#name") == "Playing field"
        assert tab.text("#server-name") == "playing"
        assert tab.text("#instructions") == f"Play.\nNothing here is serious. {SCRIPT}"
        assert tab.text("#protocol") == ERAS[era or "modern"]
        assert "tools" in tab.text("#capabilities")
        assert tab.texts("#lists details:not([hidden]) summary") == [
            "Tools 12",
            "Resources 1",
            "Resource templates 1",
            "Prompts 1",
        ]
    assert_quiet(tab)


def test_a_form_says_what_is_wrong_before_anything_is_sent(playground: Playground) -> None:
    tab = playground.tab
    playground.open(fragment="#tool=order")
    assert tab.text("article h2") == "Order goods"
    playground.press("Call")
    assert playground.problems() == {
        "mail": "mail is needed",
        "product": "product is needed",
        "street": "street is needed",
        "size": "size is needed",
    }
    assert tab.evaluate("document.activeElement.closest('.field').dataset.name") == "mail"
    assert tab.text("article .summary") == "4 values need another look. Nothing was sent."

    for name, value in {
        "mail": "no address",
        "product": "ab-1",
        "street": "x",
        "size": "small",
        "speed": "At once",
        "tip": "1.5",
        "count": "1.5",
    }.items():
        playground.fill(name, value)
    assert playground.problems() == {
        "mail": "mail must be an address such as name@example.com",
        "product": "product must match ^[A-Z]{2}-[0-9]+$",
        "count": "count must be a whole number",
        "street": "street must have at least 2 characters (has 1)",
        "tip": "tip must be 1 or less",
    }
    assert not any(one.startswith("tools/call") for one in playground.sent())

    right: dict[str, object] = {
        "mail": "a@example.com",
        "product": "AB-1",
        "count": "3",
        "street": "Hermes",
        "tip": ".25",
        "gift": True,
    }
    for name, corrected in right.items():
        playground.fill(name, corrected)
    assert playground.problems() == {}
    playground.press("Add item", "[data-name=lines]")
    assert tab.evaluate("document.activeElement.closest('.group').dataset.name") == "item 2"
    tab.write("CD-22")
    playground.press("Add item", "[data-name=lines]")
    tab.evaluate("document.activeElement.closest('.item').querySelector('button').click()")
    tab.evaluate("document.querySelector('[data-name=extras] input').click()")
    playground.press("Add member", "[data-name=prices]")
    tab.write("AB-1")
    playground.fill("value", "2.5", "[data-name=prices]")
    # A date in place of null, a whole object, an integer in place of a text.
    for group_name, kind in {"day": "date", "billing": "Address", "note": "integer"}.items():
        group = f"document.querySelector('[data-name={group_name}] > select')"
        tab.evaluate(f"""
          {group}.value = [...{group}.options].find((one) => one.textContent === {json.dumps(kind)}).value;
          {group}.dispatchEvent(new Event("change", {{ bubbles: true }}));
        """)
    playground.fill("day", "2026-07-28")
    playground.fill("street", "Athena", "[data-name=billing]")
    playground.fill("note", "7")
    assert playground.call().startswith("ok: ")
    given = playground.result()["structuredContent"]["given"]
    assert given == {
        "mail": "a@example.com",
        "lines": [{"product": "AB-1", "count": 3}, {"product": "CD-22", "count": 1}],
        "address": {"street": "Hermes", "city": "Athens"},
        "size": "small",
        "speed": "b",
        "extras": ["bow"],
        "day": "2026-07-28",
        "tip": 0.25,
        "gift": True,
        "prices": {"AB-1": 2.5},
        "note": 7,
        "billing": {"street": "Athena", "city": "Athens"},
    }

    # The same as JSON, in which anything can be sent, and back.
    playground.press("Edit as JSON", "article")
    text = "article [data-name='arguments as JSON'] textarea"
    assert json.loads(tab.evaluate(f"document.querySelector({json.dumps(text)}).value")) == given
    playground.fill("arguments as JSON", json.dumps({**given, "size": "huge", "unknown": 1}))
    assert "size" in playground.call()
    assert playground.outcome == "failed"
    playground.press("Edit as JSON", "article")
    assert "no field of the form" in tab.text("article .field .problem")
    playground.fill("arguments as JSON", json.dumps({**given, "size": "large"}))
    playground.press("Edit as JSON", "article")
    assert playground.call().startswith("ok: ")
    assert playground.result()["structuredContent"]["given"] == {**given, "size": "large"}
    assert_quiet(tab)


def test_a_schema_that_refers_to_itself_is_a_form_as_deep_as_one_likes(playground: Playground) -> None:
    playground.open(fragment="#tool=places")
    where = "article"
    for name in "Earth", "Greece", "Athens":
        playground.fill("name", name, where)
        where += " [data-name=within]"
        if name != "Athens":
            playground.press("Add item", where)
    assert playground.call().startswith("ok: ")
    assert playground.result()["structuredContent"] == {
        "name": "Earth",
        "within": [{"name": "Greece", "within": [{"name": "Athens", "within": []}]}],
    }
    assert_quiet(playground.tab)


@pytest.mark.parametrize("era", ERAS)
def test_progress_is_shown_and_a_call_is_cancelled(playground: Playground, era: str) -> None:
    tab = playground.tab
    playground.open(era)
    playground.choose("tool", "slow")
    playground.press("Call")
    assert tab.evaluate("document.activeElement.textContent") == "Cancel"
    tab.wait_for("document.querySelector('progress').value > 2")
    assert tab.evaluate("document.querySelector('progress').max") == 200
    assert f" {IMAGE}" in tab.text("article .progress-words")
    tab.wait_for("document.querySelectorAll('#log li').length > 2")
    assert tab.texts("#log .level")[0] == "warning"
    playground.press("Cancel")
    assert playground.ended() == "cancelled: "
    assert tab.text("article .status").startswith("Cancelled after ")
    tab.wait_for("document.querySelector('#messages .title').textContent", "notifications/cancelled")
    playground.fill("steps", "2")
    assert playground.call().startswith("ok: done")
    # From now on nothing is logged.
    count = tab.evaluate("document.querySelectorAll('#log li').length")
    tab.evaluate("""
      document.querySelector('#log-level').value = 'error';
      document.querySelector('#log-level').dispatchEvent(new Event('change'));
    """)
    assert playground.call().startswith("ok: done")
    assert tab.evaluate("document.querySelectorAll('#log li').length") == count
    assert_quiet(tab)


@pytest.mark.parametrize("era", ERAS)
def test_the_server_asks_and_is_answered_in_place(playground: Playground, era: str) -> None:
    tab = playground.tab
    playground.open(era)
    asked = "document.querySelector('.question') !== null"

    playground.choose("tool", "ask_form")
    playground.press("Call")
    tab.wait_for(asked)
    assert tab.evaluate("document.activeElement.textContent") == "The server asks you"
    assert tab.text(".question .asked") == f"Who are you? {SCRIPT}"
    playground.fill("name", "Ada", ".question")
    playground.fill("age", "17", ".question")
    playground.press("Accept", ".question")
    assert [one for one in tab.texts(".question .problem") if one][:2] == [
        "age must be 18 or more",
        "Favourite colour is needed",
    ]
    playground.fill("age", "36", ".question")
    playground.fill("colour", "Green", ".question")
    playground.press("Accept", ".question")
    assert playground.ended().startswith("ok: accept: [('age', 36), ('colour', 'g'), ('name', 'Ada'), ('news', True)]")
    for answer in "Decline", "Cancel":
        playground.press("Call")
        tab.wait_for(asked)
        playground.press(answer, ".question")
        assert playground.ended().startswith(f"ok: {answer.lower()}: []")

    playground.choose("tool", "ask_page")
    playground.press("Call")
    tab.wait_for(asked)
    assert tab.text(".question code") == "https://login.example.com/start?a=1"
    link = tab.evaluate("(({href, target, rel}) => ({href, target, rel}))(document.querySelector('.question a'))")
    assert link == {
        "href": "https://login.example.com/start?a=1",
        "target": "_blank",
        "rel": "noopener noreferrer",
    }
    playground.press("Accept", ".question")
    assert playground.ended().startswith("ok: {'action': 'accept'}")
    playground.fill("url", "javascript:alert(3)")
    playground.press("Call")
    tab.wait_for(asked)
    assert tab.text(".question code") == "javascript:alert(3)"
    assert tab.evaluate("document.querySelectorAll('.question a').length") == 0
    # Who gives up the call is not asked any more.
    playground.press("Cancel")
    assert playground.ended() == "cancelled: "
    assert not tab.evaluate(asked)

    playground.choose("tool", "ask_model")
    playground.press("Call")
    tab.wait_for(asked)
    assert tab.texts(".question .message .said") == ["Be brief.", f"How are you? {IMAGE}"]
    playground.press("Answer", ".question")
    assert tab.text(".question [role=alert]") == "An answer is needed."
    tab.write("Fine, thanks")
    tab.evaluate("document.querySelector('.question input').value = 'myself'")
    playground.press("Answer", ".question")
    assert playground.ended().startswith("ok: myself says Fine, thanks")
    playground.press("Call")
    tab.wait_for(asked)
    playground.press("Decline", ".question")
    assert not playground.ended().startswith("ok")

    tab.evaluate("document.querySelector('#roots-panel').open = true")
    playground.press("Add item", "#roots-form")
    playground.fill("uri", "file:///home/ada", "#roots-form")
    playground.press("Apply", "#roots-panel")
    playground.choose("tool", "ask_roots")
    playground.call()
    assert playground.result()["structuredContent"] == {"result": ["file:///home/ada"]}
    assert_quiet(tab)


@pytest.mark.parametrize("era", ERAS)
def test_resources_are_read_and_watched_and_lists_follow(playground: Playground, era: str) -> None:
    tab = playground.tab
    playground.open(era)
    playground.choose("resource", "play://counter")
    assert "counted: 0" in playground.call("Read")
    playground.press("Watch")
    tab.wait_for("[...document.querySelectorAll('.run button')].some((one) => one.textContent === 'Watching')")
    playground.choose("tool", "count")
    assert playground.call().startswith("ok: ")
    playground.choose("resource", "play://counter")
    tab.wait_for("document.querySelector('article .news').textContent.startsWith('Changed once')")
    tab.wait_for("document.querySelector('article .answer').textContent.includes('counted: 1')")
    playground.press("Watching")
    tab.wait_for("document.querySelector('article .news').textContent", "")

    playground.choose("tool", "grow")
    playground.call()
    tab.wait_for("document.querySelector('#lists summary').textContent", "Tools 13")
    playground.choose("tool", "grown")
    assert tab.text("article .description") == f"Grown up. {IMAGE}"
    assert playground.call().startswith("ok: fruit")
    assert_quiet(tab)


def test_variables_and_arguments_are_completed_with_the_keyboard(playground: Playground) -> None:
    tab = playground.tab
    playground.open(fragment="#template=play%3A%2F%2Ftowns%2F%7Bcountry%7D%2F%7Btown%7D")
    tab.tab_to("article [data-name=country] input")
    tab.write("g")
    tab.wait_for("document.querySelectorAll('.offers:not([hidden]) li').length", 3)
    tab.press("ArrowDown")
    tab.press("ArrowDown")
    tab.press("Enter")
    assert tab.evaluate("document.activeElement.value") == "Germany"
    tab.press("Tab")
    tab.write("Köln am Rhein")
    tab.tab_to("article .run button")
    tab.press("Enter")
    assert playground.ended().startswith("ok: play://towns/Germany/K%C3%B6ln%20am%20Rhein")
    assert f"Köln am Rhein in Germany {SCRIPT}" in tab.text("article .answer")

    playground.choose("prompt", "greet")
    playground.press("Get")
    assert playground.problems() == {"name": "name is needed"}
    playground.fill("name", "Ada")
    assert f"Greet Ada, calm. {IMAGE}" in playground.call("Get")
    assert_quiet(tab)


def test_content_of_every_kind_is_shown_and_none_of_it_is_markup(playground: Playground) -> None:
    tab = playground.tab
    playground.open(fragment="#tool=gallery")
    assert playground.call().startswith(f"ok: Text that is no markup: {SCRIPT} {IMAGE}")
    tab.wait_for("document.querySelector('article img').naturalWidth", 64)
    tab.wait_for("document.querySelector('article audio').duration > 0")
    assert tab.texts("article .resource pre") == [IMAGE]
    assert tab.texts("article .member")[:2] == ["markup", SCRIPT]
    tab.evaluate("document.querySelector('article .link button').click()")
    assert playground.ended().startswith("ok: play://counter")
    assert tab.text("article h2") == "The counter"
    assert tab.text("article .description") == SCRIPT

    playground.choose("tool", "fail")
    assert tab.text("article h2") == IMAGE
    assert playground.call().startswith(f"failed: It failed: {IMAGE}")
    assert tab.text("article .status").startswith("The tool failed after ")
    playground.choose("tool", "refuse")
    assert playground.call().startswith("error: Error -32602 (invalid params)")
    assert SCRIPT in tab.text("article .answer")
    assert tab.evaluate("document.querySelectorAll('main :is(script, iframe, object, embed, style)').length") == 0
    assert tab.evaluate("[...document.querySelectorAll('img')].every((one) => one.src.startsWith('data:'))")
    assert_quiet(tab)


def test_all_is_done_with_the_keyboard(playground: Playground) -> None:
    tab = playground.tab
    playground.open()
    tab.tab_to("#catalog-filter")
    tab.write("take a tree")
    tab.wait_for("document.querySelector('#lists summary').textContent", "Tools 1 of 12")
    tab.tab_to("#lists button")
    tab.press("Enter")
    assert tab.evaluate("document.activeElement.textContent") == "places"
    tab.tab_to("article [data-name=name] textarea")
    tab.write("Earth")
    tab.tab_to("article .run button")
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.press("Enter")
    assert playground.ended().startswith("ok: ")
    assert tab.evaluate("document.activeElement.textContent") == "Call"
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Copy as command"
    assert_quiet(tab)


def test_messages_are_kept_filtered_and_copied_and_old_ones_are_dropped(playground: Playground) -> None:
    tab = playground.tab
    playground.open("legacy", "#tool=count")
    playground.call()
    tab.wait_for("document.querySelector('#messages .title').textContent", "result of tools/call count")
    assert tab.texts("#messages [data-direction=sent] .title")[-1] == "server/discover"
    tab.evaluate("""
      document.querySelector('#message-filter').value = 'TOOLS/CALL';
      document.querySelector('#message-filter').dispatchEvent(new Event('input'));
    """)
    assert tab.texts("#messages li:not([hidden]) .title") == ["result of tools/call count", "tools/call count"]
    tab.evaluate("[...document.querySelectorAll('#messages li:not([hidden]) button')].at(-1).click()")
    tab.wait_for("document.querySelector('#said').textContent", "message copied")
    copied = json.loads(tab.evaluate("navigator.clipboard.readText()"))
    assert (copied["method"], copied["params"]["name"]) == ("tools/call", "count")

    kept = tab.evaluate("""
      import('/playground/messages.js').then(async ({ Messages }) => {
        const control = () => document.createElement('input');
        const [list, counted] = [document.createElement('ol'), document.createElement('p')];
        const parts = { filter: control(), direction: control(), clear: control() };
        const messages = new Messages({ list, counted, ...parts });
        for (let id = 0; id < 1200; id += 1) {
          messages.add('sent', JSON.stringify({ id, method: 'ping' }));
        }
        await new Promise((resolve) => { setTimeout(resolve, 50); });
        const many = [list.children.length, counted.textContent];
        messages.add('received', 'x'.repeat(5_000_000));
        for (let times = 0; times < 4; times += 1) {
          messages.add('received', 'x'.repeat(900_000));
        }
        await new Promise((resolve) => { setTimeout(resolve, 50); });
        return [...many, list.children.length];
      })
    """)
    assert kept == [500, "500, 700 older ones dropped", 4]
    assert_quiet(tab)


def test_what_is_copied_as_a_command_does_the_same(playground: Playground, tmp_path: Path) -> None:
    tab = playground.tab
    playground.open("legacy", "#tool=places")
    name = 'It\'s $HOME `id` "here" \\ & <there>\nŽluťoučký !'
    playground.fill("name", name)
    assert playground.call().startswith("ok: ")
    playground.press("Copy as command")
    tab.wait_for("document.querySelector('#said').textContent", "command copied")
    command = tab.evaluate("navigator.clipboard.readText()")
    assert command.startswith("mcpws call ws://127.0.0.1:")
    assert command.endswith(" --era legacy")
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        timeout=PATIENCE,
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["structuredContent"] == {"name": name, "within": []}


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_the_page_is_no_wider_than_its_window(playground: Playground, width: int) -> None:
    tab = playground.tab
    tab.command("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    playground.open(fragment="#tool=order")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    playground.choose("tool", "gallery")
    playground.call()
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_lives_on_when_the_server_is_started_again(start: Start, tab: Tab) -> None:
    first = start(SERVER)
    playground = Playground(tab, first.port)
    playground.open(fragment="#tool=places")
    playground.fill("name", "kept")
    first.interrupt()
    first.end()
    tab.wait_for("document.body.dataset.state", "lost")
    # Or, a moment later, that nobody is there to connect to again.
    assert "connection was lost" in tab.text("#problem")
    start(SERVER, "--port", str(playground.url.rpartition(":")[2].partition("/")[0])).wait_for("Ctrl-C ends it.")
    playground.is_connected()
    assert playground.call().startswith("ok: ")
    assert playground.result()["structuredContent"]["name"] == "kept"


def test_a_path_that_is_not_served_is_told(playground: Playground) -> None:
    tab = playground.tab
    playground.open()
    assert tab.evaluate("[...document.querySelectorAll('#paths option')].map((one) => one.value)") == [
        "/",
        "/mcp",
        "/ws",
        "/message",
    ]
    tab.evaluate("document.querySelector('#path').value = 'nowhere'")
    playground.press("Connect", "#connect")
    tab.wait_for("document.querySelector('#problem').textContent.includes('/nowhere could not be connected to')")
    assert tab.evaluate("document.body.dataset.state") == "idle"


def test_templates_are_expanded_as_rfc_6570_has_it(playground: Playground) -> None:
    playground.open()
    values = {"name": "Köln/a b", "path": "/x y/%41", "q": "1&2", "empty": "", "long": "abcdef"}
    expected = {
        "f:///{name}": "f:///K%C3%B6ln%2Fa%20b",
        "f://{+path}/end": "f:///x%20y/%41/end",
        "f:///{#name}": "f:///#K%C3%B6ln/a%20b",
        "f:///a{?q,empty,none}": "f:///a?q=1%262&empty=",
        "f:///a?b=c{&q}": "f:///a?b=c&q=1%262",
        "f:///a{;q,empty}": "f:///a;q=1%262;empty",
        "f:///{long:3}{.long:2}{/long*}": "f:///abc.ab/abcdef",
        "f:///{constructor}": "f:///",
    }
    expanded = playground.tab.evaluate(f"""
      import('/playground/template.js').then(({{ expand }}) =>
        {json.dumps(list(expected))}.map((one) => expand(one, {json.dumps(values)})))
    """)
    assert dict(zip(expected, expanded, strict=True)) == expected


def test_no_schema_breaks_the_page(playground: Playground) -> None:
    """A form is made of whatever a server sends, and what cannot be is JSON, or told."""
    playground.open()
    circle = {"$ref": "#/$defs/a"}
    schemas: list[object] = [
        None,
        True,
        [],
        {"properties": None},
        {"properties": {"__proto__": {"type": "string"}, "constructor": {"format": "constructor"}}},
        {"properties": {"a": {"type": ["string", "null", "number"]}, "b": {"type": "nothing"}, "c": False}},
        {"properties": {"a": {"$ref": "#/nowhere"}, "b": {"$ref": "https:other"}, "c": {"pattern": "("}}},
        {"properties": {"a": {"type": "string", "format": "constructor", "title": 5, "description": ["x"]}}},
        {"properties": {"a": circle}, "$defs": {"a": {"properties": {"a": circle}, "required": ["a"]}}},
        {"properties": {"a": circle}, "$defs": {"a": circle}},
        {"properties": {"a": {"anyOf": [circle, {"type": "null"}]}}, "$defs": {"a": {"anyOf": [circle, circle]}}},
        {"additionalProperties": {"type": "integer"}},
        {"properties": {"a": {"items": {"items": {"type": "integer"}}}, "b": {"enum": [1, None, {"a": []}]}}},
    ]
    made = playground.tab.evaluate(f"""
      import('/playground/form.js').then(({{ Form }}) => {json.dumps(schemas)}.map((schema) => {{
        const form = new Form(schema);
        document.querySelector('#item-place').append(form.element);
        return form.read();
      }}))
    """)
    assert made == [{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}]
    assert_quiet(playground.tab)
