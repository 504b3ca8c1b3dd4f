"""``pg_controldata``: the control file of a data directory.

What it says of settings is how the server last ran (or, on a standby, how the primary did, as far as its
log is replayed): the least a restored server needs, and not what the configuration files say.
Sources: the server's pg_controldata.c and catversion.h of each version.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.config.dump import Source
from setpoint.engines.canonical import Meaning
from setpoint.engines.document import Likeness
from setpoint.engines.postgresql.dumps.sheet import Place, Sheet
from setpoint.engines.postgresql.dumps.typed import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_LINE = re.compile(r"(?P<label>[^:]{1,60}?)(?: setting)?:\s*(?P<text>.*)")
_SETTINGS = {
    "wal_level": "wal_level",
    "wal_log_hints": "wal_log_hints",
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
    "track_commit_timestamp": "track_commit_timestamp",
}
_LAYOUT = {
    "Database block size": "block_size",
    "WAL block size": "wal_block_size",
    "Bytes per WAL segment": "wal_segment_size",
}
_CONTROL, _CATALOG = "pg_control version number", "Catalog version number"
_CHECKSUMS = "Data page checksum version"
_CATALOGS = {
    "202506291": "18", "202406281": "17", "202307071": "16", "202209061": "15", "202107181": "14",
    "202007201": "13", "201909212": "12", "201809051": "11", "201707211": "10", "201608131": "9.6",
    "201510051": "9.5", "201409291": "9.4", "201306121": "9.3", "201204301": "9.2", "201105231": "9.1",
    "201008051": "9.0", "200904091": "8.4",
}  # fmt: skip
_CONTROLS = {"1800": "18", "1700": "17", "1201": "12", "1100": "11", "1002": "10", "960": "9.6"}


class ControlDataReader:
    """Reads what pg_controldata prints."""

    kind = "pg_controldata"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by the labels only it has."""
        head = "\n".join(document.lines[:80])
        if document.is_binary or not (_CONTROL in head or "Latest checkpoint's REDO location" in head):
            return None
        return Likeness(100 if _CONTROL in head else 80, "the labels of pg_controldata")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read the few settings; the layout of the data stands beside them as what it is, fixed."""
        found: dict[str, tuple[str, int]] = {}
        for number, line in enumerate(document.lines, start=1):
            match = _LINE.match(line.strip()[:500])
            if match is not None:
                found[match["label"].removeprefix("Current ").strip()] = (match["text"].strip(), number)
        own = _CATALOGS.get(_text(found, _CATALOG)) or _CONTROLS.get(_text(found, _CONTROL))
        sheet = Sheet(own or version)
        first = min((found[label][1] for label in _SETTINGS if label in found), default=0)
        if first:
            sheet.note(first, "these are the values of the server's last run, not those of its files")
        for label, name in {**_SETTINGS, **_LAYOUT}.items():
            if label in found:
                raw, line = found[label]
                source = Source.FILE if label in _SETTINGS else Source.DEFAULT
                sheet.add(name, raw, told(name, raw, sheet.version), Place(line, source=source))
        if _CHECKSUMS in found:
            raw, line = found[_CHECKSUMS]
            sheet.add("data_checksums", raw, Meaning(raw != "0"), Place(line, source=Source.DEFAULT))
        return [sheet.dump(document.path, self.kind)]


def _text(found: dict[str, tuple[str, int]], label: str) -> str:
    return found[label][0] if label in found else ""
