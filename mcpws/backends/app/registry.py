"""Registries: entries in order, and a page of them at a time (MCP 2025-11-25, pagination)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Generic, TypeVar

from mcpws.errors import ConfigError, InvalidParams

T = TypeVar("T")


class Registry(Generic[T]):
    """Entries by key, in the order in which they were added.

    A cursor names the last entry that was seen, so entries that come or go between two pages shift nothing.

    :param kind: what the entries are, for errors and in cursors.
    :param page_size: entries of a page.
    """

    def __init__(self, kind: str, page_size: int) -> None:
        if page_size < 1:
            raise ConfigError("page_size", page_size, "must be 1 or more")
        self._kind = kind
        self._page_size = page_size
        self._entries: dict[str, T] = {}
        self._numbers: dict[str, int] = {}
        self._added = 0
        self.get = self._entries.get
        """The entry under a key, or None."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def add(self, key: str, entry: T) -> None:
        """Append `entry`; ConfigError if the key is taken."""
        if key in self._entries:
            raise ConfigError(self._kind, key, "is registered already")
        self._added += 1
        self._entries[key] = entry
        self._numbers[key] = self._added

    def remove(self, key: str) -> None:
        """Take an entry away; ConfigError if there is none."""
        if self._entries.pop(key, None) is None:
            raise ConfigError(self._kind, key, "is not registered")
        del self._numbers[key]

    def page(self, cursor: str | None) -> tuple[list[T], str | None]:
        """The entries after `cursor`, from the first without one, and the cursor for those that follow, if any.

        :raises InvalidParams: the cursor is none that a registry of this kind gives out.
        """
        after = 0 if cursor is None else self._read(cursor)
        rest = [(number, self._entries[key]) for key, number in self._numbers.items() if number > after]
        page = rest[: self._page_size]
        following = self._write(page[-1][0]) if len(rest) > len(page) else None
        return [entry for _, entry in page], following

    def _write(self, number: int) -> str:
        return urlsafe_b64encode(f"{self._kind} {number}".encode()).decode()

    def _read(self, cursor: str) -> int:
        try:
            number = int(urlsafe_b64decode(cursor).decode().rpartition(" ")[2])
        except ValueError:
            number = 0
        # Whatever else decodes to a number is not what was given out.
        if not 0 < number <= self._added or self._write(number) != cursor:
            problem = {"path": "$.cursor", "reason": "not a cursor of this list"}
            raise InvalidParams("Invalid params: $.cursor: not a cursor of this list", problem)
        return number
