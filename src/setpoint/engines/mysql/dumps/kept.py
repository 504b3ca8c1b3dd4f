"""Reading ``mysqld-auto.cnf``: the JSON in which MySQL keeps what SET PERSIST set."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from setpoint.config.dump import Dump, Problem, Severity, Source
from setpoint.engines.document import Likeness
from setpoint.engines.mysql.dumps.running import RunningValues

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import DumpSetting
    from setpoint.engines.document import Document
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind

_HEAD_CHARACTERS = 4000
_DEEPEST = 6
_SENSITIVE = '"mysql_sensitive'


@dataclass(frozen=True)
class KeptReader:
    """Reads what the server keeps itself. MariaDB keeps nothing."""

    engine: Kind
    meanings: Meanings
    kind: str = "mysqld-auto.cnf"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by its members, which nothing else has."""
        head = document.text[:_HEAD_CHARACTERS]
        if self.engine != "mysql" or not head.lstrip().startswith("{"):
            return None
        is_ours = '"Version"' in head and any(word in head for word in ('"mysql_', '"Value"'))
        return Likeness(97, "it has the members of mysqld-auto.cnf") if is_ours else None

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the kept values."""
        values = RunningValues(self.meanings, version)
        try:
            body: Any = msgspec.json.decode(document.text.encode(errors="replace"))
        except (msgspec.DecodeError, RecursionError) as fault:
            words = f"this is not JSON, and the server does not start with it: {fault}"
            return (
                self._dump(document, version, (), [Problem(severity=Severity.ERROR, message=words)], values),
            )
        starts = _line_starts(document.text)
        settings: dict[str, DumpSetting] = {}
        for name, text in _values(body, 0):
            line = bisect_right(starts, max(document.text.find(f'"{name}"'), 0))
            settings[name] = values.setting(name, text, line, source=Source.PERSISTED)
        if _SENSITIVE in document.text:
            values.note(0, "some variables are kept encrypted: they are not read", Severity.WARNING)
        return (self._dump(document, version, tuple(settings.values()), values.problems, values),)

    def _dump(
        self,
        document: Document,
        version: str | None,
        settings: tuple[DumpSetting, ...],
        problems: list[Problem],
        values: RunningValues,
    ) -> Dump:
        return Dump(
            path=document.path,
            engine=self.engine,
            kind=self.kind,
            version=version,
            settings=settings,
            redacted=tuple(values.redacted),
            problems=tuple(problems),
        )


def _values(member: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Answer name and text wherever an object has a ``Value``."""
    if not isinstance(member, dict) or depth > _DEEPEST:
        return
    for name, inner in cast("dict[str, Any]", member).items():
        told = cast("dict[str, Any]", inner) if isinstance(inner, dict) else {}
        if isinstance(told.get("Value"), (str, int, float)):
            yield name, str(told["Value"])
        else:
            yield from _values(told, depth + 1)


def _line_starts(text: str) -> list[int]:
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts
