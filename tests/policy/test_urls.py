"""What there is in a URL, and how much of it may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.errors import ConfigError
from mcpws.policy.urls import address, authority, resource, shown, split


@pytest.mark.proves("H-31")
@pytest.mark.parametrize(
    ("url", "host", "asks_for"),
    [
        ("ws://example.com", "example.com", "/"),
        ("ws://example.com:80/", "example.com", "/"),
        ("ws://example.com:443", "example.com:443", "/"),
        ("wss://example.com:443/a", "example.com", "/a"),
        ("wss://example.com:80", "example.com:80", "/"),
        ("WSS://Example.com:0443/", "example.com", "/"),
        ("ws://example.com:/", "example.com", "/"),
        ("ws://127.0.0.1:8082?a=b", "127.0.0.1:8082", "/?a=b"),
        ("ws://[::1]", "[::1]", "/"),
        ("ws://[2001:db8::1]:8082/mcp;v=1?a=b&c", "[2001:db8::1]:8082", "/mcp;v=1?a=b&c"),
        ("ws://unix/a", "unix", "/a"),
        ("ws://[fe80::1%25eth0]:8082/", "[fe80::1]:8082", "/"),
        ("ws://[fe80::1%eth0]/", "[fe80::1]", "/"),
        ("ws://example.com.:8082", "example.com.:8082", "/"),
    ],
)
def test_a_url_says_whom_to_ask_for_what(url: str, host: str, asks_for: str) -> None:
    parts = split(url)
    assert (authority(parts), resource(parts)) == (host, asks_for)


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("ws://example.com:8082/@me", "ws://example.com:8082/@me"),
        ("ws://example.com/a?token=secret", "ws://example.com/a?..."),
        ("ws://example.com/a?", "ws://example.com/a?"),
        ("ws://example.com/#secret", "ws://example.com/#..."),
        ("localhost:8082", "localhost:8082"),
        ("ws://[::1", "ws://[::1"),
        ("", ""),
    ],
)
def test_what_is_no_secret_is_shown(url: str, seen: str) -> None:
    assert shown(url) == seen


@pytest.mark.proves("H-34")
@pytest.mark.parametrize(
    "url",
    [
        "ws://user:secret@example.com",
        "wss://user:secret@[::1]:8082/a",
        "ws://secret@example.com",
        "ws://secret@",
        "ws://:secret@example.com",
        "ws://user:se%40cret%3A@example.com",
        "ws://user:secret%40example.com",
        "ws://user%3Asecret%40example.com",
        "ws://user:se@cret@example.com",
        "ws://user:secret/secret@example.com",
        "ws://user:secret@[::1",
        "ws://[user:secret@::1]",
        "ws://user:secret@example.com:99999",
        "ws://user:secret@example.com:port",
        "ws://user:se\ncret@example.com",
        "ws://user:se cret@example.com",
        "ws://user:secret\uff20example.com",
        "http://user:secret@example.com",
        "ws:/user:secret@example.com",
        "//user:secret@example.com",
        "user:secret@example.com",
    ],
)
def test_user_and_secret_are_neither_taken_nor_shown(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        split(url)
    for text in str(caught.value), repr(caught.value), str(caught.value.value), shown(url):
        assert "secret" not in text
        assert "user" not in text
        assert "cret" not in text


SECRET = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/?#\\"), min_size=1).map(
    lambda text: f"SECRET{text}SECRET"
)


@pytest.mark.proves("H-34")
@given(
    scheme=st.sampled_from(["ws://", "wss://", "http://", "ws:/", "//", ""]),
    user=SECRET,
    secret=SECRET | st.none(),
    host=st.sampled_from(["example.com", "[::1]", "127.0.0.1:8082", "[::1", "h:x", ""]),
    path=st.sampled_from(["", "/", "/mcp?a=b", "/a@b"]),
)
def test_whatever_is_wrong_with_it_no_secret_is_shown(
    scheme: str, user: str, secret: str | None, host: str, path: str
) -> None:
    url = f"{scheme}{user}{'' if secret is None else f':{secret}'}@{host}{path}"
    assert "SECRET" not in shown(url)
    with pytest.raises(ConfigError) as caught:
        split(url)
    assert "SECRET" not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize(
    ("url", "looked_up"),
    [
        ("ws://example.com/x", "example.com"),
        ("ws://[::1]:8082/", "::1"),
        ("ws://[fe80::1%25eth0]/", "fe80::1%eth0"),
        ("ws://127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_host_is_looked_up_without_what_only_a_url_has(url: str, looked_up: str) -> None:
    assert address(split(url)) == looked_up
