"""A backend that cannot be had: what stands in for a server whose settings are wrong, so that the others go on."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed

from mcpws.errors import BackendLost
from mcpws.seam.interfaces import Channel, Description, Link


class Unavailable:
    """Refuses every conversation with BackendLost.

    :param name: of the server.
    :param reason: why it cannot be had, for those who run it; clients are told no more than that it cannot.
    """

    def __init__(self, name: str, reason: str) -> None:
        self._name = name
        self._reason = reason

    def open(self, link: Link) -> Deferred[Channel]:
        """Fails at once."""
        return fail(BackendLost(f"The server {self._name} cannot be started: its operator can see why"))

    def stop(self) -> Deferred[None]:
        """Fires at once."""
        return succeed(None)

    def unready(self) -> str:
        """The reason."""
        return self._reason

    def described(self) -> Description:
        """The name, and that it cannot be had."""
        return Description(self._name, f"{self._name}: not available")
