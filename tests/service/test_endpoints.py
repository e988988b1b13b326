"""Endpoints of strings, and what is told of those that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from trustme import CA
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, TCP4ServerEndpoint, serverFromString
from twisted.internet.testing import MemoryReactorClock

from mcpws.errors import ConfigError
from mcpws.service.endpoints import check_endpoint, endpoint_description, listening_at, make_endpoint
from mcpws.service.proxied import ProxiedEndpoint


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        check_endpoint(text)
    assert (caught.value.key, caught.value.value) == ("port", text)
    return caught.value.problem


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key and its certificate."""
    path = tmp_path / "key.pem"
    CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@pytest.mark.proves("mcp/2025-11-25/basic/transports#localhost")
def test_a_number_means_loopback() -> None:
    assert endpoint_description("8082") == "tcp:8082:interface=127.0.0.1"
    assert endpoint_description("tcp:8082") == "tcp:8082"


@pytest.mark.parametrize("number", ["70000", "-1", "9" * 5000])
def test_a_number_that_is_no_port_is_refused(number: str) -> None:
    assert refused(number) == "must be 0 to 65535, or a Twisted endpoint string"


@pytest.mark.parametrize(
    "text",
    [
        "8082",
        "tcp:0",
        "tcp:port=8082:interface=0.0.0.0",
        r"tcp6:8082:interface=\:\:1",
        "unix:socket",
        "haproxy:tcp:8082",
    ],
)
def test_an_endpoint_of_twisted_is_one(text: str) -> None:
    check_endpoint(text)


def test_a_proxy_in_front_makes_another_endpoint() -> None:
    reactor: Any = MemoryReactorClock()
    assert isinstance(make_endpoint(reactor, "tcp:8082"), TCP4ServerEndpoint)
    assert isinstance(make_endpoint(reactor, "haproxy:tcp:8082"), ProxiedEndpoint)


def test_a_key_with_its_certificate_is_taken(key: Path) -> None:
    check_endpoint(f"ssl:8443:privateKey={key}")


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("0.0.0.0:8082", "tcp:8082:interface=0.0.0.0"),
        (":8082", "tcp:8082:interface=0.0.0.0"),
        ("*:8082", "tcp:8082:interface=0.0.0.0"),
        ("localhost:8082", "tcp:8082:interface=127.0.0.1"),
        ("ws://127.0.0.1:8082/mcp", "tcp:8082:interface=127.0.0.1"),
        ("[::]:8082", r"tcp6:8082:interface=\:\:"),
    ],
)
def test_an_address_is_told_as_an_endpoint(text: str, instead: str) -> None:
    assert refused(text) == f"is no endpoint: write {instead}"
    check_endpoint(instead)


FORMS = "a port number, tcp:PORT:interface=ADDRESS, unix:PATH, ssl:PORT:privateKey=FILE:certKey=FILE or systemd:..."
TLS = (
    "must name a folder with .pem files, as tls:FOLDER:port=8443 does; with files of other names it is "
    "ssl:PORT:privateKey=FILE:certKey=FILE"
)
SYSTEMD = "must be systemd:domain=INET:index=0, with INET6 or UNIX for INET, or name=NAME for index=0"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", f"is no endpoint: must be {FORMS}"),
        ("nonsense:1", f"is no endpoint: must be {FORMS}"),
        ("haproxy:nonsense:1", f"is no endpoint: must be {FORMS}"),
        ("tls:8443", TLS),
        ("tls:/no/such/folder:port=8443", TLS),
        ("tls", TLS),
        ("tcp", "must have a port, 0 to 65535, as tcp:8082:interface=127.0.0.1 has"),
        ("tcp:http", "must have a port, 0 to 65535, as tcp:8082:interface=127.0.0.1 has"),
        ("tcp:70000", "must have a port, 0 to 65535, as tcp:8082:interface=127.0.0.1 has"),
        ("tcp:port=x", "must have a port, 0 to 65535, as tcp:8082:interface=127.0.0.1 has"),
        ("tcp:8082:inteface=0.0.0.0", "is no tcp endpoint: it has no inteface"),
        ("tcp6:8082:interface=::1", r"is no tcp6 endpoint: write \: for a colon within an address"),
        ("unix:/no/such/folder/socket", "must be in a folder that exists: there is no /no/such/folder"),
        ("ssl:8443", "must name PEM files: privateKey=FILE, and certKey=FILE unless it is the same"),
        (
            "ssl:8443:privateKey=/no/key.pem",
            "must name files that can be read: /no/key.pem: No such file or directory",
        ),
        (
            "systemd:domain=INET:index=0",
            "names a socket that systemd has not passed on: a .socket unit has to start the service",
        ),
        (
            "systemd:domain=INET:name=mcp",
            "names a socket that systemd has not passed on: a .socket unit has to start the service",
        ),
        (
            "systemd:domain=INET",
            "must be systemd:domain=INET:index=0, with INET6 or UNIX for INET, or name=NAME for index=0",
        ),
        ("systemd:", SYSTEMD),
    ],
)
def test_what_is_no_endpoint_is_told(text: str, problem: str) -> None:
    assert refused(text) == problem


def test_a_key_that_is_none_is_told(tmp_path: Path, key: Path) -> None:
    other = tmp_path / "other.pem"
    CA().issue_cert("localhost").cert_chain_pems[0].write_to_path(str(other))
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing\n")
    for text in (f"ssl:0:privateKey={nothing}", f"ssl:0:privateKey={key}:certKey={other}", f"ssl:0:privateKey={other}"):
        assert refused(text) == "must name a certificate and the private key that belongs to it, without password"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:twisted")
def test_a_folder_of_keys_is_taken_if_they_are_some(tmp_path: Path, key: Path) -> None:
    check_endpoint(f"tls:{tmp_path}:port=8443")
    key.write_text("-----BEGIN PRIVATE KEY-----\nnothing\n-----END PRIVATE KEY-----\n")
    assert refused(f"tls:{tmp_path}:port=8443") == (
        "must name a folder whose .pem files are certificates and their private keys"
    )


def test_listening_at_an_address_is_an_endpoint() -> None:
    reactor: Any = MemoryReactorClock()
    for host in ("127.0.0.1", "::1", "fe80::1", "some.name"):
        assert not isinstance(serverFromString(reactor, listening_at(host, "1")), AdoptedStreamServerEndpoint)
