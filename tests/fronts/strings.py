"""A front of few lines on a StreamCarrier: the length of a message, and the message."""

import json
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.protocols.basic import Int32StringReceiver

from mcpws.fronts.stream import StreamCarrier
from mcpws.testing.front_under_test import LIMIT
from tests.fronts.wire import OnTheWire


class Strings(Int32StringReceiver):
    """One client."""

    MAX_LENGTH = LIMIT
    factory: "StringsFactory"

    def connectionMade(self) -> None:
        self.client = self.factory.carrier(self.transport, self.framed, **self.factory.settings)

    def stringReceived(self, string: bytes) -> None:
        self.client.receive(string)

    def connectionLost(self, reason: Any = None) -> None:
        self.client.gone()

    @staticmethod
    def framed(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data


class StringsFactory(Factory):
    noisy = False
    carrier: type[StreamCarrier] = StreamCarrier

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def buildProtocol(self, addr: IAddress | None) -> Any:
        strings = Strings()
        strings.factory = self
        return strings


class Dialled(OnTheWire):
    """A client of a front on the in-memory network."""

    def send(self, text: bytes) -> None:
        self.raw.send(Strings.framed(text))

    def take(self) -> list[Any]:
        taken = []
        while (data := self.raw.received) and len(data) >= 4 + (size := int.from_bytes(data[:4], "big")):
            taken.append(json.loads(data[4 : 4 + size]))
            self.raw.received = data[4 + size :]
        return taken
