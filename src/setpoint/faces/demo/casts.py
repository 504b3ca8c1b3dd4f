"""The engines that the demonstration can be played with, and the module of each one's cast."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.faces.demo.cast import Cast

MODULES: Mapping[str, str] = MappingProxyType(
    {
        "postgresql": "setpoint.faces.demo.postgresql",
        "mariadb": "setpoint.faces.demo.mariadb",
    }
)
"""By the engine's name; each module's ``choose_cast`` looks for the programs."""

DEFAULT = next(iter(MODULES))


def choose_cast(engine: str) -> Cast:
    """Answer the cast for an engine.

    Raises:
        InputError: there is none for this engine.
        LabError: its programs are not on this machine; says how to get them.
    """
    if engine not in MODULES:
        message = f"the demonstration cannot be played with {engine!r}"
        raise InputError(message, next_step=f"one of {', '.join(MODULES)}")
    cast: Cast = import_module(MODULES[engine]).choose_cast()
    return cast
