"""The sweep: what looking at a fleet costs one process, all told, beside what a 60 s interval leaves it."""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
from figures import Figures

from setpoint.config.configuration import Configuration, Instance
from setpoint.control import people
from setpoint.control.clock import utc_now
from setpoint.control.context import Context
from setpoint.control.credential import Credential
from setpoint.control.notary import make_keys
from setpoint.control.permit import Permit
from setpoint.control.worker.sweep import Sweep, observation_of
from setpoint.lab.binaries import choose_binaries
from setpoint.lab.launch import PrivatePostgres
from setpoint.policy.person import Grant, Person, Principal, Right, Role
from setpoint.policy.starters import starter_text
from setpoint.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.control.worker.dispatch import Task

SIMULATED = 1000
REAL = 8
INTERVAL_SECONDS = 60.0
SHARE_OF_CORE = 0.4
MANAGED = {"cache_size": "256MB", "sort_memory": "8MB"}
ACCOUNT = "local:bench@here"
POLICIES = ("production", "postgresql-safety")


class Nowhere:
    """A dispatch for which nothing waits: each task is run by the benchmark itself."""

    def submit(self, tasks: Iterable[Task]) -> int:
        """Take tasks and forget them."""
        return len(list(tasks))


def fleet(addresses: list[str]) -> Configuration:
    """Make a fleet of simulated instances in memory and of real ones, all in production."""
    labels = {"owner": "lin"}
    simulated = {
        f"sim-{number}": Instance(
            engine="simulated",
            target=f"memory:bench-{number}",
            environment="production",
            labels=labels,
            settings=MANAGED,
        )
        for number in range(SIMULATED)
    }
    real = {
        f"real-{number}": Instance(
            engine="postgresql",
            target=address,
            environment="production",
            labels=labels,
            settings={"work_mem": "4MB", "random_page_cost": "1.1"},
        )
        for number, address in enumerate(addresses)
    }
    return Configuration(
        instances={**simulated, **real}, policies={name: starter_text(name) for name in POLICIES}
    )


def commit(context: Context, configuration: Configuration) -> None:
    """Make it the head, announced."""
    with context.store.transaction():
        revision = context.store.revisions.commit(
            configuration, base=None, author="lin", reason="the fleet", at=context.now()
        )
        context.store.audit.append(
            "lin", "configuration.commit", "fleet", {"revision": revision.id}, context.now()
        )


def govern(context: Context) -> Context:
    """Put people in, and answer the context of a service that may look at everything."""
    founder = Principal(name="lin", account=ACCOUNT, is_single_user=True)
    permit = Permit(founder, Right.MANAGE_PEOPLE)
    make_keys(context.store)
    first = Person(name="lin", grants=(Grant(role=Role.ADMINISTRATOR), Grant(role=Role.OPERATOR)))
    lasts = timedelta(days=30)
    people.put_first(context, first, account=ACCOUNT, lasts=lasts, reason="begins", permit=permit)
    lin = Permit(Principal(name="lin", account=ACCOUNT), Right.MANAGE_PEOPLE)
    for number in range(50):
        person = Person(name=f"person-{number}", grants=(Grant(role=Role.VIEWER),))
        people.put_person(context, person, reason="joins", permit=lin)
    token = people.issue_token(context, "lin", lasts=lasts, reason="the worker", permit=lin).text
    return replace(context, credential=Credential(ACCOUNT, token))


def sweep_once(context: Context, names: list[str]) -> float:
    """Look at each instance, as the worker does; answer the milliseconds of CPU that one took."""
    sweep = Sweep(Nowhere())  # type: ignore[arg-type]
    start = time.process_time()
    for name in names:
        sweep.observe(context, observation_of(name, is_due=True))
    spent = (time.process_time() - start) * 1000 / len(names)
    missed = [f"{name}: {sight.fault}" for name, sight in context.store.sights.all().items() if sight.fault]
    if missed:
        sys.exit(f"could not be looked at: {missed[0]}")
    return spent


def measure(figures: Figures, where: str, what: str, addresses: list[str], *, is_profiled: bool) -> None:
    """Measure one store, first as one user's, then with people in it."""
    with Store.create(where) as store:
        context = Context(store=store, actor="lin", read_secret=lambda _: None, now=utc_now)
        configuration = fleet(addresses)
        commit(context, configuration)
        for kind in ("one user", "people"):
            context = govern(context) if kind == "people" else context
            measure_fleet(figures, context, configuration, f"{what}, {kind}", is_profiled=is_profiled)


def measure_fleet(
    figures: Figures, context: Context, configuration: Configuration, what: str, *, is_profiled: bool
) -> None:
    """Measure a second round: the first one fills what is kept."""
    simulated = [name for name in configuration.instances if name.startswith("sim")]
    real = [name for name in configuration.instances if name.startswith("real")]
    for names in (simulated, real):
        sweep_once(context, names[:50])
    profile = cProfile.Profile()
    if is_profiled:
        profile.enable()
    each = sweep_once(context, simulated)
    each_real = sweep_once(context, real * 5)
    profile.disable()
    if is_profiled:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(70)
    sweep = Sweep(Nowhere())  # type: ignore[arg-type]
    start = time.process_time()
    for _ in range(10):
        sweep.poll(context)
    poll = (time.process_time() - start) * 100
    target = INTERVAL_SECONDS * SHARE_OF_CORE * 1000 / (SIMULATED + REAL)
    figures.add(f"{what}: CPU of one observation, simulated", each, "ms", target=target)
    figures.add(f"{what}: CPU of one observation, PostgreSQL", each_real, "ms")
    figures.add(f"{what}: CPU of asking what is due", poll, "ms")
    # It is asked every two seconds, and oftener while something is due soon; a second on average.
    whole = (each * SIMULATED + each_real * REAL) / 1000 + poll * INTERVAL_SECONDS / 1000
    share = whole / INTERVAL_SECONDS * 100
    figures.add(f"{what}: one core, {SIMULATED} + {REAL} each minute", share, "%", target=SHARE_OF_CORE * 100)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--profile", action="store_true", help="say where the time goes")
    asked.add_argument("--sqlite-only", action="store_true", help="leave the store on PostgreSQL out")
    wanted = asked.parse_args()
    found = Figures("Sweep: CPU of looking at a fleet")
    with ExitStack() as stack:
        server = stack.enter_context(PrivatePostgres(choose_binaries(18)))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        places = [server.dsn] * REAL
        measure(found, f"{folder}/bench.db", "SQLite", places, is_profiled=wanted.profile)
        if not wanted.sqlite_only:
            with psycopg.connect(server.dsn, autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench")
                info = connection.info
                url = f"postgresql://{info.user}@/bench?host={info.host}&port={info.port}"
            measure(found, url, "PostgreSQL", places, is_profiled=wanted.profile)
    found.end()
