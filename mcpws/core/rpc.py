"""One end of a JSON-RPC conversation: numbers its requests, matches the answers, knows its work.

Without I/O: what is to be sent goes to the `send` callable, what an answer brings goes to the
callable given with the request. The owner calls `receive` with each message, and `lost` once, when
no more can come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from msgspec import Raw, Struct

from mcpws.core.ledger import cancelled_id, reported_token
from mcpws.errors import InvalidRequest, McpwsError, QueueFull, RpcError
from mcpws.jsonrpc.messages import Answer, Error, Message, Notification, Request, RequestId, Result, alike, to_raw
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import PROGRESS_TOKEN
from mcpws.mcp.methods import CANCELLED, INITIALIZE, PROGRESS


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a request (MCP, progress).

    `progress` only grows; `total` and `message` may be unknown.
    """

    progress: float
    total: float | None = None
    message: str | None = None


OnAnswer = Callable[[Answer | McpwsError], None]
OnProgress = Callable[[Progress], None]


# The method, and who wants to know: a plain tuple, as there is one for every request.
_Pending: TypeAlias = tuple[str, OnAnswer, OnProgress | None]

_read_progress = reader(Progress)


class Rpc:
    """The tables of one end.

    :param send: takes each message that is to go out.
    :param max_pending: requests of ours that may wait for an answer at the same time.
    :param first_id: of these requests; they are numbered from there.
    :param to_raw: makes JSON of parameters; raises TypeError where it cannot.
    """

    __slots__ = ("_max_pending", "_next_id", "_pending", "_send", "_to_raw", "at_work", "dropped", "gone")

    def __init__(
        self,
        send: Callable[[Message], None],
        max_pending: int = 1024,
        first_id: int = 0,
        to_raw: Callable[[Any], Raw] = to_raw,
    ) -> None:
        self._send = send
        self._to_raw = to_raw
        self._max_pending = max_pending
        self._next_id = first_id
        self._pending: dict[RequestId, _Pending] = {}
        self.at_work: dict[RequestId, Callable[[], None]] = {}
        """Requests of the other end that wait for ours, with how to cancel each. For owners to look at only."""
        self.gone: McpwsError | None = None
        """Why no more can come or go; None until then."""
        self.dropped = 0

    @property
    def pending(self) -> int:
        """Requests of ours that wait for an answer."""
        return len(self._pending)

    @property
    def working(self) -> int:
        """Requests of the other end that wait for ours."""
        return len(self.at_work)

    def request(
        self,
        method: str,
        params: dict[str, Any] | Struct | None,
        on_answer: OnAnswer,
        on_progress: OnProgress | None = None,
    ) -> RequestId:
        """Send a request; `on_answer` is called exactly once, unless it is withdrawn before.

        Neither callable may raise.

        With `on_progress` the request carries a progress token: its id. Raises QueueFull over
        `max_pending`, TypeError for parameters that are no JSON, and what `send` raises; nothing is
        pending then.
        """
        if len(self._pending) >= self._max_pending:
            raise QueueFull("requests waiting for an answer", self._max_pending)
        id = self._next_id
        if on_progress is not None:
            assert not isinstance(params, Struct)
            params = dict(params or {})
            meta = params.get("_meta", {})
            if not isinstance(meta, dict):
                raise TypeError(f"_meta must be an object (got {meta!r})")
            params["_meta"] = {**meta, PROGRESS_TOKEN: id}
        raw = None if params is None else self._to_raw(params)
        self._next_id += 1
        self._pending[id] = (method, on_answer, on_progress)
        try:
            self._send(Request(id, method, raw))
        except BaseException:
            self._pending.pop(id, None)
            raise
        return id

    def withdraw(self, id: RequestId, reason: str) -> bool:
        """Tell the other end that request `id` of ours is not wanted any more.

        Its late answer will be dropped. False if it was answered already. Of `initialize`, which
        MCP does not let be cancelled, the other end is not told, nor of anything once it is lost.
        """
        entry = self._pending.pop(id, None)
        if entry is None:
            return False
        method, _, _ = entry
        if method != INITIALIZE and self.gone is None:
            self.notify(CANCELLED, {"requestId": id, "reason": reason})
        return True

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Send a notification."""
        self._send(Notification(method, None if params is None else self._to_raw(params)))

    def receive(self, message: Message) -> Request | Notification | None:
        """Take a message in; returns what the owner must look after, None for what is settled here.

        A returned request must come back to `answer` or `fail`, or be entered with `work` until it
        does.
        """
        if type(message) is Result or type(message) is Error:
            self.settle(message)
            return None
        if type(message) is Request:
            if message.id in self.at_work:
                self._send(Error.answering(message.id, InvalidRequest.in_use(message.id)))
                return None
            return message
        assert type(message) is Notification
        if message.method == CANCELLED:
            self._cancelled(message)
            return None
        if message.method == PROGRESS:
            self._progress(message)
            return None
        return message

    def settle(self, answer: Answer) -> None:
        """Take an answer in, as `receive` does with any message."""
        entry = None if answer.id is None else self._pending.pop(answer.id, None)
        if entry is None:
            self._settle_nearly(answer)
        else:
            _, on_answer, _ = entry
            on_answer(answer)

    def _settle_nearly(self, answer: Answer) -> None:
        """Settle an answer that fits no request of ours as it is: not every program keeps the type of an id."""
        other = None if answer.id is None else alike(answer.id)
        entry = None if other is None else self._pending.pop(other, None)
        if entry is None:
            self.dropped += 1
        else:
            entry[1](answer)

    def work(self, id: RequestId, cancel: Callable[[], None]) -> None:
        """Request `id` is answered later.

        `cancel` is called if the other end withdraws it, or is lost (at once, if it is already); no
        answer may follow then. It must not raise.
        """
        if self.gone is not None:
            cancel()
        else:
            self.at_work[id] = cancel

    def answer(self, id: RequestId, value: Any) -> None:
        """Answer request `id` with success; raises TypeError, and answers nothing, for a `value` that is no JSON."""
        answer = Result.answering(id, value)
        self.at_work.pop(id, None)
        self._send(answer)

    def fail(self, id: RequestId, error: RpcError) -> None:
        """Answer request `id` with failure."""
        self.at_work.pop(id, None)
        self._send(Error.answering(id, error))

    def lost(self, reason: McpwsError) -> None:
        """No more can come or go: cancel what is worked on, fail what is pending with `reason`.

        In this order, so that work which waits for the other end is cancelled and does not fail. Either may withdraw
        what is still pending.
        """
        if self.gone is None:
            self.gone = reason
        while self.at_work:
            self.at_work.pop(next(iter(self.at_work)))()
        while self._pending:
            _, on_answer, _ = self._pending.pop(next(iter(self._pending)))
            on_answer(reason)

    def _cancelled(self, notification: Notification) -> None:
        id = cancelled_id(notification)
        cancel = self.at_work.pop(id, None) if id is not None else None
        if cancel is None:
            self.dropped += 1
        else:
            cancel()

    def _progress(self, notification: Notification) -> None:
        token = reported_token(notification)
        entry = self._pending.get(token) if token is not None else None
        on_progress = None if entry is None else entry[2]
        if on_progress is None:
            self.dropped += 1
            return
        try:
            progress = _read_progress(notification.params or b"{}")
        except ValueError:
            self.dropped += 1
            return
        on_progress(progress)
