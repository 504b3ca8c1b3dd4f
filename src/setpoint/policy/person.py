"""People and services: who they are, what their roles let them do, and where."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from setpoint.policy.selector import ALL, Selector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from setpoint.config.configuration import Instance


class Role(Enum):
    """What somebody is trusted with. No role holds another's rights: who needs two is given two."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    EMERGENCY = "emergency"
    POLICY_OWNER = "policy owner"
    ADMINISTRATOR = "administrator"


class Right(Enum):
    """What can be done through the gate."""

    OBSERVE = "observe"
    EDIT = "edit the configuration"
    PROPOSE = "propose a change"
    APPLY = "apply a plan"
    APPROVE = "approve a change"
    BREAK_GLASS = "act in an emergency"
    EDIT_POLICY = "change policy"
    WAIVE = "ask for a waiver"
    MANAGE_PEOPLE = "manage people"
    ANCHOR = "anchor the audit log"


RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.OBSERVE}),
    Role.OPERATOR: frozenset({Right.OBSERVE, Right.EDIT, Right.PROPOSE, Right.APPLY, Right.WAIVE}),
    Role.APPROVER: frozenset({Right.OBSERVE, Right.APPROVE}),
    Role.EMERGENCY: frozenset({Right.OBSERVE, Right.PROPOSE, Right.APPLY, Right.BREAK_GLASS}),
    Role.POLICY_OWNER: frozenset(
        {Right.OBSERVE, Right.PROPOSE, Right.APPROVE, Right.EDIT_POLICY, Right.WAIVE, Right.ANCHOR}
    ),
    Role.ADMINISTRATOR: frozenset({Right.OBSERVE, Right.PROPOSE, Right.MANAGE_PEOPLE, Right.ANCHOR}),
}
"""What each role may do, within its scope."""


class Grant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One role within one scope."""

    role: Role
    scope: Selector = ALL

    def __str__(self) -> str:
        """Write ``operator on environment=production``."""
        return f"{self.role.value} on {self.scope}"


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A person or a service, under one name however many accounts they have.

    `accounts` are the ways they come in (``local:lin@db1``, ``oidc:ISSUER#SUBJECT``); no account belongs to
    two people. A removed person stays in the register, without rights.
    """

    name: str
    shown: str = ""
    is_service: bool = False
    accounts: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    removed_at: datetime | None = None


class Delegation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A voice lent: until `ends_at`, `to` may approve where `giver` may, and speaks for `giver` then."""

    id: str
    giver: str
    to: str
    scope: Selector = ALL
    reason: str = ""
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None

    def is_in_force(self, at: datetime) -> bool:
        """Tell whether it counts at that time."""
        return self.starts_at <= at < min(self.ends_at, self.ended_at or self.ends_at)


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts, as authenticated for one call: never kept from one call to the next.

    `is_single_user` marks the embedded default: a store without people, in which whoever can open it may do
    everything, and each audit row says so.
    """

    name: str
    account: str
    grants: tuple[Grant, ...] = ()
    is_single_user: bool = False
    is_narrowed: bool = False
    """Whether they came in with a token that holds less than the person does."""
    held: tuple[Grant, ...] = ()
    """All the person holds, also what this token leaves at home: a limit for a role binds who has it."""

    def roles(self, name: str, instance: Instance) -> frozenset[Role]:
        """Answer the roles held over an instance."""
        return frozenset(grant.role for grant in self.grants if grant.scope.fits(name, instance))

    def roles_held(self, name: str, instance: Instance) -> frozenset[Role]:
        """Answer the roles over an instance, those that a token leaves at home included."""
        grants = (*self.grants, *self.held)
        return frozenset(grant.role for grant in grants if grant.scope.fits(name, instance))

    def may(self, right: Right, name: str, instance: Instance) -> bool:
        """Tell whether they may do something to an instance."""
        return self.is_single_user or any(grant.scope.fits(name, instance) for grant in self.granting(right))

    def may_everywhere(self, right: Right) -> bool:
        """Tell whether they may do something that no instance bounds (policy, people, the audit log)."""
        return self.is_single_user or any(grant.scope.is_all for grant in self.granting(right))

    def granting(self, right: Right) -> Iterator[Grant]:
        """Answer the grants that hold a right."""
        return (grant for grant in self.grants if right in RIGHTS[grant.role])
