"""Rewriting a person's own option file in place: the port, and what every engine's rewriter shares.

Exactly the entries of the parameters that change are touched. Comments, order, spelling, line ends and all
else stay byte for byte, and a file that says already what is asked comes back as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from setpoint.errors import InputError, InputErrors, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from setpoint.engines.plan import Plan


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file's new text, and what its writer should know about it, one sentence each."""

    text: str
    notes: tuple[str, ...] = ()


class Rewriter(Protocol):
    """Rewrites option files of one engine.

    Texts are decoded with ``surrogateescape``, so that bytes that are no UTF-8 survive.
    """

    def changes_of(self, plan: Plan) -> Mapping[str, str | None]:
        """Answer what a plan leaves to option files, which no client writes: texts, None to take out."""
        ...

    def rewrite(self, text: str, changes: Mapping[str, str | None], source: str = "") -> Rewritten:
        """Answer a file's text with these parameters' entries set, or taken out (None).

        The entry in force is changed on its own line, and earlier ones, which are not in force, stay; a
        parameter without an entry gets one behind the others. To take one out takes out all of its lines.
        Includes are not followed: where one could win, a note says so. `source` is what errors call the file.

        Raises `InputErrors` with every line that keeps the server from reading the file as it is meant, and
        every change that cannot be written.
        """
        ...


def refuse(faults: Iterable[tuple[int, str]], source: str) -> None:
    """Raise `InputErrors` where there are faults: lines (0: none in particular) and words."""
    errors = [InputError(words, where=Place(source, line)) for line, words in sorted(faults)]
    if errors:
        raise InputErrors(errors)


def lines_of(text: str) -> list[str]:
    r"""Split a text into lines that keep their ends; only ``\n`` ends one."""
    *whole, rest = text.split("\n")
    return [line + "\n" for line in whole] + ([rest] if rest else [])


def join_lines(lines: Sequence[str | None], at: int, added: Sequence[str], ending: str) -> str:
    """Join lines (None: taken out) with more of them, not ended yet, before the one with index `at`.

    A file whose last line has no end has none afterwards.
    """
    before, behind = ("".join(line for line in part if line) for part in (lines[:at], lines[at:]))
    block = ending.join(added)
    if not added:
        return before + behind
    if before and not before.endswith("\n"):
        return before + ending + block
    return before + block + ending + behind


def ending_at(lines: Sequence[str], at: int) -> str:
    """Answer how the lines end around an index: as the nearest one before it, else as the first."""
    ended = next((line for line in (*reversed(lines[:at]), *lines[at:]) if line.endswith("\n")), "\n")
    return "\r\n" if ended.endswith("\r\n") else "\n"


def include_notes(includes: Iterable[tuple[int, str]], places: Mapping[str, int]) -> tuple[str, ...]:
    """Tell of includes, by line and path, that could win over entries on these lines (0: no entry)."""
    notes: list[str] = []
    for line, path in includes:
        names = [name for name, place in places.items() if place < line]
        if names:
            notes.append(f"line {line} includes {path}: what stands there may win for {', '.join(names)}")
    return tuple(notes)
