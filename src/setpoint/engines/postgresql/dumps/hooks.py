"""What the server checks of a value beyond its type and bounds.

Source: the check hooks of 13 to 18, each of these proved against running servers by the live tests.
"""

from __future__ import annotations

import re

_SLRU_BANK_BYTES = 16 * 8192
_SLRU = frozenset(
    {"commit_timestamp_buffers", "multixact_member_buffers", "multixact_offset_buffers", "notify_buffers"}
    | {"serializable_buffers", "subtransaction_buffers", "transaction_buffers"}
)
_LEAST_RING_BYTES = 128 * 1024
_SLOT = re.compile(r"[a-z0-9_]{1,63}")


def fault_of_hook(name: str, value: object) -> str:
    """Answer why the server would refuse a canonical value its type admits; empty where it takes it."""
    if name in _SLRU and isinstance(value, int) and value % _SLRU_BANK_BYTES:
        return "not a multiple of 16 blocks"
    if name == "vacuum_buffer_usage_limit" and isinstance(value, int) and 0 < value < _LEAST_RING_BYTES:
        return "neither 0 nor 128kB or more"
    if name == "recovery_target" and value not in {"", "immediate"}:
        return "it takes only 'immediate'"
    if name == "primary_slot_name" and value and not _SLOT.fullmatch(str(value)):
        return "not the name of a slot: lower-case letters, digits and underscores"
    return ""
