"""Narration: numbered acts, aligned tables, bars and a progress line, for a terminal or for a file."""

from __future__ import annotations

import os
import shutil
import textwrap
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_INDENT = "    "
_WIDTH = 104
_BAR = 40
_BOLD, _DIM, _RED, _GREEN = "1", "2", "31", "32"


@dataclass
class Narrator:
    """Tells a story on one stream; colours and a moving progress line only where that is a terminal."""

    stream: IO[str]
    clock: Callable[[], float] = time.monotonic
    acts: int = 0
    _began: float = field(init=False)
    _has_progress: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Note the time, and what the stream can show."""
        self._began = self.clock()
        is_terminal = self.stream.isatty()
        self._is_moving = is_terminal and os.environ.get("TERM") != "dumb"
        self._is_coloured = self._is_moving and not os.environ.get("NO_COLOR")
        self._width = min(_WIDTH, shutil.get_terminal_size((_WIDTH, 24)).columns if is_terminal else _WIDTH)
        self._full, self._yes, self._no, self._rule = ("█", "✓", "✗", "─")
        try:
            "█✓✗─".encode(getattr(self.stream, "encoding", None) or "ascii")
        except UnicodeEncodeError:
            self._full, self._yes, self._no, self._rule = ("#", "ok", "FAILED", "-")

    @property
    def elapsed_s(self) -> float:
        """Seconds since the story began."""
        return self.clock() - self._began

    def act(self, title: str) -> None:
        """Begin the next act; the time gone by stands at the right."""
        self.acts += 1
        head, clock = f"{self.acts:>2}  {title} ", f" {self.elapsed_s:.0f} s"
        rule = self._rule * max(2, self._width - len(head) - len(clock))
        self._write(f"\n{self._paint(head, _BOLD)}{self._paint(rule + clock, _DIM)}")

    def heading(self, title: str) -> None:
        """Begin what is no act."""
        self._write(f"\n    {self._paint(title, _BOLD)}")

    def say(self, text: str) -> None:
        """Tell something, wrapped."""
        self._write(textwrap.fill(text, self._width, initial_indent=_INDENT, subsequent_indent=_INDENT))

    def note(self, text: str) -> None:
        """Tell a detail of what was just said, wrapped and set in."""
        indent = f"{_INDENT}  "
        self._write(textwrap.fill(text, self._width, initial_indent=indent, subsequent_indent=indent))

    def show(self, text: str) -> None:
        """Show a line as it is: a command, a path."""
        self._write(f"{_INDENT}  {text}")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], align: str = "") -> None:
        """Show rows in columns; `align` has ``r`` for each column to be set flush right."""
        sides = align.ljust(len(head), "l")
        widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
        for number, row in enumerate((head, *rows)):
            cells = [
                cell.rjust(width) if side == "r" else cell.ljust(width)
                for cell, width, side in zip(row, widths, sides, strict=True)
            ]
            line = f"{_INDENT}  {'  '.join(cells)}".rstrip()
            line = line if len(line) <= self._width else f"{line[: self._width - 3]}..."
            self._write(self._paint(line, _DIM) if number == 0 else line)

    def bars(self, rows: Sequence[tuple[str, float, str]]) -> None:
        """Show labelled amounts as bars, the largest at full length."""
        longest = max((value for _, value, _ in rows), default=0.0)
        width = max((len(label) for label, _, _ in rows), default=0)
        for label, value, text in rows:
            bar = self._full * round(_BAR * value / longest) if longest > 0 else ""
            self._write(f"{_INDENT}  {label.ljust(width)}  {bar.ljust(_BAR)}  {text}".rstrip())

    def verdict(self, text: str, *, holds: bool) -> None:
        """Tell whether a promise was kept."""
        mark = self._paint(self._yes, _GREEN) if holds else self._paint(self._no, _RED)
        lines = textwrap.wrap(text, self._width - len(_INDENT) - 2)
        self._write(f"{_INDENT}{mark} " + f"\n{_INDENT}  ".join(lines))

    def progress(self, share: float, text: str) -> None:
        """Show how far a long step is, in place; nothing where lines cannot be rewritten."""
        if not self._is_moving:
            return
        done = min(20, max(0, round(20 * share)))
        line = f"{_INDENT}[{self._full * done}{' ' * (20 - done)}] {text}"
        self.stream.write(f"\r{line[: self._width]}\x1b[K")
        self.stream.flush()
        self._has_progress = True

    def _write(self, text: str) -> None:
        if self._has_progress:
            self.stream.write("\r\x1b[K")
            self._has_progress = False
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._is_coloured else text
