"""The example with a check at the door, and a page beside it."""

import pytest

from mcpws.http.checks import Principal
from mcpws.http.request import HttpRequest
from mcpws.testing import Network, RawClient
from mcpws.testing.raw import upgrade_request
from tests.examples.loading import example

doorkeeper = example("doorkeeper")


class Guarded:
    """The server of the example, in memory."""

    def __init__(self) -> None:
        self.network = Network()
        self.server = doorkeeper.factory(self.network.clock)

    def answer(self, request: bytes) -> tuple[str, str]:
        """The status and the body of the answer."""
        client = RawClient()
        self.network.join(client, self.server)
        client.send(request)
        self.network.flush()
        self.network.advance(1)
        return client.take_head()[0].partition(" ")[2], client.received.decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer sesame", "101 Switching Protocols"),
        ("bearer  swordfish", "101 Switching Protocols"),
        ("Bearer wrong", "403 Forbidden"),
        ("Basic sesame", "401 Unauthorized"),
        (None, "401 Unauthorized"),
    ],
)
def test_who_has_a_token_is_let_in(authorization: str | None, status: str) -> None:
    assert Guarded().answer(upgrade_request(headers={"Authorization": authorization}))[0] == status


def test_the_page_is_for_everybody() -> None:
    request = b"GET /about HTTP/1.1\r\nHost: 127.0.0.1:8082\r\n\r\n"
    assert Guarded().answer(request) == ("200 OK", "Tools for those who have a token.\n")


def test_a_check_is_tried_without_a_socket() -> None:
    network = Network()
    check = doorkeeper.Doorkeeper(network.clock, {"a": "ann"})
    request = HttpRequest("GET", "/", "1.1", {"authorization": "Bearer a"})
    verdict = doorkeeper.Deferred.fromCoroutine(check(request))
    network.clock.advance(0.01)
    assert verdict.result == Principal("ann")
