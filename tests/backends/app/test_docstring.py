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


def test_what_is_no_entry_of_a_section_is_left_out() -> None:
    assert parse("Do it.\n\nArgs:\n    see above\n    a: it") == ("Do it.", {"a": "it"})


def test_a_docstring_may_consist_of_arguments_alone() -> None:
    assert parse("\nArgs:\n    a: it") == (None, {"a": "it"})


@given(st.text(alphabet=" \t\nab:@()*param Args"))
def test_no_docstring_is_too_odd(docstring: str) -> None:
    description, described = parse(docstring)
    assert description is None or description.strip()
    assert all(isinstance(name, str) and isinstance(text, str) for name, text in described.items())
