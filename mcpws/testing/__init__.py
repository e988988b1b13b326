"""For tests of programs that use mcpws: client and server in memory, no socket, no real time.

::

    def test_adding() -> None:
        pair = connected(app)
        sum = pair.session.call_tool("add", a=1, b=2)
        pair.flush()
        assert result_of(sum) == {"result": 3}

Both ends are the real ones. Nothing moves until `flush`, and no time passes but by `advance`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

import mcpws.testing.asserts  # noqa: F401
from mcpws.backends.app.application import App
from mcpws.client.factory import connect
from mcpws.client.session import Session
from mcpws.config import WebSocketConfig
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import Observer
from mcpws.testing.backend_contract import BackendContract
from mcpws.testing.front_contract import FrontContract
from mcpws.testing.network import MemoryTransport, Network, result_of
from mcpws.testing.raw import Frame, RawClient, RawPeer, RawServer
from mcpws.testing.recording import RecordedConversation, RecordingBackend, RecordingLink
from mcpws.ws.server import ServerFactory

__all__ = [
    "BackendContract",
    "Connected",
    "Frame",
    "FrontContract",
    "MemoryTransport",
    "Network",
    "RawClient",
    "RawPeer",
    "RawServer",
    "RecordedConversation",
    "RecordingBackend",
    "RecordingLink",
    "Served",
    "connected",
    "result_of",
]


class Served:
    """A `backend` that is served in memory, to as many clients as you like; an App without a clock takes this one.

    :param config: of the server.
    :param client_config: of the clients.
    :param clock: to share with whatever else needs it; a new one by default.
    :param observer: of the server.
    :param server: further arguments of its `ServerFactory`, as `checks` and `pages`.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        config: WebSocketConfig | None = None,
        client_config: WebSocketConfig | None = None,
        clock: Clock | None = None,
        observer: Observer | None = None,
        **server: Any,
    ) -> None:
        self.network = Network(clock)
        self.clock = self.network.clock
        if isinstance(backend, App):
            backend.use_clock(self.clock)
        self.server = ServerFactory(backend, config, reactor=self.clock, observer=observer, **server)
        self._client_config = client_config or WebSocketConfig(server_mode=False)

    def connect(self, **client: Any) -> Session:
        """The session of a new client, initialised; arguments as for `mcpws.connect`.

        Raises what that fails with; AssertionError if the backend needs time to begin.
        """
        config = self._client_config
        endpoint = self.network.endpoint(self.server)
        connecting = connect(config.url, config=config, reactor=self.clock, endpoint=endpoint, **client)
        self.flush()
        return result_of(connecting)

    def raw(self) -> RawClient:
        """A new client that speaks in bytes."""
        client = RawClient()
        self.network.join(client, self.server)
        return client

    def upgraded(self) -> RawClient:
        """A new client that speaks in bytes, its opening handshake done."""
        client = self.raw()
        client.handshake()
        self.flush()
        status_line, _ = client.take_head()
        assert status_line == "HTTP/1.1 101 Switching Protocols", status_line
        return client

    def flush(self) -> None:
        """Move bytes until nobody has any more to say."""
        self.network.flush()

    def advance(self, seconds: float) -> None:
        """Let time pass, a second at a time, with all that is said meanwhile."""
        self.network.advance(seconds)


class Connected(Served):
    """A served backend with its first client."""

    session: Session


def connected(
    backend: Backend,
    *,
    config: WebSocketConfig | None = None,
    client_config: WebSocketConfig | None = None,
    clock: Clock | None = None,
    observer: Observer | None = None,
    **client: Any,
) -> Connected:
    """Serve `backend` in memory and connect; the arguments are those of Served and of its `connect`."""
    pair = Connected(backend, config=config, client_config=client_config, clock=clock, observer=observer)
    pair.session = pair.connect(**client)
    return pair
