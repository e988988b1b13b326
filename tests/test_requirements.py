"""No clause without a test that proves it, and no test that proves what there is not: read, without running any."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.requirements import RELIED_ON

ROOT = Path(__file__).parents[1]

# A clause stands in a list, or in the first cell of a row.
CLAUSE = re.compile(r"^(?:- \*\*([A-Z]-\d+)\*\* |\| ([A-Z]-\d+) \| )", re.MULTILINE)
REFERENCE = re.compile(r"\b[A-Z]-\d+\b")

# Of what is relied on: which document, where in it, and a word for it.
RELIANCE = re.compile(r"rfc\d+/(?:[\d.]+|all)/[\w-]+|mcp/\d{4}-\d{2}-\d{2}/[\w/-]+#[\w-]+")


def clauses_of(text: str) -> list[str]:
    """The ids of the clauses of a document, as often as they stand there."""
    return [listed or row for listed, row in CLAUSE.findall(text)]


def proofs_of(source: str) -> Iterator[tuple[str, list[object]]]:
    """What is marked with `pytest.mark.proves` in a module: the name, and what it proves."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for mark in node.decorator_list:
                if ast.unparse(mark).startswith("pytest.mark.proves"):
                    given = mark.args if isinstance(mark, ast.Call) else []
                    yield node.name, [one.value if isinstance(one, ast.Constant) else None for one in given]


def proofs_in(tests: Path) -> dict[str, list[object]]:
    """What each marked test below a folder proves."""
    return {
        f"{path.relative_to(tests)}::{name}": ids
        for path in sorted(tests.rglob("test_*.py"))
        # To parse all would take seconds.
        if "mark.proves" in (source := path.read_text())
        for name, ids in proofs_of(source)
    }


def faults(text: str, relied_on: Iterable[str], proofs: Mapping[str, list[object]]) -> list[str]:
    """What does not fit together of a document, of what is relied on besides, and of what tests prove."""
    clauses = Counter(clauses_of(text))
    proven = {id for ids in proofs.values() for id in ids}
    found = [f"{id}: stands in the document {times} times" for id, times in clauses.items() if times > 1]
    found += [f"{id}: is referred to and is no clause" for id in set(REFERENCE.findall(text)) - clauses.keys()]
    found += [f"{id}: no test proves it" for id in {*clauses, *relied_on} - proven]
    for test, ids in proofs.items():
        if not test.rpartition("::")[2].startswith("test_"):
            found.append(f"{test}: is no test")
        if not ids:
            found.append(f"{test}: proves nothing")
        found += [f"{test}: proves {id} twice" for id, times in Counter(ids).items() if times > 1]
        found += [f"{test}: proves {id}, which there is not" for id in ids if id not in {*clauses, *relied_on}]
    return sorted(found)


# The real ones


@pytest.mark.proves(
    "mcp/2025-11-25/basic/transports#custom-documented", "mcp/2026-07-28/basic/transports#custom-documented"
)
def test_every_clause_is_proven_and_every_proof_is_of_something() -> None:
    text = (ROOT / "docs" / "binding.md").read_text()
    assert faults(text, RELIED_ON, proofs_in(ROOT / "tests")) == []


def test_what_is_relied_on_is_named_by_its_place_and_said_in_a_sentence() -> None:
    assert [id for id in RELIED_ON if not RELIANCE.fullmatch(id)] == []
    assert [says for says in RELIED_ON.values() if not re.fullmatch(r"\S[^\n]*\.", says)] == []


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
MASK = "rfc6455/5.1/mask"
PROOFS: dict[str, list[object]] = {"a.py::test_a": ["A-1", "B-1"], "a.py::test_b": ["B-1", MASK]}


def test_clauses_are_found_in_lists_and_tables() -> None:
    assert clauses_of(DOCUMENT) == ["A-1", "B-1"]


def test_proofs_are_found_wherever_a_test_may_stand() -> None:
    source = """
@pytest.mark.proves("A-1")
@pytest.mark.parametrize("a", [1])
def test_one(a): ...
@pytest.mark.proves(
    "A-1",
    "B-1",
)
async def test_two(): ...
class TestAll:
    @pytest.mark.proves(A)
    def test_three(self): ...
@pytest.mark.proves
def helper(): ...
def test_without(): ...
"""
    assert sorted(proofs_of(source)) == [
        ("helper", []),
        ("test_one", ["A-1"]),
        ("test_three", [None]),
        ("test_two", ["A-1", "B-1"]),
    ]


def test_proofs_are_looked_for_in_every_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "test_c.py").write_text('@pytest.mark.proves("A-1")\ndef test_d(): ...\n')
    (tmp_path / "a" / "test_e.py").write_text("def test_f(): ...\n")
    assert proofs_in(tmp_path) == {"a/b/test_c.py::test_d": ["A-1"]}


def test_what_fits_has_no_fault() -> None:
    assert faults(DOCUMENT, [MASK], PROOFS) == []


@pytest.mark.parametrize(
    ("text", "relied_on", "proofs", "fault"),
    [
        (DOCUMENT, [MASK], {"a.py::test_a": ["B-1", MASK]}, "A-1: no test proves it"),
        (DOCUMENT, [MASK, "rfc1/all/x"], PROOFS, "rfc1/all/x: no test proves it"),
        (DOCUMENT, [MASK], {**PROOFS, "a.py::test_c": ["C-1"]}, "a.py::test_c: proves C-1, which there is not"),
        (DOCUMENT, [], PROOFS, f"a.py::test_b: proves {MASK}, which there is not"),
        (DOCUMENT, [MASK], {**PROOFS, "a.py::test_c": [None]}, "a.py::test_c: proves None, which there is not"),
        (DOCUMENT, [MASK], {**PROOFS, "a.py::test_c": []}, "a.py::test_c: proves nothing"),
        (DOCUMENT, [MASK], {**PROOFS, "a.py::test_c": ["A-1", "A-1"]}, "a.py::test_c: proves A-1 twice"),
        (DOCUMENT, [MASK], {**PROOFS, "a.py::other": ["A-1"]}, "a.py::other: is no test"),
        (DOCUMENT + "\n- **A-1** Again.\n", [MASK], PROOFS, "A-1: stands in the document 2 times"),
        (DOCUMENT + "\nSee C-7.\n", [MASK], PROOFS, "C-7: is referred to and is no clause"),
    ],
)
def test_what_does_not_fit_is_named(
    text: str, relied_on: list[str], proofs: dict[str, list[object]], fault: str
) -> None:
    assert faults(text, relied_on, proofs) == [fault]
