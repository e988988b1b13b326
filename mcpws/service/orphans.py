"""The first process of a container: whom orphans come to, and who has to reap them.

A program that starts others cannot do that by the way: to reap whoever has ended would take from others in the same
process, `subprocess` among them, what they wait for. So it forks, and what was the program does nothing else any more.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_PR_GET_CHILD_SUBREAPER = 37

_PASSED_ON = {
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
}


def look_after_orphans() -> None:
    """Go on in a child if orphans come to this process, which then passes signals on, reaps, and ends as the child.

    To be called before there are threads.
    """
    if not _gets_orphans():
        return
    waited_for = _PASSED_ON | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    first = os.getpid()
    child = os.fork()
    if child:
        _reap_until_it_ends(child, waited_for)
    _die_with(first)
    _take_the_terminal()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _gets_orphans() -> bool:
    if sys.platform != "linux":
        return False
    if os.getpid() == 1:
        return True
    found = ctypes.c_int()
    return ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(found)) == 0 and bool(found.value)


def _reap_until_it_ends(child: int, waited_for: set[signal.Signals]) -> None:
    while True:
        number = signal.sigwait(waited_for)
        if number != signal.SIGCHLD:
            with suppress(ProcessLookupError):
                os.kill(child, number)
            continue
        pid = -1
        while pid:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)


def _die_with(first: int) -> None:
    """Process 1 takes all others with it; another one may be killed, too."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != first:
        os._exit(128 + signal.SIGKILL)


def _take_the_terminal() -> None:
    """Be the one group that its keys send signals to: passed on as well, a Ctrl-C would be two."""
    with suppress(OSError):
        foreground = os.tcgetpgrp(0) == os.getpgrp()
        os.setpgid(0, 0)
        if foreground:
            ignored = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(0, os.getpgrp())
            signal.signal(signal.SIGTTOU, ignored)
