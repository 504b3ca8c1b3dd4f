"""Secrets in the dumps of MySQL and MariaDB: which names are secrets, and which texts hold one."""

from __future__ import annotations

import re

from setpoint.engines.mysql.dialect.knowledge import MASK
from setpoint.engines.mysql.dialect.knowledge import is_secret as is_secret_variable

_SECRET = re.compile(
    r"(?:^|[_.])(?:pass(?:w(?:d|o(?:rd?)?)?)?|password[123]|pwd|passphrase|secret|secret_id|token|filekey"
    r"|vault_token|auth_string|sst_auth|api_key|access_key|secret_key)$"
)
_HARMLESS = frozenset({
    "caching_sha2_password", "cracklib_password_check", "disconnect_on_expired_password",
    "ed25519_password", "mysql_native_password", "mysql_old_password", "sha256_password",
    "simple_password_check", "validate_password",
})  # fmt: skip
"""Plugins that are loaded by an option of their own name, and switches that sound like a secret."""
_WORDS = re.compile(r"(?:on|off|0|1|true|false|force|force_plus_permanent)?", re.IGNORECASE)
_IN_STATEMENT = re.compile(
    r"(?P<before>\b(?:identified\s+(?:with\s+\S{1,64}\s+)?(?:by|as)|master_password\s*=|source_password\s*="
    r"|password\s*=?\s*\(?)\s*(?:password\s*)?\(?\s*)(?P<quote>['\"])[^'\"]*(?P=quote)?",
    re.IGNORECASE,
)

_IN_TEXT = re.compile(
    r"(?P<before>\b(?:password|passwd|pwd|secret|token)\s*=\s*)(?!['\"])[^\s'\"&@;,]+"
    r"|(?P<login>://[^/\s:@]{0,200}:)[^\s@/]{1,200}(?=@)",
    re.IGNORECASE,
)


def is_secret(name: str, text: str | None) -> bool:
    """Tell whether what a (folded) name is given is a secret itself."""
    if name in _HARMLESS or not (_SECRET.search(name) or is_secret_variable(name)):
        return False
    return not (name.endswith("filekey") and (text or "").upper().startswith("FILE:"))


def without_secrets(name: str, text: str | None) -> tuple[str | None, bool]:
    """Answer a text without its secrets, None where it is one, and whether there was one."""
    if text is None or not text or _WORDS.fullmatch(text):
        return text, False
    if is_secret(name, text):
        return None, True
    if name in _HARMLESS:
        return text, False
    shown = _IN_STATEMENT.sub(rf"\g<before>'{MASK}'", text)
    shown = _IN_TEXT.sub(lambda found: (found["before"] or found["login"]) + MASK, shown)
    return shown, shown != text
