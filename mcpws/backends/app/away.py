"""Calls of functions that run outside of the reactor's turns: in a thread, or as a task of asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.backends.app.context import Context
from mcpws.errors import CannotAsk
from mcpws.jsonrpc.messages import to_raw
from mcpws.mcp.content import CreateMessageResult, ElicitResult, PromptMessage, Root
from mcpws.mcp.levels import Level

log = Logger()

MAX_POSTS = 256
"""Notifications of one call that may wait for the reactor to send them; then the code that sends more waits."""

Reach: TypeAlias = Callable[..., object]
"""Calls a function in the reactor's thread, soon, in the order of the calls: as `reactor.callFromThread` does."""

On: TypeAlias = Literal["reactor", "thread", "asyncio"]
"""The words for where a function runs."""

Begin: TypeAlias = Callable[[Context | None], Any]
"""Calls a registered function with its arguments, and the Context if it takes one."""


class AwayCall:
    """One call of a function that runs outside of the reactor's turns. All but `reach` is for the reactor's thread.

    `answer` fires with what the function returns, or fails, at once when it is cancelled; `ended` fires with None when
    the function has really ended. After a cancellation what it returns is dropped.

    :param label: names the function in the log.
    :param reach: the way to the reactor's thread.
    :param in_place: whether the function blocks the reactor's thread after all, since no reactor runs.
    """

    __slots__ = ("_label", "_questions", "answer", "cancelled", "ended", "in_place", "reach", "stop")

    def __init__(self, label: str, reach: Reach, *, in_place: bool = False) -> None:
        self.answer: Deferred[Any] = Deferred(self._cancel)
        self.ended: Deferred[None] = Deferred()
        self.cancelled = False
        self.in_place = in_place
        self.reach = reach
        self.stop: Callable[[], object] = _nothing
        """Called when the call is cancelled, to stop the function as far as that can be done."""
        self._label = label
        self._questions: dict[Deferred[Any], None] = {}

    def finish(self, outcome: object) -> None:
        """The function has ended: with a Failure, or with what it returned."""
        if not self.cancelled:
            self.answer.callback(outcome)
        elif isinstance(outcome, Failure) and not outcome.check(CancelledError, asyncio.CancelledError):
            log.failure("{function} failed after it was cancelled", failure=outcome, function=self._label)
        self.ended.callback(None)

    def ask(self, future: concurrent.futures.Future[Any], begin: Callable[[], Deferred[Any]]) -> None:
        """Ask the client, and let `future` have the answer. When that is cancelled, so is the question."""
        try:
            if self.cancelled:
                raise CancelledError()
            question = begin()
        except BaseException as error:
            _settle(Failure(error), future)
            return
        self._questions[question] = None
        future.add_done_callback(partial(self._given_up, question))
        question.addBoth(self._answered, question, future)

    def _answered(self, answer: object, question: Deferred[Any], future: concurrent.futures.Future[Any]) -> None:
        self._questions.pop(question, None)
        _settle(answer, future)

    def _given_up(self, question: Deferred[Any], future: concurrent.futures.Future[Any]) -> None:
        """Called in whatever thread settles the future."""
        if future.cancelled():
            self.reach(question.cancel)

    def _cancel(self, _: Deferred[Any]) -> None:
        self.cancelled = True
        self.stop()
        for question in list(self._questions):
            question.cancel()


def _nothing() -> None:
    """Of what runs already, and cannot be stopped."""


def _settle(outcome: object, future: concurrent.futures.Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Failure):
        assert outcome.value is not None
        future.set_exception(outcome.value)
    else:
        future.set_result(outcome)


class AwayContext(Context):
    """A Context for code that does not run in the reactor's turns: does what `inner` does, in these.

    What it sends goes out in the order of the calls, and before what the function returns. Once the call is cancelled
    it sends nothing, and questions fail with CancelledError.
    """

    __slots__ = ("_call", "_inner", "_room")

    def __init__(self, inner: Context, call: AwayCall) -> None:
        self.request_id = inner.request_id
        self.identity = inner.identity
        self._client = inner._client
        self._inner = inner
        self._call = call
        self._room = BoundedSemaphore(MAX_POSTS)

    @property
    def cancelled(self) -> bool:
        return self._call.cancelled

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        # Here, where it can be told to whom it concerns. What is no number to report, `inner` leaves out.
        to_raw((total, message))
        self._post(self._inner.progress, progress, total, message)

    def log(self, level: Level, data: Any, logger: str | None = None) -> None:
        if self._client.hears(level):
            # Written at once: the function may go on to change it.
            self._post(self._inner.log, level, to_raw(data), logger)

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        written = None if params is None else {name: to_raw(value) for name, value in params.items()}
        self._post(self._inner.notify, method, written)

    def _post(self, send: Callable[..., None], *arguments: object) -> None:
        if not self._call.cancelled:
            self._room.acquire()
            self._call.reach(self._posted, send, arguments)

    def _posted(self, send: Callable[..., None], arguments: tuple[object, ...]) -> None:
        self._room.release()
        try:
            send(*arguments)
        except BaseException:
            log.failure("what a function told its client could not be sent")

    # What asks the client: each gives its caller what `_given` makes of the answer to come.

    def request(
        self, method: str, params: dict[str, Any] | None = None, *, timeout: float | None = None, type: Any = Any
    ) -> Any:
        return self._question(self._inner.request, method, params, timeout=timeout, type=type)

    def sample(self, messages: str | Sequence[PromptMessage], max_tokens: int, **options: Any) -> Any:
        return self._question(self._inner.sample, messages, max_tokens, **options)

    def elicit(self, message: str, schema: dict[str, Any], *, timeout: float | None = None) -> Any:
        return self._question(self._inner.elicit, message, schema, timeout=timeout)

    def list_roots(self, *, timeout: float | None = None) -> Any:
        return self._question(self._inner.list_roots, timeout=timeout)

    def drained(self) -> Any:
        return self._question(self._inner.drained)

    def _question(self, begin: Callable[..., Deferred[Any]], *arguments: object, **options: object) -> Any:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._call.reach(self._call.ask, future, partial(begin, *arguments, **options))
        if self._call.in_place and not future.done():
            future.cancel()
            raise CannotAsk("an answer", "no reactor runs here that could bring it")
        return self._given(future)

    def _given(self, future: concurrent.futures.Future[Any]) -> Any:
        raise NotImplementedError


class ThreadContext(AwayContext):
    """The Context of a function that is registered with `on="thread"`; it may be annotated as such, or as Context.

    It has the methods of Context. What asks the client, and `drained`, blocks the thread and returns the answer where
    others have a Deferred. That a call was cancelled is told by `cancelled`, and by CancelledError (Twisted's) out of
    each question: a function that takes long looks now and then, and returns.
    """

    __slots__ = ()

    def _given(self, future: concurrent.futures.Future[Any]) -> Any:
        return future.result()

    if TYPE_CHECKING:
        # For type checkers: what is returned is there.
        def sample(  # type: ignore[override]
            self,
            messages: str | Sequence[PromptMessage],
            max_tokens: int,
            *,
            system_prompt: str | None = None,
            temperature: float | None = None,
            stop_sequences: Sequence[str] | None = None,
            model_preferences: dict[str, Any] | None = None,
            timeout: float | None = None,
        ) -> CreateMessageResult: ...
        def elicit(  # type: ignore[override]
            self, message: str, schema: dict[str, Any], *, timeout: float | None = None
        ) -> ElicitResult: ...
        def list_roots(self, *, timeout: float | None = None) -> list[Root]: ...  # type: ignore[override]
        def drained(self) -> None: ...  # type: ignore[override]


class AsyncioContext(AwayContext):
    """The Context of a coroutine function that is registered with `on="asyncio"`.

    What is a Deferred elsewhere is a Future of the running loop here: to be awaited, cancelled, gathered.
    """

    __slots__ = ()

    def _given(self, future: concurrent.futures.Future[Any]) -> Any:
        return asyncio.wrap_future(future)
