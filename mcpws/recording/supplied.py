"""Secrets that were left out of a recording, supplied by whoever plays it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mcpws.errors import ConfigError
from mcpws.recording.differences import escaped
from mcpws.recording.form import Conversation
from mcpws.recording.secrets import LEFT_OUT

MAX_NAMED = 5
"""Places that an error names."""


class Supplied:
    """Secrets by the names of the members that have them, in any case, or by JSON Pointers into the message."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._secrets = {_normal(name): value for name, value in (secrets or {}).items()}

    @property
    def values(self) -> tuple[str, ...]:
        """The secrets."""
        return tuple(self._secrets.values())

    def check(self, conversations: Iterable[Conversation]) -> None:
        """Raise ConfigError, which names the places, if a message of a client cannot be sent for want of a secret."""
        missing = []
        for conversation in conversations:
            for one in conversation.said:
                if one.by == "client":
                    missing += [f"{path} in line {one.line}" for path in self._missing(one.value, "", "")]
        if missing:
            more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
            places = ", ".join(missing[:MAX_NAMED]) + more
            raise ConfigError("--secret", tuple(self._secrets), f"is needed for what was left out: {places}")

    def filled(self, value: Any, path: str = "", name: str = "") -> Any:
        """A message as it can be sent."""
        if isinstance(value, dict):
            return {key: self.filled(one, f"{path}/{escaped(key)}", key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one, f"{path}/{at}", name) for at, one in enumerate(value)]
        if isinstance(value, str) and LEFT_OUT in value:
            secret = self._secret(path, name)
            return value if secret is None else value.replace(LEFT_OUT, secret)
        return value

    def _missing(self, value: Any, path: str, name: str) -> Iterator[str]:
        if isinstance(value, dict):
            for key, one in value.items():
                yield from self._missing(one, f"{path}/{escaped(key)}", key)
        elif isinstance(value, list):
            for at, one in enumerate(value):
                yield from self._missing(one, f"{path}/{at}", name)
        elif isinstance(value, str) and LEFT_OUT in value and self._secret(path, name) is None:
            yield path or "the whole message"

    def _secret(self, path: str, name: str) -> str | None:
        by_path = self._secrets.get(path)
        return self._secrets.get(_normal(name)) if by_path is None else by_path


def _normal(name: str) -> str:
    return name if name.startswith("/") else name.lower()
