"""The distance that answers keep from progress, for clients that lose progress which comes together with the answer.

The official TypeScript client forgets who waits for progress when the answer comes, and looks at progress only after it
has looked at all that it read in the same turn.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mcpws.core.ledger import Ledger, reported_token
from mcpws.jsonrpc.messages import Answer, Notification, RequestId


class Distance:
    """Answers of one conversation that wait until its last progress is long enough ago.

    :param ledger: what is open in the conversation.
    :param gap: seconds at least between the last progress and an answer.
    :param answer: takes each answer when it may go.
    """

    __slots__ = ("_answer", "_clock", "_gap", "_held", "_last", "_ledger", "_release")

    def __init__(self, ledger: Ledger, clock: IReactorTime, gap: float, answer: Callable[[Answer], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._gap = gap
        self._answer = answer
        self._held: list[Answer] = []
        self._release: IDelayedCall | None = None
        self._last = clock.seconds()

    def __bool__(self) -> bool:
        """Whether an answer waits."""
        return bool(self._held)

    def reports(self, progress: Notification) -> bool:
        """Progress comes; False if it is of a request whose answer waits already, and so belongs nowhere."""
        about = self._ledger.reported_by(reported_token(progress)) if self._held else None
        if about is not None and any(answer.id == about for answer in self._held):
            return False
        self._last = self._clock.seconds()
        return True

    def holds(self, answer: Answer) -> bool:
        """Whether `answer` has to wait, since its client may still be busy with progress; then it is kept here."""
        if answer.id is None or self._ledger.inbound.get(answer.id) is None:
            return False
        if self._clock.seconds() - self._last >= self._gap:
            return False
        self._held.append(answer)
        if self._release is None:
            self._release = self._clock.callLater(self._gap, self._over)
        return True

    def withdraw(self, id: RequestId | None) -> list[Answer]:
        """Forget the answers to a request that was cancelled; returns them."""
        taken = [answer for answer in self._held if answer.id == id]
        self._held = [answer for answer in self._held if answer.id != id]
        return taken

    def let_go(self) -> None:
        """Let all that waits go now."""
        if self._release is not None:
            self._release.cancel()
            self._release = None
        held, self._held = self._held, []
        for answer in held:
            self._answer(answer)

    def forget(self) -> None:
        """Drop all that waits: the client is gone."""
        self._held.clear()
        self.let_go()

    def _over(self) -> None:
        self._release = None
        self.let_go()
