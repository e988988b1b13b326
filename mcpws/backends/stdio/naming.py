"""Names for stdio servers, by the command line that starts them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

_LAUNCHERS = {
    *("bun", "bunx", "deno", "docker", "env", "node", "npx", "pipx", "podman", "py", "sh", "tsx", "uv", "uvx"),
    *("exec", "run", "stdio", "tool"),
}
_VERSION = "@"


def name_of(command: Sequence[str]) -> str:
    """A word for the server that `command` starts: `server-time` for `npx -y @somebody/server-time`.

    It is the first word that is neither an option nor the name of something that starts others.
    """
    names = [_stem(word) for word in command if not word.startswith("-")]
    return next((name for name in names if not _is_launcher(name)), _stem(command[0]))


def _stem(word: str) -> str:
    name = PurePath(word).name.partition(_VERSION)[0] or word
    return PurePath(name).stem if PurePath(name).suffix in (".py", ".js", ".mjs", ".ts") else name


def _is_launcher(name: str) -> bool:
    return name in _LAUNCHERS or name.startswith(("python", "pypy"))
