"""The pages of those who run a server: who may see them, and that they tell what is so."""

import json
import re
from base64 import b64encode
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock

import mcpws
from mcpws import App, HttpRequest, Refusal, WebSocketConfig
from mcpws.admin.access import only_admins, read_token
from mcpws.admin.activity import KEPT, Activity
from mcpws.admin.pages import admin_pages
from mcpws.admin.status import percentile
from mcpws.admin.view import View
from mcpws.errors import ConfigError, ResultTooLarge
from mcpws.fronts.roster import MAX_CONNECTIONS
from mcpws.http.checks import Principal
from mcpws.http.peername import address_name
from mcpws.mcp.methods import OF_CLIENTS
from mcpws.seam.interfaces import Identity
from mcpws.seam.observer import Exit, Party, Refused
from mcpws.testing import RawClient, Served
from mcpws.turns.timing import BOUNDS, Timing, Timings, tool_timings

TOKEN = "open sesame"


class Watched(Served):
    """An App with the pages, and what it is asked."""

    def __init__(self, app: App, token: str | None = None, **settings: Any) -> None:
        clock = Clock()
        self.activity, self.timings = Activity(clock), Timings(OF_CLIENTS, clock)
        self.view = View(
            lambda: self.server.statistics(),
            lambda: self.server.roster.is_leaving,
            app,
            self.activity,
            self.timings,
            tool_timings(app, self.timings, clock),
            clock,
        )
        config = WebSocketConfig(**settings)
        super().__init__(
            app,
            clock=clock,
            config=config,
            observer=self.activity,
            pages=admin_pages(self.view, token, config.paths),
            timings=self.timings,
        )

    def get(self, path: str, more: str = "Host: 127.0.0.1:8082\r\n", method: str = "GET") -> tuple[str, str, str]:
        """Status, content type and text of a page."""
        client: RawClient = self.raw()
        client.send(f"{method} {path} HTTP/1.1\r\n{more}Connection: close\r\n\r\n".encode())
        self.flush()
        line, headers = client.take_head()
        return line.partition(" ")[2], headers.get("content-type", ""), client.received.decode()

    def status(self) -> Any:
        _, _, text = self.get("/status.json")
        return json.loads(text)

    def metrics(self) -> dict[str, float]:
        """The samples, by name and labels as they are written."""
        _, _, text = self.get("/metrics")
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


@pytest.fixture
def watched() -> Watched:
    app = App("seen", "1.0")

    @app.tool
    def echo(text: str) -> str:
        return text

    return Watched(app, max_connections=3)


def test_a_server_says_that_it_is_well_to_everybody(watched: Watched) -> None:
    for path in "/healthz", "/readyz":
        assert watched.get(path, "Host: 10.0.0.7\r\n") == ("200 OK", "text/plain; charset=utf-8", "ok\n")
        assert watched.get(path, method="HEAD")[0] == "200 OK"


def test_a_server_that_drains_is_well_but_not_ready(watched: Watched) -> None:
    session = watched.connect()
    session.request("tools/call", {"name": "echo", "arguments": {"text": "x"}}).addErrback(lambda failure: None)
    watched.server.drain()
    assert watched.get("/healthz")[0] == "200 OK"
    assert watched.get("/readyz")[::2] == ("503 Service Unavailable", "the service is shutting down\n")
    assert watched.metrics()["mcpws_ready"] == 0
    watched.flush()


def test_a_server_whose_backend_cannot_serve_is_not_ready(watched: Watched) -> None:
    class Broken:
        def unready(self) -> str:
            return "the server process ended at once"

    object.__setattr__(watched.view, "backend", Broken())
    assert watched.get("/readyz")[::2] == ("503 Service Unavailable", "the server process ended at once\n")


def test_the_numbers_are_those_of_what_was_said(watched: Watched) -> None:
    sessions = [watched.connect() for _ in range(2)]
    for number in range(25):
        sessions[number % 2].call_tool("echo", text=str(number))
    watched.flush()
    status, metrics = watched.status(), watched.metrics()
    said = watched.server.statistics()
    assert metrics["mcpws_open_connections"] == status["totals"]["connections"] == 2
    assert metrics['mcpws_requests_total{method="tools/call",outcome="ok"}'] == 25
    assert metrics['mcpws_request_seconds_count{method="tools/call"}'] == 25
    assert status["requests"]["tools/call"]["count"] == status["tools"]["echo"]["count"] == 25
    assert metrics['mcpws_tool_calls_total{outcome="ok",tool="echo"}'] == 25
    assert metrics['mcpws_tool_call_seconds_count{tool="echo"}'] == 25
    assert metrics["mcpws_messages_received_total"] == said.messages_received == status["totals"]["messages_received"]
    assert metrics["mcpws_bytes_sent_total"] == said.bytes_sent
    assert sum(one["messages_received"] for one in status["connections"]) == said.messages_received
    assert metrics["websocket_latency_seconds_count"] == sum(one["count"] for one in status["requests"].values())


def test_the_names_of_the_original_are_there(watched: Watched) -> None:
    watched.connect()
    metrics = watched.metrics()
    assert metrics["websocket_connections_total"] == 1
    assert metrics["websocket_messages_received_total"] == metrics["mcpws_messages_received_total"] > 0
    assert metrics["websocket_messages_sent_total"] == metrics["mcpws_messages_sent_total"]
    assert metrics["websocket_errors_total"] == metrics["mcpws_errors_total"]
    bounds = [name for name in metrics if name.startswith("websocket_latency_seconds_bucket")]
    assert bounds == [
        f'websocket_latency_seconds_bucket{{le="{bound}"}}'
        for bound in ("0.001", "0.005", "0.01", "0.05", "0.1", "0.5", "1.0", "5.0", "10.0", "+Inf")
    ]


def test_clients_are_told_by_the_names_that_they_give(watched: Watched) -> None:
    session = watched.connect()
    # Who only asks what there is may yet turn out to be of the other era.
    session.call_tool("echo", text="x")
    watched.flush()
    [connection] = watched.status()["connections"]
    assert (connection["client"], connection["protocol"]) == ("mcpws", "2026-07-28")
    assert connection["peer"].startswith("tcp4:127.0.0.1:")
    session.close()
    watched.flush()
    assert watched.status()["connections"] == []
    assert watched.status()["totals"]["connections_total"] == 1


def test_errors_limits_and_refusals_are_told_with_what_helps(watched: Watched) -> None:
    session = watched.connect()
    session.call_tool("none").addErrback(lambda failure: None)
    watched.flush()
    for _ in range(2):
        watched.connect()
    refused = watched.raw()
    refused.handshake()
    watched.flush()
    other = watched.raw()
    other.handshake(headers={"Origin": "https://evil.example"})
    watched.flush()
    status, metrics = watched.status(), watched.metrics()
    assert status["errors"] == {"-32602": 1}
    assert metrics['mcpws_error_answers_total{code="-32602"}'] == 1
    assert status["limits"] == {"max_connections": 2}
    assert metrics['mcpws_limits_total{setting="max_connections"}'] == 2
    first, second = status["refusals"]
    assert (second["status"], second["advice"]) == (503, "--max-connections allows more")
    assert first["status"] == 503


def test_it_is_seen_when_no_connection_is_free(watched: Watched) -> None:
    for _ in range(3):
        watched.connect()
    metrics = watched.metrics()
    assert metrics["mcpws_open_connections"] == metrics["mcpws_max_connections"] == 3


def test_limits_that_nobody_has_come_to_are_there_as_0(watched: Watched) -> None:
    """What rises from nothing to 1 has not risen, as Prometheus sees it."""
    sources = "".join(path.read_text() for path in Path(mcpws.__file__).parent.rglob("*.py"))
    told = set(re.findall(r"""limited\("(\w+)"\)|\.setting = "(\w+)"|(?:\w+)_too_many\("(\w+)"\)""", sources))
    names = {name for found in told for name in found if name} | {MAX_CONNECTIONS, ResultTooLarge.setting}
    assert len(names) > 10
    metrics = watched.metrics()
    assert {name: metrics[f'mcpws_limits_total{{setting="{name}"}}'] for name in names} == dict.fromkeys(names, 0)


def test_unknown_methods_make_nothing_grow(watched: Watched) -> None:
    client = watched.upgraded()
    for number in range(50):
        client.send_message({"jsonrpc": "2.0", "id": number, "method": f"made/up{number}", "params": {}})
    watched.flush()
    assert set(watched.status()["requests"]) <= {"other"}


def test_pages_that_tell_more_are_for_this_machine(watched: Watched) -> None:
    for path in "/status.json", "/metrics":
        assert watched.get(path)[0] == "200 OK"
        assert watched.get(path, "Host: localhost\r\n")[0] == "200 OK"
        assert watched.get(path, "Host: mcp.example.org\r\n")[0] == "403 Forbidden"
        assert watched.get(path, "Host: localhost\r\nOrigin: https://evil.example\r\n")[0] == "403 Forbidden"
        assert watched.get(path, "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n")[0] == "403 Forbidden"
        assert watched.get(path, method="POST")[0] == "405 Method Not Allowed"


def request(peer: object, **headers: str) -> HttpRequest:
    given = {"host": "127.0.0.1:8082"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest("GET", "/status", "1.1", MappingProxyType(given), "", address_name(peer))


HERE = IPv4Address("TCP", "127.0.0.1", 5)
ELSEWHERE = IPv4Address("TCP", "192.0.2.1", 5)


@pytest.mark.parametrize(
    "peer",
    [
        HERE,
        IPv4Address("TCP", "127.3.2.1", 5),
        IPv6Address("TCP", "::1", 5),
        IPv6Address("TCP", "::ffff:127.0.0.1", 5),
        UNIXAddress(None),
        UNIXAddress("/run/a.sock"),
    ],
)
def test_this_machine_needs_no_token(peer: object) -> None:
    assert only_admins(None)(request(peer)) is None
    assert only_admins(TOKEN)(request(peer)) is None


@pytest.mark.parametrize(
    "asked",
    [
        request(ELSEWHERE),
        request(IPv4Address("TCP", "12.7.0.1", 5)),
        request(IPv6Address("TCP", "::11", 5)),
        request(IPv6Address("TCP", "2001:db8::1", 5)),
        request(HERE, host="mcp.example.org"),
        request(HERE, x_forwarded_for="192.0.2.1"),
        request(HERE, forwarded="for=192.0.2.1"),
        request(HERE, via="1.1 proxy"),
        request(None),
    ],
)
def test_whoever_else_asks_needs_one(asked: HttpRequest) -> None:
    without, wanted = only_admins(None)(asked), only_admins(TOKEN)(asked)
    assert isinstance(without, Refusal)
    assert isinstance(wanted, Refusal)
    assert (without.status, wanted.status) == (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED)
    headers = MappingProxyType({**asked.headers, "authorization": f"Bearer {TOKEN}"})
    with_token = HttpRequest("GET", "/status", "1.1", headers, "", asked.peer)
    assert only_admins(TOKEN)(with_token) == Principal("admin")


def test_a_browser_asks_for_the_token_as_a_password() -> None:
    password = b64encode(f"any:{TOKEN}".encode()).decode()
    assert only_admins(TOKEN)(request(ELSEWHERE, authorization=f"Basic {password}")) == Principal("admin")


@pytest.mark.parametrize(
    "given",
    ["Bearer wrong", "Bearer ", "Bearer", "Bearer opén sesame", "Basic x", "Basic YTpi", "Basic", "basic b3Blbg=="],
)
def test_a_wrong_token_is_refused_wherever_it_comes_from(given: str) -> None:
    for peer in HERE, ELSEWHERE:
        verdict = only_admins(TOKEN)(request(peer, authorization=given))
        assert isinstance(verdict, Refusal)
        assert verdict.status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_a_page_of_another_origin_is_refused_even_with_the_token(headers: dict[str, str]) -> None:
    verdict = only_admins(TOKEN)(request(HERE, authorization=f"Bearer {TOKEN}", **headers))
    assert isinstance(verdict, Refusal)
    assert verdict.status == HTTPStatus.FORBIDDEN
    assert only_admins(TOKEN)(request(HERE, origin="http://127.0.0.1:8082", sec_fetch_site="same-origin")) is None


def test_a_token_is_the_first_line_of_a_file(tmp_path: Any) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\nmore\n")
    assert read_token(str(file)) == TOKEN
    for text in "", "\n", " \nlate\n", "ö\n":
        file.write_text(text)
        with pytest.raises(ConfigError, match="admin_token_file"):
            read_token(str(file))
    with pytest.raises(ConfigError, match="No such file"):
        read_token(str(tmp_path / "none"))


def test_what_is_remembered_is_bounded() -> None:
    activity = Activity(Clock())
    for number in range(KEPT * 3):
        activity.refused(Refused(number, "peer", 403, "no", "x" * 100_000))
        party = Party("child", number, Identity("peer", connection=7))
        activity.child_started(party, "program")
        activity.child_ended(party, Exit(1, None, True, 0.5))
    assert len(activity.refusals) == len(activity.exits) == KEPT
    assert activity.refusals[0][1].connection == KEPT * 3 - 1
    assert max(len(refused.value or "") for _, refused in activity.refusals) < 1000
    assert activity.children == ()


def test_percentiles_are_within_the_bucket_that_holds_them() -> None:
    timing = Timing()
    assert percentile(timing, 0.5) is None
    for _ in range(99):
        timing.add(0.002)
    timing.add(1000)
    assert 0.001 < (percentile(timing, 0.5) or 0) <= 0.0025
    assert percentile(timing, 1.0) == BOUNDS[-1]


def test_every_metric_says_what_it_is(watched: Watched) -> None:
    watched.connect()
    _, kind, text = watched.get("/metrics")
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    named = set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))
    samples = {re.sub(r"[{ ].*", "", line) for line in text.splitlines() if not line.startswith("#")}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in samples} <= named
