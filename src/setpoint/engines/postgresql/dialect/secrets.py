"""Secrets inside settings: which parameters are one, and which part of a text is.

The core has no parameter that is a secret itself. Connection strings and shell commands may hold one, and
extensions keep tokens in parameters of their own. All is done in time linear to the text.
"""

from __future__ import annotations

import re

from setpoint.engines.postgresql.dialect.knowledge import MASK

_ASSIGNED = re.compile(
    r"(?P<before>(?:password|passwd|pwd|passphrase|secret|token|secret_?(?:access_?)?key|api_?key"
    r"|storage_?key)(?:\s*=\s*|(?<=--password)\s+|(?<=--passphrase)\s+))"
    r"(?:'{1,2}(?:[^'\\]|\\.)*+'{1,2}|(?:[^\s'\"\\]|\\.)+|['\"].*)",
    re.IGNORECASE | re.DOTALL,
)
_URL = re.compile(r"://[^\s']+")
_SECRET_NAME = re.compile(
    r"[._](?:password|passwd|passphrase|secret|token|salt|(?:api|access|secret|private|encryption)_?key)$",
    re.IGNORECASE,
)
_LONGEST_WORD = 20
_SPOKEN = re.compile(r"\s*(?:\S*/)?(?:echo|printf)\s+")
_BARE_NAMES = frozenset({"password", "passwd"})


def is_secret(name: str) -> bool:
    """Tell whether a parameter's whole value is a secret."""
    if name.lower() in _BARE_NAMES:
        return True
    return "." in name and _SECRET_NAME.search(name[-_LONGEST_WORD:]) is not None


def masked(name: str, text: str | None) -> str | None:
    """Answer a parameter's text without the secrets in it."""
    if not text:
        return text
    if is_secret(name):
        return MASK
    if name.lower() == "ssl_passphrase_command" and (spoken := _SPOKEN.match(text)):
        return text[: spoken.end()] + MASK
    if "=" in text or "--pass" in text:
        text = _ASSIGNED.sub(rf"\g<before>{MASK}", text)
    return _URL.sub(_masked_address, text) if "://" in text and "@" in text else text


def _masked_address(match: re.Match[str]) -> str:
    login, at, place = match[0][3:].rpartition("@")
    user, colon, _ = login.partition(":")
    return f"://{user}:{MASK}@{place}" if at and colon else match[0]
