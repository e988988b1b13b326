"""Base of all kinds of values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

NONE = "none"
"""What stands for None where there is only text."""


class Unfit(ValueError):
    """`value`, which may be a part of what was given, cannot be taken, because of `problem`."""

    def __init__(self, value: object, problem: str) -> None:
        super().__init__(value, problem)
        self.value = value
        self.problem = problem


class Kind(ABC):
    """One kind of value. All methods that take one raise Unfit for what is none."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A noun, for people: `whole number`."""

    @property
    def repeated(self) -> bool:
        """Whether there may be several of it, each in a text of its own."""
        return False

    @abstractmethod
    def check(self, value: object) -> None:
        """Raise Unfit unless `value`, of a Python program, is one."""

    @abstractmethod
    def from_texts(self, texts: Sequence[str]) -> Any:
        """The value that is written as `texts`: one text, or as many as there are if it may be `repeated`."""

    @abstractmethod
    def from_toml(self, value: object) -> Any:
        """The value that a TOML file has as `value`."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of what a TOML file may have."""

    def split(self, text: str) -> Sequence[str]:
        """The texts in a variable of the environment."""
        return text.split() if self.repeated else [text]

    def to_text(self, value: Any) -> str:
        """`value` as people write it."""
        return str(value)

    def to_json(self, value: Any) -> Any:
        """`value` as TOML and JSON have it."""
        return value
