"""What is easily forgotten when a setting or a counter is added: docs/design/extending.md says what belongs to it."""

import ast
import re
from pathlib import Path

import pytest

from mcpws.config import Limits, Timeouts, WebSocketConfig
from mcpws.core.counters import COUNTED
from mcpws.kinds import Maybe, Number
from mcpws.serving.config import ServiceConfig
from mcpws.settings import Setting, settings_of

ROOT = Path(__file__).parents[1]
WHERE_SETTINGS_ARE_DESCRIBED = (ROOT / "mcpws" / "config.py", ROOT / "mcpws" / "serving" / "config.py")
TREES = {path: ast.parse(path.read_text()) for path in (ROOT / "mcpws").rglob("*.py")}
SETTINGS: dict[str, Setting] = {**settings_of(WebSocketConfig), **settings_of(ServiceConfig)}
BINDING = (ROOT / "docs" / "binding.md").read_text()

NOT_ON_THE_WIRE: set[str] = set()
"""Limits and timeouts of which the other end notices nothing that the binding would have to tell."""


def read_names(tree: ast.AST) -> set[str]:
    """What is looked up on some object, or passed on by name."""
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return found | texts


def added_to(tree: ast.AST) -> set[str]:
    """The attributes that `+=` goes to."""
    added = [node.target for node in ast.walk(tree) if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add)]
    return {target.attr for target in added if isinstance(target, ast.Attribute)}


READ = set().union(*(read_names(tree) for path, tree in TREES.items() if path not in WHERE_SETTINGS_ARE_DESCRIBED))
ADDED = set().union(*map(added_to, TREES.values()))


@pytest.mark.parametrize("name", SETTINGS)
def test_something_heeds_every_setting(name: str) -> None:
    assert name in READ, f"nothing in mcpws/ reads the setting {name}"


@pytest.mark.parametrize("name", COUNTED)
def test_something_adds_to_every_counter(name: str) -> None:
    assert name in ADDED, f"nothing in mcpws/ has `counters.{name} += ...`"


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=list(SETTINGS))
def test_every_number_has_a_bound(setting: Setting) -> None:
    kind = setting.kind.other if isinstance(setting.kind, Maybe) else setting.kind
    if isinstance(kind, Number):
        assert setting.least is not None or setting.above is not None, f"{setting.name} needs least= or above="


@pytest.mark.parametrize("name", [*settings_of(Limits), *settings_of(Timeouts)])
def test_the_binding_tells_of_every_limit(name: str) -> None:
    told = re.search(rf"`{name}`", BINDING) is not None
    assert told is not (name in NOT_ON_THE_WIRE), f"docs/binding.md says nothing of {name}, or more than it has to"


def test_every_setting_that_a_refusal_names_is_one() -> None:
    named = {
        keyword.value.value
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Refusal", "Refused")
        for keyword in node.keywords
        if keyword.arg == "setting" and isinstance(keyword.value, ast.Constant)
    }
    assert named
    assert named <= SETTINGS.keys()
