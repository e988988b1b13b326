from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcpws.errors import ConfigError
from mcpws.policy.origin import (
    check_host_pattern,
    check_origin_pattern,
    host_allowed,
    origin_allowed,
)

LOOPBACK = [
    "localhost",
    "LocalHost",
    "localhost.",
    "app.localhost",
    "a.b.localhost.",
    "127.0.0.1",
    "127.0.0.1.",
    "127.255.0.9",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
]

# Each looks like a loopback name at some glance, and each is somebody else's or nobody's.
IMPOSTORS = [
    "evil.com",
    "localhost.evil.com",
    "127.0.0.1.evil.com",
    "127.evil.com",
    "evillocalhost",
    "localhostevil",
    "local.host",
    "evil.com#localhost",
    "evil.com/localhost",
    "evil.com\\localhost",
    "evil.com?localhost",
    "localhost@evil.com",
    "localhost:80@evil.com",
    "evil.com@localhost",
    "localhost:80:evil.com",
    "[::1].evil.com",
    "[::1]evil.com",
    "[::1].",
    "[::1",
    "::1",
    "[::1%lo]",
    "[::1%25lo]",
    "[::2]",
    "[::ffff:127.0.0.1]",
    "[127.0.0.1]",
    "[localhost]",
    "[]",
    "0.0.0.0",
    "[::]",
    "128.0.0.1",
    "127.0.0.1.1",
    "127.0.0.256",
    "127.0.0.01",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0x7f000001",
    "localhost..",
    ".localhost",
    "..localhost",
    "",
    " localhost",
    "localhost ",
    "localhost\n",
    "localhost\r\nX: y",
    "localhost\x00",
    "localhost,evil.com",
    "localhost evil.com",
    "loc\u0430lhost",
    "local\uff48ost",
    "localho\u017ft",
    "*",
    "*.localhost",
]


# Host.


@pytest.mark.proves("H-21")
@pytest.mark.parametrize("name", LOOPBACK)
@pytest.mark.parametrize("port", ["", ":80", ":8082", ":65535"])
def test_a_loopback_host_is_always_allowed(name: str, port: str) -> None:
    assert host_allowed(name + port, ())
    assert host_allowed(name + port, ("mcp.example.com",))


@pytest.mark.proves("H-21")
@pytest.mark.parametrize("name", IMPOSTORS)
@pytest.mark.parametrize("port", ["", ":8082"])
def test_a_host_that_only_looks_like_loopback_is_refused(name: str, port: str) -> None:
    assert not host_allowed(name + port, ())
    assert not host_allowed(name + port, ("mcp.example.com", "null"))


@pytest.mark.parametrize("port", [":", ":0", ":65536", ":99999", ":080", ":8o", ":-1", ":٣"])
def test_a_host_with_a_malformed_port_is_refused(port: str) -> None:
    assert not host_allowed("localhost" + port, ())


@pytest.mark.proves("H-21")
@pytest.mark.parametrize(
    ("host", "pattern"),
    [
        ("mcp.example.com", "mcp.example.com"),
        ("mcp.example.com:8082", "mcp.example.com"),
        ("MCP.Example.com.:8082", "mcp.example.COM"),
        ("mcp.example.com", "mcp.example.com."),
        ("mcp.example.com:8082", "mcp.example.com:8082"),
        ("mcp.example.com", "mcp.example.com:443"),
        ("mcp.example.com", "mcp.example.com:80"),
        ("my_container:8082", "my_container"),
        ("192.0.2.7:8082", "192.0.2.7"),
        ("[2001:db8::7]:8082", "[2001:DB8:0::7]"),
        ("evil.com", "*"),
        ("no host at all", "*"),
        ("", "*"),
    ],
)
def test_a_listed_host_is_allowed(host: str, pattern: str) -> None:
    check_host_pattern(pattern)
    assert host_allowed(host, (pattern,))
    assert host_allowed(host, ["other.example.com", pattern])
    assert host_allowed(host, {pattern})


@pytest.mark.proves("H-21")
@pytest.mark.parametrize(
    ("host", "pattern"),
    [
        ("example.com", "mcp.example.com"),
        ("mcp.example.com.evil.com", "mcp.example.com"),
        ("evil.mcp.example.com", "mcp.example.com"),
        ("mcp.example.com:8083", "mcp.example.com:8082"),
        ("mcp.example.com", "mcp.example.com:8082"),
        ("mcp.example.com:80", "mcp.example.com:443"),
        ("example.com", "a pattern that never was checked"),
    ],
)
def test_a_host_that_is_not_quite_listed_is_refused(host: str, pattern: str) -> None:
    assert not host_allowed(host, (pattern,))


@pytest.mark.proves("H-21")
@pytest.mark.parametrize("allowed", [(), ("mcp.example.com",), ("*",)])
def test_a_request_without_a_host_is_refused(allowed: tuple[str, ...]) -> None:
    assert not host_allowed(None, allowed)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "http://mcp.example.com",
        "mcp.example.com/path",
        "mcp.example.com:",
        "mcp.example.com:*",
        "mcp.example.com:70000",
        "*.example.com",
        "exämple.com",
        "a b",
        "10.0.0.256",
        "2001:db8::7",
        "user@example.com",
    ],
)
def test_a_host_pattern_that_could_never_match_is_a_config_error(pattern: str) -> None:
    with pytest.raises(ConfigError, match="must be HOST") as caught:
        check_host_pattern(pattern)
    assert (caught.value.key, caught.value.value) == ("hosts", pattern)


@pytest.mark.parametrize("pattern", ["0.0.0.0", "0.0.0.0:8082", "[::]", "[::]:8082", "[0:0::0]"])
def test_an_address_to_listen_on_is_no_host_pattern(pattern: str) -> None:
    with pytest.raises(ConfigError, match="not where to listen") as caught:
        check_host_pattern(pattern)
    assert (caught.value.key, caught.value.value) == ("hosts", pattern)


# Origin.


def allowed(origin: str | None, *patterns: str, host: str = "127.0.0.1:8082", require: bool = False) -> bool:
    return origin_allowed(origin, patterns, host=host, require=require)


@pytest.mark.proves("rfc6454/6.2/null")
def test_who_sends_no_origin_is_allowed_unless_one_is_required() -> None:
    assert allowed(None)
    assert not allowed(None, require=True)
    assert not allowed(None, "*", require=True)


@pytest.mark.proves("H-22", "rfc6455/10.2/origin")
@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
@pytest.mark.parametrize("page", LOOPBACK)
@pytest.mark.parametrize("host", LOOPBACK)
def test_a_page_of_this_machine_may_connect_to_it(scheme: str, page: str, host: str) -> None:
    assert allowed(f"{scheme}://{page}", host=host, require=True)
    assert allowed(f"{scheme}://{page}:3000", host=f"{host}:8082")


@pytest.mark.proves("H-22")
@pytest.mark.parametrize("host", [None, "", "evil.com", "mcp.example.com:8082", "0.0.0.0", "::1"])
def test_a_page_of_this_machine_may_not_connect_elsewhere(host: str | None) -> None:
    assert not origin_allowed("http://localhost:3000", (), host=host, require=False)
    assert origin_allowed("http://localhost:3000", ("http://localhost:3000",), host=host, require=False)


@pytest.mark.parametrize("scheme", ["ws", "wss", "ftp", "chrome-extension", "file", "javascript"])
def test_a_loopback_origin_of_another_scheme_is_refused(scheme: str) -> None:
    assert not allowed(f"{scheme}://localhost")


@pytest.mark.parametrize("page", IMPOSTORS)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("port", ["", ":8082"])
def test_an_origin_that_only_looks_like_loopback_is_refused(page: str, scheme: str, port: str) -> None:
    assert not allowed(f"{scheme}://{page}{port}")
    assert not allowed(f"{scheme}://{page}{port}", "https://app.example.com")


@pytest.mark.proves("H-22")
@pytest.mark.parametrize(
    "origin",
    [
        "",
        "localhost",
        "//localhost",
        "http:localhost",
        "http:/localhost",
        "http:///localhost",
        "http:\\\\localhost",
        "http//localhost",
        "://localhost",
        "1http://localhost",
        " http://localhost",
        "http://localhost ",
        "http://localhost/",
        "http://localhost:3000/",
        "http://localhost:",
        "http://localhost:0",
        "http://localhost:65536",
        "http://localhost:+80",
        "http://localhost http://evil.com",
        "http://localhost,http://evil.com",
        "http://localhost, http://localhost",
        "http://http://localhost",
        "https://",
        "http://localhost\n",
        "file:///",
        "NULL",
        "null ",
        "\u212aey://localhost",
    ],
)
def test_a_malformed_origin_is_refused_even_where_any_is_allowed(origin: str) -> None:
    assert not allowed(origin)
    assert not allowed(origin, "*", "null", "http://*", "file://", origin)


@pytest.mark.proves("H-22")
@pytest.mark.parametrize(
    ("origin", "pattern"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://app.example.com", "HTTPS://App.Example.com"),
        ("HTTPS://APP.EXAMPLE.COM", "https://app.example.com"),
        ("https://app.example.com.", "https://app.example.com"),
        ("https://app.example.com", "https://app.example.com:443"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80", "http://app.example.com"),
        ("ws://app.example.com:80", "ws://app.example.com"),
        ("wss://app.example.com", "wss://app.example.com:443"),
        ("http://app.example.com:3000", "http://app.example.com:3000"),
        ("https://xn--exmple-cua.com", "https://xn--exmple-cua.com"),
        ("https://192.0.2.7:8443", "https://192.0.2.7:8443"),
        ("http://[2001:db8::7]", "http://[2001:DB8:0:0::7]:80"),
        ("https://a.example.com", "https://*.example.com"),
        ("https://a.b.example.com:443", "https://*.Example.com"),
        ("http://a.example.com:3000", "http://*.example.com:3000"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://*"),
        ("chrome-extension://abcdefghijklmnop", "Chrome-Extension://*"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("moz-extension://8c8f5f4e-6b1f-4d5c-9a51-0c6a3f1d2b7e", "moz-extension://*"),
        ("https://evil.com:8443", "https://*"),
        ("file://", "file://"),
        ("file://", "*"),
        ("null", "null"),
        ("null", "*"),
        ("https://evil.com", "*"),
        ("chrome-extension://abcdefghijklmnop", "*"),
    ],
)
def test_a_listed_origin_is_allowed(origin: str, pattern: str) -> None:
    check_origin_pattern(pattern)
    for host in ("127.0.0.1:8082", "mcp.example.com"):
        assert not allowed(origin, host=host)
        assert allowed(origin, pattern, host=host, require=True)
        assert allowed(origin, "https://other.example.com", pattern, host=host)


@pytest.mark.proves("H-22", "rfc6455/10.2/origin")
@pytest.mark.parametrize(
    ("origin", "pattern"),
    [
        ("http://app.example.com", "https://app.example.com"),
        ("https://app.example.com:8443", "https://app.example.com"),
        ("https://app.example.com", "https://app.example.com:8443"),
        ("https://app.example.com:80", "https://app.example.com"),
        ("wss://app.example.com", "https://app.example.com"),
        ("https://example.com", "https://app.example.com"),
        ("https://app.example.com.evil.com", "https://app.example.com"),
        ("https://evil-app.example.com", "https://app.example.com"),
        ("https://example.com", "https://*.example.com"),
        ("https://evilexample.com", "https://*.example.com"),
        ("https://a.example.com.evil.com", "https://*.example.com"),
        ("https://a.example.com:8443", "https://*.example.com"),
        ("http://a.example.com", "https://*.example.com"),
        ("https://a.example.com", "http://*"),
        ("chrome-extension://abc", "moz-extension://*"),
        ("null", "https://app.example.com"),
        ("null", "null://*"),
        ("file://", "file://host"),
        ("https://\u212aiwi.example", "https://kiwi.example"),
        ("https://example.com", "a pattern that never was checked"),
        ("https://example.com", "https://*.never checked"),
    ],
)
def test_an_origin_that_is_not_quite_listed_is_refused(origin: str, pattern: str) -> None:
    assert not allowed(origin, pattern)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "must have a scheme"),
        ("app.example.com", "must have a scheme"),
        ("localhost:3000", "must have a scheme"),
        ("Null", "must have a scheme"),
        ("https://", "and no more"),
        ("https://app.example.com/", "and no more"),
        ("https://app.example.com/path", "and no more"),
        ("https://app.example.com?x", "and no more"),
        ("https://app.example.com#x", "and no more"),
        ("https://user@app.example.com", "and no more"),
        ("https://app.example.com:", "and no more"),
        ("https://app.example.com:*", "and no more"),
        ("https://app.example.com:70000", "and no more"),
        ("https://app.*.com", "and no more"),
        ("https://*example.com", "and no more"),
        ("https://*.*.example.com", "and no more"),
        ("https://*:3000", "and no more"),
        ("https://*.", "and no more"),
        ("*://app.example.com", "and no more"),
        ("https://exämple.com", "xn--"),
        ("https://10.0.0.256", "and no more"),
        ("https://*.192.0.2.7", "must have a name after"),
        ("https://*.[2001:db8::7]", "must have a name after"),
        ("file://*.", "must have a name after"),
    ],
)
def test_an_origin_pattern_that_could_never_match_is_a_config_error(pattern: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        check_origin_pattern(pattern)
    assert (caught.value.key, caught.value.value) == ("origins", pattern)
    assert not allowed("https://app.example.com", pattern)


# What an attacker may choose.

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
loopback = st.sampled_from(["localhost", "127.0.0.1", "[::1]", "localhost:8082", "app.localhost"])
glue = st.sampled_from([".", "-", "@", "#", "/", "?", "\\", ":", ":@", "%", "%2e", ",", " ", "\t", ""])
evil = labels.map(lambda label: f"{label}.evil.com")
schemes = st.sampled_from(["http", "https", "ws", "file", "chrome-extension"])


def hostname(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:
        return None


@settings(deadline=None, max_examples=300)
@given(st.text("abc.:/@#?[]%\\* localhst0127", max_size=24) | st.text(max_size=24), schemes)
def test_no_text_is_loopback_unless_its_host_is(text: str, scheme: str) -> None:
    origin = f"{scheme}://{text}"
    if allowed(origin):
        host = (hostname(origin) or "").removesuffix(".")
        assert host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")
        assert urlsplit(origin).netloc == origin.partition("://")[2]
    if host_allowed(text, ()):
        assert allowed(f"http://{text}")


@settings(deadline=None, max_examples=300)
@given(schemes, loopback, glue, evil)
@example("http", "localhost", ".", "evil.com")
@example("http", "localhost", "@", "evil.com")
@example("http", "[::1]", ".", "evil")
def test_a_loopback_name_glued_to_another_never_passes(scheme: str, name: str, glue: str, other: str) -> None:
    for host in (f"{name}{glue}{other}", f"{other}{glue}{name}"):
        # Below .localhost, everything is this machine's.
        if (hostname(f"http://{host}") or "").endswith(".localhost") and glue in (".", "-", ""):
            continue
        assert not allowed(f"{scheme}://{host}")
        assert not allowed(f"{scheme}://{host}", f"{scheme}://{name}", f"{scheme}://*.localhost")
        assert not host_allowed(host, ("mcp.example.com",))


@settings(deadline=None)
@given(labels, labels, glue)
def test_a_wildcard_admits_whole_labels_below_it_only(below: str, label: str, glue: str) -> None:
    pattern = f"https://*.{label}.example"
    check_origin_pattern(pattern)
    assert allowed(f"https://{below}.{label}.example", pattern)
    assert not allowed(f"https://{label}.example", pattern)
    assert not allowed(f"https://{below}.{label}.example{glue}{below}.com", pattern)
    if glue != ".":
        assert not allowed(f"https://{below}{glue}{label}.example", pattern)


@settings(deadline=None)
@given(st.none() | st.text(), st.none() | st.text(), st.lists(st.text()), st.booleans())
def test_no_header_raises_anything(origin: str | None, host: str | None, patterns: list[str], require: bool) -> None:
    origin_allowed(origin, patterns, host=host, require=require)
    host_allowed(host, patterns)


@settings(deadline=None)
@given(st.text() | st.text("ahtps:/.*-1[]", max_size=12))
def test_a_pattern_is_a_config_error_or_usable(pattern: str) -> None:
    try:
        check_origin_pattern(pattern)
    except ConfigError:
        return
    example = pattern.replace("*.", "a.", 1).replace("://*", "://a")
    assert allowed("null" if pattern == "*" else example, pattern)
