"""Resolution: layers in, desired settings with their origin chains out.

A pure function of layers and time. Facts enter before it: the template layer was filled from them.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.layers import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


_by_kind = attrgetter("kind")


class Resolved(msgspec.Struct, frozen=True):
    """One desired setting: its text and the layers that spoke, the deciding one last."""

    text: str | tuple[str, ...]
    chain: tuple[Layer, ...]

    @property
    def layer(self) -> Layer:
        """The layer that decides."""
        return self.chain[-1]


def resolve(layers: Iterable[Layer], at: datetime) -> dict[str, Resolved]:
    """Merge layers in force at that time; the highest wins.

    A text of None takes a parameter out of management from that layer down, so it is absent from the answer
    unless a higher layer sets it again. Layers may come in any order of kinds; within a kind the later one
    wins.
    """
    in_force = sorted((layer for layer in layers if layer.is_in_force(at)), key=_by_kind)
    chains: dict[str, tuple[Layer, ...]] = {}
    texts: dict[str, str | tuple[str, ...]] = {}
    for layer in in_force:
        for name, text in layer.settings.items():
            if text is None:
                chains.pop(name, None)
                texts.pop(name, None)
            else:
                chains[name] = (*chains.get(name, ()), layer)
                texts[name] = text
    return {name: Resolved(text, chains[name]) for name, text in texts.items()}
