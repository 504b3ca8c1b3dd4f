"""Masks: no secret gets into the audit log, neither under a key that is one's nor inside a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SECRET_KEY = re.compile(
    r"(password|passwd|passphrase|(^|[^a-z])(pwd|secret|token|credentials?|(api|access|private)[_-]?key))$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"(://[^/\s:@]*:)[^@\s]*(?=@)|(\b(?:password|passwd|pwd)\s*=\s*)('(?:[^'\\]|\\.|'')*'|\S+)", re.IGNORECASE
)


def masked(value: Any) -> Any:
    """Answer a JSON value with passwords inside its texts masked.

    Raises:
        ValueError: a key looks like a secret's, and something stands there.
    """
    if isinstance(value, str):
        return _SECRET_VALUE.sub(lambda match: f"{match[1] or match[2]}***", value)
    if isinstance(value, dict):
        return dict(_masked_items(value))  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, list):
        return [masked(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _masked_items(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if _SECRET_KEY.search(key) and item not in (None, ""):
            message = f"the audit log was handed a secret under the key {key!r}"
            raise ValueError(message)
        yield key, masked(item)
