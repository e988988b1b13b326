"""The page on operations says what there is: events with their fields, counters, and an Observer that works."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from mcpws.core.counters import COUNTED
from mcpws.policy.stats import ServerStatistics
from mcpws.testing import connected, result_of

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()

ALWAYS = {"time", "level", "logger", "message", "event", "connection", "peer"}


def section(heading: str) -> str:
    """What is under a heading."""
    return re.split(r"\n#+ ", PAGE.partition(f"{heading}\n")[2])[0]


def table(text: str) -> list[list[str]]:
    """The cells of a table, without its first two lines."""
    lines = re.findall(r"^\|.*\|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_each_event_that_is_shown_is_described_with_all_its_fields() -> None:
    described = {
        name: (logger.strip("`"), set(re.findall(r"`(\w+)`", fields)))
        for events, logger, _, fields in table(section("### Events and their fields").split("\n\n| outcome", 1)[0])
        for name in re.findall(r"`(\w+)`", events)
    }
    shown: list[dict[str, Any]] = [json.loads(line) for line in PAGE.splitlines() if line.startswith('{"time"')]
    assert len(shown) > 20
    for event in shown:
        logger, fields = described[event["event"]]
        assert event["logger"] == logger
        assert set(event) <= ALWAYS | fields, event["event"]


def test_the_counters_are_those_that_there_are() -> None:
    counters, of_servers = (table(text) for text in section("## The counters").split("\n\nAnd for the whole server:"))
    assert {name.strip("`"): help for name, help in counters} == COUNTED
    totals = {one.name for one in fields(ServerStatistics) if one.name.startswith("connections_")}
    assert {name.strip("`") for name, _ in of_servers} == totals


def test_the_alerts_are_those_of_the_rules() -> None:
    rules = (Path(__file__).parents[1] / "examples" / "prometheus" / "rules.yml").read_text()
    there = re.findall(r"- alert: (\w+)$.*?severity: (\w+)$", rules, re.MULTILINE | re.DOTALL)
    _, _, page = PAGE.partition("\n| alert |")
    told = [(name.strip("`"), severity) for name, severity, _ in table("| alert |" + page.partition("\n\n")[0])]
    assert sorted(told) == sorted(there)


def test_the_observer_of_the_page_observes() -> None:
    [code] = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "Times" in block]
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "operations.md", "exec"), names)

    @names["app"].tool
    def add(a: int, b: int) -> int:
        return a + b

    times = names["Times"]()
    pair = connected(names["app"], observer=times)
    sum = pair.session.call_tool("add", a=1, b=2)
    pair.flush()
    result_of(sum)
    assert times.seconds == {"add": 0.0}
