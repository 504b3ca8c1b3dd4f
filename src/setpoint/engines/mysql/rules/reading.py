"""What several rules read the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.recommend import Evidence

KB, MB, GB = 2**10, 2**20, 2**30

DOCS = "MySQL Reference Manual"
MARIADB_DOCS = "MariaDB Server Documentation"

SOLID_STATE = ("ssd", "nvme")

_OFF = frozenset({"", "OFF", "0", "NONE"})


def is_off(text: str) -> bool:
    """Tell whether a running value as the engine writes it means off; one that is not there does, too."""
    return text.upper() in _OFF


def per_second(evidence: Evidence, metric: str) -> float:
    """Answer a counter's growth for each second of the window; rules that ask name the metric as needed."""
    window, growth = evidence.window, evidence.growth(metric)
    return growth / window.seconds if window and growth else 0.0


def writes_per_transaction(evidence: Evidence) -> float:
    """Answer the rows written per transaction."""
    names = ("rows.ins", "rows.upd", "rows.del")
    return sum(evidence.per_transaction(name) or 0.0 for name in names)


def step_up(amount: float, step: int) -> int:
    """Round up to a whole number of steps."""
    return -(-int(amount) // step) * step


def step_down(amount: float, step: int) -> int:
    """Round down to a whole number of steps."""
    return int(amount) // step * step


def count(number: float) -> str:
    """Write a count for people."""
    return f"{number:.0f}"
