"""Tokens: a secret that stands for a person, kept as a keyed hash, with a scope and an end.

A token reads ``sp_ID_SECRET``. The store keeps the keyed BLAKE2 hash of the secret; the key lies outside the
store, so a copy of the store alone cannot be used to guess or replay tokens.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from setpoint.policy.person import Role
from setpoint.policy.selector import ALL, Selector


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One token of one person.

    `roles` and `scope` narrow what the person may do through it (empty: everything they may). `account`
    binds it to one local account (``local:USER@HOST``); empty for tokens of the API.
    """

    id: str
    person: str
    digest: str
    roles: tuple[Role, ...] = ()
    scope: Selector = ALL
    account: str = ""
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_why: str = ""
