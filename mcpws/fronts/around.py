"""A carrier around another one: what is to see, or to change, all that goes to a client stands there."""

from __future__ import annotations

from mcpws.errors import McpwsError
from mcpws.jsonrpc.messages import Message
from mcpws.seam.interfaces import Carrier


class CarrierAround:
    """Passes everything on to the `real` carrier; a subclass sees to what it is there for.

    A Front goes by it from `Front.go_by` on.
    """

    real: Carrier

    @property
    def behind(self) -> bool:
        return self.real.behind

    def deliver(self, message: Message, data: bytes) -> None:
        self.real.deliver(message, data)

    def limited(self, setting: str) -> None:
        self.real.limited(setting)

    def pause_reading(self) -> None:
        self.real.pause_reading()

    def resume_reading(self) -> None:
        self.real.resume_reading()

    def backend_began(self) -> None:
        self.real.backend_began()

    def backend_lost(self, reason: McpwsError) -> None:
        self.real.backend_lost(reason)

    def idle(self) -> None:
        self.real.idle()
