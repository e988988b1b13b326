"""Every block of code in README.md, CONTRIBUTING.md and docs/, run as it is printed; only the ports are free ones."""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.docs.snippets import CANNOT, ROOT, Block, blocks_of, commands_of, fits, pages, reader

CANNOT_RUN = {
    "CONTRIBUTING.md": 2,
    "README.md": 3,
    "docs/gateway.md": 1,
    "docs/performance.md": 1,
    "docs/running.md": 3,
    "docs/tutorial.md": 1,
}
"""Blocks by page that are not run. Each has the reason above it."""


PAGES = [page for page in pages() if blocks_of(page)]
AT_A_TIME = 2
"""Pages that are read at the same time: most of what a reader does is to wait for programs that begin."""


def read(page: str) -> None:
    with reader() as somebody:
        somebody.read(blocks_of(page))


@pytest.fixture(scope="session")
def readings(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[None]]]:
    """The pages whose tests are to run, all of them being read already."""
    asked = [page for page in PAGES if any(item.name.endswith(f"says[{page}]") for item in request.session.items)]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {page: pool.submit(read, page) for page in asked}
        pool.shutdown(cancel_futures=True)


@pytest.mark.integration
@pytest.mark.parametrize("page", PAGES)
def test_a_reader_can_do_what_the_page_says(page: str, readings: dict[str, Future[None]]) -> None:
    readings[page].result()


def test_what_cannot_be_run_is_counted_and_has_its_reason() -> None:
    found: dict[str, int] = {}
    for page in pages():
        for block in blocks_of(page):
            if block.word == CANNOT:
                assert len(block.value.split()) >= 3, f"{block.place}: says no reason"
                found[page] = found.get(page, 0) + 1
    assert found == CANNOT_RUN


def test_every_comment_above_a_block_is_one_that_is_known() -> None:
    known = {None, CANNOT, "log", "file", "more", "same", "serves", "status"}
    assert [block.place for page in pages() for block in blocks_of(page) if block.word not in known] == []


def block(text: str, word: str | None = None, value: str = "", language: str = "console") -> Block:
    return Block("page.md", 1, language, text, word, value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$ a\n", [("a", "")]),
        ("$ a b\nsaid\n\nmore\n$ c\n", [("a b", "said\n\nmore\n"), ("c", "")]),
        ("$ a \\\n  b\nsaid\n", [("a \\\n  b", "said\n")]),
    ],
)
def test_commands_and_what_they_say_are_told_apart(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(one.text, one.expected) for one in commands_of(block(text))] == expected


def test_a_console_block_without_a_command_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match=r"page.md:1: a console block begins with a command"):
        commands_of(block("said\n"))


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (block("$ echo a\nb\n"), r"page.md:1: \$ echo a\nsays:\na"),
        (block("$ false\n"), "ends with 1"),
        (block("$ true\n", "status", "1"), "ends with 0"),
        (block("$ true\n", "serves"), "ends:"),
        (block("assert 1 == 2\n", language="python"), "AssertionError"),
        (block(">>> 1 + 1\n3\n", language="pycon"), "Expected:"),
        (block('{"a": }\n', language="json"), "Expecting value"),
        (block("[limits]\nmax_conections = 1\n", language="toml"), "max_conections"),
        (block("other\n", "same", "LICENSE-MIT", "text"), "is not LICENSE-MIT"),
        (block("def a(:\n", "file", "a.py", "python"), "invalid syntax"),
        (block("puts 1\n", language="ruby"), "nothing says how to run ruby"),
    ],
)
def test_a_block_that_does_not_do_as_it_says_is_found(wrong: Block, problem: str) -> None:
    with reader() as somebody, pytest.raises((AssertionError, SyntaxError, ValueError), match=problem):
        somebody.read([wrong])


def test_a_reader_keeps_files_and_names_between_blocks() -> None:
    with reader() as somebody:
        somebody.read(
            [
                block("A = 1\n", "file", "kept.py", "python"),
                block("B = A + 1\n", "more", "kept.py", "python"),
                block("$ cat kept.py | wc -l\n4\n"),
                block("from kept import B\nC = B + 1\n", language="python"),
                block(">>> C\n3\n", language="pycon"),
            ]
        )
        assert somebody.counted == 5


def test_three_dots_stand_for_anything() -> None:
    assert fits("a ... d\n", "a b\nc d\n")
    assert not fits("a ... d\n", "a b\nc e\n")


def test_links_within_the_repository_lead_to_files() -> None:
    lost = []
    for page in pages():
        text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            if not (Path(ROOT / page).parent / target).exists():
                lost.append(f"{page}: {target}")
    assert lost == []
