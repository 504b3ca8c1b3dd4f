"""Scripts that configure an instance, read as what they would leave behind."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE, DumpSetting
from setpoint.engines.document import Likeness
from setpoint.engines.sqlserver.dialect import PREFIX, find_scoped
from setpoint.engines.sqlserver.dumps.collection import Collection, database_scope
from setpoint.engines.sqlserver.dumps.option import mean, named
from setpoint.engines.sqlserver.dumps.statements import read_statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Canonical, Dump
    from setpoint.engines.document import Document
    from setpoint.engines.sqlserver.dumps.statements import Statement

_CALL = re.compile(
    r"\bsp_configure\]?\s{0,20}(?:@configname\s{0,9}=\s{0,9})?(?:[Nn]?['\"]|@)"
    r"|\bALTER\s{1,9}DATABASE\s{1,9}SCOPED\s{1,9}CONFIGURATION\b|\bALTER\s{1,9}SERVER\s{1,9}CONFIGURATION\b",
    re.IGNORECASE,
)
_OF_SERVERS = re.compile(r"alter\s{1,9}server")
_MENTION = re.compile(r"\bsp_configure\b", re.IGNORECASE)
_HEX = re.compile(r"0[xX][0-9A-Fa-f]{1,16}")
_WHOLE = re.compile(r"\s*[-+]?\d{1,19}\s*")
_OF_SERVER = {
    ("MEMORY_OPTIMIZED TEMPDB_METADATA", "ON"): ("tempdb metadata memory-optimized", True),
    ("MEMORY_OPTIMIZED TEMPDB_METADATA", "OFF"): ("tempdb metadata memory-optimized", False),
    ("SOFTNUMA", "ON"): ("automatic soft-NUMA disabled", False),
    ("SOFTNUMA", "OFF"): ("automatic soft-NUMA disabled", True),
}
"""What ALTER SERVER CONFIGURATION sets that is an option of sp_configure too."""
_SURE, _MAYBE = 92, 60


class ScriptReader:
    """Reads such a script."""

    kind = "sp_configure script"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by a call of sp_configure with a name, or one of the statements."""
        if document.is_binary or not _may_be(document.text.lower()):
            return None
        if _CALL.search(document.text) is not None:
            return Likeness(_SURE, "statements that configure SQL Server")
        if _MENTION.search(document.text) is None:
            return None
        has_call = any(each.what == "option" for each in read_statements(document.text))
        return Likeness(_MAYBE, "calls of sp_configure") if has_call else None

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it."""
        script = _Script(Collection(document.path, self.kind, version))
        for statement in read_statements(document.text):
            script.take(statement)
        return (script.finish(),)


def _may_be(folded: str) -> bool:
    """Tell soon that a text has none of those statements, as most have not."""
    return "sp_configure" in folded or "scoped" in folded or _OF_SERVERS.search(folded) is not None


@dataclass
class _Script:
    """What a script has set so far; `waiting` is what no RECONFIGURE followed yet."""

    collection: Collection
    settings: list[DumpSetting] = field(default_factory=list[DumpSetting])
    waiting: dict[str, int] = field(default_factory=dict[str, int])

    def take(self, statement: Statement) -> None:
        """Take one statement."""
        if statement.what == "reconfigure":
            self.waiting.clear()
            return
        if statement.is_conditional:
            message = "this stands under a condition, and may not be run"
            self.collection.warn(message, statement.line)
        if statement.what == "option":
            self._option(statement)
        elif statement.what == "scoped":
            self._scoped(statement)
        else:
            self._server(statement)

    def finish(self) -> Dump:
        """Answer what the script leaves behind."""
        for name, line in self.waiting.items():
            self.collection.warn(f"{name} is set, and not in force: no RECONFIGURE follows", line)
        self.collection.take_last(self.settings)
        if any(setting.scope == database_scope("") for setting in self.settings):
            self.collection.warn("no USE tells which database the scoped configurations are for")
        return self.collection.dump()

    def _option(self, statement: Statement) -> None:
        name, fault = _full_name(statement.name)
        if fault:
            self.collection.error(fault, statement.line)
            if not name:
                return
        elif not named(name):
            message = f"{name}: no version known here has it; the server refuses unknown names (error 15123)"
            self.collection.note(message, statement.line)
        self.waiting[name] = statement.line
        self._add(name, statement, INSTANCE, fault or statement.fault, is_told=bool(fault))

    def _scoped(self, statement: Statement) -> None:
        if statement.is_for_secondary:
            message = f"{statement.name} for secondaries is not taken in"
            self.collection.warn(message, statement.line)
            return
        if find_scoped(statement.name) is None:
            self.collection.note(f"{statement.name}: no version known here has it", statement.line)
        self._add(PREFIX + statement.name.lower(), statement, database_scope(statement.database), "")

    def _server(self, statement: Statement) -> None:
        known = _OF_SERVER.get((statement.name.upper(), (statement.text or "").upper()))
        name = known[0] if known else statement.name
        value: Canonical | None = known[1] if known else statement.text
        fault = "a placeholder stands there" if statement.is_placeholder else statement.fault
        if fault:
            self.collection.error(f"{name}: {fault}", statement.line, statement.column)
            value = None
        self.settings.append(DumpSetting(name=name, raw=statement.text, value=value, line=statement.line))

    def _add(self, name: str, statement: Statement, scope: str, fault: str, *, is_told: bool = False) -> None:
        text = statement.text
        value, unit = None, None
        if statement.is_placeholder:
            fault = f"{name}: a placeholder stands there, which nobody has filled in"
        elif text is None:
            message = f"{name}: the value is a variable's, and the script does not tell it"
            self.collection.warn(message, statement.line, statement.column)
        elif not fault:
            spelled = str(int(text, 16)) if _HEX.fullmatch(text) else text
            if scope == INSTANCE and not _WHOLE.fullmatch(spelled):
                fault = f"{name}: {text!r} is no whole number"
            else:
                meaning = mean(name, spelled, self.collection.version)
                value, unit, fault = meaning.value, meaning.unit, meaning.fault
        if fault and not is_told:
            self.collection.error(fault, statement.line, statement.column)
        setting = DumpSetting(name=name, raw=text, value=value, unit=unit, line=statement.line, scope=scope)
        self.settings.append(setting)


def _full_name(written: str) -> tuple[str, str]:
    """Answer the option that a name or its beginning stands for, and why the server would refuse it."""
    name = written.strip()
    if not name:
        return "", "the name of the option is a variable's, and the script does not tell it"
    found = named(written)
    if len(found) > 1:
        return name, f"{name}: several options begin so (error 15124)"
    return (found[0] if found else name), ""
