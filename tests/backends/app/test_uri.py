from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.backends.app.uri import UriTemplate, canonical
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
        ("a://{x}", "a://b%3Fc%20%C3%B6", {"x": "b?c ö"}),
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
    "value",
    [
        "..%2Fsecret.txt",
        "b%2Fc",
        "b%2fc",
        "b\\c",
        "b%5Cc",
        "b%00",
        "b\0",
        ".",
        "..",
        "%2E%2e",
        ".%2E",
        "%252e%252e",
        "%25252E.",
        "..%252Fsecret.txt",
        "%25%32%66",
        "b%255cc",
        "b%2500",
        "%2525252525252525",
    ],
)
def test_a_part_of_a_path_leads_nowhere_else_however_it_is_encoded(value: str) -> None:
    assert UriTemplate("a://{x}").match(f"a://{value}") is None
    assert UriTemplate("a://{x}/c").match(f"a://{value}/c") is None
    assert UriTemplate("a://{x}/{+y}").match(f"a://{value}/c") is None


@pytest.mark.parametrize(
    ("encoded", "value"),
    [("...", "..."), (".b", ".b"), ("b..c", "b..c"), ("100%25", "100%"), ("a%2Bb%26c", "a+b&c"), ("%2525", "%25")],
)
def test_what_only_looks_like_it_is_a_part_of_a_path_as_any(encoded: str, value: str) -> None:
    assert UriTemplate("a://{x}").match(f"a://{encoded}") == {"x": value}


@pytest.mark.parametrize(
    "value",
    [
        "..",
        "../b",
        "b/..",
        "b/../../c",
        "b/%2E%2E/c",
        "b%2F..%2Fc",
        "b/%252e%252e/c",
        "b\\..\\c",
        "b%5C..",
        "/etc/passwd",
        "%2Fetc/passwd",
        "%252Fetc",
        "\\b",
        "b%00c",
        "b%2500c",
    ],
)
def test_the_rest_of_a_path_stays_below_where_it_begins_unless_it_need_not(value: str) -> None:
    assert UriTemplate("a://{+x}").match(f"a://{value}") is None
    assert UriTemplate("a://b/{+x}").match(f"a://b/{value}") is None
    assert UriTemplate("a://{+x}", confined=False).match(f"a://{value}") == {"x": unquote(value)}


@pytest.mark.parametrize("value", ["b", "b/c", "b/./c", "b//c", "...", "b..c/d", "b/..c", "b/c/", "https://b/c"])
def test_any_other_path_is_below_where_it_begins(value: str) -> None:
    assert UriTemplate("a://{+x}").match(f"a://{value}") == {"x": value}


def test_a_part_of_a_path_is_none_that_leads_elsewhere_whatever_the_rest_may_be() -> None:
    template = UriTemplate("a://{x}/{+y}", confined=False)
    assert template.match("a://b/..") == {"x": "b", "y": ".."}
    assert template.match("a://../b") is None


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("a://My Files/{x}", "a://My%20Files/b", {"x": "b"}),
        ("a://My Files/{x}", "a://My Files/b c", {"x": "b c"}),
        ("a://My%20Files/{x}", "a://My Files/b", {"x": "b"}),
        ("a://größe/{x}", "a://gr%C3%B6%C3%9Fe/ä", {"x": "ä"}),
        ("a://größe/{x}", "a://gr%c3%b6%c3%9fe/%C3%A4", {"x": "ä"}),
        ("a://gr%c3%b6ße/{x}", "a://größe/b", {"x": "b"}),
        ("a://{x} · {y}", "a://1%20%C2%B7%202", {"x": "1", "y": "2"}),
        ("a://😀/{+x}", "a://%F0%9F%98%80/b/c", {"x": "b/c"}),
        ("a://{x}.json", "a://b%2Ejson", {"x": "b"}),
        ("a://~b/{x}", "a://%7Eb/c", {"x": "c"}),
        ("a://100%/{x}", "a://100%25/b", {"x": "b"}),
        ("a://{größe}", "a://b", {"größe": "b"}),
        ("a://b%2Fc/{x}", "a://b/c/d", None),
    ],
)
def test_a_uri_matches_in_whichever_way_it_is_spelled(template: str, uri: str, values: dict[str, str] | None) -> None:
    assert UriTemplate(template).match(uri) == values


@pytest.mark.parametrize(
    ("uri", "one"),
    [
        ("a://My Files/ö", "a://My%20Files/%C3%B6"),
        ("a://b?c=[d]#e!$&'()*+,;=@", "a://b?c=[d]#e!$&'()*+,;=@"),
        ("a://{x}/{+y}", "a://{x}/{+y}"),
        ("a://{größe}", "a://{gr%C3%B6%C3%9Fe}"),
        ('a://<b>"^`|', "a://%3Cb%3E%22%5E%60%7C"),
        ("a://%2f%41%7e%zz", "a://%2FA~%25zz"),
        ("a://\ud83d", "a://%ED%A0%BD"),
    ],
)
def test_a_uri_has_one_spelling(uri: str, one: str) -> None:
    assert canonical(uri) == one


@given(st.text())
def test_to_spell_a_uri_in_the_one_way_changes_nothing_else(uri: str) -> None:
    spelled = canonical(uri)
    assert canonical(spelled) == spelled
    assert spelled.isascii()
    assert unquote(spelled) == unquote(uri)


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
values = st.text(alphabet="ab?-.%ö ", min_size=1, max_size=6).filter(lambda value: value not in (".", ".."))


@given(st.lists(st.tuples(texts, values), max_size=4), st.one_of(st.just(""), texts))
def test_a_uri_that_was_made_from_a_template_matches_it(parts: list[tuple[str, str]], end: str) -> None:
    template = "".join(f"{text}{{x{index}}}" for index, (text, _) in enumerate(parts)) + end
    uri = "".join(text + quote(value, safe="") for text, value in parts) + end
    found = UriTemplate(template).match(uri)
    if found is None:
        # An ambiguous URI may be taken apart so that a part is none.
        assert "." in uri
        return
    # Expansion undoes matching, whichever way it was taken apart.
    again = "".join(text + quote(found[f"x{index}"], safe="") for index, (text, _) in enumerate(parts)) + end
    assert again == uri


@given(st.lists(values, min_size=1, max_size=4))
def test_values_come_back_when_no_value_holds_the_text_between(given_values: list[str]) -> None:
    template = "a:/" + "".join(f"/{{x{index}}}" for index in range(len(given_values)))
    uri = "a:/" + "".join(f"/{quote(value, safe='')}" for value in given_values)
    assert UriTemplate(template).match(uri) == {f"x{index}": value for index, value in enumerate(given_values)}


pieces = st.text(alphabet="ab/-%?#.25eF", max_size=8)


@given(pieces, pieces, pieces)
def test_what_matches_is_the_template_filled_in(x: str, y: str, z: str) -> None:
    uri = f"a{x}-{y}/{z}"
    found = UriTemplate("a{x}-{y}/{+z}").match(uri)
    if found is not None:
        assert unquote(uri) == f"a{found['x']}-{found['y']}/{found['z']}"
        assert all(found.values())
        assert not {found["x"], found["y"]} & {".", ".."}
        assert not any(character in found["x"] + found["y"] for character in "/\\\0")
        assert ".." not in found["z"].split("/")


def test_matching_takes_linear_time() -> None:
    # A backtracking matcher would need some 10 ** 20 steps for this one.
    template = UriTemplate("a:" + "".join(f"-{{x{index}}}" for index in range(4)) + "/end")
    assert template.match("a:" + "-" * 100_000) is None
