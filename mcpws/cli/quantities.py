"""Quantities in few characters, at most seven each, for tables of people."""

from __future__ import annotations

NONE = "-"
"""What stands for a quantity that is not known."""

_BINARY = 1024


def count(number: float) -> str:
    """A number of things: `99999`, then `123k`, `1.23M`."""
    return _scaled(round(number), 1000, ("", "k", "M", "G", "T", "P", "E"), 100_000)


def size(number: int | None) -> str:
    """Bytes, in units of 1024: `999B`, `1.50K`, `45.1M`; `-` for None."""
    return NONE if number is None else _scaled(number, _BINARY, ("B", "K", "M", "G", "T", "P", "E"), _BINARY)


def per_second(number: float | None) -> str:
    """Things in a second: `0`, `<0.1`, `2.5`, `123`; `-` for None."""
    if number is None:
        return NONE
    if 0 < number < 0.1:
        return "<0.1"
    return f"{number:.1f}" if 0 < number < 99.95 else count(number)


def size_per_second(number: float | None) -> str:
    """Bytes in a second, as `size` has them."""
    return size(None if number is None else round(number))


def duration(seconds: float) -> str:
    """How long something has lasted: `12s`, `5m12s`, `3h05m`, `2d04h`, `123d`."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if not minutes:
        return f"{whole}s"
    if not hours:
        return f"{minutes}m{whole % 60:02}s"
    if not days:
        return f"{hours}h{minutes % 60:02}m"
    return f"{days}d{hours % 24:02}h" if days < 100 else f"{count(days)}d"


def latency(seconds: float | None) -> str:
    """How long something takes, in three digits: `0.25ms`, `12.5ms`, `1.25s`; `-` for None."""
    if seconds is None:
        return NONE
    return f"{_three_digits(seconds * 1000)}ms" if seconds < 0.9995 else f"{_three_digits(seconds)}s"


def _scaled(number: int, step: int, units: tuple[str, ...], whole_below: int) -> str:
    if abs(number) < whole_below:
        return f"{number}{units[0]}"
    scaled: float = number
    for unit in units[1:]:
        scaled /= step
        # What would be rounded up to a whole step is one of the next unit.
        if abs(scaled) < step - 0.5:
            return f"{_three_digits(scaled)}{unit}"
    return f">{step - 1}{units[-1]}"


def _three_digits(number: float) -> str:
    if number < 9.995:
        return f"{number:.2f}"
    return f"{number:.1f}" if number < 99.95 else f"{number:.0f}"
