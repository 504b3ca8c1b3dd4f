"""The world the machine plays in: a governed store over three simulated instances, and what is known."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.control.conftest import Simulated
from tests.policy_model import law, terms
from tests.policy_model.terms import (
    ALL,
    Grants,
    Loan,
    Person,
    Place,
    Policy,
    Proposal,
    Scope,
    scope_of,
)

from setpoint import Setpoint
from setpoint.config.configuration import Group, Instance
from setpoint.control import identity
from setpoint.control.context import Context
from setpoint.control.credential import Credential
from setpoint.engines.simulated import driver
from setpoint.policy import person as product
from setpoint.policy.selector import Selector, selector_of
from setpoint.store import Store

START = datetime(2026, 1, 5, 10, tzinfo=UTC)
"""A Monday."""
PRODUCTION = scope_of(environment="production")
STAGING = scope_of(environment="staging")
FIRST: dict[str, tuple[Grants, bool]] = {
    "root": ((("administrator", ALL),), False),
    "pam": ((("policy owner", ALL),), False),
    "pip": ((("policy owner", ALL), ("approver", ALL)), False),
    "ann": ((("approver", ALL),), False),
    "art": ((("approver", ALL), ("operator", STAGING)), False),
    "abe": ((("approver", PRODUCTION),), False),
    "bob": ((("operator", ALL),), False),
    "bea": ((("operator", PRODUCTION), ("approver", ALL)), False),
    "eve": ((("operator", ALL), ("emergency", ALL)), False),
    "bot": ((("operator", ALL), ("approver", ALL)), True),
    "vic": ((("viewer", ALL),), False),
}
PLACES = {
    "shop": Place("production", "core", {"owner": "ann", "tier": "gold"}),
    "bank": Place("production", "", {"owner": "bea, abe"}),
    "blog": Place("staging", "", {"owner": "bob", "tier": "tin"}),
}
CHOICES = {
    "durable": ("on", "off", "true"),
    "checkpoint_interval": ("300", "600", "10min"),
    "max_connections": ("50", "80", "100"),
    "connection_greeting": ("hi", "welcome"),
    "cache_size": ("131072", "262144"),
    "sort_memory": ("4MB", "8MB", "8192", "16MB"),
    "compression": ("off", "fast", "small", "on"),
    "page_cost": ("1.0", "2.0", "4.0"),
}


if TYPE_CHECKING:
    from collections.abc import Iterable

Server = tuple[dict[str, str], dict[str, str]]
"""What a server has persisted and what it runs with."""


class Clock:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Seat:
    """A token as its bearer has it, and what the model knows of it."""

    id: str
    text: str
    person: str
    expires: datetime
    roles: frozenset[str] = frozenset()
    scope: Scope = ALL
    account: str = ""
    sits_at: str = ""
    is_revoked: bool = False

    @property
    def is_narrowed(self) -> bool:
        return bool(self.roles) or self.scope != ALL


@dataclass
class Made:
    """A plan that was made, with what it rests on."""

    plan: Any
    ground: Any
    server: Server

    @property
    def name(self) -> str:
        return self.plan.instance


@dataclass
class World:
    """The model's whole knowledge: it learns only from what it did itself and what was answered to it."""

    clock: Clock = field(default_factory=Clock)
    people: dict[str, Person] = field(default_factory=dict)
    seats: list[Seat] = field(default_factory=list)
    loans: list[Loan] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=lambda: dict(PLACES))
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    proposals: list[Proposal] = field(default_factory=list)
    waivers: list[terms.Waiver] = field(default_factory=list)
    plans: list[Made] = field(default_factory=list)
    ours: dict[str, dict[str, str]] = field(default_factory=lambda: {name: {} for name in PLACES})
    """What we wrote last to each parameter, by instance, as long as it is ours."""
    editors: dict[str, str] = field(default_factory=lambda: dict.fromkeys(PLACES, "root"))
    """Who changed an instance's own part of the configuration last."""
    setters: dict[tuple[str, str], str] = field(default_factory=dict)
    """Who gave a setting of a part the text it has."""
    seen: dict[str, Any] = field(default_factory=dict)
    """The server as it was when the product looked last."""

    @property
    def now(self) -> datetime:
        return self.clock.at

    @property
    def electorate(self) -> law.Electorate:
        return law.Electorate(self.people, self.loans, self.places, self.now)

    def enter(self, seat: Seat) -> Grants | None:
        """What a token lets its bearer do now; None where it lets nobody in."""
        person = self.people[seat.person]
        is_wrong_place = seat.account and seat.account != seat.sits_at
        if seat.is_revoked or self.now >= seat.expires or person.is_removed or is_wrong_place:
            return None
        return law.within(person.grants, seat.roles, seat.scope) if seat.is_narrowed else person.grants

    def parts(self, name: str) -> tuple[str, ...]:
        """The parts of the configuration that make up an instance's settings, the one that wins first."""
        group = self.places[name].group
        return f"instance:{name}", *([f"group:{group}"] if group else []), "fleet:simulated"

    def who_asked_for(self, name: str, parameters: Iterable[str]) -> frozenset[str]:
        """Who gave an instance's parameters their texts; for one without, who changed the instance last."""
        found: set[str] = set()
        for parameter in parameters:
            given = [
                self.setters[part, parameter]
                for part in self.parts(name)
                if (part, parameter) in self.setters
            ]
            found.add(given[0] if given else self.editors[name])
        return frozenset(found)

    def ground(self, name: str) -> Any:
        """What a plan for an instance rests on: its own parts of the configuration, and all policies."""
        place = self.places[name]
        settings = tuple(tuple(sorted(self.settings.get(part, {}).items())) for part in self.parts(name))
        return repr(place), settings, tuple(sorted(self.texts.items()))

    def proposal_for(self, digest: str) -> Proposal | None:
        found = [each for each in self.proposals if each.digest == digest and each.is_open(self.now)]
        return found[-1] if found else None


class Stage:
    """A copy of a prepared store, three servers of its own, and a front for whoever acts."""

    def __init__(self) -> None:
        self.world = World()
        prepared, seats = _prepared()
        self.folder = Path(tempfile.mkdtemp(dir=_fast_folder()))
        shutil.copytree(prepared, self.folder / "store")
        self.store = Store.open(self.folder / "store" / "store.db")
        self.context = Context(
            store=self.store,
            actor="nobody",
            read_secret=lambda _: None,
            now=self.world.clock,
            wait=lambda _: None,
        )
        self.world.seats = [replace(seat) for seat in seats]
        self.world.people = {
            name: Person(name, grants, is_service) for name, (grants, is_service) in FIRST.items()
        }
        self.servers = {name: Simulated(address(name)) for name in PLACES}
        for server in self.servers.values():
            driver.forget(server.address)

    def close(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def acting(self, seat: Seat) -> Context:
        return replace(self.context, credential=Credential(account=seat.sits_at, token=seat.text))

    def front(self, seat: Seat) -> Setpoint:
        return Setpoint(self.acting(seat))

    def state(self, name: str) -> Server:
        return self.servers[name].persisted, self.servers[name].running


def address(name: str) -> str:
    return f"memory:policy-model-{name}"


def instance(name: str, place: Place, settings: dict[str, str]) -> Instance:
    return Instance(
        engine="simulated",
        target=address(name),
        restart_command=f"restart {address(name)}",
        environment=place.environment,
        group=place.group,
        labels=place.labels,
        settings=dict(settings),
    )


def selector(scope: Scope) -> Selector:
    return selector_of({key: tuple(sorted(words)) for key, words in scope})


def person(who: Person) -> product.Person:
    return product.Person(
        name=who.name,
        is_service=who.is_service,
        accounts=(f"local:{who.name}@host",),
        grants=tuple(
            product.Grant(role=product.Role(role), scope=selector(scope)) for role, scope in who.grants
        ),
    )


def issue(front: Setpoint, name: str, lasts: timedelta, **narrowing: Any) -> Seat:
    """Issue a token as the front's bearer, and answer it as the model keeps it."""
    roles, scope = narrowing.get("roles", frozenset()), narrowing.get("scope", ALL)
    account = narrowing.get("account", "")
    issued = front.governance.people.issue_token(
        name,
        lasts=lasts,
        roles=tuple(product.Role(role) for role in sorted(roles)),
        scope=selector(scope),
        account=account,
        reason="a token",
    )
    expires = front.now() + lasts
    return Seat(
        issued.token.id, issued.text, name, expires, roles, scope, account, narrowing.get("sits_at", "")
    )


@cache
def _prepared() -> tuple[Path, tuple[Seat, ...]]:
    """Make the store once: its people, their tokens and its instances."""
    folder = Path(tempfile.mkdtemp(dir=_fast_folder())) / "store"
    folder.mkdir()
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    with Store.create(folder / "store.db") as store:
        account, year = "local:root@host", timedelta(days=366)
        credential = Credential(account=account)
        context = Context(
            store=store, actor="root", read_secret=lambda _: None, now=Clock(), credential=credential
        )
        identity.store_keys(store).make_token_key()
        setpoint = Setpoint(context)
        setpoint.put_group("core", Group(engine="simulated"), reason="the start")
        for name, place in PLACES.items():
            setpoint.add_instance(name, instance(name, place, {}), reason="the start")
        root = person(Person("root", FIRST["root"][0]))
        _, issued = setpoint.governance.people.put_first(root, lasts=year, reason="the first")
        seats = [Seat(issued.token.id, issued.text, "root", START + year, account=account, sits_at=account)]
        front = Setpoint(replace(context, credential=Credential(account=account, token=issued.text)))
        for name, (grants, is_service) in FIRST.items():
            if name != "root":
                front.governance.people.put(person(Person(name, grants, is_service)), reason="one of us")
                seats.append(issue(front, name, timedelta(days=200)))
    return folder, tuple(seats)


def _fast_folder() -> str | None:
    memory = Path("/dev/shm")  # noqa: S108 - a folder in memory where there is one: commits sync to it at once
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None
