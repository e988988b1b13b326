"""A setting is described once, where its field is; all else follows from that."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from typing import Any, Literal

import pytest

from mcpws.errors import ConfigError
from mcpws.settings import Group, setting, settings_of


def check_colour(text: str) -> None:
    if text == "pink":
        raise ConfigError("elsewhere", text, "must be another colour")


def split(text: str) -> tuple[str, ...]:
    return tuple(text.split("+"))


@dataclass(frozen=True, kw_only=True)
class Sizes(Group, table="sizes", title="How large"):
    """Sizes."""

    max_width: int = setting(100, unit="metres", least=1, side="server", help="Of a house.")
    height: float | None = setting(2.5, unit="metres", above=0, none="without roof", help="Of a room.")
    low: float = setting(1, least=0, help="Below high.")
    high: float = setting(2, least=0, exceeds="low", help="Above low.")


@dataclass(frozen=True, kw_only=True)
class Looks(Group, table="looks"):
    """Looks."""

    colours: tuple[str, ...] = setting((), option="colour", old=("color",), check=check_colour, help="Of the walls.")
    parts: tuple[str, ...] | None = setting(None, key="list", read=split, least=1, help="Of the whole.")
    kind: Literal["flat", "house"] = setting("flat", help="Of dwelling.")
    lit: bool = setting(True, help="Whether there is light.")
    warm: bool | None = setting(None, help="Whether there is heat.", shown="in winter")


@dataclass(frozen=True, kw_only=True)
class House(Sizes, Looks):
    """All of them, and what is no setting."""

    number: int = 7


SETTINGS = settings_of(House)


def test_settings_are_those_of_all_groups_as_they_are_written() -> None:
    assert list(SETTINGS) == ["max_width", "height", "low", "high", "colours", "parts", "kind", "lit", "warm"]


def test_names_are_made_of_the_name_of_the_field() -> None:
    width = SETTINGS["max_width"]
    assert (width.spellings, width.variables, width.path) == (
        ("max-width",),
        ("MCPWS_MAX_WIDTH",),
        "sizes.max_width",
    )
    assert (width.title, width.unit, width.default, width.side, width.metavar) == (
        "How large",
        "metres",
        100,
        "server",
        "METRES",
    )


def test_names_may_be_others() -> None:
    colours, parts = SETTINGS["colours"], SETTINGS["parts"]
    assert (colours.spellings, colours.variables) == (("colour", "color"), ("MCPWS_COLOUR", "MCPWS_COLOR"))
    assert (colours.path, parts.path, parts.title) == ("looks.colours", "looks.list", "Looks")


def test_what_is_given_as_one_text_is_not_given_several_times() -> None:
    assert SETTINGS["colours"].repeated
    assert not SETTINGS["parts"].repeated
    assert not SETTINGS["max_width"].repeated


def test_what_is_on_or_off_or_neither_takes_no_value() -> None:
    assert [one.name for one in SETTINGS.values() if one.is_flag] == ["lit", "warm"]


def test_a_group_is_made_and_cannot_be_changed() -> None:
    house = House(max_width=5, colours=("red",))
    assert (house.max_width, house.colours, house.height, house.number) == (5, ("red",), 2.5, 7)
    with pytest.raises(FrozenInstanceError):
        house.max_width = 6  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("max_width", 0, "must be a whole number, 1 or more"),
        ("height", 0, "must be a number of metres above 0, or None"),
        ("colours", "red", "must be a tuple, even for one"),
        ("colours", ("red", "pink"), "must be another colour"),
        ("parts", (), "must be 1 or more"),
        ("kind", "tent", "must be flat or house"),
        ("lit", 1, "must be True or False"),
        ("high", 1, "must be above low, or 0"),
    ],
)
def test_what_cannot_be_taken_is_named(name: str, value: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        House(**{name: value})
    assert (caught.value.key, caught.value.problem) == (name, problem)


def test_what_is_to_exceed_another_may_be_off() -> None:
    assert House(low=5, high=0).high == 0


@pytest.mark.parametrize(
    ("name", "variable", "toml", "value"),
    [
        ("max_width", "5", 5, 5),
        ("height", "none", "none", None),
        ("colours", "red blue", ["red", "blue"], ("red", "blue")),
        ("parts", "a+b", "a+b", ("a", "b")),
        ("parts", "a", ["a"], ("a",)),
        ("lit", "off", False, False),
        ("warm", "on", True, True),
    ],
)
def test_a_value_is_read_from_wherever_it_is(name: str, variable: str, toml: object, value: object) -> None:
    assert SETTINGS[name].from_variable(variable, "V") == value
    assert SETTINGS[name].from_toml(toml, "T") == value


def test_a_mistake_names_where_it_was_made() -> None:
    for read in (
        lambda: SETTINGS["colours"].from_texts(["red", "pink"], "--colour"),
        lambda: SETTINGS["colours"].from_variable("red pink", "--colour"),
        lambda: SETTINGS["colours"].from_toml(["red", "pink"], "--colour"),
    ):
        with pytest.raises(ConfigError) as caught:
            read()
        assert str(caught.value) == "--colour: must be another colour (got 'pink')"


def test_the_default_is_told_as_it_is_written() -> None:
    assert [one.default_text for one in SETTINGS.values()] == [
        "100",
        "2.5",
        "1",
        "2",
        "none",
        "none",
        "flat",
        "true",
        "in winter",
    ]
