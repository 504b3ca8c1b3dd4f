"""Lists of parameters in JSON, with types and bounds or by name alone: offered, and no settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.document import Likeness
from setpoint.engines.postgresql.dumps.columns import is_name
from setpoint.engines.postgresql.dumps.sheet import Sheet
from setpoint.engines.shapes.described import read_described

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_VERSION = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,2}")
_SURE, _MAYBE = 90, 45


class ParameterListReader:
    """Reads what names parameters without setting them."""

    kind = "list of parameters"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by names that PostgreSQL has, and no values beside them."""
        if document.is_binary:
            return None
        names = read_described(document.text).names
        known = sum(map(is_name, names))
        if not known or known * 3 < len(names):
            return None
        is_mostly = known * 5 >= len(names) * 4
        return Likeness(_SURE if is_mostly else _MAYBE, f"it names {known} parameters")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the names."""
        described = read_described(document.text)
        told = _VERSION.fullmatch(described.version or "")
        sheet = Sheet(told[0] if told else version)
        for name in described.names:
            sheet.offered[sheet.spell(name)] = None
        sheet.note(0, "a list of parameters: what stands beside a name is no setting")
        return [sheet.dump(document.path, self.kind)]
