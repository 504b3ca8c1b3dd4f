"""The error tree, with the exit code of each and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint import errors

from .markdown import cell, code, table

if TYPE_CHECKING:
    from collections.abc import Iterator


def write() -> str:
    """Write the tree as drawn in the module, then a row per error."""
    drawing = (errors.__doc__ or "").split("::", 1)[1].split("\n\n", 2)[1]
    rows = [
        [code(error.__name__), str(error.exit_code), cell((error.__doc__ or "").partition("\n\n")[0])]
        for error in _walk(errors.SetpointError)
    ]
    return f"```text\n{drawing}\n```\n\n{table(['error', 'exit code', 'meaning'], rows)}"


def _walk(error: type[errors.SetpointError]) -> Iterator[type[errors.SetpointError]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _walk(child)
