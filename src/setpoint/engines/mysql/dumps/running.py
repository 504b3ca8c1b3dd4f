"""What the texts mean that a running server shows: typed, and not judged, for the server runs them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE, SESSION, DumpSetting, Problem, Severity, Source
from setpoint.engines.canonical import Meaning, amount
from setpoint.engines.mysql.dialect.grammar import GRAMMAR
from setpoint.engines.mysql.dumps.secrets import without_secrets

if TYPE_CHECKING:
    from setpoint.catalog import Parameter
    from setpoint.engines.meanings import Meanings

SESSION_ONLY = frozenset({
    "debug_sync", "error_count", "external_user", "gtid_next", "gtid_seq_no", "identity",
    "immediate_server_version", "in_transaction", "insert_id", "last_gtid", "last_insert_id",
    "original_commit_timestamp", "original_server_version", "proxy_user", "pseudo_replica_mode",
    "pseudo_slave_mode", "pseudo_thread_id", "rand_seed1", "rand_seed2", "rbr_exec_mode",
    "resultset_metadata", "show_create_table_skip_secondary_engine", "skip_parallel_replication",
    "skip_replication", "statement_id", "timestamp", "transaction_allow_batching",
    "transaction_write_set_extraction_session", "use_secondary_engine", "warning_count",
})  # fmt: skip
"""Variables that a session has and the server as a whole has not."""

_BOOLS = {"on": True, "true": True, "off": False, "false": False}
_INTEGER = re.compile(r"[-+]?\d{1,40}")
_FLOAT = re.compile(r"[-+]?(?:\d{1,40}\.\d{0,40}|\.\d{1,40}|\d{1,40})(?:[eE][-+]?\d{1,3})?")
_SHOWS_NULL = "secure_file_priv"
"""MySQL shows the text NULL for it: nothing may be read or written; an empty text allows all."""
_REFUSED = "{} shows {}, which the catalog of {} does not have"


def by_shape(text: str) -> Meaning:
    """Answer what a text of an unknown name means: a boolean, a number, or text."""
    value = _BOOLS.get(text.lower())
    if value is not None:
        return Meaning(value)
    if _INTEGER.fullmatch(text):
        return Meaning(int(text))
    if _FLOAT.fullmatch(text):
        number = float(text)
        return Meaning(number if abs(number) != float("inf") else text)
    return Meaning(text)


def leniently(parameter: Parameter, text: str) -> Meaning:
    """Answer what a text means as a parameter's, whatever its bounds; as text where it is of no such type."""
    try:
        value = parameter.read(text, GRAMMAR)
    except ValueError:
        return by_shape(text) if text else Meaning(text)
    if isinstance(value, tuple):
        return Meaning(text.strip())
    return Meaning(value) if isinstance(value, (bool, str)) else amount(value, parameter, GRAMMAR)


@dataclass(slots=True)
class RunningValues:
    """Makes settings of what a server shows, and remembers what was redacted and what is worth a note."""

    meanings: Meanings
    version: str | None
    redacted: dict[str, None] = field(default_factory=dict[str, None])
    problems: list[Problem] = field(default_factory=list[Problem])

    def setting(
        self,
        name: str,
        text: str | None,
        line: int,
        *,
        source: Source = Source.FILE,
        scope: str | None = None,
        kind: str = "",
    ) -> DumpSetting:
        """Answer the setting of a shown name and text; `kind` is the type the file itself tells."""
        name = name.lower()
        if text is None and name == _SHOWS_NULL:
            text = "NULL"
        shown, had_secret = without_secrets(name, text)
        if had_secret:
            self.redacted[name] = None
        if shown is None:
            meaning = Meaning(None)
        elif had_secret:
            meaning = Meaning(shown)
        else:
            meaning = self._mean(name, shown, line, kind)
        return DumpSetting(
            name=name,
            raw=shown,
            value=meaning.value,
            unit=meaning.unit,
            line=line,
            scope=scope or (SESSION if name in SESSION_ONLY else INSTANCE),
            source=source,
        )

    def note(self, line: int, message: str, severity: Severity = Severity.NOTE) -> None:
        """Remember something worth knowing."""
        self.problems.append(Problem(severity=severity, line=line, message=message))

    def _mean(self, name: str, text: str, line: int, kind: str) -> Meaning:
        meaning = self.meanings.mean(name, text, self.version)
        if meaning is not None and not meaning.fault:
            return meaning
        parameter = self.meanings.parameter(name, self.version)
        if parameter is None:
            return _by_type(kind, text)
        own = self.meanings.shipped(self.version)
        if meaning is not None and own is not None and text:
            self.note(line, _REFUSED.format(name, text[:60], own.version))
        return leniently(parameter, text)


def _by_type(kind: str, text: str) -> Meaning:
    kind = kind.upper()
    if kind.startswith(("VARCHAR", "ENUM", "SET", "FLAGSET", "STRING")):
        return Meaning(text)
    return by_shape(text)
