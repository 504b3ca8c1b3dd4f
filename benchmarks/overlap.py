"""Whether two were at work on one instance at once: judged by the audit log, and by what servers logged."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from setpoint.store.chain import AuditRow

SERVER_CONF = """
log_statement = 'ddl'
log_disconnections = on
log_timezone = 'UTC'
log_line_prefix = '%m|%p|%a|'
"""
"""What has a server log each change of its settings, and until when the session lived that made it."""

_LINE = re.compile(r"(?P<at>\S+ \S+) UTC\|(?P<pid>\d+)\|(?P<name>[^|]*)\|LOG: +(?P<said>.*)")


@dataclass(frozen=True, order=True)
class Span:
    """Who was at work on something from when to when; `what` is the apply or the server's session."""

    began: datetime
    ended: datetime
    who: str
    what: str


def overlaps(spans: Iterable[Span]) -> list[tuple[Span, Span]]:
    """Answer the spans of one instance that began before the one before them had ended."""
    return [(one, other) for one, other in pairwise(sorted(spans)) if other.began < one.ended]


def spans_of_audit(
    rows: Iterable[AuditRow], died: Mapping[int, datetime], now: datetime
) -> dict[str, list[Span]]:
    """Answer each apply's span by instance.

    The rows' order decides, not their times: an apply whose row of its end comes after the next one's
    beginning overlaps with it. One that somebody else ended lasts until its process died, or until `now`
    where it lives: `died` says when each process did.
    """
    begun: dict[str, tuple[AuditRow, int]] = {}
    found: dict[str, list[Span]] = defaultdict(list)
    for row in rows:
        id_ = row.detail["apply"] if row.action in ("apply.begin", "apply.finish") else ""
        if row.action == "apply.begin":
            begun[id_] = row, row.detail["pid"]
        elif row.action == "apply.finish":
            first, pid = begun.pop(id_)
            is_ended_by_others = row.detail["message"].startswith("its process")
            ended = died.get(pid, now) if is_ended_by_others else row.at
            found[row.subject].append(Span(first.at, ended, f"process {pid}", id_))
    for id_, (first, pid) in begun.items():
        found[first.subject].append(Span(first.at, died.get(pid, now), f"process {pid}", id_))
    return found


def spans_of_log(path: Path, *, but: str) -> list[Span]:
    """Answer the span of each session that changed a server's settings, from its first change to its end.

    Sessions whose application is called `but` are somebody else's.
    """
    changed: dict[str, tuple[datetime, str]] = {}
    spans: list[Span] = []
    for at, pid, name, said in _lines(path):
        if "ALTER SYSTEM" in said and name != but:
            changed.setdefault(pid, (at, said))
        elif said.startswith("disconnection") and pid in changed:
            began, what = changed.pop(pid)
            spans.append(Span(began, at, f"session {pid}", what))
    spans += [Span(began, began, f"session {pid}", what) for pid, (began, what) in changed.items()]
    return spans


def _lines(path: Path) -> Iterator[tuple[datetime, str, str, str]]:
    for line in path.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match:
            yield (
                datetime.fromisoformat(match["at"]).replace(tzinfo=UTC),
                match["pid"],
                match["name"],
                match["said"],
            )
