"""Files beside ``postgresql.conf`` that set no parameter: who may log in, and how a packaged cluster starts.

They are known so that a whole folder of configuration can be imported. Nothing of them is kept: a line of
`pg_hba.conf` may hold a password (``ldapbindpasswd``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.document import Likeness
from setpoint.engines.postgresql.dumps.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_KINDS = {
    "pg_hba.conf": re.compile(
        r"^#[ \t]*TYPE[ \t]+DATABASE[ \t]+USER[ \t]+ADDRESS[ \t]+METHOD"
        r"|^# PostgreSQL Client Authentication Configuration File"
        r"|^(?:local|host|hostssl|hostnossl|hostgssenc|hostnogssenc)[ \t]+\S{1,100}[ \t]+\S{1,100}[ \t]+"
        r"(?:\S{1,100}[ \t]+){0,2}(?:trust|reject|md5|scram-sha-256|peer|ident|cert|ldap|gss|sspi|pam|radius"
        r"|password)\b",
        re.MULTILINE,
    ),
    "pg_ident.conf": re.compile(
        r"^#[ \t]*MAPNAME[ \t]+SYSTEM-USERNAME[ \t]+(?:PG|DATABASE)-USERNAME|^# PostgreSQL User Name Maps",
        re.MULTILINE,
    ),
    "pg_ctl.conf": re.compile(r"^pg_ctl_options[ \t]*=", re.MULTILINE),
    "start.conf": re.compile(r"^# Automatic startup configuration$", re.MULTILINE),
    "environment": re.compile(r"^# environment variables for postgres processes", re.MULTILINE),
}
_HEAD_CHARACTERS = 20_000


class BesideReader:
    """Knows those files."""

    kind = "pg_hba.conf"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell by their own comments, or by the rows of pg_hba.conf."""
        kind = _kind_of(document)
        return Likeness(88, f"it reads like {kind}") if kind else None

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Say what it is."""
        sheet = Sheet(version)
        sheet.note(0, "it sets no parameter; nothing of it is kept")
        return [sheet.dump(document.path, _kind_of(document) or self.kind)]


def _kind_of(document: Document) -> str:
    if document.is_binary:
        return ""
    head = document.text[:_HEAD_CHARACTERS]
    return next((kind for kind, mark in _KINDS.items() if mark.search(head)), "")
