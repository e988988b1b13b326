"""Ctrl-C while the command is imported, and with which status it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 128 + signal.SIGINT


@contextmanager
def ended_by_interrupt() -> Iterator[None]:
    """Ctrl-C ends the process meanwhile, as it does any, and shows nobody where it was: for imports."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        # Somebody else sees to it, or it is ignored.
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
