"""Identifiers of people, policies and rules: ASCII only, so that no name can be made to look like another."""

from __future__ import annotations

import re

from setpoint.errors import InputError

IDENTIFIER_ADVICE = (
    "a to z, 0 to 9, dots, dashes and underscores, beginning with a letter or digit, 63 at most"
)
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def is_identifier(text: str) -> bool:
    """Tell whether a text can name a person, a policy or a rule."""
    return _IDENTIFIER.fullmatch(text) is not None


def require_identifier(text: str, what: str = "name") -> str:
    """Answer the text when it is an identifier; raise `InputError` saying what one is."""
    if is_identifier(text):
        return text
    raise InputError(f"{text[:80]!a} is no {what}", next_step=IDENTIFIER_ADVICE)
