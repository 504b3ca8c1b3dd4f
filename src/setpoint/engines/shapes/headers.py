"""Headers: whether the first row of a table without a rule under it names its columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = re.compile(r"[A-Za-z_@#][\w $#@.()%/*:-]*")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SURE = frozenset(
    {"name", "setting", "value", "displayname", "datname", "sourcefile", "sourceline"}
    | {"datid", "relname", "schemaname", "usename", "query", "queryid", "parameter", "parameter_name"}
    | {
        "configuration_id",
        "counter_name",
        "metric_name",
        "object_name",
        "option_name",
        "stat_name",
        "variable",
    }
    | {"variable_name", "variable_value", "setdatabase", "setrole", "setconfig"}
    | {"configvalue", "config_value", "runvalue", "run_value", "value_in_use"}
)
"""Words that head a column of settings or of counters and are no parameter of any engine."""
_ROWS_LOOKED_AT = 50
_FEWEST_WITHOUT_A_WORD = 3


def is_header(cells: Sequence[str], rows: Sequence[Sequence[str | None]]) -> bool:
    """Tell whether cells name columns, by their words and by what stands below them.

    They must all be words, each once; and they head columns in the views of settings, or one of three or more
    stands over nothing but numbers. Of two that says nothing: counters may begin with one that is a word.
    """
    if not all(map(_WORD.fullmatch, cells)) or len(set(cells)) < len(cells):
        return False
    first = cells[0].lower()
    if first in _SURE or sum(cell.lower() in _SURE for cell in cells) * 2 > len(cells):
        return True
    if len(cells) < _FEWEST_WITHOUT_A_WORD:
        return False
    looked_at = rows[:_ROWS_LOOKED_AT]
    return any(_is_numeric([row[place] for row in looked_at]) for place in range(len(cells)))


def is_number(text: str) -> bool:
    """Tell whether a cell is a plain number."""
    return _NUMBER.fullmatch(text) is not None


def _is_numeric(cells: list[str | None]) -> bool:
    told = [cell for cell in cells if cell]
    return bool(told) and all(map(is_number, told))
