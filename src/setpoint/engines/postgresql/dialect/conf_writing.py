"""Rewriting a configuration file in place, see `setpoint.engines.rewriting`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.postgresql.dialect.conf import parse_conf, quote_conf
from setpoint.engines.rewriting import Rewritten, ending_at, include_notes, join_lines, lines_of, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.engines.plan import Plan
    from setpoint.engines.postgresql.dialect.conf import Entry, ParsedFile

_OLD_NAMES = {
    "sort_mem": "work_mem",
    "vacuum_mem": "maintenance_work_mem",
    "force_parallel_mode": "debug_parallel_query",
}
"""Names that the server takes for newer ones (`map_old_guc_names` of guc.c)."""
_MARK = "\ufeff"


class ConfRewriter:
    """Rewrites ``postgresql.conf`` and its kin. Implements `setpoint.engines.rewriting.Rewriter`."""

    def changes_of(self, plan: Plan) -> Mapping[str, str | None]:
        """Answer nothing: ALTER SYSTEM writes whatever a plan can set."""
        del plan
        return {}

    def rewrite(self, text: str, changes: Mapping[str, str | None], source: str = "") -> Rewritten:
        """Answer the text with these parameters' entries set, or taken out."""
        parsed = parse_conf(text)
        refuse([*_faults_of_file(parsed), *_faults_of_changes(changes)], source)
        lines = lines_of(text)
        kept: list[str | None] = list(lines)
        found: dict[str, list[Entry]] = {}
        for entry in parsed.entries:
            found.setdefault(_fold(entry.name), []).append(entry)
        behind = parsed.entries[-1].line if parsed.entries else len(lines)
        places: dict[str, int] = {}
        added: list[str] = []
        for name, wanted in changes.items():
            entries = found.get(_fold(name), [])
            if wanted is None:
                places[name] = 0
                for entry in entries:
                    kept[entry.line - 1] = None
            elif entries:
                places[name] = entries[-1].line
                kept[entries[-1].line - 1] = _with_value(lines[entries[-1].line - 1], entries[-1], wanted)
            else:
                places[name] = behind
                added.append(f"{name} = {quote_conf(wanted)}")
        includes = [(entry.line, entry.text) for entry in parsed.entries if entry.is_include]
        written = join_lines(kept, behind, added, ending_at(lines, behind))
        return Rewritten(written, include_notes(includes, places))


def _fold(name: str) -> str:
    folded = name.lower()
    return _OLD_NAMES.get(folded, folded)


def _faults_of_file(parsed: ParsedFile) -> list[tuple[int, str]]:
    faults = [(fault.line, fault.message) for fault in parsed.faults]
    first = parsed.entries[0] if parsed.entries else None
    if first is not None and first.name.startswith(_MARK) and "." not in first.name:
        faults.append((first.line, "a byte order mark, which the server takes for a part of the name"))
    return faults


def _faults_of_changes(changes: Mapping[str, str | None]) -> list[tuple[int, str]]:
    faults: list[tuple[int, str]] = []
    folded = [_fold(name) for name in changes]
    for name, text in changes.items():
        written = parse_conf(f"{name} = {quote_conf(text or '')}").entries
        if len(written) != 1 or written[0].is_include or written[0].name != name:
            faults.append((0, f"{name!r} is not the name of a parameter"))
        elif folded.count(_fold(name)) > 1:
            faults.append((0, f"{name} is asked for under two spellings of its name"))
        elif not _is_writable(text or ""):
            faults.append((0, f"the value of {name} holds what no file can: whole characters, without NUL"))
    return faults


def _is_writable(text: str) -> bool:
    try:
        text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _with_value(line: str, entry: Entry, text: str) -> str:
    """Put another value into an entry's line: bare where the old one is, if it can be, else in quotes."""
    if entry.text == text:
        return line
    before, behind = line[: entry.column - 1], line[entry.end - 1 :]
    bare = before + text + behind
    if line[entry.column - 1] != "'":
        read = parse_conf(bare).entries
        if [(each.name, each.text) for each in read] == [(entry.name, text)]:
            return bare
    return before + quote_conf(text) + behind
