"""Plain texts and tables as Markdown that shows them as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
_SPECIAL = re.compile(r"([\\*_<>\[\]$|~#])")


def prose(text: str) -> str:
    """Escape a plain text; what stands in backticks is code, and blank lines part paragraphs."""
    pieces = _CODE.split(text)
    return "".join(
        piece if number % 2 else _SPECIAL.sub(r"\\\1", piece) for number, piece in enumerate(pieces)
    )


def cell(text: str) -> str:
    """Escape a plain text for a table, on one line."""
    return " ".join(prose(text).split()) or " "


def code(text: object) -> str:
    """Write a text as code; in tables too, so a bar is escaped. Nothing stays nothing."""
    words = " ".join(str(text).split())
    fence = "``" if "`" in words else "`"
    return f"{fence}{words}{fence}".replace("|", "\\|") if words else " "


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
