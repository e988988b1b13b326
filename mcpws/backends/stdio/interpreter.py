"""The Python that children are started with: `sys.executable` is not one in every program."""

from __future__ import annotations

import inspect
import os
import sys

from mcpws.backends.stdio import launch
from mcpws.errors import ConfigError

NAMES = ("python", "pypy", "graalpy")
"""Of which an interpreter has one in its own name. It is not tried: what else it may be would do no one knows what."""


def interpreter() -> str:
    """The path of the Python that runs this, or of one that belongs to it.

    A frozen program is its own `sys.executable`, one that embeds Python may have none, or be it.

    :raises ConfigError: there is none.
    """
    # Frozen programs that are called as Python is are still none.
    found = [] if getattr(sys, "frozen", False) else [sys.executable]
    own = "python{}.{}".format(*sys.version_info)
    found += [os.path.join(prefix, "bin", own) for prefix in (sys.exec_prefix, sys.base_exec_prefix)]
    for path in found:
        if path and any(name in os.path.basename(path).lower() for name in NAMES) and _can_run(path):
            return path
    problem = "is no Python interpreter, and children are started with one: name it with Stdio(python=...)"
    raise ConfigError("python", sys.executable, problem)


def check_interpreter(path: str) -> str:
    """`path`, if it can be run; else raises ConfigError."""
    if not _can_run(path):
        raise ConfigError("python", path, "must be the path of a Python interpreter")
    return path


def launcher() -> str:
    """The source of `launch`, which need not be a file: a program may come as one archive.

    :raises ConfigError: there is none.
    """
    try:
        return inspect.getsource(launch)
    except OSError:
        problem = "has to be there as source, because children are started with it"
        raise ConfigError("stdio", launch.__name__, problem) from None


def _can_run(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)
