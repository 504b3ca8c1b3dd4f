"""What ``SELECT version()`` and ``postgres --version`` say: the version, and no setting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.document import Likeness
from setpoint.engines.postgresql.dumps.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_TOLD = re.compile(
    r"^[^\w\n]{0,8}(?:PostgreSQL (?P<full>\d{1,3}(?:\.\d{1,3}){0,2})(?:\w*,? on |[^\n]{1,200} on )\S"
    r"|postgres \(PostgreSQL\) (?P<short>\d{1,3}(?:\.\d{1,3}){0,2}))",
    re.MULTILINE,
)
_LONGEST, _MOST_LINES = 4_000, 8


class VersionReader:
    """Reads a version."""

    kind = "version"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by the words, which stand nearly alone."""
        if document.is_binary or len(document.text) > _LONGEST:
            return None
        filled = sum(bool(line.strip()) for line in document.lines)
        if filled > _MOST_LINES or _version_of(document.text) is None:
            return None
        return Likeness(95, "the words of version()")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it."""
        return [Sheet(_version_of(document.text) or version).dump(document.path, self.kind, is_running=True)]


def _version_of(text: str) -> str | None:
    match = _TOLD.search(text)
    return (match["full"] or match["short"]) if match is not None else None
