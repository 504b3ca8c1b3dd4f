"""Reading SHOW VARIABLES and SHOW STATUS, alone or one behind the other in one file."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from setpoint.config.dump import Dump, Problem, Sample, Severity, Source
from setpoint.engines.mysql.dumps.evidence import likeness, number_of
from setpoint.engines.mysql.dumps.listing import head_of, looks_listed, read_listing
from setpoint.engines.mysql.dumps.running import SESSION_ONLY, RunningValues

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from setpoint.engines.document import Document, Likeness
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dumps.listing import Block, Entry

_NAME = re.compile(r"[A-Za-z0-9_.$-]+")
_NUMBER = re.compile(r"-?\d{1,25}(?:\.\d{1,25})?")
_FOREIGN = re.compile(r"proxysql|mysql_backend_|active_transactions|crdb_|pg_|cockroach", re.IGNORECASE)
_USUAL_STATUS = re.compile(
    r"(?:aborted_|com_|handler_|innodb_|threads_|bytes_|created_tmp|key_|open_|qcache_|questions|queries|select_"
    r"|slow_|sort_|table_locks|uptime|wsrep_|aria_|binlog_|ssl_|connection|max_used|opened_|acl_|feature_)"
)
_GAUGES = re.compile(
    r"(?:Threads_(?:connected|running|cached)|Open_|Max_used|Uptime|.*_(?:size|limit|pages_(?:data|dirty|free|misc"
    r"|total)|bytes_(?:data|dirty)|current_waits|not_flushed|unused|used|position|in_cache|cached|avg|max|free_\w+"
    r"|blocks|pct|rate|level|hit_rate|age|lsn\w*)$|Qcache_(?:free|queries_in|total)|Prepared_stmt_count"
    r"|Slave_(?:open|running|heart)|Replica_open|wsrep_(?:cluster|local_(?:state|index|recv_queue|send_queue"
    r"|cached)|ready|flow_control_(?:paused$|status)|protocol)|Ssl_(?:accept|ctx|default|session_cache_size"
    r"|verify|used)|Innodb_(?:page_size|num_open|row_lock_current|undo|redo_log_(?:capacity|log|phys)"
    r"|history_list|mem_|lsn|checkpoint|ibuf_(?:free|size|seg)|max_trx|oldest|current_row|truncated|os_log_pending"
    r"|data_pending|buffer_pool_(?:pages|bytes)))",
    re.IGNORECASE,
)
_SAMPLED = 4000


@dataclass(frozen=True)
class VariablesReader:
    """Reads what SHOW VARIABLES and SHOW STATUS print."""

    engine: str
    meanings: Meanings
    kind: str = "SHOW VARIABLES"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by its names whether this lists variables or counters of these servers."""
        head = head_of(document)
        if not looks_listed(head):
            return None
        names = [entry.name for block in read_listing(head) for entry in block.entries[:_SAMPLED]]
        if not names or any(_FOREIGN.match(name) for name in names):
            return None
        known = sum(self._is_known(name) for name in names)
        if known * 2 < len(names):
            return None
        return likeness(document, self.engine, f"it lists {len(names)} variables or counters")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the settings and the counters."""
        blocks = read_listing(document)
        shown = [entry for block in blocks for entry in self._variables_of(block)]
        counted = _paired(_counters_of(blocks, {id(entry) for entry in shown}))
        version = _version_of(shown) or version
        values = RunningValues(self.meanings, version)
        for entry in shown:
            if not _NAME.fullmatch(entry.name):
                values.note(entry.line, "this is no name of a variable", Severity.ERROR)
        shown = [entry for entry in shown if _NAME.fullmatch(entry.name)]
        latest = {entry.name.lower(): entry for entry in shown}
        settings = [values.setting(e.name, e.text, e.line, source=Source.FILE) for e in latest.values()]
        for entry in shown:
            kept = latest[entry.name.lower()]
            if kept is not entry:
                values.note(entry.line, f"{entry.name.lower()} stands again in line {kept.line}")
        if SESSION_ONLY & latest.keys():
            values.note(
                0,
                "it shows a session: variables a session has for itself are as this one had them",
                Severity.NOTE,
            )
        samples, note = _samples(counted)
        problems = [problem for block in blocks for problem in block.problems]
        problems += [*values.problems, *([note] if note else [])]
        return (
            Dump(
                path=document.path,
                engine=self.engine,
                kind=_kind(bool(settings), bool(samples)),
                version=version,
                is_complete=bool(settings) and self.meanings.is_whole(latest.keys(), version),
                is_running=True,
                settings=tuple(settings),
                samples=tuple(samples),
                redacted=tuple(values.redacted),
                problems=tuple(problems),
            ),
        )

    def _is_known(self, name: str) -> bool:
        folded = name.lower()
        return folded in self.meanings.names or folded in SESSION_ONLY or bool(_USUAL_STATUS.match(folded))

    def _variables_of(self, block: Block) -> list[Entry]:
        """Answer the entries that are variables: counters begin with a capital, but for those of plugins."""
        lower = [entry for entry in block.entries if not entry.name[:1].isupper()]
        if block.entries and all(entry.name.isupper() for entry in block.entries):
            return [e for e in block.entries if e.name.lower() in self.meanings.names]
        if len(lower) == len(block.entries):
            return [entry for entry in lower if entry.later is None]
        known = [entry for entry in lower if entry.name in self.meanings.names]
        is_status = len(known) * 4 < len(lower) or len(known) < 3  # noqa: PLR2004 - counters of plugins
        return [] if is_status else lower


def _counters_of(blocks: Iterable[Block], settings: set[int]) -> list[Entry]:
    return [entry for block in blocks for entry in block.entries if id(entry) not in settings]


def _paired(entries: Sequence[Entry]) -> list[Entry]:
    """Make one entry of a counter that stands twice: with the first and the last of its numbers."""
    found: dict[str, Entry] = {}
    for entry in entries:
        first = found.get(entry.name)
        if first is None or not _NUMBER.fullmatch(entry.text or ""):
            found.setdefault(entry.name, entry)
        else:
            found[entry.name] = replace(first, later=entry.text, line=entry.line)
    return list(found.values())


def _kind(has_settings: bool, has_samples: bool) -> str:  # noqa: FBT001 - the two things a listing may hold
    if has_settings and has_samples:
        return "SHOW VARIABLES and SHOW STATUS"
    return "SHOW STATUS" if has_samples else "SHOW VARIABLES"


def _version_of(entries: Iterable[Entry]) -> str | None:
    told = {entry.name.lower(): entry.text for entry in entries if entry.name.lower().endswith("version")}
    if number := number_of(told.get("version")):
        return number
    of_innodb = number_of(told.get("innodb_version"))
    # Until 5.5 InnoDB counted for itself (1.0.10); since then it shows the server's own number.
    return of_innodb if of_innodb is not None and int(of_innodb.split(".")[0]) > 1 else None


def _samples(entries: Sequence[Entry]) -> tuple[list[Sample], Problem | None]:
    """Answer the numbers, and what is to be said about a second sample whose distance in time is not told."""
    uptime = next((e for e in entries if e.name.lower() == "uptime"), None)
    seconds = _number(uptime.later) - _number(uptime.text) if uptime is not None and uptime.later else 0.0
    samples = [
        Sample(
            name=entry.name,
            value=_number(entry.later if entry.later is not None else entry.text),
            line=entry.line,
            per_second=_rate(entry, seconds),
        )
        for entry in entries
        if entry.text is not None and _NUMBER.fullmatch(entry.text)
    ]
    is_unclear = seconds <= 0 and any(entry.later is not None for entry in entries)
    words = "two samples, and Uptime does not tell how far apart: no rates"
    return samples, Problem(severity=Severity.WARNING, message=words) if is_unclear else None


def _rate(entry: Entry, seconds: float) -> float | None:
    if entry.later is None or seconds <= 0 or _GAUGES.match(entry.name):
        return None
    moved = _number(entry.later) - _number(entry.text)
    return moved / seconds if moved >= 0 else None


def _number(text: str | None) -> float:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else 0.0
