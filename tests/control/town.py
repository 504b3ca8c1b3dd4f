"""A governed store: a few people with tokens of their own, and one front for each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from setpoint import Setpoint
from setpoint.control import people
from setpoint.control.identity import Credential
from setpoint.control.notary import make_keys
from setpoint.control.permit import Permit
from setpoint.policy.person import Grant, Person, Principal, Right, Role

if TYPE_CHECKING:
    from setpoint.policy.selector import Selector

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROLES = {
    "lin": (Role.OPERATOR, Role.ADMINISTRATOR, Role.POLICY_OWNER),
    "mara": (Role.APPROVER,),
    "otto": (Role.APPROVER,),
    "pola": (Role.POLICY_OWNER,),
    "vic": (Role.VIEWER,),
    "emil": (Role.EMERGENCY,),
}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **span: float) -> None:
        self.at += timedelta(**span)

    def wait(self, seconds: float) -> None:
        self.pass_by(seconds=seconds)


@dataclass
class Town:
    """The people of one store."""

    founder: Setpoint
    clock: Clock
    tokens: dict[str, str]

    def __getattr__(self, name: str) -> Setpoint:
        if name not in self.tokens:
            raise AttributeError(name)
        return self.front(self.tokens[name])

    def front(self, token: str, account: str = "local:test@here") -> Setpoint:
        context = replace(
            self.founder._context, credential=Credential(account=account, token=token), actor="somebody"
        )
        return Setpoint(context)

    def settle(self, name: str, *roles: Role, scope: Selector | None = None, days: int = 30) -> None:
        """Make somebody known, with a token."""
        grants = tuple(Grant(role=role, scope=scope) if scope else Grant(role=role) for role in roles)
        permit = self.permit()
        context = self.founder._context
        people.put_person(context, Person(name=name, grants=grants), reason="joins", permit=permit)
        self.tokens[name] = people.issue_token(
            context, name, lasts=timedelta(days=days), reason="joins", permit=permit
        ).text

    def permit(self) -> Permit:
        return Permit(Principal(name="lin", account="test"), Right.MANAGE_PEOPLE)

    def reads(self, action: str) -> list[dict]:
        """Answer the details of audit rows with an action, oldest first."""
        return [row.detail for row in self.founder._context.store.audit.rows(action=action)]


def found(setpoint: Setpoint, names: dict[str, tuple[Role, ...]] = ROLES) -> Town:
    """Make the people known, the administrator first."""
    clock = Clock()
    context = replace(setpoint._context, now=clock, wait=clock.wait, moment=lambda: None)
    make_keys(context.store)
    first, *others = names
    person = Person(name=first, grants=tuple(Grant(role=role) for role in names[first]))
    permit = Permit(Principal(name="ada", account="", is_single_user=True), Right.MANAGE_PEOPLE)
    people.put_first(
        context, person, account="local:test@here", lasts=timedelta(days=30), reason="begins", permit=permit
    )
    town = Town(Setpoint(context), clock, {})
    town.tokens[first] = people.issue_token(
        context, first, lasts=timedelta(days=30), reason="begins", permit=town.permit()
    ).text
    for name in others:
        town.settle(name, *names[name])
    return town
