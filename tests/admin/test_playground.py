"""The playground as a page of the server: what it is told, who gets it, and that its WebSocket is an ordinary one."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from mcpws import App, HandshakeRefused, WebSocketConfig, administered, connect
from mcpws.admin.assets import PLAYGROUND
from mcpws.admin.playground import Playground
from mcpws.admin.together import Part
from mcpws.errors import ConfigError
from mcpws.mcp.methods import OF_CLIENTS
from mcpws.policy.stats import ServerStatistics
from mcpws.serving.assembly import assemble
from mcpws.serving.config import ServiceConfig
from mcpws.testing import result_of
from mcpws.turns.timing import Timings
from tests.admin.test_pages import TOKEN, Watched

PATHS = "/playground/paths.json"


def test_the_page_is_told_where_there_is_something_to_try() -> None:
    watched = Watched(App("seen", "1.0"), paths=("/mcp", "/other"))
    status, kind, text = watched.get(PATHS)
    assert (status, kind) == ("200 OK", "application/json")
    assert json.loads(text) == {"paths": ["/mcp", "/other"]}
    assert watched.get(PATHS, method="HEAD")[0] == "200 OK"
    assert watched.get(PATHS, method="POST")[0] == "405 Method Not Allowed"


def test_the_servers_of_a_port_are_told_as_they_are_now() -> None:
    def statistics() -> ServerStatistics:
        raise AssertionError("nobody asks")

    timings = Timings(OF_CLIENTS, Clock())
    parts = [Part("a", "/servers/a", App("a", "1"), statistics, timings, timings)]
    asked = cast(Any, Requested(b"paths.json"))
    page = Playground(["/"], lambda: parts)
    assert json.loads(page.render_GET(asked)) == {"paths": ["/", "/servers/a"]}
    parts.append(Part("b", "/servers/b", App("b", "1"), statistics, timings, timings))
    assert json.loads(page.render_GET(asked)) == {"paths": ["/", "/servers/a", "/servers/b"]}
    parts.clear()
    assert json.loads(page.render_GET(asked)) == {"paths": ["/"]}
    assert asked.headers["content-security-policy"] == PLAYGROUND.policy


class Requested:
    """A request for what is below a page."""

    def __init__(self, *below: bytes) -> None:
        self.postpath = list(below)
        self.headers: dict[str, str] = {}

    def setHeader(self, name: str, value: str) -> None:
        self.headers[name] = value


@pytest.mark.parametrize("path", ["/playground", "/playground/playground.js", PATHS])
@pytest.mark.parametrize(
    "headers",
    [
        "Host: 127.0.0.1\r\nOrigin: https://evil.example\r\n",
        "Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n",
        "Host: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "Host: rebound.example\r\n",
    ],
)
def test_it_is_for_this_machine_or_who_has_the_token(path: str, headers: str) -> None:
    assert Watched(App("seen", "1.0")).get(path, headers)[0] == "403 Forbidden"
    watched = Watched(App("seen", "1.0"), token=TOKEN)
    assert watched.get(path, headers)[0] in ("401 Unauthorized", "403 Forbidden")
    with_token = watched.get(path, f"{headers}Authorization: Bearer {TOKEN}\r\n")[0]
    of_another_site = "Origin" in headers or "Sec-Fetch-Site" in headers
    assert with_token == ("403 Forbidden" if of_another_site else "200 OK")


def test_its_websocket_is_let_in_from_the_page_and_from_no_page_elsewhere() -> None:
    watched = Watched(App("seen", "1.0"))

    def connected(host: str, origin: str) -> Any:
        endpoint = watched.network.endpoint(watched.server)
        url = "ws://127.0.0.1:8082/mcp"
        asked = connect(url, reactor=watched.clock, endpoint=endpoint, origin=origin, headers={"Host": host})
        watched.flush()
        return result_of(asked)

    for host in "127.0.0.1:8082", "localhost:8082", "[::1]:8082":
        assert connected(host, f"http://{host}") is not None
    for host, origin in (
        ("127.0.0.1:8082", "https://evil.example"),
        ("127.0.0.1:8082", "null"),
        ("rebound.example:8082", "http://rebound.example:8082"),
    ):
        with pytest.raises(HandshakeRefused):
            connected(host, origin)


def test_a_path_of_a_websocket_is_none_of_a_page() -> None:
    config = WebSocketConfig(paths=("/playground",))
    with pytest.raises(ConfigError, match="--playground off frees it"):
        administered(App("seen", "1.0"), config, reactor=Clock())
    administered(App("seen", "1.0"), config, reactor=Clock(), playground=False)


@pytest.mark.parametrize(
    ("settings", "there"),
    [
        ({}, True),
        ({"playground": "off"}, False),
        ({"status": "off"}, False),
        ({"status": "off", "playground": "on"}, False),
    ],
)
def test_it_is_there_unless_it_or_the_status_is_off(settings: dict[str, Any], there: bool) -> None:
    # A path that is free can be one of a WebSocket.
    config = ServiceConfig(paths=("/playground",), **settings)
    if there:
        with pytest.raises(ConfigError):
            assemble(config, cast(Any, Clock()))
    else:
        assert assemble(config, cast(Any, Clock())).service is not None
