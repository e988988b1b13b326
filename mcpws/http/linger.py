"""A lingering close (RFC 9112, section 9.6; RFC 6455, section 7.1.1): what was said last arrives, whatever comes.

Whoever closes a socket on which there is more to read resets the connection, and the other end loses what it has not
read yet: the refusal or the Close frame that tells it why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IHalfCloseableDescriptor, INegotiated, IReactorTime


class Linger:
    """The end of one connection: this side is closed, what the other still sends is thrown away until it closes too.

    :param idle: seconds without a byte, after which it has had its time.
    :param total: seconds after which it has in any case.
    :param limit: bytes that are thrown away at most.
    :param abort: ends the connection whatever the other end does.
    """

    __slots__ = ("_abort", "_clock", "_idle", "_left", "_timer", "_transport", "_until")

    def __init__(
        self,
        transport: Any,
        clock: IReactorTime,
        *,
        idle: float,
        total: float,
        limit: int,
        abort: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._idle = idle
        self._until = clock.seconds() + total
        self._left = limit
        self._abort = abort
        self._timer = clock.callLater(min(idle, total), self._over)
        # TLS has an end of its own, a message that the other end answers, and gives us what comes before that.
        encrypted = INegotiated.providedBy(transport) or getattr(transport, "TLS", False)
        closes_half: bool = IHalfCloseableDescriptor.providedBy(transport)
        if closes_half and not encrypted:
            transport.loseWriteConnection()
        else:
            transport.loseConnection()

    def discard(self, size: int) -> None:
        """So many bytes came."""
        self._left -= size
        if self._timer.active():
            if self._left < 0:
                self._timer.cancel()
                self._over()
            else:
                self._timer.reset(min(self._idle, max(0.0, self._until - self._clock.seconds())))

    def stop(self) -> None:
        """The connection is gone."""
        if self._timer.active():
            self._timer.cancel()

    def _over(self) -> None:
        # In order if all is out, which this does at once; else, and with TLS, it changes nothing, and abort does.
        self._transport.loseConnection()
        self._abort()
