"""Reading lists of variables in JSON, with types and bounds or by name alone: offered, and no settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.config.dump import Dump, Problem, Severity
from setpoint.engines.mysql.dumps.evidence import likeness, number_of
from setpoint.engines.shapes.described import read_described

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.document import Document, Likeness
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind


@dataclass(frozen=True)
class ParameterListReader:
    """Reads what names variables without setting them."""

    engine: Kind
    meanings: Meanings
    kind: str = "list of parameters"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by names that these servers have, and no values beside them."""
        if document.text.lstrip()[:1] not in {"{", "["}:
            return None
        names = read_described(document.text).names
        known = sum(name.lower() in self.meanings.names for name in names)
        if known * 3 < len(names) or not known:
            return None
        return likeness(document, self.engine, f"it describes {len(names)} variables")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the names."""
        described = read_described(document.text)
        words = "types, bounds and defaults alone: it says of no variable what it is set to"
        problem = Problem(severity=Severity.NOTE, message=words)
        return (
            Dump(
                path=document.path,
                engine=self.engine,
                kind=self.kind,
                version=number_of(described.version) or version,
                offered=tuple(dict.fromkeys(name.lower() for name in described.names)),
                problems=(problem,),
            ),
        )
