"""Functions that hold up the reactor: a look at what its thread does, now and then, from another.

So a call costs nothing for being watched, and a function that never returns is found too. What is found is what is
there at two looks and was not gone in between: somewhat less than the time that it really took.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from threading import Event, Thread, get_ident
from time import monotonic
from types import CodeType, FrameType
from typing import Protocol
from weakref import ref

from twisted.logger import Logger

from mcpws.log.events import FUNCTION

log = Logger()

TOO_LONG = 0.25
"""Seconds that a function may hold up the reactor before it is warned of."""

STILL = 5.0
"""Seconds after which it is warned of although it goes on."""

QUIET = 60.0
"""Seconds until there is another warning of the same function."""

LOOK_EVERY = 0.05
"""Seconds between two looks."""

MAX_WARNED = 256
"""Functions whose last warning is remembered."""


class Registered(Protocol):
    """A function that may hold up the reactor, as it is named to its author."""

    code: CodeType | None
    is_coroutine: bool
    kind: str
    label: str
    role: str

    def decorator(self, on: str) -> str:
        """The decorator by which its author has it run elsewhere."""


@dataclass(frozen=True, slots=True)
class _Hold:
    """A function that was found at work. The frames are kept: others get no such identity meanwhile."""

    signature: Registered
    frame: FrameType
    caller: FrameType | None
    since: float


class Holds:
    """Finds out, look by look, how long functions hold up a thread, and logs it.

    Of each it warns once in `QUIET` seconds at most: when it is done, or when it has gone on for `STILL`.
    """

    def __init__(self) -> None:
        # By the identity of their code: a code is compared by all that is in it. Weak, for what is registered no more.
        self._signatures: dict[int, ref[Registered]] = {}
        self._warned: dict[str, float] = {}
        self._held: _Hold | None = None
        self._line = 0
        self._told = False

    def add(self, signature: Registered) -> None:
        """Look out for a function."""
        if signature.code is not None:
            key = id(signature.code)
            self._signatures[key] = ref(signature, partial(self._forget, key))

    def look(self, now: float, frame: FrameType | None) -> None:
        """See what the thread does whose innermost frame is `frame`, at `now`."""
        found = self._find(frame)
        held = self._held
        if held is not None and found is held.frame and found.f_back is held.caller:
            self._line = found.f_lineno
            if now - held.since >= STILL and not self._told:
                self._told = True
                self._warn(held, now, "holds up the reactor, so far for")
            return
        if held is not None and now - held.since > TOO_LONG and not self._told:
            self._warn(held, now, "held up the reactor for")
        self._told = False
        self._held = None
        signature = None if found is None else self._signatures[id(found.f_code)]()
        if found is not None and signature is not None:
            # Of a coroutine the frame is the same in each of its steps, but not who runs the step.
            self._held = _Hold(signature, found, found.f_back, now)
            self._line = found.f_lineno

    @property
    def has_any(self) -> bool:
        """Whether there was a function at work at the last look."""
        return self._held is not None

    def _forget(self, key: int, gone: ref[Registered]) -> None:
        if self._signatures.get(key) is gone:
            del self._signatures[key]

    def _find(self, frame: FrameType | None) -> FrameType | None:
        """The outermost frame of a function that is registered."""
        found, known = None, self._signatures
        while frame is not None:
            if id(frame.f_code) in known:
                found = frame
            frame = frame.f_back
        return found

    def _warn(self, hold: _Hold, now: float, verb: str) -> None:
        signature = hold.signature
        before = self._warned.pop(signature.label, None)
        if before is not None and now - before < QUIET:
            self._warned[signature.label] = before
            return
        if len(self._warned) >= MAX_WARNED:
            del self._warned[next(iter(self._warned))]
        self._warned[signature.label] = now
        FUNCTION.warn(
            "{role} {verb} {seconds:.2f} s, and with it every client, in {place}: {advice}",
            event="function_slow",
            role=signature.role,
            verb=verb,
            kind=signature.kind,
            function=signature.label,
            seconds=round(now - hold.since, 3),
            place=f"{PurePath(hold.frame.f_code.co_filename).name}:{self._line}",
            advice=_advice(signature),
        )


def _advice(signature: Registered) -> str:
    if signature.is_coroutine:
        return f"it is to await what takes long, or to be no coroutine and {signature.decorator('thread')}"
    return f"let it run in a thread, with {signature.decorator('thread')}"


class Watch:
    """Looks at the thread that calls `begin`, from a daemon thread of its own, while there is something to see.

    :param holds: is told what is seen.
    """

    def __init__(self, holds: Holds) -> None:
        self._holds = holds
        self._thread: Thread | None = None
        self._awake = Event()
        self._over = Event()

    def begin(self) -> None:
        """Look from now on."""
        if self._thread is None:
            self._thread = Thread(target=self._watch, args=(get_ident(),), name="mcpws-watch", daemon=True)
            self._thread.start()
        self._awake.set()

    def rest(self) -> None:
        """There is nothing to see for the time being."""
        self._awake.clear()

    def end(self) -> None:
        """Look no more, ever."""
        self._over.set()
        self._awake.set()

    def _watch(self, watched: int, now: Callable[[], float] = monotonic) -> None:
        while not self._over.wait(LOOK_EVERY):
            try:
                self._holds.look(now(), sys._current_frames().get(watched))
            except Exception:
                log.failure("what holds up the reactor could not be looked for")
            # Not before a function that is at work has ended: its client may be the last, and gone at once.
            if not self._awake.is_set() and not self._holds.has_any:
                self._awake.wait()
