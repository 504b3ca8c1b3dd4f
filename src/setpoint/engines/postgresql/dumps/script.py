"""SQL scripts that set parameters: ALTER SYSTEM, ALTER ROLE and ALTER DATABASE ... SET, dumps of globals.

A dump's own ``SET`` lines are for the session that restores it and are no settings of the instance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE, SESSION, Source
from setpoint.engines.document import Likeness
from setpoint.engines.postgresql.dialect.grammar import GRAMMAR
from setpoint.engines.postgresql.dumps.columns import Subject, is_name, subject_of, with_columns
from setpoint.engines.postgresql.dumps.query_output import offer_names
from setpoint.engines.postgresql.dumps.role_view import scope_of
from setpoint.engines.postgresql.dumps.settings_view import read_settings
from setpoint.engines.postgresql.dumps.sheet import Place, Sheet, cut
from setpoint.engines.postgresql.dumps.sql import Statement, Word, statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump, DumpSetting
    from setpoint.engines.document import Document
    from setpoint.engines.shapes.table import Table

_DUMP = re.compile(r"^-- PostgreSQL database (?:cluster )?dump", re.MULTILINE)
_DUMP_WORDS = "-- PostgreSQL database"
_DUMPED = re.compile(r"^-- Dumped from database version (\d{1,3}(?:\.\d{1,3}){0,2})", re.MULTILINE)
_SETTING = re.compile(
    r"^[ \t]*+(?:ALTER\s+SYSTEM\s+(?:RE)?SET\s+\"?([\w.]+)"
    r"|ALTER\s+(?:ROLE|USER|DATABASE)\s+(?:\"(?:[^\"\n]|\"\")+\"|\S+)"
    r"(?:\s+IN\s+DATABASE\s+\S+)?\s+(?:RE)?SET\s+\"?([\w.]+)|SET\s+(?:SESSION\s+|LOCAL\s+)?([\w.]+)\s*(?:=|TO\b))",
    re.IGNORECASE | re.MULTILINE,
)
_FOREIGN = re.compile(
    r"\bSCOPE\s*=|\bSID\s*=|\bRECONFIGURE\b|^[ \t]*+GO[ \t;]*$|\bSET\s+(?:GLOBAL|PERSIST)\b|@@",
    re.IGNORECASE | re.MULTILINE,
)
_LOOKED_AT = 200_000
_LONGEST_TARGET = 5


class ScriptReader:
    """Reads SQL scripts and dumps."""

    kind = "SQL script"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by the head of a dump, or by statements that set its parameters."""
        if document.is_binary:
            return None
        head = document.text[:_LOOKED_AT]
        if _DUMP_WORDS in head and _DUMP.search(head):
            return Likeness(99, "the head line of pg_dump")
        found = [name for match in _SETTING.finditer(head) for name in match.groups() if name]
        known = sum(map(is_name, found))
        if not known or known * 2 < len(found) or _FOREIGN.search(head):
            return None
        return Likeness(92, f"statements that set {known} of its parameters")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the statements, and tables of settings or of names that a dump holds."""
        match = _DUMPED.search(document.text)
        sheet = Sheet(match[1] if match is not None else version)
        is_dump = _DUMP.search(document.text[:_LOOKED_AT]) is not None
        script = _Script(sheet)
        for statement in statements(document.text):
            _read_statement(statement, script, is_dump=is_dump)
        script.take_out()
        if is_dump:
            for table in map(with_columns, document.tables):
                _read_table(table, sheet)
        sheet.settle()
        return [sheet.dump(document.path, "SQL dump" if is_dump else self.kind)]


@dataclass
class _Script:
    """What a script sets, and what it resets afterwards: by name and scope, how many settings came before."""

    sheet: Sheet
    resets: dict[tuple[str, str], tuple[int, int]] = field(
        default_factory=dict[tuple[str, str], tuple[int, int]]
    )

    def reset(self, name: str, scope: str, line: int) -> None:
        """Remember a reset; one of all names goes under the empty name."""
        key = "" if name.upper() == "ALL" else name.lower()
        self.resets[key, scope] = (len(self.sheet.settings), line)

    def take_out(self) -> None:
        """Take out of the settings what a later statement resets; a reset sets nothing itself."""
        kept: list[DumpSetting] = []
        for number, setting in enumerate(self.sheet.settings):
            keys = ((setting.name.lower(), setting.scope), ("", setting.scope))
            lines = [
                self.resets[key][1] for key in keys if key in self.resets and number < self.resets[key][0]
            ]
            if not lines:
                kept.append(setting)
            else:
                message = f"{cut(setting.name)}: not in force, line {lines[0]} resets it"
                self.sheet.note(setting.line, message)
        self.sheet.settings = kept


def _read_table(table: Table, sheet: Sheet) -> None:
    subject = subject_of(table)
    if subject in (Subject.SETTINGS, Subject.SHOW_ALL):
        read_settings(table, sheet)
    elif subject is Subject.LISTING:
        offer_names(table, sheet)
        sheet.note(table.line, "a list of parameters: what stands beside a name here is no setting")


def _read_statement(statement: Statement, script: _Script, *, is_dump: bool) -> None:
    words = statement.words
    if words[0].is_keyword("SET") and not is_dump:
        at = 2 if len(words) > 1 and words[1].text.upper() in {"SESSION", "LOCAL"} else 1
        _set(statement, at, script, SESSION, Source.OPERATOR)
    elif words[0].is_keyword("ALTER") and len(words) > 2:  # noqa: PLR2004 - ALTER, of what, and more
        if words[1].is_keyword("SYSTEM"):
            _change(statement, 2, script, INSTANCE, Source.AUTO)
        elif words[1].text.upper() in {"ROLE", "USER", "DATABASE"}:
            _alter_owner(statement, script)
    _redact_password(words, script.sheet)


def _alter_owner(statement: Statement, script: _Script) -> None:
    words = statement.words
    owner, at = words[2].text, 3
    if words[1].is_keyword("DATABASE"):
        scope, source = scope_of(owner, "")
    else:
        database = ""
        if len(words) > _LONGEST_TARGET and words[3].is_keyword("IN") and words[4].is_keyword("DATABASE"):
            database, at = words[5].text, 6
        scope, source = scope_of(database, "" if words[2].is_keyword("ALL") else owner)
    _change(statement, at, script, scope, source)


def _change(statement: Statement, at: int, script: _Script, scope: str, source: Source) -> None:
    words = statement.words[at:]
    if not words:
        return
    if words[0].is_keyword("SET"):
        _set(statement, at + 1, script, scope, source)
    elif words[0].is_keyword("RESET") and len(words) > 1:
        script.reset(_name(words[1:])[0], scope, statement.line)


def _set(statement: Statement, at: int, script: _Script, scope: str, source: Source) -> None:
    name, rest = _name(statement.words[at:])
    if not name or not rest or not (rest[0].text == "=" or rest[0].is_keyword("TO")):
        return
    values = [word for word in rest[1:] if word.text != "," or word.kind != "mark"]
    if not values:
        script.sheet.error(statement.line, f"{cut(name)}: a statement without a value")
        return
    if len(values) == 1 and values[0].is_keyword("DEFAULT"):
        script.reset(name, scope, statement.line)
        return
    script.sheet.judge(name, _value(values), Place(statement.line, scope=scope, source=source))


def _value(values: Sequence[Word]) -> str:
    """Answer the text the server keeps: items of a list joined, each quoted where it would not survive."""
    texts = [word.text for word in values]
    if len(texts) == 1:
        return texts[0]
    if texts[0] in {"-", "+"}:
        return "".join(texts)
    return GRAMMAR.write_list(texts)


def _name(words: Sequence[Word]) -> tuple[str, Sequence[Word]]:
    """Answer a name, whose parts may be quoted and joined by dots, and what follows it."""
    if not words or words[0].kind not in {"word", "quoted"}:
        return "", words
    name, at = words[0].text, 1
    while at + 1 < len(words) and words[at].text == "." and words[at + 1].kind in {"word", "quoted"}:
        name += f".{words[at + 1].text}"
        at += 2
    return name, words[at:]


def _redact_password(words: Sequence[Word], sheet: Sheet) -> None:
    if len(words) > 2 and words[1].text.upper() in {"ROLE", "USER"}:  # noqa: PLR2004 - of whom
        has_password = any(
            word.is_keyword("PASSWORD") and after.kind == "string" for word, after in pairwise(words)
        )
        if has_password:
            sheet.redacted[f"password of {words[2].text}"] = None
