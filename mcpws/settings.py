"""Settings, each described once: a field of a frozen dataclass, made by `setting`.

From the description come the checks, the options of the programs, the variables of the environment, the keys of the
TOML file, `--help`, the JSON Schema and the reference page. To add one is to add a field to a Group.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar, cast, get_type_hints

from mcpws.errors import ConfigError
from mcpws.kinds import Flag, Kind, Maybe, Number, Pairs, Unfit, kind_of

T = TypeVar("T")

Side = Literal["server", "client", "both"]

PREFIX = "MCPWS_"
"""How variables of the environment that are settings begin."""

_DESCRIPTION = "mcpws.setting"


def setting(
    default: T,
    *,
    help: str,
    unit: str = "",
    least: float | None = None,
    above: float | None = None,
    none: str = "",
    side: Side = "both",
    option: str = "",
    also: Sequence[str] = (),
    old: Sequence[str] = (),
    short: str = "",
    key: str = "",
    metavar: str = "",
    check: Callable[[str], object] | None = None,
    read: Callable[[str], tuple[str, ...]] | None = None,
    exceeds: str = "",
    needs: str = "",
    twice: str = "",
    shown: str = "",
) -> T:
    """A field of a Group; its annotation says what kind of value it is, as `mcpws.kinds` has them.

    :param default: its value when nobody gives another one.
    :param help: what it is, and what happens at its bounds; one or two sentences.
    :param unit: of a number, a plural: `seconds`, `bytes`.
    :param least: the smallest number that it may be; of texts, how few.
    :param above: what it has to be larger than.
    :param none: what None means, where it may be given; people write `none` for it.
    :param side: which end of a connection it is for.
    :param option: its name on the command line and, as `MCPWS_...`, in the environment; made of the field's name by
        default.
    :param also: other spellings of `option`, for both.
    :param old: spellings that are taken, but not shown.
    :param short: a letter that is short for `option`.
    :param key: its name in the TOML file; the field's by default.
    :param metavar: what `--help` writes for its value.
    :param check: raises ConfigError for a text that cannot be taken; for one of several texts, if it has several.
    :param read: takes a text apart, for a setting of several texts that are given as one; raises ConfigError.
    :param exceeds: the field that it has to be above, unless it is 0.
    :param needs: the field without which it means nothing.
    :param twice: why it may not be given twice as an option, and what to write instead; else the last one counts.
    :param shown: for people, what the default comes to, where that is not its value.
    """
    description = {name: value for name, value in locals().items() if name != "default"}
    return field(default=default, metadata={_DESCRIPTION: description})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The description of one setting: the parameters of `setting`, and what they come to.

    :param name: of the field.
    :param table: of the TOML file; empty if it can be set by a program only.
    :param title: of its Group.
    """

    name: str
    table: str
    title: str
    kind: Kind
    default: Any
    help: str
    unit: str
    least: float | None
    above: float | None
    none: str
    side: Side
    option: str
    also: Sequence[str]
    old: Sequence[str]
    short: str
    key: str
    metavar: str
    check: Callable[[str], object] | None
    read: Callable[[str], tuple[str, ...]] | None
    exceeds: str
    needs: str
    twice: str
    shown: str

    @property
    def spellings(self) -> tuple[str, ...]:
        """Its names on the command line, without dashes, the best one first."""
        return (self.option, *self.also, *self.old)

    @property
    def variables(self) -> tuple[str, ...]:
        """Its names in the environment, the best one first."""
        return tuple(variable(one) for one in self.spellings)

    @property
    def path(self) -> str:
        """Its name in the TOML file: `limits.max_connections`."""
        return f"{self.table}.{self.key}"

    @property
    def repeated(self) -> bool:
        """Whether its option may be given several times, once for each of its texts."""
        return self.kind.repeated and self.read is None

    @property
    def is_flag(self) -> bool:
        """Whether its option takes no value."""
        return isinstance(self.kind.other if isinstance(self.kind, Maybe) else self.kind, Flag)

    @property
    def default_text(self) -> str:
        """The default, for people."""
        return self.shown or self.kind.to_text(self.default)

    def checked(self, value: object, source: str) -> None:
        """Raise ConfigError, which names `source`, unless `value` can be taken."""
        try:
            self.kind.check(value)
            if self.check is not None and value is not None:
                for one in [value] if isinstance(value, str) else cast("Sequence[str]", value):
                    self.check(one)
        except (Unfit, ConfigError) as error:
            raise ConfigError(source, error.value, error.problem) from None

    def from_texts(self, texts: Sequence[str], source: str) -> Any:
        """The value that options give as `texts`, checked."""
        return self._taken(self._read(texts[-1]) if self.read else lambda: self.kind.from_texts(texts), source)

    def from_variable(self, text: str, source: str) -> Any:
        """The value that the environment has as `text`, checked."""
        try:
            return self.from_texts([text] if self.read else self.kind.split(text), source)
        except ConfigError as error:
            if not isinstance(self.kind, Pairs):
                raise
            # It may be a part of a secret that has a space in it.
            raise ConfigError(source, "...", f"{error.problem}, several with spaces between them") from None

    def from_toml(self, value: object, source: str) -> Any:
        """The value that a TOML file has as `value`, checked."""
        if self.read and isinstance(value, str):
            return self._taken(self._read(value), source)
        return self._taken(lambda: self.kind.from_toml(value), source)

    def _read(self, text: str) -> Callable[[], object]:
        assert self.read is not None
        read = self.read
        return lambda: read(text)

    def _taken(self, read: Callable[[], object], source: str) -> Any:
        try:
            value = read()
        except (Unfit, ConfigError) as error:
            raise ConfigError(source, error.value, error.problem) from None
        self.checked(value, source)
        return value


class Group:
    """Base of the dataclasses that hold settings, frozen and keyword-only: all are checked when one is made.

    A subclass names the table of the TOML file that has its settings, and the heading over them; without a table they
    are for programs only.

    :raises ConfigError: it names the field.
    """

    table: ClassVar[str] = ""
    title: ClassVar[str] = ""

    def __init_subclass__(cls, *, table: str = "", title: str = "") -> None:
        super().__init_subclass__()
        cls.table, cls.title = table, title or cls.__name__

    def __post_init__(self) -> None:
        settings = settings_of(type(self))
        for one in settings.values():
            one.checked(getattr(self, one.name), one.name)
        for one in settings.values():
            if one.exceeds and exceeded(getattr(self, one.name), getattr(self, one.exceeds)):
                raise ConfigError(one.name, getattr(self, one.name), f"must be above {one.exceeds}, or 0")


def documented(group: type[T]) -> type[T]:
    """`group` with its settings at the end of its docstring, as `help` and documentation show it."""
    lines = [
        f":param {one.name}: {one.help}{f' In {one.unit}.' if one.unit else ''}" for one in settings_of(group).values()
    ]
    group.__doc__ = "\n".join([inspect.cleandoc(group.__doc__ or ""), "", *lines])
    return group


def exceeded(value: float, bound: float) -> bool:
    """Whether `value` is not above `bound`, as it has to be unless it is 0."""
    return 0 < value <= bound


def settings_of(group: type) -> Mapping[str, Setting]:
    """The settings of a Group and of all that it is made of, by their fields, in the order in which they stand."""
    return _settings_of(group)


@cache
def _settings_of(group: type) -> Mapping[str, Setting]:
    found: dict[str, Setting] = {}
    for base in group.__mro__:
        if not issubclass(base, Group) or base is Group:
            continue
        hints = get_type_hints(base)
        for name in inspect.get_annotations(base):
            described = getattr(base, "__dataclass_fields__", {}).get(name)
            if described is not None and _DESCRIPTION in described.metadata:
                found[name] = _made(name, hints[name], described.default, base, described.metadata[_DESCRIPTION])
    return found


def _made(name: str, annotation: Any, default: Any, group: type[Group], description: Mapping[str, Any]) -> Setting:
    kind = kind_of(
        annotation, description["unit"], description["least"], description["above"], bool(description["none"])
    )
    made = {
        **description,
        "option": description["option"] or name.replace("_", "-"),
        "key": description["key"] or name,
        "metavar": description["metavar"] or _metavar(kind, description["unit"]),
    }
    return Setting(name=name, table=group.table, title=group.title, kind=kind, default=default, **made)


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str | None:
    """The one of the known names that `name` may be meant to be; all of them begin with `prefix`."""
    found = get_close_matches(name.removeprefix(prefix), [one.removeprefix(prefix) for one in known], 1)
    return f"{prefix}{found[0]}" if found else None


def variable(spelling: str) -> str:
    """The variable of the environment that is `--spelling` on the command line."""
    return PREFIX + spelling.upper().replace("-", "_")


def _metavar(kind: Kind, unit: str) -> str:
    return unit.upper().replace(" ", "_") if unit else "NUMBER" if isinstance(kind, Number) else "VALUE"
