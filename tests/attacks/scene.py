"""What attacks have in common: who there is, what they may do, and what an attacker leaves behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.control.town import Town

from setpoint import Setpoint
from setpoint.control import people
from setpoint.control.credential import Credential
from setpoint.errors import InputError, NotFoundError, SetpointError
from setpoint.policy.person import Grant, Person, Role

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.control.conftest import Simulated

    from setpoint.engines.plan import Plan
    from setpoint.policy.approval import Change

SHOP = "shop"
PART = f"instance:{SHOP}"

POLICY = """
policy: safety
why: what production stands on
scope: {environment: [production]}
approvals: {durability: 1}
locks:
  - {id: page, parameters: [page_cost], why: nobody touches it}
  - {id: careful, classes: [durability], outcome: ask}
emergency:
  - {id: glass, may break: [locks], classes: [durability]}
"""

ROLES = {
    "ada": (Role.ADMINISTRATOR,),
    "lin": (Role.OPERATOR, Role.APPROVER),
    "olaf": (Role.OPERATOR,),
    "mara": (Role.APPROVER,),
    "otto": (Role.APPROVER,),
    "pola": (Role.POLICY_OWNER,),
    "paul": (Role.POLICY_OWNER,),
    "vic": (Role.VIEWER,),
    "emil": (Role.EMERGENCY,),
}


@dataclass
class Attacked(Town):
    """A town, its server, and what an attacker does to its store."""

    server: Simulated

    @classmethod
    def of(cls, town: Town, server: Simulated) -> Attacked:
        return cls(town.founder, town.clock, town.tokens, server)

    @property
    def context(self):
        return self.founder._context

    def token(self, name: str, **narrowed: Any) -> str:
        """Issue somebody a further token; answer its text."""
        given = {"lasts": timedelta(days=30), "reason": "another", "permit": self.permit(), **narrowed}
        return people.issue_token(self.context, name, **given).text

    def add(self, person: Person) -> str:
        """Make a person or a service known; answer a token of theirs."""
        people.put_person(self.context, person, reason="joins", permit=self.permit())
        return self.token(person.name)

    def grant(self, name: str, *grants: Grant) -> None:
        """Replace what somebody may do."""
        known = people.find_person(self.context, name).value
        people.put_person(
            self.context, replace_struct(known, grants=grants), reason="changes", permit=self.permit()
        )

    def remove(self, name: str) -> None:
        people.remove_person(self.context, name, reason="leaves", permit=self.permit())

    def wish(self, who: str = "olaf", **settings: str) -> Plan:
        """Have somebody say what the shop should be set to, and plan it."""
        front = getattr(self, who)
        front.change_settings(PART, settings, reason="a wish")
        return front.plan(SHOP).plan

    def propose(self, made: Plan, who: str = "olaf") -> Change:
        return getattr(self, who).governance.propose(made.hash, reason="it must be")

    def approved(self, who: str = "olaf", by: str = "mara", **settings: str) -> tuple[Plan, Change]:
        """Bring a wish to where it may be applied."""
        made = self.wish(who, **settings)
        change = self.propose(made, who)
        return made, getattr(self, by).governance.approve(change.id)

    def decide(self, text: str, name: str = "safety") -> None:
        """Put a policy in force the way it should be: proposed, approved by another, carried out."""
        change = self.pola.governance.put_policy(name, text, reason="decided")
        self.paul.governance.approve(change.id)
        self.pola.governance.carry_out(change.id)

    # The store, from behind.

    def rows(self, action: str = "") -> list[Any]:
        return list(self.context.store.audit.rows(action=action))

    def meddle(self, *statements: str | tuple[str, tuple[Any, ...]]) -> None:
        """Write to a SQLite store's file as whoever can write to it would: triggers first, then the rows."""
        with closing(sqlite3.connect(self.founder.where)) as connection, connection:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (trigger,) in triggers:
                connection.execute(f"DROP TRIGGER {trigger}")
            for each in statements:
                statement, values = (each, ()) if isinstance(each, str) else each
                connection.execute(statement, values)

    def look(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.founder.where)) as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def refused(self, match: str, *errors: type[SetpointError]) -> Generator[Caught]:
        """Expect an error with its own message, an audit row that tells of it, and an untouched server."""
        before, head = self.server.persisted, len(self.rows())
        caught = Caught()
        with pytest.raises(errors or SetpointError, match=match) as raised:
            yield caught
        caught.error = raised.value
        caught.rows = self.rows()[head:]
        assert self.server.persisted == before
        told = " ".join(str(row.detail.get("because", "")) for row in caught.rows)
        assert caught.rows, f"no audit row tells of: {raised.value}"
        assert told.strip(), f"the audit rows do not say why: {caught.rows}"

    @contextmanager
    def misread(self, match: str) -> Generator[None]:
        """Expect input to be refused with its own message, and nothing of it to be written anywhere."""
        before = self.server.persisted, self.state()
        with pytest.raises((InputError, NotFoundError), match=match) as raised:
            yield
        assert (self.server.persisted, self.state()) == before
        assert str(raised.value).isprintable() or "\n" in str(raised.value)

    def state(self) -> tuple[Any, ...]:
        """Answer what may not change when nothing was written, refusals aside."""
        done = [row.seq for row in self.rows() if not row.action.startswith(("gate.", "plan."))]
        return self.context.head()[0], done


class Caught:
    """What an attack came to."""

    error: SetpointError
    rows: list[Any]


def replace_struct(value: Any, **fields: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(value, **fields)


def at_account(town: Town, token: str, account: str) -> Setpoint:
    """Come in with a token from another account than the test's own."""
    return Setpoint(replace(town.founder._context, credential=Credential(account=account, token=token)))


Attack = Callable[[Attacked], object]
