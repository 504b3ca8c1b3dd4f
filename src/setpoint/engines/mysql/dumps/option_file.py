"""Reading trees of option files (my.cnf), as the server reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.config.dump import CLIENT, Dump, DumpSetting, Problem, Severity
from setpoint.engines.document import Likeness
from setpoint.engines.mysql.dialect.option_groups import ACCUMULATING, Kind
from setpoint.engines.mysql.dumps.evidence import likeness
from setpoint.engines.mysql.dumps.groups import is_group, scope_of, tells_product
from setpoint.engines.mysql.dumps.option_lines import OptionLine, OptionReading
from setpoint.engines.mysql.dumps.tree import Read, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.document import Document
    from setpoint.engines.meanings import Meanings

_HEAD_LINES = 2000
_WEAK = 35


@dataclass(frozen=True)
class OptionFileReader:
    """Reads my.cnf and what it includes."""

    engine: Kind
    meanings: Meanings
    kind: str = "my.cnf"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by its groups whether programs of these products read it."""
        if document.is_binary:
            return None
        groups = _groups(document.lines[:_HEAD_LINES])
        ours = [group for group in groups if is_group(group)]
        if not ours:
            return None
        why = f"it has the group [{ours[0]}]"
        found = likeness(document, self.engine, why)
        if any(tells_product(group) for group in ours):
            return found
        return Likeness(min(found.points, _WEAK if self.engine == "mysql" else _WEAK - 5), why)

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the tree: the document first, then the files it includes, as they are first read."""
        reading = OptionReading(self.engine, self.meanings, version)
        tree = Tree(self.engine, document)
        tree.walk()
        lines = [reading.take(each.entry, tree.texts[each.path]) for each in tree.read]
        reading.settle_words(lines)
        folder = document.path.rpartition("/")[0]
        winners = _winners(tree.read, lines, version, self.engine)
        return tuple(
            self._dump(
                path, f"{folder}/{path}" if path and folder else path or document.path, tree, winners, version
            )
            for path in tree.texts
        )

    def _dump(
        self, path: str, shown: str, tree: Tree, winners: Sequence[_Judged], version: str | None
    ) -> Dump:
        settings: list[DumpSetting] = []
        problems = list(tree.problems[path])
        redacted: dict[str, None] = {}
        for judged in winners:
            if judged.path != path:
                continue
            line = judged.line
            problems += line.problems
            if line.is_redacted:
                redacted[line.name] = None
            if line.is_void:
                continue
            if judged.note:
                problems.append(Problem(severity=Severity.NOTE, line=line.line, message=judged.note))
            else:
                settings.append(line.setting(judged.scope))
        return Dump(
            path=shown,
            engine=self.engine,
            kind=self.kind,
            version=version,
            settings=tuple(settings),
            redacted=tuple(redacted),
            problems=tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.line)),
        )


@dataclass(frozen=True, slots=True)
class _Judged:
    """A line, whom it speaks to, and why it is not in force where it is not."""

    path: str
    line: OptionLine
    scope: str
    note: str = ""


def _winners(
    read: Sequence[Read], lines: Sequence[OptionLine], version: str | None, engine: Kind
) -> list[_Judged]:
    """Answer every line once, with the one in force where it is another."""
    scopes: dict[str, str] = {}
    last: dict[tuple[str, str, str], int] = {}
    keys: list[tuple[str, str, str]] = []
    for number, (each, line) in enumerate(zip(read, lines, strict=True)):
        group = each.entry.group
        scope = scopes.setdefault(group, scope_of(group, engine, version))
        key = (scope, group.lower() if scope == CLIENT else "", line.name)
        keys.append(key)
        if not line.is_ceiling:
            last[key] = number
    seen: dict[tuple[str, int], _Judged] = {}
    for number, (each, line) in enumerate(zip(read, lines, strict=True)):
        kept = last.get(keys[number], number)
        note = ""
        if line.is_ceiling:
            note = f"{line.name}: it limits what sessions may set, and gives no value"
        elif (
            kept != number
            and line.name not in ACCUMULATING
            and (each.path, line.line) != _place(read, lines, kept)
        ):
            note = _superseded(line, read[kept], lines[kept], each.path)
        seen[each.path, line.line] = _Judged(each.path, line, keys[number][0], note)
    return list(seen.values())


def _place(read: Sequence[Read], lines: Sequence[OptionLine], number: int) -> tuple[str, int]:
    return read[number].path, lines[number].line


def _superseded(line: OptionLine, kept: Read, winner: OptionLine, path: str) -> str:
    where = f"line {winner.line}" if kept.path == path else f"{kept.path or 'the first file'}:{winner.line}"
    return f"{line.name} is set again in {where}, which is in force"


def _groups(lines: Sequence[str]) -> list[str]:
    found = (line.strip() for line in lines)
    return [line[1 : line.index("]")].strip() for line in found if line.startswith("[") and "]" in line]
