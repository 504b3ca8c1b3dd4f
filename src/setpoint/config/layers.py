"""Layers: who asks for a setting, from the engine's default up to an active override."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum

import msgspec

from setpoint.config.configuration import SettingText


class LayerKind(IntEnum):
    """The order of layers; a higher one wins."""

    ENGINE_DEFAULT = 0
    TEMPLATE = 1
    FLEET = 2
    GROUP = 3
    INSTANCE = 4
    OVERRIDE = 5

    @property
    def word(self) -> str:
        """The layer's name for people."""
        return self.name.lower().replace("_", " ")


class Layer(msgspec.Struct, frozen=True):
    """One layer: its settings by folded parameter name, who it is, and for an override until when it holds.

    `revision` is the revision the layer was read from, empty for engine defaults. Layers of one kind are
    ordered by the list they stand in: later wins.
    """

    kind: LayerKind
    name: str
    settings: Mapping[str, SettingText]
    revision: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def is_in_force(self, at: datetime) -> bool:
        """Tell whether the layer counts at that time; an override ends exactly at its deadline."""
        if self.starts_at is not None and at < self.starts_at:
            return False
        return self.ends_at is None or at < self.ends_at

    def __str__(self) -> str:
        """Name the layer for people: ``group checkout``."""
        return f"{self.kind.word} {self.name}".rstrip()
