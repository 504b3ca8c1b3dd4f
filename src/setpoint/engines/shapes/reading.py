"""What reading one table answers, and which lines stand around tables: prompts, counts, blank lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import combining, east_asian_width

from setpoint.config.dump import Problem, Severity

if TYPE_CHECKING:
    from setpoint.engines.shapes.table import Table

_FOOTER = re.compile(
    r"\(\d+ rows?(?: affected)?\)|\d+ rows? in set.*|\d+ rows? selected\.?|no rows selected|Empty set.*"
    r"|Query OK, .*|Time: [\d.,]+ m?s.*|Elapsed: [\d:.]+|Bye|Logging to file .*"
)
_PROMPT = re.compile(
    r"(?:SQL|mysql|sqlite|sql|cqlsh)> ?|MariaDB \[[^\]]*\]> ?|\w+[=('*!-][#>](?: |$)|\d+>(?: |$)"
    r"|PS [A-Z]:\\|\$ | *MySQL +[^|]*> ?|-- |--$|\\[a-z.]"
)


class Reading(NamedTuple):
    """One table and the lines it takes: from index `start` up to, not with, index `end`."""

    table: Table
    start: int
    end: int


def is_outside(line: str) -> bool:
    """Tell whether a line is none of a table: blank, a prompt, or what a client says behind the rows."""
    return (
        not line
        or line.isspace()
        or _PROMPT.match(line) is not None
        or _FOOTER.fullmatch(line.strip()) is not None
    )


def misfit(line: int, why: str) -> Problem:
    """Answer the problem of a line, counted from 1, that is no row of the table it stands in."""
    return Problem(
        severity=Severity.ERROR, message=f"This line is no row of the table around it: {why}.", line=line
    )


def is_wide(line: str) -> bool:
    """Tell whether some character of a line takes no column of a terminal, or two."""
    return not line.isascii() and any(
        combining(character) or east_asian_width(character) in "WF" for character in line
    )


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
