"""The dashboard and the rules in examples/prometheus/: they ask for what a server has, and can be read."""

from __future__ import annotations

import re
from dataclasses import fields
from itertools import combinations
from typing import Any

import pytest

from mcpws import App
from mcpws.backends.stdio.child import ChildCounters
from tests.admin.test_pages import Watched
from tests.examples.prometheus import DASHBOARD, FOLDER, PANELS, RULES, labels_in, names_in, queries, rules

ASKED = [*rules(), *queries()]
OF_PROMETHEUS = {"up"}
NAMES = {f"stdio.{one.name}" for one in fields(ChildCounters)}
"""Of mcpws_backend, for a backend of child processes."""


@pytest.fixture
def samples() -> set[str]:
    """Those of a server that was asked something, which it answered with a result and with an error."""
    app = App("seen", "1.0")

    @app.tool
    def echo(text: str) -> str:
        return text

    watched = Watched(app)
    session = watched.connect()
    session.call_tool("echo", text="x")
    session.call_tool("none").addErrback(lambda failure: None)
    watched.flush()
    return set(watched.metrics())


def test_rules_and_dashboard_ask_only_for_metrics_that_there_are(samples: set[str]) -> None:
    recorded = {name for name, _ in rules() if ":" in name}
    known = {sample.partition("{")[0] for sample in samples} | recorded | OF_PROMETHEUS
    assert "process_open_fds" in known
    assert {(place, name) for place, asked in ASKED for name in names_in(asked) if name not in known} == set()


def test_nothing_that_is_recorded_is_asked_for_by_the_dashboard() -> None:
    """Who takes only that need not have the rules."""
    assert [asked for _, asked in queries() if ":" in "".join(names_in(asked))] == []


def test_labels_have_values_that_there_are(samples: set[str]) -> None:
    there = {pair for sample in samples for pair in labels_in(sample)} | {("name", name) for name in NAMES}
    assert {pair for _, asked in ASKED for pair in labels_in(asked) if pair not in there} == set()


@pytest.mark.parametrize("asked", sorted({asked for _, asked in ASKED}))
def test_every_bracket_is_closed(asked: str) -> None:
    open: list[str] = []
    for one in re.sub(r'"[^"]*"', "", asked):
        if one in "([{":
            open.append(one)
        elif one in ")]}":
            assert open, asked
            assert open.pop() + one in ("()", "[]", "{}"), asked
    assert open == []
    assert asked.count('"') % 2 == 0
    assert names_in(asked)
    assert "$" not in asked


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le) (rate(a_bucket{method!~"b|c", x="}"}[5m]))', {"a_bucket"}),
        ("a:b5m > 3 * (c:d offset 1h) and on (job, instance) e > 7 * 3600", {"a:b5m", "c:d", "e"}),
        ("histogram_quantile(0.95, x) or 1e3 * y", {"x", "y"}),
    ],
)
def test_the_metrics_in_an_expression_are_found(expression: str, names: set[str]) -> None:
    assert names_in(expression) == names


def test_every_alert_has_a_test_and_says_what_to_do() -> None:
    tests = (FOLDER / "rules_test.yml").read_text()
    alerts = re.findall(r"- alert: (\w+)\n(.*?)(?=\n +- alert|\Z)", RULES, re.DOTALL)
    assert len(alerts) == 10
    for name, rule in alerts:
        assert f'alertname="{name}"' in tests, name
        for key in r"for: \d+m", r"severity: (critical|warning)", r"summary: \"", r"description: >-":
            assert re.search(rf"^ +{key}", rule, re.MULTILINE), (name, key)


def test_every_panel_says_what_it_shows_and_asks_the_chosen_source() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["datasource"] == chosen
        for target in panel["targets"]:
            assert target["datasource"] == chosen
            assert 'instance=~"$instance"' in target["expr"], panel["title"]
    assert {one["name"] for one in DASHBOARD["templating"]["list"]} == {"datasource", "instance"}
    assert DASHBOARD["schemaVersion"] >= 38


def test_ids_titles_and_names_of_queries_are_there_once() -> None:
    for key in "id", "title":
        assert len({panel[key] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_no_panel_lies_on_another() -> None:
    places: list[Any] = [panel["gridPos"] for panel in PANELS]
    assert all(one["x"] >= 0 and one["x"] + one["w"] <= 24 and one["w"] > 0 and one["h"] > 0 for one in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
