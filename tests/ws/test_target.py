"""Where to connect, and how: one value, made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.testing import MemoryReactorClock

from mcpws.backends.upstream import Upstream
from mcpws.client.factory import connect
from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.transport import WebSocketTransport
from mcpws.ws.target import Target

URL = "wss://example.com/mcp"


@pytest.mark.parametrize("make", [Target, connect, Upstream])
def test_tls_of_its_own_is_refused_where_an_endpoint_brings_its(make: Callable[..., object]) -> None:
    reactor = MemoryReactorClock()
    further: dict[str, Any] = {} if make is Target else {"reactor": reactor}
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", 1)
    with pytest.raises(ConfigError) as error:
        make(URL, endpoint=endpoint, tls=optionsForClientTLS("example.com"), **further)
    assert error.value.key == "tls"
    assert "endpoint" in str(error.value)
    assert reactor.tcpClients == []


@pytest.mark.parametrize("make", [Target, connect, Upstream])
@pytest.mark.parametrize("url", ["ws://example.com", "WS://example.com:443"])
def test_tls_is_refused_where_the_url_wants_none(make: Callable[..., object], url: str) -> None:
    reactor = MemoryReactorClock()
    further: dict[str, Any] = {} if make is Target else {"reactor": reactor}
    with pytest.raises(ConfigError, match="tls: has no effect on ") as error:
        make(url, tls=optionsForClientTLS("example.com"), **further)
    assert error.value.key == "tls"


@pytest.mark.parametrize("server_mode", [True, False])
def test_a_transport_refuses_tls_that_has_no_effect(server_mode: bool) -> None:
    config = WebSocketConfig(url="ws://127.0.0.1:8082", server_mode=server_mode)
    with pytest.raises(ConfigError) as error:
        WebSocketTransport(config, reactor=MemoryReactorClock(), tls=optionsForClientTLS("example.com"))
    assert error.value.key == "tls"


def test_a_target_tells_no_secrets() -> None:
    target = Target(f"{URL}?token=secret", headers={"Authorization": "secret"}, subprotocols=("mcp", "secret"))
    assert repr(target) == f"Target('{URL}?...')"


def test_headers_may_be_pairs_of_any_kind() -> None:
    pairs = (("A", "b"), ("A", "c"))
    assert Target(URL, iter(pairs)) == Target(URL, list(pairs)) == Target(URL, pairs)
    assert Target(URL, {"A": "b"}) == Target(URL, [("A", "b")])


def test_a_target_stands_for_its_url() -> None:
    target = Target(URL, {"A": "b"})
    assert Target.of(target) is target
    assert Target.of(URL, {"A": "b"}) == target
    assert Target.of(URL, None, origin="null").origin == "null"


@pytest.mark.parametrize("url", ["", "example.com", "http://example.com", f"{URL}#a", f"{URL}/é", "wss://me:secret@a"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        Target(url)
    assert error.value.key == "url"
    assert "secret" not in str(error.value)
