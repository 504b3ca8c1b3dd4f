"""How benchmarks say what they found: a figure beside its target and its rival, and one exit code."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One measured figure. `target` is the most it may be; `rival` is measured in the same run."""

    what: str
    value: float
    unit: str
    target: float | None = None
    rival: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether the figure keeps its target."""
        return self.target is None or self.value <= self.target

    def __str__(self) -> str:
        """Write one line of the table."""
        target = f"<= {self.target:g} {self.unit}" if self.target is not None else ""
        verdict = "" if self.target is None else ("kept" if self.is_kept else "MISSED")
        return f"{self.what:<58} {self.value:>10.3g} {self.unit:<6} {target:<14} {verdict:<7} {self.rival}"


@dataclass
class Figures:
    """The figures of one benchmark."""

    title: str
    found: list[Figure] = field(default_factory=list)

    def add(
        self, what: str, value: float, unit: str, *, target: float | None = None, rival: str = ""
    ) -> None:
        """Add a figure and print it at once."""
        if not self.found:
            print(f"\n{self.title}")
        self.found.append(Figure(what, value, unit, target, rival))
        print(self.found[-1], flush=True)

    def end(self) -> None:
        """Leave with 1 when a target was missed."""
        sys.exit(0 if all(figure.is_kept for figure in self.found) else 1)


def percentile(values: list[float], share: float) -> float:
    """Answer the value that a share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
