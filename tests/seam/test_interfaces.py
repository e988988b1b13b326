"""What both sides of the seam rest on."""

import pytest

from mcpws.seam.interfaces import Description


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\n\n\t", "\v", "\u2028"])
def test_a_description_is_one_line_whatever_a_backend_is_made_of(break_: str) -> None:
    described = Description(f"a{break_}name", f"python -c 'one  two{break_}three'{break_}")
    assert (described.name, described.summary) == ("a name", "python -c 'one two three'")
    assert Description("a  name", "one  two").summary == "one  two"
