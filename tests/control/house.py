"""A store with people in it, a clock of its own, and contexts for whoever comes in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from setpoint.control import identity, notary, people
from setpoint.control.context import Context
from setpoint.control.credential import Credential
from setpoint.control.people import Issued
from setpoint.control.permit import Permit
from setpoint.policy.person import Grant, Person, Principal, Right, Role
from setpoint.policy.selector import ALL, Selector
from setpoint.store import Store

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(days=90)


@dataclass
class House:
    """`root` is the first administrator; others are added with `person`."""

    store: Store
    at: datetime = START
    root: Issued | None = field(default=None, repr=False)

    def now(self) -> datetime:
        return self.at

    def context(self, token: str = "", account: str = "local:root@db1", **credential) -> Context:
        return Context(
            store=self.store,
            actor="whoever",
            read_secret=lambda _: None,
            now=self.now,
            credential=Credential(account, token, **credential),
        )

    @property
    def inner(self) -> Context:
        """The context that doers are called with; who acts stands in the permit."""
        return self.context()

    def permit(self, name: str = "root", right: Right = Right.MANAGE_PEOPLE) -> Permit:
        kept = self.store.people.find(name)
        grants = kept.value.grants if kept else ()
        principal = Principal(name=name, account="local:root@db1", grants=grants, is_single_user=not grants)
        return Permit(principal, right)

    def found(self) -> House:
        """Add the first person."""
        person = Person(name="root", grants=(Grant(role=Role.ADMINISTRATOR),))
        _, self.root = people.put_first(
            self.inner, person, account="local:root@db1", lasts=QUARTER, reason="first", permit=self.permit()
        )
        return self

    def person(self, name: str, *roles: Role, scope: Selector = ALL, **fields) -> Person:
        grants = tuple(Grant(role=role, scope=scope) for role in roles)
        made = Person(name=name, grants=grants, **fields)
        return people.put_person(self.inner, made, reason="needed", permit=self.permit())

    def change(self, name: str, **fields) -> Person:
        known = self.store.people.get(name).value
        changed = msgspec.structs.replace(known, **fields)
        return people.put_person(self.inner, changed, reason="needed", permit=self.permit())

    def token(self, name: str, **narrowing) -> Issued:
        narrowing = {"lasts": QUARTER, **narrowing}
        return people.issue_token(self.inner, name, reason="needed", permit=self.permit(), **narrowing)

    def who(self, token: str, account: str = "local:root@db1", **credential) -> Principal:
        return identity.authenticate(self.context(token, account, **credential))


def open_house(folder) -> House:
    store = Store.create(folder / "setpoint.db")
    notary.make_keys(store)
    return House(store)
