"""`mcpws-admin`: what it shows, what it does, and that nobody else is served by it."""

import json
from typing import Any

import pytest
from twisted.internet.task import Clock

from mcpws import App, HandshakeRefused, ServerFactory, WebSocketConfig, connect
from mcpws.admin.access import only_admins
from mcpws.admin.activity import Activity
from mcpws.admin.server import STATUS, admin_server
from mcpws.admin.view import View
from mcpws.client.session import Session
from mcpws.errors import ConnectionClosed, ToolFailed
from mcpws.mcp.methods import OF_CLIENTS
from mcpws.testing import Served, result_of
from mcpws.turns.timing import Timings, tool_timings


class Looked(Served):
    """A server, and the one that looks after it at `/status`."""

    def __init__(self) -> None:
        app, clock = App("seen", "1.0"), Clock()
        timings = Timings(OF_CLIENTS, clock)
        activity = Activity(clock)
        tools = tool_timings(app, timings, clock)
        view = View(lambda: self.server.statistics(), lambda: False, app, activity, timings, tools, clock)
        config = WebSocketConfig(paths=("/status",), hosts=("*",), origins=("*",))
        self.admin = ServerFactory(
            admin_server(view, lambda: self.server, clock), config, reactor=clock, checks=[only_admins(None)]
        )
        super().__init__(app, clock=clock, observer=activity, timings=timings, servers={"/status": self.admin})

    def look(self) -> Session:
        session: Session = result_of(self.looking())
        return session

    def looking(self, **named: Any) -> Any:
        endpoint = self.network.endpoint(self.server)
        session = connect("ws://127.0.0.1:8082/status", reactor=self.clock, endpoint=endpoint, **named)
        self.flush()
        return session

    def status(self, session: Session) -> Any:
        read = session.read_resource(STATUS)
        self.flush()
        [content] = result_of(read)
        return json.loads(content.text or "")


def test_whoever_looks_is_none_of_those_that_are_seen() -> None:
    looked = Looked()
    looked.connect()
    session = looked.look()
    status = looked.status(session)
    assert status["totals"]["connections"] == status["totals"]["connections_total"] == len(status["connections"]) == 1
    assert [one["id"] for one in status["connections"]] == [one.id for one in looked.server.connections]
    assert len(looked.admin.connections) == 1
    assert looked.server.statistics().messages_received == status["totals"]["messages_received"]


def test_who_subscribes_is_told_each_second_and_nobody_else_is() -> None:
    looked = Looked()
    before = len(looked.clock.getDelayedCalls())
    session = looked.look()
    told: list[str] = []
    subscribed = session.subscribe(STATUS, told.append)
    looked.flush()
    subscription = result_of(subscribed)
    looked.advance(3)
    assert told == [STATUS] * 3
    subscription.close()
    looked.advance(3)
    assert len(told) == 3
    session.close()
    looked.advance(1)
    assert len(looked.clock.getDelayedCalls()) <= before


def test_a_connection_is_closed() -> None:
    looked = Looked()
    victim, other = looked.connect(), looked.connect()
    session = looked.look()
    first, _ = looked.server.connections
    done = session.call_tool("close_connection", id=first.id)
    looked.flush()
    assert result_of(done)[0].text == f"connection {first.id} is closed"
    assert [one.id for one in looked.server.connections] == [first.id + 1]
    asked = victim.ping()
    looked.flush()
    with pytest.raises(ConnectionClosed, match="1001: closed by who runs this server"):
        result_of(asked)
    looked.flush()
    assert other.ping() is not None


def test_a_connection_that_there_is_not_is_named() -> None:
    looked = Looked()
    session = looked.look()
    done = session.call_tool("close_connection", id=77)
    looked.flush()
    with pytest.raises(ToolFailed, match="there is no connection 77"):
        result_of(done)


def test_a_drain_closes_everybody_but_those_who_look() -> None:
    looked = Looked()
    looked.connect()
    session = looked.look()
    done = session.call_tool("drain")
    looked.advance(1)
    assert result_of(done)[0].text == "the server drains"
    assert looked.server.connections == ()
    assert looked.status(session)["totals"]["connections"] == 0
    with pytest.raises(HandshakeRefused, match="503"):
        looked.connect()


def test_a_stop_ends_both() -> None:
    looked = Looked()
    looked.look()
    looked.connect()
    stopped: list[object] = []
    looked.server.stop().addCallback(stopped.append)
    looked.advance(2)
    assert stopped == [None]
    assert looked.admin.connections == looked.server.connections == ()


def test_a_page_of_another_origin_does_not_get_in() -> None:
    looked = Looked()
    with pytest.raises(HandshakeRefused, match="no page of another origin"):
        result_of(looked.looking(origin="https://evil.example"))
    with pytest.raises(HandshakeRefused, match="403"):
        result_of(looked.looking(headers={"Host": "mcp.example.org"}))
