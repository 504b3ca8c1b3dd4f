"""``postgres --describe-config``: names, types and bounds of parameters.

Its "default" is 0 or FALSE for every number and boolean, whatever the server's is, so that it tells no
setting at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.document import Likeness
from setpoint.engines.postgresql.dialect.knowledge import CONTEXTS
from setpoint.engines.postgresql.dumps.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_TYPES = frozenset({"BOOLEAN", "INTEGER", "REAL", "STRING", "ENUM"})
_FEWEST, _LOOKED_AT = 8, 200


class ListingReader:
    """Reads the list of parameters a server's program offers."""

    kind = "describe-config"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by the context and the type in their columns."""
        if document.is_binary:
            return None
        lines = [line for line in document.lines[:_LOOKED_AT] if line.strip()]
        count = sum(_name_of(line) is not None for line in lines)
        if not count or count * 2 < len(lines):
            return None
        return Likeness(97, "contexts and types in the columns of --describe-config")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Answer the names offered; there are no settings here."""
        sheet = Sheet(version)
        for number, line in enumerate(document.lines, start=1):
            name = _name_of(line)
            if name is not None:
                sheet.offered[name] = None
            elif line.strip():
                sheet.warn(number, "a line that describes no parameter")
        sheet.note(0, "a list of parameters: what stands beside a name is no setting and no default")
        return [sheet.dump(document.path, self.kind)]


def _name_of(line: str) -> str | None:
    cells = line.split("\t", _FEWEST)
    if len(cells) < _FEWEST or not cells[0].strip():
        return None
    return cells[0].strip() if cells[1] in CONTEXTS and cells[3] in _TYPES else None
