"""Placeholders: texts that a template's program was to replace and did not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.catalog import Kind

if TYPE_CHECKING:
    from setpoint.catalog import Parameter

_TEMPLATE = re.compile(
    r"\{\{.{0,200}?\}\}|\{%.{0,200}?%\}|<%.{0,200}?%>|\$\{[A-Za-z_][\w.:\-]{0,100}\}|\$\([A-Za-z_]\w{0,100}\)"
    r"|@[A-Z_][A-Z0-9_]{0,100}@|%%[A-Za-z_]\w{0,100}%%"
)
_MARKED = re.compile(
    r"<[A-Za-z_][\w .\-]{0,100}>|\$[A-Z_][A-Z0-9_]{0,100}|%[A-Za-z_]\w{1,100}%|__[A-Z][A-Z0-9_]{0,100}__"
    r"|@[A-Za-z_][\w.\-]{0,100}@"
)
_BARE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_NUMERIC = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.SIZE, Kind.DURATION})
_PROGRAMS = frozenset(
    {"archive_command", "restore_command", "archive_cleanup_command", "recovery_end_command"}
)
_PATHS = re.compile(r"(?:_directory|_directories|_file|_dir|_path)$")
_LONGEST = 4096
_FAULT = "a placeholder stands where its value is due"


def is_template(text: str) -> bool:
    """Tell whether a text holds a template's own marks, which no value does."""
    return _TEMPLATE.search(text[:_LONGEST]) is not None


def fault_of_placeholder(text: str, parameter: Parameter | None) -> str:
    """Say that a text is a placeholder; empty where it is a value.

    Marks that a shell command or a path may hold too (``%p``, ``$HOME``) count only as the whole text.
    """
    head = text[:_LONGEST].strip()
    if parameter is not None and parameter.name in _PROGRAMS and "{{" not in head:
        return ""
    if is_template(head) or _MARKED.fullmatch(head):
        return _FAULT
    if parameter is None or not _BARE.fullmatch(head):
        return ""
    is_path = parameter.kind is Kind.STRING and "_" in head and _PATHS.search(parameter.name) is not None
    return _FAULT if is_path or parameter.kind in _NUMERIC else ""
