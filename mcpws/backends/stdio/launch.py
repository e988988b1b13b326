"""Run in the child itself, just before the command takes its place: what a reactor cannot do from outside.

    python -I -S launch.py PARENT DIRECTORY COMMAND...

The command becomes the leader of its own session and process group, so that signals reach its descendants too and a
Ctrl-C at our terminal does not. On Linux it is killed when the thread that started it ends, however that happens;
elsewhere a well-behaved server sees the end of its input. If it cannot be run, one line on standard error says why and
the exit status is 127, as in a shell.

Without a locale Python sets LC_CTYPE to C.UTF-8, and so for the command, which suits MCP: its messages are UTF-8.
"""

import ctypes
import os
import sys

# Numbers, because importing `signal` takes longer than everything here together.
SIGKILL = 9
SIGPIPE = 13
SIGXFSZ = 25
SIG_DFL = None
PR_SET_PDEATHSIG = 1

CANNOT_RUN = 127


def launch(parent: int, directory: str, command: list[str]) -> None:
    """Become `command`; returns only if its parent is no longer the process `parent`.

    :raises OSError: it cannot be run, or not in `directory`.
    """
    c = ctypes.CDLL(None)
    if sys.platform == "linux":
        c.prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != parent:
        return
    os.setsid()
    # Python ignores these two, and what is ignored stays so for the command.
    c.signal(SIGPIPE, SIG_DFL)
    c.signal(SIGXFSZ, SIG_DFL)
    os.chdir(directory)
    os.execvp(command[0], command)


if __name__ == "__main__":
    try:
        launch(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
    except OSError as error:
        print(f"{sys.argv[3]} cannot be run in {sys.argv[2]}: {error.strerror}", file=sys.stderr)
        sys.exit(CANNOT_RUN)
