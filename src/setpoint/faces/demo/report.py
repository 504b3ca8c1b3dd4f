"""What a demonstration came to: every figure by section, and the promises it kept or broke."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.faces.demo.narration import Narrator


@dataclass
class Report:
    """Sections of figures (plain data in base units: bytes, seconds) and promises in the order told."""

    narrator: Narrator
    sections: dict[str, object] = field(default_factory=dict[str, object])
    promises: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])

    def promise(self, text: str, *, holds: bool) -> None:
        """Note whether a promise was kept, and tell it."""
        self.promises.append((text, holds))
        self.narrator.verdict(text, holds=holds)

    @property
    def is_whole(self) -> bool:
        """Whether the whole loop held: every promise was kept."""
        return all(holds for _, holds in self.promises)

    def as_data(self) -> dict[str, object]:
        """Answer everything as one document."""
        promises = [{"promise": text, "holds": holds} for text, holds in self.promises]
        return {"holds": self.is_whole, **self.sections, "promises": promises}
