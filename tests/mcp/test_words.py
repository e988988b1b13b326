"""MCP's words: each is written in one file of the package, whoever uses it."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mcpws.mcp import levels, meta, methods, schema, versions

PACKAGE = Path(meta.__file__).parents[1]

METHODS = {value for name, value in vars(methods).items() if name.isupper() and isinstance(value, str)}
META = {value for name, value in vars(meta).items() if name.isupper() and isinstance(value, str)}

# Words that mean something else as well.
PLAIN = {"debug", "info", "warning", "error", "critical", "notice", "alert"}
COMMANDS = {("cli", methods.PING)}


def strings(path: Path) -> Iterator[str]:
    """The string literals of a module, docstrings left out."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


@cache
def homes() -> dict[str, set[str]]:
    """The files in which each string is written, relative to the package."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE)
        for text in strings(path):
            if (part.parts[0], text) not in COMMANDS:
                found[text].add(str(part))
    return found


def test_each_method_is_named_in_one_file() -> None:
    written = homes()
    assert len(METHODS) > 30
    assert {method: written[method] for method in METHODS} == {method: {"mcp/methods.py"} for method in METHODS}


def test_each_reserved_member_of_meta_is_named_in_one_file() -> None:
    written = homes()
    assert written[meta.PREFIX] == {"mcp/meta.py"}
    plain = {meta.PROGRESS_TOKEN, meta.TRACE_PARENT, meta.TRACE_STATE}
    assert {name: written[name] for name in plain} == {name: {"mcp/meta.py"} for name in plain}
    assert not [text for text in written if text in META - {meta.PREFIX, *plain}]


def test_each_version_is_named_in_one_file() -> None:
    written, all_versions = homes(), versions.SUPPORTED_VERSIONS
    assert {version: written[version] for version in all_versions} == {v: {"mcp/versions.py"} for v in all_versions}


def test_each_type_of_result_and_each_parameter_of_a_retry_is_named_in_one_file() -> None:
    written = homes()
    words = {schema.COMPLETE_RESULT, schema.INPUT_REQUIRED, schema.INPUT_RESPONSES, schema.REQUEST_STATE}
    assert {word: written[word] for word in words} == {word: {"mcp/schema.py"} for word in words}


def test_each_level_is_named_in_one_file() -> None:
    written = homes()
    assert {level: written[level] for level in set(levels.LEVELS) - PLAIN} == {"emergency": {"mcp/levels.py"}}
