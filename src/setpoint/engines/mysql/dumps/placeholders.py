"""Placeholders: texts that somebody or something was to replace by a value, and did not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.catalog import Parameter

_TEMPLATE = re.compile(
    r"\{\{|\{%|\$\{\w|\$\(\w|<%|#\{|%\([A-Za-z_]\w{0,60}\)s|<[A-Za-z_][\w .-]{0,60}>"
    r"|@[A-Za-z_]\w{0,60}@|%[A-Za-z_]\w{0,60}%|__[A-Z][A-Z0-9_]{0,60}__"
)
_BARE = re.compile(r"[A-Z][A-Z0-9_]*[A-Z][a-z]?")
_PATHS = re.compile(
    r"(?:dir|_path|_file|_home|_file_path|socket|tmpdir|pid_file|log_error|secure_file_priv)$"
)


def is_template(text: str) -> bool:
    """Tell whether a text holds what a templating program would have replaced."""
    return _TEMPLATE.search(text) is not None


def is_bare(name: str, text: str, parameter: Parameter | None) -> bool:
    """Tell whether a bare word in capitals stands where a number, a port or a path is due."""
    if _BARE.fullmatch(text) is None:
        return False
    if _PATHS.search(name) and "_" in text:
        return True
    if parameter is not None:
        return parameter.is_numeric
    return name.endswith(("port", "_size", "_id", "_timeout", "_connections"))


def holds_word(text: str, words: set[str]) -> str:
    """Answer the first of those words that stands in a text among other letters than capitals."""
    return next(
        (word for word in sorted(words) if re.search(rf"(?<![A-Z0-9_]){word}(?![A-Z0-9_])", text)), ""
    )
