"""No clause without a test, no test without a function: what would be orphaned is named here."""

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.requirements import REQUIREMENTS, Requirement, source_of

ROOT = Path(__file__).parents[1]

# A clause stands in a list, or in the first cell of a row.
CLAUSE = re.compile(r"^(?:- \*\*([A-Z]-\d+)\*\* |\| ([A-Z]-\d+) \| )", re.MULTILINE)
REFERENCE = re.compile(r"\b[A-Z]-\d+\b")


def clauses_of(text: str) -> list[str]:
    """The ids of the clauses of a document, as often as they stand there."""
    return [listed or row for listed, row in CLAUSE.findall(text)]


def functions_of(source: str) -> set[str]:
    """The tests of a module: functions, parametrised or not, and what `TestX = Machine.TestCase` names."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in found if name.startswith(("test_", "Test"))}


def faults(requirements: Sequence[Requirement], text: str, functions: Mapping[str, set[str]]) -> list[str]:
    """What does not fit together of requirements, the document and the tests by file."""
    clauses = Counter(clauses_of(text))
    ids = Counter(one.id for one in requirements)
    found = [f"{id}: stands in the document {times} times" for id, times in clauses.items() if times > 1]
    found += [f"{id}: has {times} requirements" for id, times in ids.items() if times > 1]
    found += [f"{id}: a clause without a requirement" for id in clauses if id not in ids]
    found += [f"{id}: is referred to and is no clause" for id in set(REFERENCE.findall(text)) - clauses.keys()]
    for one in requirements:
        if one.is_clause and one.id not in clauses:
            found.append(f"{one.id}: a requirement without a clause")
        if not re.fullmatch(r"\S[^\n]*\.", one.says):
            found.append(f"{one.id}: {one.says!r} is no sentence")
        if not one.tests:
            found.append(f"{one.id}: has no test")
        for test in one.tests:
            file, _, function = test.partition("::")
            if function not in functions.get(file, ()):
                found.append(f"{one.id}: there is no {test}")
    return sorted(found)


# The real ones


def test_every_clause_is_proven_and_every_requirement_has_its_tests() -> None:
    files = {test.partition("::")[0] for one in REQUIREMENTS for test in one.tests}
    functions = {file: functions_of((ROOT / file).read_text()) for file in files if (ROOT / file).exists()}
    assert faults(REQUIREMENTS, (ROOT / "docs" / "binding.md").read_text(), functions) == []


def test_the_clauses_of_a_section_are_numbered_without_a_gap() -> None:
    numbers: dict[str, list[int]] = {}
    for id in clauses_of((ROOT / "docs" / "binding.md").read_text()):
        letter, _, number = id.partition("-")
        numbers.setdefault(letter, []).append(int(number))
    assert len(numbers) > 10
    # In any order: a clause keeps its number, also when a later one has its place before it.
    assert {letter: sorted(found) for letter, found in numbers.items()} == {
        letter: list(range(1, len(found) + 1)) for letter, found in numbers.items()
    }


# The checks themselves

DOCUMENT = """
- **A-1** A clause that
  is long, see B-1. UTF-8 is no reference, nor is A-1b.

| id | what |
|---|---|
| B-1 | a row |
"""
FUNCTIONS = {"tests/a.py": {"test_a", "test_b"}}


def requirement(id: str, *tests: str, says: str = "It is so.") -> Requirement:
    return Requirement(id, "", says, tests)


ALL = (requirement("A-1", "tests/a.py::test_a"), requirement("B-1", "tests/a.py::test_a", "tests/a.py::test_b"))


def test_clauses_are_found_in_lists_and_tables() -> None:
    assert clauses_of(DOCUMENT) == ["A-1", "B-1"]


def test_tests_are_found_by_their_names() -> None:
    source = """
@parametrize("a", [1])
def test_one(a): ...
async def test_two(): ...
TestMachine = Machine.TestCase
TestMachine.settings = settings()
def other():
    def test_inner(): ...
"""
    assert functions_of(source) == {"test_one", "test_two", "TestMachine"}


def test_what_fits_has_no_fault() -> None:
    assert faults(ALL, DOCUMENT, FUNCTIONS) == []
    assert faults((*ALL, requirement("rfc6455/5.1/mask", "tests/a.py::test_b")), DOCUMENT, FUNCTIONS) == []


@pytest.mark.parametrize(
    ("requirements", "text", "functions", "fault"),
    [
        (ALL[:1], DOCUMENT, FUNCTIONS, "B-1: a clause without a requirement"),
        ((*ALL, requirement("C-1", "tests/a.py::test_a")), DOCUMENT, FUNCTIONS, "C-1: a requirement without a clause"),
        ((*ALL, ALL[0]), DOCUMENT, FUNCTIONS, "A-1: has 2 requirements"),
        (ALL, DOCUMENT + "\n- **A-1** Again.\n", FUNCTIONS, "A-1: stands in the document 2 times"),
        (ALL, DOCUMENT + "\nSee C-7.\n", FUNCTIONS, "C-7: is referred to and is no clause"),
        ((ALL[0], requirement("B-1")), DOCUMENT, FUNCTIONS, "B-1: has no test"),
        (ALL, DOCUMENT, {"tests/a.py": {"test_a"}}, "B-1: there is no tests/a.py::test_b"),
        (
            (ALL[0], requirement("B-1", "tests/b.py::test_a")),
            DOCUMENT,
            FUNCTIONS,
            "B-1: there is no tests/b.py::test_a",
        ),
        ((ALL[0], requirement("B-1", "tests/a.py")), DOCUMENT, FUNCTIONS, "B-1: there is no tests/a.py"),
        (
            (ALL[0], requirement("B-1", "tests/a.py::test_a", says="")),
            DOCUMENT,
            FUNCTIONS,
            "B-1: '' is no sentence",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    requirements: tuple[Requirement, ...], text: str, functions: dict[str, set[str]], fault: str
) -> None:
    assert faults(requirements, text, functions) == [fault]


@pytest.mark.parametrize(
    ("id", "source"),
    [
        ("H-1", "docs/binding.md"),
        ("rfc6455/5.1/masking", "https://www.rfc-editor.org/rfc/rfc6455#section-5.1"),
        ("rfc7692/all/testsuite", "https://www.rfc-editor.org/rfc/rfc7692"),
        (
            "mcp/2025-11-25/basic/lifecycle#version",
            "https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle",
        ),
    ],
)
def test_a_requirement_says_where_it_is_written(id: str, source: str) -> None:
    assert source_of(id) == source
