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

    from setpoint.engines.document import Document
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_groups import Kind

_HEAD_CHARACTERS = 4000
_DEEPEST = 6
_SENSITIVE = "sensitive"


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
        settings = []
        problems: list[Problem] = []
        for name, text, is_hidden in _values(body, 0):
            at = document.text.find(f'"{name}"')
            line = bisect_right(starts, max(at, 0))
            if is_hidden:
                words = f"{name}: kept encrypted"
                problems.append(Problem(severity=Severity.NOTE, line=line, message=words))
                values.redacted[name.lower()] = None
            setting = values.setting(name, None if is_hidden else text, line, source=Source.PERSISTED)
            settings.append(setting)
        latest = {setting.name: setting for setting in settings}
        problems += values.problems
        return (self._dump(document, version, tuple(latest.values()), problems, values),)

    def _dump(
        self,
        document: Document,
        version: str | None,
        settings: tuple[Any, ...],
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


def _values(member: Any, depth: int, *, is_hidden: bool = False) -> Iterator[tuple[str, str | None, bool]]:
    """Answer name, text and whether it is kept encrypted, wherever an object has a ``Value``."""
    if not isinstance(member, dict) or depth > _DEEPEST:
        return
    for name, inner in cast("dict[str, Any]", member).items():
        hidden = is_hidden or _SENSITIVE in name
        if not isinstance(inner, dict):
            if hidden and isinstance(inner, str) and depth:
                continue
            continue
        told = cast("dict[str, Any]", inner)
        if "Value" in told and isinstance(told["Value"], (str, int, float)):
            yield name, str(told["Value"]), False
        else:
            yield from _values(told, depth + 1, is_hidden=hidden)


def _line_starts(text: str) -> list[int]:
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts
