"""Command lines as one text: their words, and what only a shell would understand."""

from __future__ import annotations

import os.path
import shlex
from contextlib import suppress

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mcpws.errors import ConfigError
from mcpws.serving.command import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mcp-server-time", ("mcp-server-time",)),
        ("npx -y @modelcontextprotocol/server-everything", ("npx", "-y", "@modelcontextprotocol/server-everything")),
        ("cat 'a b'  \"c d\"", ("cat", "a b", "c d")),
        ("fetch http://a.example/?b=1&c=2;d", ("fetch", "http://a.example/?b=1&c=2;d")),
        ("server --option A=1", ("server", "--option", "A=1")),
        ("server --grep a|b", ("server", "--grep", "a|b")),
        ("server '~/x' \\~/x a~b", ("server", "~/x", "~/x", "a~b")),
        ("server '$HOME' \\$HOME \"5$\" 5$", ("server", "$HOME", "$HOME", "5$", "5$")),
        ("sh -c 'cd x && y | z > a'", ("sh", "-c", "cd x && y | z > a")),
        ("server '|' \";\" \\&\\&", ("server", "|", ";", "&&")),
        ("server -> =>", ("server", "->", "=>")),
    ],
)
def test_words_are_parted_as_a_shell_does(text: str, words: tuple[str, ...]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a command line"),
        (" \n", "must be a command line"),
        ("cat 'x", "cannot be split into words: No closing quotation"),
        ("FOO=1 cmd", "FOO=1 is for a shell: write --env FOO=1, and here what follows"),
        ("FOO='a b' cmd", "FOO=a b is for a shell: write --env 'FOO=a b', and here what follows"),
        ("cd /x && y z", "cd is for a shell: write --cwd /x, and here y z"),
        ("cd 'a b'; y", "cd is for a shell: write --cwd a b, and here y"),
        ("~/x --y", f"~/x is for a shell: write {os.path.expanduser('~')}/x"),
        ("x ~", f"~ is for a shell: write {os.path.expanduser('~')}"),
        ("a | b", "| is for a shell, and none is involved: write sh -c 'a | b'"),
        ("a && b", "&& is for a shell, and none is involved: write sh -c 'a && b'"),
        ("a 2>/dev/null", "2>/dev/null is for a shell"),
        ("a < b", "< is for a shell"),
        ("a; b", "a; is for a shell"),
        ("a &", "& is for a shell"),
        ("a $HOME/b", "$HOME/b is for a shell"),
        ('a "${HOME}/b"', "${HOME}/b is for a shell"),
        ("a $(which b)", "$(which is for a shell"),
        ("a `which b`", "`which is for a shell"),
    ],
)
def test_what_needs_a_shell_is_told_with_what_to_write_instead(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        words_of(text)
    assert caught.value.value == text
    assert caught.value.problem.startswith(problem)


@given(st.lists(st.text(), min_size=1))
@example(["~", "|", "A=1"])
def test_what_is_quoted_means_itself(words: list[str]) -> None:
    # It is not quoted where it needs no quoting.
    assume("=" not in words[0])
    assert words_of(shlex.join(words)) == tuple(words)


@given(st.text(alphabet="ab='\"\\ |&;<>$`~(){}cd\n"))
def test_any_text_has_the_words_of_a_shell_or_is_refused(text: str) -> None:
    with suppress(ConfigError):
        assert list(words_of(text)) == shlex.split(text)
