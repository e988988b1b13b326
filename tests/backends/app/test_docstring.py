import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.backends.app.docstring import parse


@pytest.mark.parametrize("docstring", [None, "", "  \n  "])
def test_no_docstring_describes_nothing(docstring: str | None) -> None:
    assert parse(docstring) == (None, {})


def test_a_section_of_arguments_describes_them_and_is_no_part_of_the_description() -> None:
    docstring = """Do it.

        At once.

        Args:
            a: the first,
                on two lines.
            b (int, optional): the second.

            *rest: with a gap before it.

        Returns:
            What was done.
        """
    assert parse(docstring) == (
        "Do it.\n\nAt once.\n\nReturns:\n    What was done.",
        {"a": "the first, on two lines.", "b": "the second.", "rest": "with a gap before it."},
    )


@pytest.mark.parametrize("mark", [":", "@"])
def test_fields_describe_arguments_too(mark: str) -> None:
    docstring = f"""Do it.

        {mark}param a: the first,
            on two lines.
        {mark}param int b: the second.
        {mark}return: what was done.
        """
    assert parse(docstring) == (
        f"Do it.\n\n{mark}return: what was done.",
        {"a": "the first, on two lines.", "b": "the second."},
    )


def test_text_after_a_field_is_description_again() -> None:
    assert parse(":param a: it\n\nMore.") == ("More.", {"a": "it"})


def test_what_is_no_entry_of_a_section_stays_in_the_description() -> None:
    assert parse("Do it.\n\nArgs:\n    see above\n    a: it") == ("Do it.\n\nArgs:\n    see above", {"a": "it"})
    assert parse("Do it.\n\nArgs:\n    see above") == ("Do it.\n\nArgs:\n    see above", {})


@pytest.mark.parametrize(
    ("entry", "name", "said"),
    [
        ("a (int): it", "a", "it"),
        ("a (dict(str, tuple(int, int)), optional): it", "a", "it"),
        ("a (Callable[[int], str] (default: x)): it: that", "a", "it: that"),
        ("a (Literal['x:y', '(z)']): it", "a", "it"),
        ("a: it - and (this: that)", "a", "it - and (this: that)"),
        ("a - it", "a", "it"),
        ("a (int) - it: that", "a", "it: that"),
        ("a (int) -- it", "a", "it"),
        ("a \u2013 it", "a", "it"),
        ("a \u2014 it", "a", "it"),
        ("- a: it", "a", "it"),
        ("* a (int): it", "a", "it"),
        ("`a`: it", "a", "it"),
        ("``a`` (int): it", "a", "it"),
        ("a : it", "a", "it"),
        ("*a: it", "a", "it"),
        ("**a: it", "a", "it"),
        ("\\*a: it", "a", "it"),
        ("a:\n        it", "a", "it"),
        ("a: it\n\n        and more\n          of it", "a", "it and more of it"),
        ("__a: it", "__a", "it"),
        ("größe: it", "größe", "it"),
    ],
)
def test_an_entry_of_a_section_may_be_written_in_many_ways(entry: str, name: str, said: str) -> None:
    docstring = f"Do it.\n\nArgs:\n    {entry}\n    other: one\n\nMore."
    assert parse(docstring) == ("Do it.\n\nMore.", {name: said, "other": "one"})


@pytest.mark.parametrize(
    "title",
    ["Args:", "Arguments:", "Parameters:", "Params:", "Keyword Args:", "Other Parameters:", "Args: ", "Args:\n-----"],
)
def test_a_section_has_one_of_several_titles(title: str) -> None:
    assert parse(f"Do it.\n\n{title}\n    a: it\n    b: that") == ("Do it.", {"a": "it", "b": "that"})


def test_numpys_sections_describe_arguments_too() -> None:
    docstring = """Do it.

        At once.

        Parameters
        ----------
        a : int
            The first.

            More of it.
        b, c : {'x', 'y'}, optional
            Both of them.
        *args
            The rest.
        d: str = "x"
            Without a space.

        Other Parameters
        ----------------
        e : dict(str, int)
            Seldom.

        Returns
        -------
        int
            What was done.

        Notes
        -----
        All is well.
        """
    assert parse(docstring) == (
        "Do it.\n\nAt once.\n\nReturns\n-------\nint\n    What was done.\n\nNotes\n-----\nAll is well.",
        {
            "a": "The first. More of it.",
            "b": "Both of them.",
            "c": "Both of them.",
            "args": "The rest.",
            "d": "Without a space.",
            "e": "Seldom.",
        },
    )


def test_what_is_no_entry_of_numpys_section_stays_in_the_description() -> None:
    docstring = "Do it.\n\nParameters\n----------\na : int\n    It.\n\nThat is all of it.\nDone"
    assert parse(docstring) == ("Do it.\n\nThat is all of it.\nDone", {"a": "It."})


@pytest.mark.parametrize(
    "text",
    [
        "Returns:\n    What was done.",
        "Raises:\n    ValueError: never.",
        "Attributes:\n    b: of an object.",
        "Example:\n    >>> f()\n    1",
        "Note:\n    a: is no argument here.",
        "Yields\n------\nint\n    Numbers.",
        "a: is no argument here either",
        ":returns: what was done",
        ":raises ValueError: never",
        ":class:`Thing` is what it does.",
        ":param dict[str, int] b: of a type in two words",
        ":param: of no name",
        "@param b the first",
        ":-)",
        "Section\n=======\nText.",
        "1. one\n   a: b\n2. two",
        "args\n----\nText.",
    ],
)
def test_what_is_not_understood_stays_in_the_description(text: str) -> None:
    assert parse(f"Do it.\n\n{text}\n\nArgs:\n    a: it") == (f"Do it.\n\n{text}", {"a": "it"})
    assert parse(f"Do it.\n\n:param a: it\n\n{text}") == (f"Do it.\n\n{text}", {"a": "it"})


def test_fields_about_types_are_no_description() -> None:
    assert parse("Do it.\n\n:param a: it\n:type a: int\n:key b: that\n:arg str c: these") == (
        "Do it.",
        {"a": "it", "b": "that", "c": "these"},
    )


def test_to_read_an_odd_docstring_takes_no_time() -> None:
    entry = "a " + "(" * 5_000 + ")" * 5_000
    assert parse(f"Do it.\n\nArgs:\n    {entry}")[1] == {}


def test_a_docstring_may_consist_of_arguments_alone() -> None:
    assert parse("\nArgs:\n    a: it") == (None, {"a": "it"})


words = st.sampled_from(
    [
        "Args:",
        "Parameters",
        "----------",
        "Returns:",
        ":param a:",
        "@param b:",
        ":type",
        "a",
        "b :",
        "(",
        ")",
        "-",
        "*",
        ",",
    ]
)
spaces = st.sampled_from([" ", "    ", "\n", "\n    ", "\n\n", "\t"])


@given(st.text(alphabet=" \t\nab:@()*param Args") | st.lists(words | spaces, max_size=20).map("".join))
def test_no_docstring_is_too_odd(docstring: str) -> None:
    description, described = parse(docstring)
    assert description is None or description.strip()
    assert all(name.isidentifier() and text.strip() for name, text in described.items())
