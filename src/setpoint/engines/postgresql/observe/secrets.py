"""Secrets inside settings, taken out of a reply before anything else sees it.

PostgreSQL keeps the password to a primary inside a connection string, and extensions keep tokens in
parameters of their own. An observation is stored and shown, so it says that there is one and never what it
is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.engines.postgresql.dialect.secrets import masked

if TYPE_CHECKING:
    from setpoint.engines.postgresql.observe.reply import Answer, FileRow, OverrideRow, SettingRow


def without_secrets(answer: Answer) -> Answer:
    """Answer the same reply with every secret replaced by a mask."""
    files = answer.files
    host = answer.host
    if host is not None:
        host = replace(host, opts=masked("", host.opts), auto_conf=masked("", host.auto_conf))
    return replace(
        answer,
        settings=tuple(_setting(row) for row in answer.settings),
        overrides=tuple(_override(row) for row in answer.overrides),
        files=None if files is None else tuple(_file(row) for row in files),
        host=host,
    )


def _setting(row: SettingRow) -> SettingRow:
    if row.vartype != "string":
        return row
    texts = {name: masked(row.name, getattr(row, name)) for name in ("setting", "boot_val", "reset_val")}
    return row if all(getattr(row, name) == text for name, text in texts.items()) else replace(row, **texts)


def _file(row: FileRow) -> FileRow:
    text = masked(row.name or "", row.text)
    return row if text == row.text else replace(row, text=text)


def _override(row: OverrideRow) -> OverrideRow:
    name, equals, text = row.entry.partition("=")
    return replace(row, entry=f"{name}{equals}{masked(name, text)}")
