"""Settling: which of several entries of one name is in force, and which are only worth a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.engines.oracle.dumps.collection import Collection, Entry


def take_last(collection: Collection, entries: Iterable[Entry]) -> None:
    """Take in the last entry of each name and scope, in their order, and note the others."""
    found = tuple(entries)
    last = {(entry.name, entry.scope.lower()): entry for entry in found}
    for entry in found:
        ruling = last[entry.name, entry.scope.lower()]
        if ruling is entry:
            collection.add(entry)
        else:
            collection.note(overruled(entry.name, f"line {ruling.line}"), entry.line)


def overruled(name: str, where: str) -> str:
    """Say that another entry rules."""
    return f"{name} is not in force here: {where} rules"
