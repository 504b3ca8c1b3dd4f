"""The library, room by room: the names each exports, then the public modules inside it.

A name is documented once: where its room exports it, else in the module that defines it.
"""

from __future__ import annotations

import inspect
import pkgutil
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOMS = (
    "setpoint",
    "setpoint.faces",
    "setpoint.control",
    "setpoint.lab",
    "setpoint.engines",
    "setpoint.store",
    "setpoint.integrations",
    "setpoint.recommend",
    "setpoint.templates",
    "setpoint.policy",
    "setpoint.workload",
    "setpoint.config",
    "setpoint.catalog",
    "setpoint.errors",
)
"""From the front down, as the floors lie."""

_INTERNAL = ("setpoint.faces.cli", "setpoint.faces.demo", "setpoint.store.migrations", "setpoint.lab.keeper")
"""Programs and migrations: they have commands, not callers."""


class Room(NamedTuple):
    """One room: its module, the names it exports, and the modules in it."""

    module: ModuleType
    exported: tuple[str, ...]
    inside: tuple[ModuleType, ...]


def find_rooms() -> tuple[Room, ...]:
    """Answer every room; an engine's own packages are rooms inside `setpoint.engines`."""
    return tuple(_room(name) for name in ROOMS)


def public_names() -> tuple[str, ...]:
    """Answer the full name of everything that a public package exports through ``__all__``."""
    packages = [import_module("setpoint"), *(module for room in find_rooms() for module in room.inside)]
    packages += [room.module for room in find_rooms()]
    names = {f"{m.__name__}.{name}" for m in packages for name in getattr(m, "__all__", ())}
    return tuple(sorted(names))


def write() -> str:
    """Write the reference of all rooms, for autodoc to fill."""
    claimed: set[int] = set()
    for room in find_rooms():
        claimed |= {id(getattr(room.module, name)) for name in room.exported}
    return "\n".join(_section(room, claimed) for room in find_rooms())


def _room(name: str) -> Room:
    module = import_module(name)
    inside = tuple(_modules_in(module)) if name != "setpoint" else ()
    return Room(module, tuple(getattr(module, "__all__", ())), inside)


def _modules_in(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{package.__name__}."):
        short = found.name.rpartition(".")[2]
        if short.startswith("_") or found.name.startswith(_INTERNAL):
            continue
        module = import_module(found.name)
        yield module
        yield from _modules_in(module)


def _section(room: Room, claimed: set[int]) -> str:
    name = room.module.__name__
    lines = [f"## {name}\n", "```{eval-rst}", f".. automodule:: {name}", ""]
    if room.exported:
        lines[3:3] = ["   :no-members:"]
        lines += [_entry(name, each, getattr(room.module, each)) for each in room.exported]
    elif not room.inside:
        lines[3:3] = ["   :members:"]
    lines.append("```\n")
    for module in room.inside:
        lines.append(_module(module, claimed))
    return "\n".join(lines)


def _module(module: ModuleType, claimed: set[int]) -> str:
    """Write a module: its docstring, then each public thing it defines that no room exports."""
    name = module.__name__
    lines = [f"### {name}\n", "```{eval-rst}", f".. automodule:: {name}", "   :no-members:", ""]
    if _is_shadowed(module):
        lines[4:4] = ["   :no-index:"]
    exported = getattr(module, "__all__", None)
    names = exported if exported is not None else _defined_in(module)
    for each in names:
        thing = getattr(module, each)
        if id(thing) not in claimed:
            lines.append(_entry(name, each, thing))
            claimed.add(id(thing))
        elif exported is not None:
            lines.append(f"*{each}* is documented above.\n")
    lines.append("```\n")
    return "\n".join(lines)


def _is_shadowed(module: ModuleType) -> bool:
    """Tell whether the room exports something by the module's own name (`choose` from `choose`)."""
    above, _, short = module.__name__.rpartition(".")
    return getattr(import_module(above), short) is not module


def _defined_in(module: ModuleType) -> list[str]:
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (
            inspect.isclass(thing) or inspect.isfunction(inspect.unwrap(thing) if callable(thing) else thing)
        )
        and thing.__module__ == module.__name__
    ]


def _entry(module: str, name: str, thing: object) -> str:
    if inspect.isclass(thing):
        members = "   :members:\n" + ("   :undoc-members:\n" if issubclass(thing, Enum) else "")
        return f".. autoclass:: {module}.{name}\n{members}"
    kind = "autofunction" if callable(thing) else "autodata"
    return f".. {kind}:: {module}.{name}\n" + ("   :no-value:\n" if kind == "autodata" else "")
