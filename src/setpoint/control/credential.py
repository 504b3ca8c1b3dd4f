"""Credentials: what somebody comes in with, and what an authenticator makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from setpoint.policy.selector import ALL, Selector

if TYPE_CHECKING:
    from datetime import datetime

    from setpoint.policy.person import Role
    from setpoint.store import Store


@dataclass(frozen=True, slots=True)
class Claim:
    """What an authenticator found proven: an account, and how far this proof reaches.

    `person` is the name of whom the proof was issued for; empty: whoever has the account among theirs.
    `roles` and `scope` narrow what the person may do (empty: nothing is narrowed).
    """

    account: str
    person: str = ""
    roles: tuple[Role, ...] = ()
    scope: Selector = ALL


class Authenticator(Protocol):
    """A way to prove who one is."""

    def __call__(self, store: Store, credential: Credential, at: datetime) -> Claim:
        """Answer what the credential proves at that time; raise `NotPermittedError` when nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody comes in with: the account they sit at, a token, and how it is judged (None: as ours)."""

    account: str = ""
    token: str = field(default="", repr=False)
    authenticator: Authenticator | None = field(default=None, repr=False)
