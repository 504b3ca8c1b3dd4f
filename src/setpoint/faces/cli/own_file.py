"""A person's own option file: read as bytes, rewritten, and written beside a bundle."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.errors import InputError
from setpoint.faces.cli.page import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.rewriting import Rewritten
    from setpoint.faces.cli.page import Block

_SUFFIXES = frozenset({".cnf", ".conf", ".ini"})


@dataclass
class OwnFile:
    """A file's place, its text and its mode, and later what it becomes: None where it stays as it is."""

    place: str
    text: str
    mode: int
    rewritten: Rewritten | None = None

    @classmethod
    def read(cls, place: str, output: str) -> OwnFile:
        """Read it; raise `InputError` where it cannot be read, or its copy would take its place."""
        try:
            text = Path(place).read_bytes().decode(errors="surrogateescape")
            own = cls(place, text, stat.S_IMODE(Path(place).stat().st_mode))
        except (OSError, ValueError) as fault:
            reason = getattr(fault, "strerror", None) or "no such place"
            raise InputError(f"cannot be read: {reason}", where=place) from None
        if not Path(output).is_dir() and own._copy(Path(output)).resolve() == Path(place).resolve():
            next_step = "name another file with --output"
            raise InputError("its copy would take its place", where=place, next_step=next_step)
        return own

    @property
    def notes(self) -> Sequence[str]:
        """What the person should know about the copy."""
        return self.rewritten.notes if self.rewritten is not None else ()

    def write(self, bundle: Path) -> Path | None:
        """Write the copy beside a bundle, for nobody to read who may not read the file itself."""
        if self.rewritten is None:
            return None
        copy = self._copy(bundle)
        try:
            opened = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(opened, "wb") as file:
                os.fchmod(file.fileno(), self.mode | stat.S_IRUSR | stat.S_IWUSR)
                file.write(self.rewritten.text.encode(errors="surrogateescape"))
        except OSError as fault:
            raise InputError(f"cannot be written: {fault.strerror}", where=str(copy)) from None
        return copy

    def page(self, copy: Path | None) -> list[Block]:
        """Tell a person what became of it."""
        if copy is None:
            return [f"nothing of this plan belongs into an option file: {self.place} stays as it is"]
        told = f"{self.place} with what belongs into it: {copy}, to be put in its place over there"
        return [told, *(Span(f"{self.place}: {note}", "warn") for note in self.notes)]

    def _copy(self, bundle: Path) -> Path:
        suffix = Path(self.place).suffix
        return bundle.with_suffix(suffix if suffix in _SUFFIXES else ".cnf")
