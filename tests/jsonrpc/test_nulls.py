import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from mcpws.jsonrpc.nulls import null_as_none, without_nulls

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(max_size=3)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=2), values, max_size=3),
    max_leaves=12,
)


class Server(msgspec.Struct):
    name: str
    title: str = ""
    hints: dict[str, int] = {}
    note: str | None = "none"


def test_members_that_are_null_are_left_out_at_any_depth_and_in_arrays_they_stay() -> None:
    raw = b' {"a": null, "b": [null, {"c": null}, [null]], "d": {"e": {"f": null, "g": "null"}}}'
    assert json.loads(bytes(without_nulls(raw))) == {"b": [None, {}, [None]], "d": {"e": {"g": "null"}}}


@given(VALUES)
def test_nothing_else_changes(value: Any) -> None:
    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: kept(member) for name, member in value.items() if member is not None}
        return [kept(member) for member in value] if isinstance(value, list) else value

    found = json.loads(bytes(without_nulls(json.dumps(value, ensure_ascii=False).encode())))
    assert repr(found) == repr(kept(value))


@pytest.mark.proves("M-13")
@pytest.mark.parametrize(
    ("raw", "server"),
    [
        (b'{"name":"a"}', Server("a")),
        (b'{"name":"a","title":null}', Server("a")),
        (b'{"name":"a","title":null,"hints":null}', Server("a")),
        (b'{"name":"a","title":"","hints":{"b":null,"c":1}}', Server("a", "", {"c": 1})),
        (b'{"name":"a","note":null}', Server("a", note=None)),
        (b'{"name":"a","other":null}', Server("a")),
    ],
)
def test_null_is_read_as_none_where_the_type_has_no_place_for_it(raw: bytes, server: Server) -> None:
    read = null_as_none(Server)
    assert read(raw) == read(Raw(raw)) == server


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"name":null}', "missing required field `name`"),
        (b'{"name":"a","title":null,"hints":[]}', "got `array`"),
        (b'{"name":"null","title":5}', "got `int`"),
        (b'{"title":5}', "missing required|got `int`"),
        (b"null", "got `null`"),
        (b"[null]", "got `array`"),
    ],
)
def test_what_does_not_fit_without_them_either_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        null_as_none(Server)(raw)


@pytest.mark.parametrize("raw", [b'{"name":null', b"", b'{"name":null,"hints":{"a":1e999}}'])
def test_what_cannot_be_read_at_all_is_no_value(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"truncated|out of range|malformed"):
        null_as_none(Server)(raw)
