"""Counting: every number is declared once, in Counts. What passes messages adds to Counters; who looks gets Counts."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any


def counter(help: str) -> Any:
    """A field of Counts. `help` is one sentence, for metrics and the documentation."""
    return field(default=0, metadata={"help": help})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers that only grow, of one connection or of several together.

    One more field here is one more counter: Counters has it, the statistics of a connection and of a server show it,
    and closed connections are added up. What is left to do is `counters.NAME += 1` where it happens.
    """

    messages_received: int = counter("Messages that came in.")
    messages_sent: int = counter("Messages that went out.")
    bytes_received: int = counter("Bytes of the messages that came in.")
    bytes_sent: int = counter("Bytes of the messages that went out.")
    errors: int = counter("Error answers that were sent.")
    bad_messages: int = counter("Messages that were no JSON-RPC.")
    dropped: int = counter("Messages that belonged nowhere, as answers to no open request.")
    coalesced: int = counter("Messages that a later one overtook before a slow reader took them.")
    too_many: int = counter("Requests that were refused since too many were open and waited.")
    too_long: int = counter("Requests that were refused since their ids or names were too long.")
    postponed: int = counter("Times that what was read took longer than one turn may.")


def counters_of(kind: type[Any]) -> dict[str, str]:
    """The name of every counter of a dataclass, and what it counts; TypeError names a field that is none."""
    for one in fields(kind):
        if "help" not in one.metadata:
            raise TypeError(f"{kind.__name__}.{one.name} is no counter: write {one.name}: int = counter('What it is.')")
    return {one.name: one.metadata["help"] for one in fields(kind)}


COUNTED = counters_of(Counts)
"""The name of every counter, and what it counts."""


class Counters:
    """Counters of one connection so far: all that Counts has, and three times, in seconds of its owner's clock.

    Its owner adds to it with every message, so: plain attributes, nothing computed.

    :param now: when the connection began; `last_activity` begins there, too. `round_trip` is None until the first Pong.
    """

    __slots__ = (*COUNTED, "last_activity", "opened", "round_trip")

    opened: float
    last_activity: float
    round_trip: float | None

    if TYPE_CHECKING:
        # The slots that Counts names, which only a running program knows; it refuses any other name.
        def __getattr__(self, name: str) -> int: ...
        def __setattr__(self, name: str, value: float | None) -> None: ...

    def __init__(self, now: float = 0.0) -> None:
        self.opened = now
        self.last_activity = now
        self.round_trip = None
        for name in COUNTED:
            setattr(self, name, 0)

    def counts(self) -> Counts:
        """A snapshot of what was counted."""
        return Counts(**self.by_name())

    def by_name(self) -> dict[str, int]:
        """All that Counts has, as it is now."""
        return {name: getattr(self, name) for name in COUNTED}
