"""A client of a front on the in-memory network, for contracts of fronts."""

from mcpws.testing import RawPeer


class OnTheWire:
    """The part of a client that is the same whatever frames it speaks in."""

    def __init__(self, raw: RawPeer | None = None) -> None:
        self.raw = raw or RawPeer()

    def is_gone(self) -> bool:
        return self.raw.is_gone()

    def hang_up(self) -> None:
        self.raw.wire.loseConnection()

    def stop_reading(self) -> None:
        self.raw.wire.pauseProducing()

    def read_on(self) -> None:
        self.raw.wire.resumeProducing()
