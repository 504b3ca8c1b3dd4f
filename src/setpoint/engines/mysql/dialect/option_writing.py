"""Rewriting an option file of MySQL or MariaDB in place, see `setpoint.engines.rewriting`.

Lines are cut as the servers cut them, see `file_agent`: as Latin-1, whatever the bytes mean to others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from setpoint.engines.mysql.dialect.grammar import GRAMMAR
from setpoint.engines.mysql.dialect.knowledge import FILE_NAMES, OPTION_NAMES
from setpoint.engines.mysql.dialect.option_fragment import render_fragment
from setpoint.engines.mysql.dialect.option_groups import ACCUMULATING, Kind, read_groups, understand
from setpoint.engines.mysql.file_agent import (
    LONGEST_LINE_BYTES,
    end_of_line_comment,
    quote_value,
    scan_lines,
)
from setpoint.engines.plan import StepKind
from setpoint.engines.rewriting import Rewritten, ending_at, include_notes, join_lines, lines_of, refuse
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from setpoint.engines.mysql.dialect.option_groups import OptionName
    from setpoint.engines.plan import Plan, Step

_BLANK = "\t\n\v\f\r \xa0"  # what the servers take for blank, in Latin-1
_MOST_FAULTS = 20  # lines that end a file: each is told, but the file is read anew for each
_SHARED = frozenset({"client-server", "galera", "mysql_cluster"})
"""Groups that a server reads besides others, or for a purpose of their own: nothing is put there."""
_SAME: Mapping[str, str] = {
    **OPTION_NAMES,
    **{option: variable for variable, option in FILE_NAMES.items()},
    "table_cache": "table_open_cache",
    "log_slow_query": "slow_query_log",
    "log_slow_query_file": "slow_query_log_file",
    "log_slow_query_time": "long_query_time",
    "log_slow_min_examined_row_limit": "min_examined_row_limit",
}
"""Names that set a variable of another name; the last four are MariaDB's second names, since 10.11."""


class _Found(NamedTuple):
    """A line that speaks about an option: its index."""

    at: int
    option: OptionName
    text: str | None


@dataclass(frozen=True, slots=True)
class OptionRewriter:
    """Rewrites option files for servers of a kind and version.

    `names` are the options that the server knows, folded. Implements `setpoint.engines.rewriting.Rewriter`.
    """

    kind: Kind
    version: tuple[int, ...]
    names: Collection[str] = ()

    def changes_of(self, plan: Plan) -> Mapping[str, str | None]:
        """Answer what an agent would write, and what runs until a restart alone where none is there.

        What comes to its end by itself, or is let go, belongs into no file of a person.
        """
        passing = {GRAMMAR.fold_name(name) for name in (*plan.overridden, *plan.released)}
        changes: dict[str, str | None] = {}
        for step in plan.steps:
            asked = [json.loads(request.agent) for request in step.do if request.agent]
            for each in asked:
                changes.update(each.get("set", {}))
                changes.update(dict.fromkeys(each.get("unset", ())))
            if not asked and _runs_only(step) and GRAMMAR.fold_name(step.parameter) not in passing:
                changes[step.parameter] = str(step.text)
        return changes

    def rewrite(self, text: str, changes: Mapping[str, str | None], source: str = "") -> Rewritten:
        """Answer the text with these variables' entries set, or taken out."""
        lines = lines_of(_latin(text))
        refuse([*self._faults_of_file(lines), *self._faults_of_changes(changes)], source)
        asked = {self._variable(name): wanted for name, wanted in changes.items()}
        found = self._find(lines, asked)
        refuse(_faults_of_found(found, asked), source)
        kept: list[str | None] = list(lines)
        group, behind = self._end_of_group(lines)
        places: dict[str, int] = {}
        added: list[str] = []
        for name, wanted in changes.items():
            stands = found[self._variable(name)]
            places[name] = 0 if wanted is None else stands[-1].at + 1 if stands else behind
            if wanted is None:
                for each in stands:
                    kept[each.at] = None
            elif not stands:
                added.append(f"{FILE_NAMES.get(GRAMMAR.fold_name(name), name)} = {_quoted(wanted)}")
            elif _said(stands, self.kind) != wanted:
                kept[stands[-1].at] = _with_value(lines[stands[-1].at], stands[-1].option, wanted)
        head = [] if group or not added else ["[mysqld]"]
        written = join_lines(kept, behind, [*head, *added], ending_at(lines, behind))
        refuse(self._faults_of_result(lines_of(written), asked), source)
        return Rewritten(_text(written), include_notes(_includes(lines), places))

    def _find(self, lines: list[str], asked: Collection[str]) -> dict[str, list[_Found]]:
        """Answer the lines that give these variables a value, or leave open which one gets it."""
        groups = read_groups(self.kind, self.version)
        found: dict[str, list[_Found]] = {name: [] for name in asked}
        for line in scan_lines(_data(lines)):
            if line.kind != "option" or line.group.lower() not in groups:
                continue
            option = understand(line.name, self.kind, self.names)
            for name in {self._canonical(each) for each in option.candidates or (option.name,)}:
                if name in found and not option.is_ceiling:
                    found[name].append(_Found(line.number - 1, option, line.text))
        return found

    def _end_of_group(self, lines: list[str]) -> tuple[str, int]:
        """Answer the group in which a new line is to stand, and the index for it; else no group, and the end.

        It is the last ``[mysqld]``, else the last group that this version reads. Behind its last option or
        include: what is included before a line does not win over it.
        """
        said = {line.number - 1 for line in scan_lines(_data(lines))}
        sections: list[tuple[str, int]] = []
        for at, line in enumerate(lines):
            bare = line.lstrip(_BLANK)
            if bare[:1] == "[":
                sections.append((bare[1 : bare.index("]")].rstrip(_BLANK).lower(), at + 1))
            elif at in said and sections:
                sections[-1] = (sections[-1][0], at + 1)
        read = read_groups(self.kind, self.version) - _SHARED
        fitting = [each for each in sections if each[0] == "mysqld"] or [
            each for each in sections if each[0] in read
        ]
        return fitting[-1] if fitting else ("", len(lines))

    def _variable(self, name: str) -> str:
        return self._canonical(GRAMMAR.fold_name(name))

    def _canonical(self, folded: str) -> str:
        """Answer the one name of a variable, of any name that it has."""
        if self.kind == "mysql" and not folded.startswith("rpl_semi_sync"):  # plugins of their own
            newer = folded.replace("slave", "replica").replace("master", "source")
            folded = newer if newer in self.names else folded
        return _SAME.get(folded, folded)

    def _faults_of_file(self, lines: list[str]) -> Iterator[tuple[int, str]]:
        read = list(lines)
        for _ in range(_MOST_FAULTS):
            end = next((line for line in scan_lines(_data(read)) if line.kind == "end"), None)
            if end is None:
                break
            yield end.number, end.text or ""
            read[end.number - 1] = "\n"
        for line in scan_lines(_data(read)):
            if line.kind == "fault" and not lines[line.number - 1].lstrip(_BLANK).startswith("!"):
                yield line.number, line.text or ""
        for number, _ in _includes(read):
            if self.kind == "mariadb" and lines[number - 1][-1] not in _BLANK:
                yield number, "the file ends within this line: MariaDB takes the last character off the path"
        yield from self._long_lines(lines)

    def _faults_of_changes(self, changes: Mapping[str, str | None]) -> Iterator[tuple[int, str]]:
        variables = [self._variable(name) for name in changes]
        for name, text in changes.items():
            if variables.count(self._variable(name)) > 1:
                yield 0, f"{name} is asked for under two names"
            try:
                render_fragment({name: text or ""})
            except InputError as fault:
                yield 0, fault.what

    def _faults_of_result(
        self, lines: list[str], asked: Mapping[str, str | None]
    ) -> Iterator[tuple[int, str]]:
        """Check what was written as it will be read."""
        yield from self._long_lines(lines)
        for name, stands in self._find(lines, asked).items():
            if stands and _said(stands, self.kind) != asked[name]:
                yield stands[-1].at + 1, f"the server would not read the value of {name} as it is asked for"

    def _long_lines(self, lines: list[str]) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(lines, start=1):
            if self.kind == "mariadb" and len(line.removesuffix("\n")) > LONGEST_LINE_BYTES:
                yield number, f"longer than {LONGEST_LINE_BYTES} bytes: the rest is read as another line"


def _faults_of_found(
    found: Mapping[str, list[_Found]], asked: Mapping[str, str | None]
) -> Iterator[tuple[int, str]]:
    for name, stands in found.items():
        for each in stands:
            if each.option.candidates:
                yield each.at + 1, f"may mean {', '.join(each.option.candidates)}: write the name out"
        is_sum = name in ACCUMULATING and len(stands) > 1 and asked[name] is not None
        if is_sum and ",".join(each.text or "" for each in stands) != asked[name]:
            words = f"one of {len(stands)} lines of {name}, which add up: change them by hand"
            yield from ((each.at + 1, words) for each in stands)


def _said(stands: list[_Found], kind: Kind) -> str:
    """Answer the value that lines give: the last one's, or of those that add up, all."""
    if stands[-1].option.name in ACCUMULATING:
        return ",".join(each.text or "" for each in stands)
    return stands[-1].option.mean(stands[-1].text, kind)


def _with_value(line: str, option: OptionName, text: str) -> str:
    """Put another value into an option's line; of prefixes ``loose`` alone stays."""
    bare = line.lstrip(_BLANK)
    body = bare[: end_of_line_comment(bare)]
    name, equals, value = body.partition("=")
    written = name.rstrip(_BLANK)
    gap, rest = name[len(written) :], bare[len(body) :]
    loose = ""
    for prefix in option.prefixes:
        head, written = written[: len(prefix) + 1], written[len(prefix) + 1 :]
        loose += head if prefix == "loose" else ""
    before = line[: len(line) - len(bare)] + loose + written
    stood = value.strip(_BLANK)
    if not equals:
        return f"{before} = {_quoted(text)}{gap}{rest}"
    if not stood:
        return f"{before}{gap}={' ' if gap else ''}{_quoted(text)}{value}{rest}"
    start = value.index(stood)
    return f"{before}{gap}={value[:start]}{_quoted(text, stood)}{value[start + len(stood) :]}{rest}"


def _quoted(text: str, before: str = "") -> str:
    """Write a value, in the quotes of the one that stood there before where it needs none."""
    written = quote_value(text)
    is_quoted = len(before) > 1 and before[0] in "'\"" and before[0] == before[-1]
    return _latin(before[0] + text + before[0] if is_quoted and written == text else written)


def _includes(lines: list[str]) -> Iterator[tuple[int, str]]:
    for line in scan_lines(_data(lines)):
        if line.kind in {"include", "includedir"}:
            yield line.number, line.text or ""


def _runs_only(step: Step) -> bool:
    """Tell whether a step sets what a restart forgets."""
    return step.kind is StepKind.SET and any(request.text.startswith("SET GLOBAL ") for request in step.do)


def _latin(text: str) -> str:
    return text.encode(errors="surrogateescape").decode("latin-1")


def _text(latin: str) -> str:
    return latin.encode("latin-1").decode(errors="surrogateescape")


def _data(lines: list[str]) -> bytes:
    return "".join(lines).encode("latin-1")
