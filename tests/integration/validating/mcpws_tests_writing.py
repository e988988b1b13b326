"""What leaves this process, written to a file: a test reads it when the process has ended, however that came."""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

EMITTED = Path(__file__).parents[2] / "emitted.py"

MAX_REMEMBERED = 10_000


def write_down(path: str) -> None:
    """Begin. What goes wrong is written as well: the tests must not take it for silence."""
    try:
        # By its path: this process may have no package of that name, or another one.
        spec = spec_from_file_location("mcpws_tests_emitted", EMITTED)
        assert spec is not None
        assert spec.loader is not None
        emitted = sys.modules[spec.name] = module_from_spec(spec)
        spec.loader.exec_module(emitted)
        emitted.watch_imports(_Writer(path))
    except Exception:
        append(path, {"failure": traceback.format_exc()})


def append(path: str, line: object) -> None:
    """One write, so that several processes may share the file; who is killed meanwhile spoils but one line."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, b"\n" + json.dumps(line).encode() + b"\n")
    finally:
        os.close(file)


class _Writer:
    """Writes what is not the same as something before."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._written: set[int] = set()

    def __call__(self, said: Any) -> None:
        try:
            self._write(said)
        except Exception:
            append(self._path, {"failure": traceback.format_exc()})

    def _write(self, said: Any) -> None:
        known = said.digest()
        if known in self._written:
            return
        if len(self._written) >= MAX_REMEMBERED:
            self._written.clear()
        self._written.add(known)
        emission = said.emission()
        append(self._path, {**emission._asdict(), "message": emission.message.decode()})
