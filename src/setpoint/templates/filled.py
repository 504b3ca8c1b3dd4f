"""A filled template: settings for one instance, what was left out, and what the memory budget says to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from setpoint.config.budget import BudgetVerdict
    from setpoint.templates.template import Template


class FilledSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a filled template: its text for the engine, why, and from what."""

    parameter: str
    text: str
    reason: str
    source: str
    explanation: str
    inputs: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter the template speaks about and does not set here, and why."""

    parameter: str
    why: str


@dataclass(frozen=True)
class Filled:
    """A template filled for one instance."""

    template: Template
    settings: tuple[FilledSetting, ...]
    left_out: tuple[LeftOut, ...]
    verdict: BudgetVerdict

    def texts(self) -> dict[str, str]:
        """Answer the settings as a layer takes them, in the template's order."""
        return {setting.parameter: setting.text for setting in self.settings}
