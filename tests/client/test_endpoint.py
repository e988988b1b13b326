"""Where a URL leads, and what it means when nobody is there."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from mcpws.client.endpoint import NO_TIMEOUT, connect_failed, endpoint_for
from mcpws.errors import ConfigError, ConnectFailed
from mcpws.testing import result_of
from mcpws.ws.target import Target


@pytest.mark.parametrize(
    ("url", "leads_to"),
    [
        ("ws://example.com", "example.com:80"),
        ("wss://example.com/mcp", "example.com:443"),
        ("ws://[::1]:8082", "[::1]:8082"),
        ("WS://Example.com:9", "example.com:9"),
        ("ws://[fe80::1%25eth0]:9", "[fe80::1%eth0]:9"),
        ("ws://[fe80::1%eth0]:9", "[fe80::1%eth0]:9"),
        ("wss://example.com.", "example.com.:443"),
        ("ws://app.localhost:1", "localhost:1"),
        ("ws://A.LocalHost.:1", "localhost:1"),
        ("ws://localhost.example.com:1", "localhost.example.com:1"),
    ],
)
def test_an_endpoint_leads_where_the_url_says(url: str, leads_to: str) -> None:
    endpoint = endpoint_for(Target(url), MemoryReactorClock())
    assert repr(getattr(endpoint, "_wrappedEndpoint", endpoint)) == f"<HostnameEndpoint {leads_to}>"


@pytest.mark.parametrize("url", ["http://example.com", "example.com", "ws://", "", "wss://me:secret@example.com"])
def test_an_endpoint_needs_a_websocket_url(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        endpoint_for(Target(url), MemoryReactorClock())
    assert error.value.key == "url"
    assert "secret" not in repr(error.value)


def test_a_host_that_no_certificate_can_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="has a host name that no certificate can have"):
        endpoint_for(Target("wss://exa_mple"), MemoryReactorClock())


@pytest.mark.parametrize(("timeout", "waits"), [(7, 7), (None, NO_TIMEOUT)])
def test_an_endpoint_waits_as_long_as_it_is_told(timeout: float | None, waits: float) -> None:
    reactor = MemoryReactorClock()
    connecting = endpoint_for(Target("ws://127.0.0.1"), reactor, timeout).connect(Factory())
    assert [attempt[3] for attempt in reactor.tcpClients] == [waits]
    connecting.addErrback(lambda _: None)
    connecting.cancel()


def test_the_endpoint_of_a_target_goes_before_that_of_its_url() -> None:
    own = endpoint_for(Target("ws://127.0.0.1:1"), MemoryReactorClock())
    assert endpoint_for(Target("ws://127.0.0.1:2", endpoint=own), MemoryReactorClock()) is own


def test_giving_up_is_no_failure_to_connect() -> None:
    connecting = endpoint_for(Target("ws://127.0.0.1"), MemoryReactorClock()).connect(Factory())
    connecting.addErrback(connect_failed, "ws://127.0.0.1")
    connecting.cancel()
    with pytest.raises(CancelledError):
        result_of(connecting)


def test_a_failure_of_ours_stays_what_it_is() -> None:
    failure = Failure(ConnectFailed("ws://b", "no"))
    assert connect_failed(failure, "ws://a") is failure
