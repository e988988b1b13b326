"""The picture of a running server: it fits, it counts right, and no client writes to the terminal through it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed
from rich.cells import cell_len
from rich.text import Text

from mcpws.admin.server import STATUS as STATUS_URI
from mcpws.admin.status import (
    ChildReport,
    ConnectionReport,
    ProcessReport,
    RefusalReport,
    RequestsReport,
    ServerReport,
    StatusReport,
)
from mcpws.cli import top_source
from mcpws.cli.columns import cut, escaped
from mcpws.cli.top_rates import rates
from mcpws.cli.top_sorts import SORTS, next_sort
from mcpws.cli.top_tables import peer
from mcpws.cli.top_view import Picture
from mcpws.core.counters import COUNTED

HOSTILE = "\x1b[2J\x9b31m[red]evil[/red]\r\n\u202e\u0301\u0301\u0301\u0301\udc80"


def connection(id: int, **members: Any) -> ConnectionReport:
    given: dict[str, Any] = {
        "peer": f"tcp4:127.0.0.1:{50000 + id}",
        "client": f"client-{id}",
        "client_version": "1.2.3",
        "protocol": "2025-11-25",
        "state": "connected",
        "age": 100.0 + id,
        "idle": 0.0,
        "messages_received": 10 * id,
        "messages_sent": 10 * id,
        "bytes_received": 1000,
        "bytes_sent": 1000,
        "errors": 0,
        "in_flight": 0,
        "queued_bytes": 0,
        "round_trip": 0.001 * id,
    }
    return ConnectionReport(id=id, **{**given, **members})


def report(connections: Sequence[ConnectionReport] = (), **members: Any) -> StatusReport:
    totals = dict.fromkeys(COUNTED, 0) | {
        "connections": len(connections),
        "connections_total": len(connections),
        "connections_refused": 0,
        "connections_aborted": 0,
        "in_flight": 0,
        "queued_bytes": 0,
    }
    given: dict[str, Any] = {
        "server": ServerReport("calculator", "calculator 1.0: 3 tools", "0.1.0", 1_800_000_000.0, 10.0, None),
        "process": ProcessReport(7, 64 * 1024**2, 1.0, 0.0002),
        "requests": {},
        "errors": {},
        "limits": {},
        "backend": {},
        "children": [],
        "refusals": [],
    }
    given["totals"] = totals | members.pop("totals", {})
    return StatusReport(connections=connections, **{**given, **members})


def full(connections: int = 30) -> StatusReport:
    """Something of everything."""
    return report(
        [connection(id) for id in range(1, connections + 1)],
        requests={
            f"method/{number}": RequestsReport(1000 - number, number, 0.01, 0.005, 0.5, 1.5) for number in range(8)
        },
        tools={f"tool{number}": RequestsReport(50 + number, 0, 0.01, 0.005, 0.5, 1.5) for number in range(5)},
        errors={"-32601": 4},
        limits={"max_in_flight": 3, "max_connections": 12},
        children=[ChildReport(900 + number, "python server.py --long " * 20, number, 5.0, 1024) for number in range(5)],
        refusals=[
            RefusalReport(
                5.0, "tcp4:10.0.0.1:5", 403, "this origin may not connect", "https://x", "--allow-origin allows it"
            )
        ]
        * 6,
        totals={"errors": 4, "bytes_received": 2048},
    )


def later(first: StatusReport, seconds: float, **members: Any) -> StatusReport:
    uptime = first.server.uptime + seconds
    return changed(first, server=changed(first.server, uptime=uptime), **members)


def text_of(picture: Picture, width: int = 100, height: int = 40) -> str:
    return "\n".join(line.plain.rstrip() for line in picture.lines(width, height))


@pytest.mark.parametrize("width", [1, 20, 59, 60, 80, 120, 250])
@pytest.mark.parametrize("height", [1, 2, 5, 8, 9, 10, 12, 16, 24, 40, 100])
@pytest.mark.parametrize("connections", [0, 1, 30])
def test_it_fits_any_terminal(width: int, height: int, connections: int) -> None:
    picture = Picture(full(connections), foot="q quit")
    lines = picture.lines(width, height)
    assert len(lines) == height
    assert max(line.cell_len for line in lines) <= width
    assert lines[-1].plain == cut("q quit", width)


def test_60_columns_have_what_matters_most() -> None:
    shown = text_of(Picture(full(1), sort="id"), 60, 60)
    assert re.search(r"^  id peer +client +age flight +in +out$", shown, re.MULTILINE), shown
    assert re.search(r"^   1 127\.0\.0\.1:50001 client-1 +1m41s +0 +10 +10$", shown, re.MULTILINE), shown
    assert re.search(r"^method +count per s errors +p50 +p95 +p99$", shown, re.MULTILINE), shown
    assert re.search(r"^method/1 +999 +99\.9 +1 5\.00ms +500ms +1\.50s$", shown, re.MULTILINE), shown
    assert "--allow-origin allows it" in shown


def test_the_column_that_says_the_order_is_always_there() -> None:
    for sort, (_, heading) in SORTS.items():
        for width in (60, 80, 120):
            assert f" {heading}" in text_of(Picture(full(1), sort=sort), width, 60).partition("peer")[2] or sort == "id"


def test_more_columns_show_more() -> None:
    narrow, wide = (text_of(Picture(full(1), sort="id"), width, 60) for width in (80, 120))
    assert "queued    rtt\n" in narrow
    assert "version" not in narrow
    assert re.search(r"version +MCP +age .* msg/s queued +rtt state\n", wide)
    assert "2025-11-25" in wide
    assert re.search(r"403 +10\.0\.0\.1:5 +this origin may not connect: https://x +--allow-origin allows it", wide)


def test_what_there_is_no_room_for_is_counted() -> None:
    for height in range(12, 40):
        shown = text_of(Picture(full(30)), 100, height)
        rows = len(re.findall(r"127\.0\.0\.1:5\d\d\d\d", shown))
        assert rows >= 2
        assert f"… {30 - rows} more connections" in shown
        methods = shown.count("method/")
        assert methods == 8 or f"… {8 - methods} more methods" in shown or "methods 8" in shown


def test_small_sections_are_whole_before_large_ones_get_more() -> None:
    shown = text_of(Picture(full(30)), 100, 40)
    assert "limits hit" in shown
    assert "max_connections 12  max_in_flight 3" in shown
    assert shown.count("method/") >= 3
    assert shown.count("python server.py") >= 3


def test_blank_lines_are_for_where_there_is_room() -> None:
    picture = Picture(full(3))
    whole = len(picture.text(100).splitlines()) + 1
    assert "\n\nmethod " in text_of(picture, 100, whole)
    assert "\n\nmethod " not in text_of(picture, 100, whole - 1)
    assert "more" not in text_of(picture, 100, whole - 1)


def test_thousands_of_connections_are_no_more_work_than_the_rows_shown() -> None:
    asked: list[int] = []

    class Counted(str):
        def partition(self, separator: str) -> tuple[str, str, str]:
            asked.append(1)
            return super().partition(separator)

    shown = Picture(report([connection(id, peer=Counted("tcp4:a:1")) for id in range(1, 5000)])).lines(100, 30)
    assert len(asked) <= 30
    assert "more connections" in "\n".join(line.plain for line in shown)


def test_a_server_without_connections_says_so() -> None:
    shown = text_of(Picture(report()))
    assert "calculator 1.0: 3 tools" in shown
    assert "no client is connected" in shown
    assert "method" not in shown
    assert "refused  " not in shown.partition("connections")[2]


@pytest.mark.parametrize(
    ("unready", "problem", "said", "not_said"),
    [
        (None, None, "\nready", "not ready"),
        ("the service is shutting down", None, "\nnot ready: the service is shutting down", None),
        ("is shutting down", "not connected: \x07gone", "\nnot connected: \\x07gone", "shutting"),
    ],
)
def test_the_second_line_says_how_it_is(unready: str | None, problem: str | None, said: str, not_said: str) -> None:
    server = ServerReport("a", "a 1", "0.1.0", 1_800_000_000.0, 3725.0, unready)
    shown = text_of(Picture(report(server=server), problem=problem))
    assert said in shown
    assert not_said is None or not_said not in shown
    assert "up 1h02m" in shown
    assert re.search(r"since 2027-01-1\d \d\d:\d\d:\d\d", shown)


# Rates.


def test_rates_are_of_the_time_between_two_reports() -> None:
    first = full(2)
    totals = first.totals | {"messages_received": 50, "messages_sent": 25, "bytes_sent": 4096, "errors": 5}
    requests = {
        **first.requests,
        "method/0": changed(first.requests["method/0"], count=1020),
        "new": first.requests["method/1"],
    }
    second = later(
        first,
        2.0,
        totals=totals,
        requests=requests,
        process=changed(first.process, cpu=1.5),
        connections=[connection(1, messages_sent=16), connection(2), connection(3, age=1.0)],
    )
    found = rates(second, first)
    assert not found.is_average
    assert found.totals == {
        "messages_received": 25,
        "messages_sent": 12.5,
        "bytes_received": 0,
        "bytes_sent": 2048,
        "errors": 0.5,
        "requests": (20 + 999) / 2,
    }
    assert found.cpu == 0.25
    # The third has come meanwhile.
    assert found.connections == {1: 3, 2: 0, 3: 60}
    assert found.methods["method/0"] == 10
    assert found.methods["method/1"] == 0
    shown = text_of(Picture(second, first))
    assert re.search(r"^per s +510 +25\.0 +12\.5 +0B +2\.00K +0\.5$", shown, re.MULTILINE), shown
    assert "CPU 25.0%" in shown


def test_without_an_earlier_report_they_are_those_since_the_server_began() -> None:
    one = report(totals={"messages_received": 50})
    assert rates(one, None).totals["messages_received"] == 5
    shown = text_of(Picture(one))
    assert re.search(r"^avg/s +0 +5\.0 ", shown, re.MULTILINE)
    # Most of what it computed may have been before it served.
    assert "CPU 1.0s " in shown


@pytest.mark.parametrize(
    "other",
    [
        lambda one: changed(one, process=changed(one.process, pid=8)),
        lambda one: later(one, 5),
    ],
    ids=["another process", "it began anew"],
)
def test_there_are_no_rates_across_a_restart(other: Any) -> None:
    now = report(totals={"messages_received": 50})
    assert rates(now, other(changed(now, totals=now.totals | {"messages_received": 49}))).is_average


def test_two_reports_at_once_have_no_rate() -> None:
    one = report([connection(1)])
    found = rates(one, one)
    assert found.cpu is None
    assert set(found.totals.values()) == {None}
    assert re.search(r"^per s +- +- +- +- +- +-$", text_of(Picture(one, one)), re.MULTILINE)


# Orders.


def test_every_order_puts_the_most_remarkable_first() -> None:
    connections = [
        connection(1),
        connection(2, in_flight=3),
        connection(3, queued_bytes=9),
        connection(4, messages_sent=1000),
        connection(5, age=1000.0, round_trip=None),
        connection(6, round_trip=3.0),
        connection(7, age=0.5),
    ]
    first = {
        sort: re.findall(r"^ +(\d+) 127", text_of(Picture(report(connections), sort=sort)), re.MULTILINE)[0]
        for sort in SORTS
    }
    assert first == {
        "rate": "7",
        "in-flight": "2",
        "queued": "3",
        "messages": "4",
        "round-trip": "6",
        "age": "5",
        "id": "1",
    }


def test_the_orders_take_turns() -> None:
    seen = ["rate"]
    while (sort := next_sort(seen[-1])) != "rate":
        seen.append(sort)
    assert seen == list(SORTS)


def test_equals_keep_their_places() -> None:
    shown = text_of(Picture(report([connection(id, messages_sent=0) for id in (3, 1, 2)]), sort="queued"))
    assert re.findall(r"^ +(\d+) 127", shown, re.MULTILINE) == ["1", "2", "3"]


# Texts of others.


def hostile() -> StatusReport:
    return report(
        [connection(1, client=HOSTILE, client_version=HOSTILE, protocol=HOSTILE, peer=HOSTILE, state=HOSTILE)],
        server=ServerReport(HOSTILE, HOSTILE, HOSTILE, 1e300, 1.0, HOSTILE),
        requests={HOSTILE: RequestsReport(1, 1, None, None, None, None)},
        tools={HOSTILE: RequestsReport(1, 1, None, None, None, None)},
        errors={HOSTILE: 1},
        limits={HOSTILE: 1},
        children=[ChildReport(1, HOSTILE, None, 1.0, None)],
        refusals=[RefusalReport(1.0, HOSTILE, None, HOSTILE, HOSTILE, HOSTILE)],
    )


@pytest.mark.parametrize("width", [60, 80, 120, 300])
def test_no_text_of_others_does_anything_to_the_terminal(width: int) -> None:
    picture = Picture(hostile(), problem=None, foot=HOSTILE)
    for shown in (*(line.plain for line in picture.lines(width, 50)), *picture.text(width).split("\n")):
        assert shown.isprintable()
        assert cell_len(shown) <= width
    whole = picture.text(300)
    assert "\\x1b[2J\\x9b31m[red]evil[/red]\\r\\n\\u202e" in whole
    assert whole.encode()


def test_wide_characters_are_cut_to_their_cells() -> None:
    connections = [connection(1, client="日本語" * 30), connection(2, client="x" * 200)]
    for width in range(60, 130):
        first, second = [
            line for line in Picture(report(connections), sort="id").lines(width, 30) if "127.0.0.1:5" in line.plain
        ]
        ages = [cell_len(line.plain[: line.plain.index("1m4")]) for line in (first, second)]
        assert ages[0] == ages[1]
        assert "…" in first.plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\tb", "a\\tb"), ("\x00", "\\x00"), ("\u200b", "\\u200b"), ("Grüße 日本", "Grüße 日本"), ("a\u0301", "a\u0301")],
)
def test_what_is_no_character_to_see_is_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("tcp4:127.0.0.1:80", "127.0.0.1:80"),
        ("tcp6:::1:80", "[::1]:80"),
        ("unix:/run/a.sock", "unix:/run/a.sock"),
        ("unix", "unix"),
        ("", ""),
        ("tcp6:", "tcp6:"),
    ],
)
def test_a_peer_is_shown_in_little_room(address: str, shown: str) -> None:
    assert peer(address) == shown


def test_a_question_is_not_missed() -> None:
    asked = replace(Picture(report()), foot="d again", asks=True)
    assert asked.lines(80, 20)[-1] == Text("d again", "bold yellow")


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("ws://a:1", "ws://a:1/status"),
        ("ws://a:1/", "ws://a:1/status"),
        ("ws://a:1?b=c", "ws://a:1/status?b=c"),
        ("wss://[::1]/other", "wss://[::1]/other"),
    ],
)
def test_the_path_is_that_of_the_status_page_if_none_is_given(url: str, whole: str) -> None:
    assert top_source.status_url(url) == whole


def test_the_page_is_where_the_server_has_it() -> None:
    from mcpws.admin.view import STATUS_PATH

    assert (top_source.STATUS, top_source.STATUS_PATH) == (STATUS_URI, STATUS_PATH)
