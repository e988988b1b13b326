"""Advice to the author of a function that failed because it does not run where its kind of code can."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from mcpws.backends.app.signature import Signature

_LOOP_WANTED = (
    "no running event loop",
    "await wasn't used with future",
    "there is no current event loop",
    "should be used inside a task",
    "cannot determine the parent task",
)
"""Parts of what asyncio, and what is built on it, says where there is no loop, or no task. In lower case."""

_NO_LIBRARY = ("AsyncLibraryNotFoundError", "NoCurrentAsyncBackend", "NoEventLoopError")
"""Exceptions of sniffio and anyio for the same; httpx and others raise them."""

_LIBRARIES = frozenset({"aiohttp", "anyio", "asyncio", "sniffio"})
_DEFERRED_AWAITED = "task got bad yield: <deferred"
_MAX_CAUSES = 10
_INNERMOST = 3


def hint_for(error: BaseException | None, signature: Signature) -> str | None:
    """Advice for the author of a function that raised `error`; None if the place where it runs is not to blame."""
    if not signature.is_coroutine:
        return None
    if signature.on == "reactor" and any(map(_wants_loop, _causes(error))):
        return f'it needs asyncio, register it with on="asyncio", as in {signature.decorator("asyncio")}'
    if signature.on == "asyncio" and any(_DEFERRED_AWAITED in str(one).lower() for one in _causes(error)):
        return f'it awaits a Deferred, register it with on="reactor", as in {signature.decorator("reactor")}'
    return None


def _wants_loop(error: BaseException) -> bool:
    if type(error).__name__ in _NO_LIBRARY:
        return True
    if not isinstance(error, AttributeError | RuntimeError | TypeError):
        return False
    text = str(error).lower()
    return any(part in text for part in _LOOP_WANTED) or not _LIBRARIES.isdisjoint(_raised_in(error))


def _raised_in(error: BaseException) -> Sequence[str]:
    """The packages of the innermost frames that `error` went through: where it is raised, others may help."""
    packages: deque[str] = deque(maxlen=_INNERMOST)
    traceback = error.__traceback__
    while traceback is not None:
        packages.append(str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0])
        traceback = traceback.tb_next
    return packages


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and what it came of, the latest first."""
    for _ in range(_MAX_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
