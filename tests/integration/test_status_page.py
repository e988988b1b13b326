"""The status page in a real browser, of a real server with real clients: what is shown, and how it is used."""

from __future__ import annotations

import json
import random
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mcpws.admin.status import percentile
from mcpws.testing.raw import CLOSE, PING
from mcpws.turns.timing import BOUNDS, Timing
from tests.integration.devtools import PATIENCE, Tab, chromium
from tests.integration.foreground import Start, start
from tests.integration.live import BlockingClient

pytestmark = pytest.mark.integration

__all__ = ["start"]

IS_FED = "['live', 'polling'].includes(document.body.dataset.state)"
FOCUSED = "document.activeElement.getAttribute('aria-label')"
HOSTILE = ("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "</td></tr><svg onload=alert(3)>")


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    with chromium(tmp_path / "browser") as tab:
        yield tab


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def client(stack: ExitStack, port: int, name: str, asks: int = 0) -> BlockingClient:
    """A client that calls itself so, and has asked so often for the tools."""
    one = BlockingClient(port)
    stack.callback(one.close, None)
    info = {"name": name, "version": f"{asks}.0"}
    one.ask(0, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=info)
    one.send_message({"jsonrpc": "2.0", "method": "notifications/initialized"})
    for number in range(asks):
        one.ask(number + 1, "tools/list")
    return one


def status_of(port: int) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/status.json", timeout=PATIENCE) as answer:
        return json.load(answer)


def cells(tab: Tab, table: str, column: str) -> list[str]:
    return tab.texts(f"#{table} tbody [data-column={column}]")


def show(tab: Tab, port: int) -> None:
    tab.open(f"http://127.0.0.1:{port}/status")
    tab.wait_for("document.body?.dataset.state !== undefined && document.readyState === 'complete'")
    tab.wait_for(IS_FED)


def wait_for_client(tab: Tab, name: str) -> None:
    column = "[...document.querySelectorAll('#connection-table tbody [data-column=client]')]"
    tab.wait_for(f"{column}.some((one) => one.textContent === {json.dumps(name)})")


def assert_quiet(tab: Tab) -> None:
    """The browser has refused nothing that the page does, no script failed, and none was smuggled in."""
    # That the server has no WebSocket for the page, or was away, is what some tests are about.
    assert [one for one in tab.logged if not one.startswith("network:")] == []


def test_the_numbers_are_those_of_the_server(start: Start, tab: Tab, clients: ExitStack) -> None:
    port = start().port
    for asks in 3, 10, 0:
        client(clients, port, f"client of {asks}", asks)
    lost = client(clients, port, "who errs")
    lost.ask(1, "tools/call", name="there is none")
    lost.ask(2, "tools/call", name="echo", arguments={"text": "x"})
    with socket.create_connection(("127.0.0.1", port)) as refused:
        refused.sendall(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://evil.example\r\nUpgrade: websocket\r\n\r\n"
        )
        assert b"403" in refused.recv(4096)

    show(tab, port)
    tab.wait_for("document.querySelectorAll('#connection-table tbody tr').length >= 4")
    status = status_of(port)
    assert tab.text("#name") == status["server"]["name"]
    assert tab.text("#pid") == str(status["process"]["pid"])
    assert tab.text("#ready") == "ready"
    assert tab.text("#open") == str(status["totals"]["connections"])
    by_id = {str(one["id"]): one for one in status["connections"]}
    shown = cells(tab, "connection-table", "id")
    assert shown == sorted(by_id, key=int)
    for column in "client", "client_version", "protocol", "peer", "state":
        assert cells(tab, "connection-table", column) == [by_id[id][column] for id in shown]
    ours = [index for index, id in enumerate(shown) if by_id[id]["client"].startswith(("client of", "who errs"))]
    for column in "messages_received", "messages_sent", "in_flight":
        numbers = cells(tab, "connection-table", column)
        assert [numbers[index] for index in ours] == [str(by_id[shown[index]][column]) for index in ours]
    counts = dict(zip(cells(tab, "method-table", "method"), cells(tab, "method-table", "count"), strict=True))
    assert counts["tools/list"] == "13"
    assert counts["tools/call"] == "2"
    assert (cells(tab, "tool-table", "tool"), cells(tab, "tool-table", "count")) == (["echo"], ["1"])
    assert cells(tab, "error-table", "code") == list(status["errors"]) == ["-32602"]
    assert cells(tab, "error-table", "meaning") == ["invalid params"]
    assert "https://evil.example" in cells(tab, "refusal-table", "value")
    assert "--allow-origin allows it" in cells(tab, "refusal-table", "advice")
    assert_quiet(tab)


def test_the_table_is_sorted_and_filtered_with_the_keyboard(start: Start, tab: Tab, clients: ExitStack) -> None:
    port = start().port
    for name, asks in ("greek beta", 5), ("Greek Alpha", 9), ("greek gamma 10", 1), ("greek gamma 9", 3):
        client(clients, port, name, asks)
    show(tab, port)
    tab.wait_for("document.querySelectorAll('#connection-table tbody tr').length >= 4")

    tab.tab_to("#filter")
    tab.write("2025-11-25 GREEK")
    tab.wait_for("document.querySelector('#shown').textContent.startsWith('4')")
    tab.tab_to("#connection-table thead [data-column=client] button")
    tab.press("Enter")
    assert cells(tab, "connection-table", "client") == ["Greek Alpha", "greek beta", "greek gamma 9", "greek gamma 10"]
    heading = "document.querySelector('#connection-table [data-column=%s]').getAttribute('aria-sort')"
    assert tab.evaluate(heading % "client") == "ascending"
    tab.press("Enter")
    assert cells(tab, "connection-table", "client") == ["greek gamma 10", "greek gamma 9", "greek beta", "Greek Alpha"]
    assert tab.evaluate(heading % "client") == "descending"
    tab.tab_to("#connection-table thead [data-column=messages_received] button")
    tab.press("Enter")
    assert cells(tab, "connection-table", "client") == ["Greek Alpha", "greek beta", "greek gamma 9", "greek gamma 10"]
    assert tab.evaluate(heading % "client") is None
    assert tab.evaluate(heading % "messages_received") == "descending"

    # What has the focus has it still when all numbers were written anew, and rows are the same ones.
    before = tab.text("#uptime")
    tab.evaluate("window.row = document.querySelector('#connection-table tbody tr')")
    tab.wait_for(f"document.querySelector('#uptime').textContent !== {json.dumps(before)}")
    assert tab.evaluate("window.row === document.querySelector('#connection-table tbody tr')")
    assert tab.evaluate("document.activeElement.closest('th').dataset.column") == "messages_received"

    tab.evaluate("document.querySelector('#filter').focus()")
    tab.evaluate("document.querySelector('#filter').select()")
    tab.write("ALPHA")
    assert cells(tab, "connection-table", "client") == ["Greek Alpha"]
    tab.evaluate("document.querySelector('#filter').select()")
    tab.write("nobody at all")
    assert cells(tab, "connection-table", "client") == []
    assert_quiet(tab)


def test_what_clients_call_themselves_is_text(start: Start, tab: Tab, clients: ExitStack) -> None:
    port = start().port
    for name in HOSTILE:
        client(clients, port, name)
    show(tab, port)
    tab.wait_for("document.querySelectorAll('#connection-table tbody tr').length >= 3")
    assert cells(tab, "connection-table", "client")[:3] == list(HOSTILE)
    assert tab.evaluate("document.querySelectorAll('tbody :is(img, script, svg)').length") == 0
    assert_quiet(tab)
    # And were one of them markup, the browser would not run it, and this test would notice.
    tab.evaluate("document.querySelector('#said').setAttribute('onclick', 'alert(4)')")
    tab.evaluate("document.querySelector('#said').click()")
    assert [one for one in tab.logged if "Content Security Policy" in one] != []
    assert [one for one in tab.logged if one.startswith("dialog:")] == []


def test_the_page_lives_on_when_the_server_is_started_again(start: Start, tab: Tab, clients: ExitStack) -> None:
    first = start()
    port = first.port
    client(clients, port, "before", 2)
    show(tab, port)
    wait_for_client(tab, "before")
    assert tab.evaluate("document.querySelector('#stale').hidden") is True

    first.interrupt()
    first.end()
    tab.wait_for("document.body.dataset.state", "lost")
    assert tab.text("#state") == "connection lost, trying again"
    assert tab.evaluate("document.querySelector('#stale').hidden") is False

    second = start("--port", str(port))
    second.wait_for("Ctrl-C ends it.")
    client(clients, port, "after", 7)
    tab.wait_for(IS_FED)
    tab.wait_for("document.querySelector('#pid').textContent", str(second.process.pid))
    wait_for_client(tab, "after")
    assert "before" not in cells(tab, "connection-table", "client")
    assert_quiet(tab)


def test_a_page_that_nobody_sees_does_not_ask(start: Start, tab: Tab) -> None:
    show(tab, start().port)
    hide = "Object.defineProperty(document, 'hidden', {configurable: true, value: %s})"
    tab.evaluate(f"{hide % 'true'}; document.dispatchEvent(new Event('visibilitychange'))")
    time.sleep(0.5)
    before = tab.text("#uptime")
    time.sleep(2.5)
    assert tab.text("#uptime") == before
    tab.evaluate(f"{hide % 'false'}; document.dispatchEvent(new Event('visibilitychange'))")
    tab.wait_for(f"document.querySelector('#uptime').textContent !== {json.dumps(before)}")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_is_no_wider_than_its_window(start: Start, tab: Tab, clients: ExitStack, width: int) -> None:
    tab.command("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    port = start().port
    client(clients, port, "unbreakable" * 15)
    show(tab, port)
    tab.wait_for("document.querySelectorAll('#connection-table tbody tr').length >= 1")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.wait_for("document.querySelector('#plot-requests path.line').getAttribute('d') !== ''")


def test_the_page_estimates_percentiles_as_the_server_does(start: Start, tab: Tab) -> None:
    show(tab, start().port)
    generator = random.Random(7)
    for _ in range(20):
        timing = Timing()
        for _ in range(generator.randrange(50)):
            timing.add(10 ** generator.uniform(-4, 2))
        share = generator.choice([0.5, 0.95, 0.99, 1.0])
        given = f"{timing.buckets}, {list(BOUNDS)}, {share}"
        estimated = tab.evaluate(f"import('/status/history.js').then((module) => module.percentile({given}))")
        assert estimated == pytest.approx(percentile(timing, share))


def test_the_page_keeps_five_minutes_and_no_more(start: Start, tab: Tab) -> None:
    show(tab, start().port)
    kept = tab.evaluate("""
        Promise.all([import('/status/history.js'), fetch('/status.json').then((answer) => answer.json())])
          .then(([{ History }, status]) => {
            const history = new History();
            const most = [];
            for (const pause of [1, 0.6, 1, 20, 1]) {
              for (let times = 0; times < 400; times += 1) {
                status.server.uptime += pause;
                history.add(status);
              }
              most.push(history.points.length);
            }
            status.process.pid += 1;
            history.add(status);
            return [...most, history.points.length];
          })
    """)
    # One a second; no more than that of a quicker feed; none for a pause that says nothing of its seconds.
    assert kept == [300, 300, 300, 0, 300, 0]


def test_a_live_page_closes_connections_and_drains(start: Start, tab: Tab, clients: ExitStack) -> None:
    names = ["first", "second", "third"]
    port = start().port
    ours = {name: client(clients, port, name) for name in names}
    show(tab, port)
    tab.wait_for("document.body.dataset.state", "live")
    # Who looks is none of those that are seen.
    tab.wait_for("document.querySelectorAll('#connection-table tbody tr').length", 3)
    assert cells(tab, "connection-table", "client") == names

    # Who closes one with the keyboard is at the next one then.
    tab.tab_to("#connection-table tbody tr:nth-child(2) button")
    closed = tab.evaluate(FOCUSED)
    assert closed.endswith("of second")
    tab.press("Enter")
    # The heartbeat comes between, if the browser takes its time.
    while (frame := ours["second"].next_frame()).opcode == PING:
        pass
    assert (frame.opcode, frame.payload[2:]) == (CLOSE, b"closed by who runs this server")
    ours["second"].close(None)
    tab.wait_for("document.querySelectorAll('#connection-table tbody tr').length", 2)
    assert tab.evaluate(FOCUSED).endswith("of third")
    assert tab.text("#said") == f"Closing {closed.removeprefix('Close ')}"

    tab.evaluate("document.activeElement.blur()")
    tab.tab_to("#drain")
    tab.press("Enter")
    assert tab.evaluate("document.querySelector('dialog').open") is True
    assert tab.evaluate("document.activeElement.id") == "drain-no"
    tab.press("Escape")
    tab.wait_for("document.querySelector('dialog').open", False)
    assert tab.evaluate("document.activeElement.id") == "drain"
    assert tab.text("#ready") == "ready"

    tab.press("Enter")
    tab.tab_to("#drain-yes")
    tab.press("Enter")
    # All connections end but that of the page.
    tab.wait_for("document.querySelectorAll('#connection-table tbody tr').length", 0)
    assert tab.evaluate("document.body.dataset.state") == "live"
    tab.wait_for("document.querySelector('#ready').textContent", "not ready: the service is shutting down")
    assert_quiet(tab)
