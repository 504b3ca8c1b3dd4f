"""How the demonstration writes figures: sizes, shares, spans and counts as people read them."""

from __future__ import annotations

_STEP = 1024
_UNITS = ("B", "kB", "MB", "GB", "TB")
_ONE_DIGIT_BELOW = 10
_TENFOLD = 10


def size(amount_bytes: float) -> str:
    """Write bytes with the unit that leaves one to four digits: ``493 MB``, ``3.0 GB``."""
    amount, unit = float(amount_bytes), 0
    while abs(amount) >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    digits = 1 if unit and abs(amount) < _ONE_DIGIT_BELOW else 0
    return f"{amount:.{digits}f} {_UNITS[unit]}"


def share(part: float | None, digits: int = 0) -> str:
    """Write a share of one as a percentage; a dash when it is not known."""
    return "-" if part is None else f"{part:.{digits}%}"


def change(part: float | None) -> str:
    """Write a relative change with its sign: ``+3.1%``; a dash when it is not known."""
    return "-" if part is None else f"{part:+.1%}"


def interval(low: float | None, high: float | None) -> str:
    """Write the two ends of an interval of relative changes; one beyond tenfold says nothing."""
    if low is None or high is None or high > _TENFOLD:
        return "-"
    return f"{low:+.0%} to {high:+.0%}"


def count(number: int, noun: str) -> str:
    """Write a count with its noun: ``1 edit``, ``3 edits``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def amount(number: float, digits: int) -> str:
    """Write a number with so many digits, and thousands apart."""
    return f"{number:,.{digits}f}".replace(",", " ")


def text_of(value: str | tuple[str, ...] | None) -> str:
    """Write a setting's text; a list with commas, nothing as a dash."""
    if value is None:
        return "-"
    return ", ".join(value) if isinstance(value, tuple) else value
