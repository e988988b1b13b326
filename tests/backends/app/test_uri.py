from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.backends.app.uri import UriTemplate
from mcpws.errors import ConfigError


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("a://b", "a://b", {}),
        ("a://b", "a://b/", None),
        ("a://b", "a://", None),
        ("a://{x}", "a://b", {"x": "b"}),
        ("a://{x}", "a://", None),
        ("a://{x}", "a://b/c", None),
        ("a://{x}", "a://b?c", None),
        ("a://{x}", "a://b%2Fc%20%C3%B6", {"x": "b/c ö"}),
        ("a://{x}", "a://%FF", None),
        ("a://{x}", "b://c", None),
        ("{x}", "b", {"x": "b"}),
        ("a://{x}/c", "a://b/c", {"x": "b"}),
        ("a://{x}/c", "a://b/d", None),
        ("a://{x}/c", "a:///c", None),
        ("a://{x}/{y}", "a://b/c", {"x": "b", "y": "c"}),
        ("a://{x}/{y}", "a://b", None),
        ("a://{x}/{y}", "a:///b", None),
        ("a://{x}-{y}", "a://1-2-3", {"x": "1", "y": "2-3"}),
        ("a://{x}-{y}", "a://--3", {"x": "-", "y": "3"}),
        ("a://{x}.json", "a://b.json.json", {"x": "b.json"}),
        ("a://{x}.json", "a://.json", None),
        ("a://{x}ab{y}ba", "a://1aba", None),
        ("a://{+x}", "a://b/c?d#e", {"x": "b/c?d#e"}),
        ("a://{+x}", "a://", None),
        ("a://{x}/{+y}", "a://b/c/d", {"x": "b", "y": "c/d"}),
    ],
)
def test_a_uri_matches_or_not(template: str, uri: str, values: dict[str, str] | None) -> None:
    assert UriTemplate(template).match(uri) == values


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("a://{x", "no other braces"),
        ("a://x}", "no other braces"),
        ("a://{}", "no other braces"),
        ("a://{?x}", "no other braces"),
        ("a://{x*}", "no other braces"),
        ("a://{x,y}", "no other braces"),
        ("a://{x}/{x}", "twice"),
        ("a://{x}{y}", "nothing between"),
        ("a://{+x}/{y}", "only at the end"),
        ("a://{+x}/c", "only at the end"),
    ],
)
def test_what_cannot_be_matched_is_no_template(template: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        UriTemplate(template)
    assert caught.value.value == template


texts = st.text(alphabet="ab/-.:", min_size=1, max_size=4)
values = st.text(alphabet="ab/-.%ö ", min_size=1, max_size=6)


@given(st.lists(st.tuples(texts, values), max_size=4), st.one_of(st.just(""), texts))
def test_a_uri_that_was_made_from_a_template_matches_it(parts: list[tuple[str, str]], end: str) -> None:
    template = "".join(f"{text}{{x{index}}}" for index, (text, _) in enumerate(parts)) + end
    uri = "".join(text + quote(value, safe="") for text, value in parts) + end
    found = UriTemplate(template).match(uri)
    assert found is not None
    # Expansion undoes matching, whichever way an ambiguous URI was taken apart.
    again = "".join(text + quote(found[f"x{index}"], safe="") for index, (text, _) in enumerate(parts)) + end
    assert again == uri


@given(st.lists(values, min_size=1, max_size=4))
def test_values_come_back_when_no_value_holds_the_text_between(given_values: list[str]) -> None:
    template = "a:/" + "".join(f"/{{x{index}}}" for index in range(len(given_values)))
    uri = "a:/" + "".join(f"/{quote(value, safe='')}" for value in given_values)
    assert UriTemplate(template).match(uri) == {f"x{index}": value for index, value in enumerate(given_values)}


pieces = st.text(alphabet="ab/-%?#", max_size=5)


@given(pieces, pieces, pieces)
def test_what_matches_is_the_template_filled_in(x: str, y: str, z: str) -> None:
    uri = f"a{x}-{y}/{z}"
    found = UriTemplate("a{x}-{y}/{+z}").match(uri)
    if found is not None:
        assert unquote(uri) == f"a{found['x']}-{found['y']}/{found['z']}"
        assert all(found.values())


def test_matching_takes_linear_time() -> None:
    # A backtracking matcher would need some 10 ** 20 steps for this one.
    template = UriTemplate("a:" + "".join(f"-{{x{index}}}" for index in range(4)) + "/end")
    assert template.match("a:" + "-" * 100_000) is None
