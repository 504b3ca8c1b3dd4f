"""What reading one table answers, and which lines stand around tables: prompts, counts, blank lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import combining, east_asian_width

from setpoint.config.dump import Problem, Severity

if TYPE_CHECKING:
    from setpoint.engines.shapes.table import Table

_OUTSIDE = re.compile(
    r"(?:SQL|mysql|sqlite|sql|cqlsh)>|MariaDB \[[^\]]*\]>|\w+[=('*!-][#>](?: |$)|\d+>(?: |$)"
    r"|PS [A-Z]:\\|\$ | *MySQL +[^|]*>|-- |--$|\\[a-z.]"
    r"|\s*+(?:$|(?:\(\d+ rows?(?: affected)?\)|\d+ rows? selected\.?|no rows selected|Bye)\s*$"
    r"|\d+ rows? in set|Empty set|Query OK, |Elapsed: [\d:.]+|Time: [\d.,]+ m?s|Logging to file )"
)
"""Prompts, and what clients say behind the rows: counts and times."""
_PERHAPS_WIDE = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u08ff\u0900-\u115f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u231a-\u23ff"
    "\u25fd-\u27bf\u2b1b-\u2b55\u2e80-\ua4cf\ua66f-\ua69f\ua8e0-\ua97f\uaa00-\ud7ff\uf900-\ufaff\ufe00-\uffff"
    "\U00010000-\U0010ffff]"
)
"""Where wide and combining characters are; box-drawing characters and Latin letters are not among them."""


class Reading(NamedTuple):
    """One table and the lines it takes: from index `start` up to, not with, index `end`."""

    table: Table
    start: int
    end: int


def is_outside(line: str) -> bool:
    """Tell whether a line is none of a table: blank, a prompt, or what a client says behind the rows."""
    return not line or _OUTSIDE.match(line) is not None


def misfit(line: int, why: str) -> Problem:
    """Answer the problem of a line, counted from 1, that is no row of the table it stands in."""
    return Problem(
        severity=Severity.ERROR, message=f"This line is no row of the table around it: {why}.", line=line
    )


def is_wide(line: str) -> bool:
    """Tell whether some character of a line takes no column of a terminal, or two."""
    return not line.isascii() and _PERHAPS_WIDE.search(line) is not None


def display(line: str) -> list[str]:
    """Answer what stands in each column of a terminal: a wide character takes two, a combining one none."""
    columns: list[str] = []
    for character in line:
        if combining(character) and columns:
            columns[-1] += character
        elif east_asian_width(character) in "WF":
            columns.extend((character, ""))
        else:
            columns.append(character)
    return columns
