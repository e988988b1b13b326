"""The files in examples/prometheus/, and the PromQL in them as far as it can be read without Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "examples" / "prometheus"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
RULES = (FOLDER / "rules.yml").read_text()

_WORDS = {"and", "bool", "by", "ignoring", "offset", "on", "or", "unless", "without", "group_left", "group_right"}


def rules() -> Iterator[tuple[str, str]]:
    """The name and the expression of each rule; what is between `expr` and the next key is one."""
    for rule in re.split(r"^ +- (?:record|alert): ", RULES, flags=re.MULTILINE)[1:]:
        found = re.search(r"^( +)expr: (?:\|\n)?(.*?)(?=^\1?\w|^\1#|\Z|\n\n)", rule, re.MULTILINE | re.DOTALL)
        assert found is not None, rule
        yield rule.partition("\n")[0], " ".join(found[2].split())


def queries() -> Iterator[tuple[str, str]]:
    """The place and the expression of each query of the dashboard, with Grafana's variables replaced."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], in_promql(target["expr"])
    for one in DASHBOARD["annotations"]["list"]:
        if "expr" in one:
            yield one["name"], in_promql(one["expr"])
    for one in DASHBOARD["templating"]["list"]:
        if found := re.match(r"label_values\((.*), \w+\)", str(one.get("definition"))):
            yield one["name"], in_promql(found[1])


def in_promql(text: str) -> str:
    """What Grafana makes of a query."""
    return text.replace("$__rate_interval", "1m").replace("$instance", ".+")


def names_in(expression: str) -> set[str]:
    """The metrics that an expression asks for."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', " ", re.sub(r'"[^"]*"', '""', expression))
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)", " ", bare)
    words = re.findall(r"(?<![\w:.])[a-z_][\w:]*\b(?! *\()", bare)
    return set(words) - _WORDS


def labels_in(expression: str) -> set[tuple[str, str]]:
    """The labels that have to have one value, with it."""
    return set(re.findall(r'(\w+)="([^"]*)"', expression))
