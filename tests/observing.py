"""An Observer that keeps what it is told, for tests."""

from __future__ import annotations

from mcpws.jsonrpc.messages import Message
from mcpws.seam.observer import Call, ClientInfo, Closing, Ended, Exit, MessageObserver, Observer, Party, Refused


class Recorder(Observer):
    """What it was told of connections: the names of the methods in `told`, and the rest by kind."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.parties: list[Party] = []
        self.clients: list[ClientInfo] = []
        self.refusals: list[Refused] = []
        self.limits: list[str] = []
        self.closings: list[Closing] = []
        self.programs: list[str] = []
        self.exits: list[Exit] = []

    def refused(self, refused: Refused) -> None:
        self.told.append("refused")
        self.refusals.append(refused)

    def opened(self, party: Party) -> None:
        self.told.append("opened")
        self.parties.append(party)

    def introduced(self, party: Party, client: ClientInfo) -> None:
        self.told.append("introduced")
        self.clients.append(client)

    def limited(self, party: Party, setting: str) -> None:
        self.told.append("limited")
        self.limits.append(setting)

    def closed(self, party: Party, closing: Closing) -> None:
        self.told.append("closed")
        self.closings.append(closing)

    def child_started(self, party: Party, program: str) -> None:
        self.told.append("child_started")
        self.parties.append(party)
        self.programs.append(program)

    def child_ended(self, party: Party, exit: Exit) -> None:
        self.told.append("child_ended")
        self.exits.append(exit)


class MessageRecorder(Recorder, MessageObserver):
    """What it was told of messages, too."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[Message] = []
        self.went: list[Message] = []
        self.ended: list[tuple[Call, Ended]] = []
        self.lost: list[Message] = []

    def received(self, party: Party, message: Message) -> None:
        self.told.append("received")
        self.came.append(message)

    def sent(self, party: Party, message: Message) -> None:
        self.told.append("sent")
        self.went.append(message)

    def answered(self, party: Party, call: Call, ended: Ended) -> None:
        self.told.append("answered")
        self.ended.append((call, ended))

    def dropped(self, party: Party, message: Message) -> None:
        self.told.append("dropped")
        self.lost.append(message)

    @property
    def outcomes(self) -> list[tuple[str, str | None, str]]:
        """Of each request that has ended: method, what it named, how it ended."""
        return [(call.method, call.subject, ended.outcome) for call, ended in self.ended]


METHODS = tuple(name for name in (*vars(Observer), *vars(MessageObserver)) if not name.startswith("_"))
"""All that an Observer may be told."""


class Raising(MessageObserver):
    """Raises whenever it is told of anything."""

    def __init__(self) -> None:
        self.times = 0
        for name in METHODS:
            setattr(self, name, self._fail)

    def _fail(self, *arguments: object) -> None:
        self.times += 1
        raise LookupError("a defect of an observer")
