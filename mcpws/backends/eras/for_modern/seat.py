"""Places that the parts of the translation for one modern client have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mcpws.backends.eras.for_modern.call import Work
from mcpws.backends.eras.for_modern.parking import Parking
from mcpws.backends.eras.open_requests import Desk, OpenRequests
from mcpws.backends.eras.shapes import Members
from mcpws.backends.eras.shared import SharedState
from mcpws.core.rpc import Rpc
from mcpws.seam.interfaces import Link


class Seat(NamedTuple):
    """Place of one client, at which all its servers find it: how to tell it something, and what it waits for."""

    link: Link
    requests: OpenRequests
    parking: Parking
    shared: SharedState


class Post(NamedTuple):
    """Place of one server that works for a client.

    `desk` has the requests that it works on, `rpc` numbers what goes to it, and knows what it wants; `capabilities` are
    the client's, `resume` takes work that carries on a call there.
    """

    desk: Desk
    rpc: Rpc
    capabilities: Members
    resume: Callable[[Work], None]
