"""A full compliance report of a large fleet: 1 000 instances, 300 settings, 50 policy documents."""

from __future__ import annotations

import random
import resource
import tempfile
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from bench_fleet import AT, base_text, catalog
from figures import Figures

from setpoint.config.configuration import Configuration, Instance
from setpoint.config.facts import Facts
from setpoint.config.observation import Observation, ObservedSetting, Origin, OriginKind
from setpoint.control.compliance import report
from setpoint.control.context import Context
from setpoint.faces.cli.compliance_document import report_csv, report_document
from setpoint.faces.cli.compliance_page import report_html
from setpoint.faces.cli.compliance_view import report_page
from setpoint.faces.cli.printer import plain_text
from setpoint.policy.document import write_policy
from setpoint.policy.rules import Limit, Lock, MemoryBudget, Policy
from setpoint.policy.selector import ALL, Selector
from setpoint.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.policy.compliance import Report

INSTANCES, SETTINGS, POLICIES = 1_000, 300, 50
ENVIRONMENTS = ("production", "staging", "test")
GROUPS = 50
LOCKED = (
    *("fsync", "full_page_writes", "synchronous_commit", "wal_level", "autovacuum", "archive_mode", "jit"),
    *("max_wal_senders", "wal_log_hints", "track_counts", "logging_collector", "hot_standby"),
)
LIMITS = (
    "work_mem <= {0}MB",
    "shared_buffers <= ram / 2",
    "max_connections * work_mem <= ram * {0} / 8",
    "maintenance_work_mem <= ram / 8 and maintenance_work_mem >= work_mem",
)
NEEDED = (*LOCKED, "work_mem", "shared_buffers", "max_connections", "maintenance_work_mem", "wal_buffers")
GIB = 2**30


def policies() -> dict[str, str]:
    """Write 50 documents of ten controls each; half of them hold everywhere, the others in an environment."""
    chance, found = random.Random(3), {}
    defaults = {each.name: each for each in catalog().core}
    for number in range(POLICIES):
        locks = []
        for rule in range(5):
            names = tuple(chance.sample(LOCKED, 2))
            value = defaults[names[0]].format(defaults[names[0]].default, catalog().grammar)
            locks.append(Lock(id=f"lock{rule}", parameters=names[: 1 + rule % 2], value=value))
        limits = [Limit(id=f"limit{rule}", must=must.format(8 + number)) for rule, must in enumerate(LIMITS)]
        scope = ALL if number % 2 else Selector(environments=(ENVIRONMENTS[number % 3],))
        made = Policy(
            name=f"policy-{number:02}",
            why="a benchmark",
            scope=scope,
            locks=tuple(locks),
            limits=tuple(limits),
            budgets=(MemoryBudget(id="memory", share=round(0.5 + number / 100, 2)),),
        )
        found[made.name] = write_policy(made)
    return found


def fleet() -> Configuration:
    """Make a fleet of 50 groups in three environments."""
    instances = {
        f"db-{number:04}": Instance(engine="postgresql", environment=ENVIRONMENTS[number % 3])
        for number in range(INSTANCES)
    }
    return Configuration(instances=instances, policies=policies())


def observed(name: str, chance: random.Random) -> Observation:
    """Make an observation of a server whose settings are much like its siblings', and here and there not."""
    ram = chance.choice((4, 8, 16, 64)) * GIB
    texts = SHARED | {
        "work_mem": str(chance.choice((4096, 16384, 65536))),
        "max_connections": str(chance.choice((100, 200, 500))),
        "shared_buffers": str(chance.choice((16384, ram // 4 // 8192))),
        "fsync": "off" if chance.random() < 0.02 else "on",
    }
    settings = {
        key: ObservedSetting(
            value=text,
            origins=(
                Origin(kind=OriginKind.DEFAULT, text=text),
                Origin(
                    kind=OriginKind.FILE,
                    text=text,
                    file="/etc/postgresql/18/main/postgresql.conf",
                    line=77,
                    is_in_force=True,
                ),
            ),
        )
        for key, text in texts.items()
    }
    facts = Facts(version="18.1", ram_bytes=ram, vcpu=4.0)
    return Observation(instance=name, engine="postgresql", at=AT, facts=facts, settings=settings)


def shared_texts() -> dict[str, str | None]:
    """Answer the texts of 300 parameters at their defaults, those that policies speak of among them."""
    live = catalog()
    every = {each.name: base_text(live, each) for each in live.core if each.default is not None}
    names = dict.fromkeys((*NEEDED, *every))
    return {name: every[name] for name in list(names)[:SETTINGS]}


SHARED = shared_texts()


def fill(store: Store) -> None:
    """Put the fleet with its policies and one snapshot of each instance into a store."""
    made, chance = fleet(), random.Random(5)
    store.revisions.commit(made, base=None, author="bench", reason="a benchmark", ticket="", at=AT)
    with store.transaction():
        for name in made.instances:
            store.snapshots.put(observed(name, chance), catalog().data)


def best(work: Callable[[], object], times: int = 3) -> float:
    """Answer the seconds of the fastest of a few runs."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def as_json(made: Report) -> bytes:
    """Write a report as the command line does."""
    return msgspec.json.format(msgspec.json.encode(report_document(made)), indent=2)


if __name__ == "__main__":
    figures = Figures(
        f"Compliance: {INSTANCES:,} instances x {SETTINGS} settings x {POLICIES} policy documents"
    )
    with tempfile.TemporaryDirectory() as folder, Store.create(f"{folder}/bench.db") as opened:
        fill(opened)
        context = Context(opened, "bench", lambda _: None, now=lambda: AT + timedelta(hours=1))
        start, busy = time.perf_counter(), time.process_time()
        made = report(context, ALL, stale_after=timedelta(days=1))
        first, busy = time.perf_counter() - start, time.process_time() - busy
        counts = made.fleet.counts
        results = sum(len(each.results) for each in made.instances)
        assert results == INSTANCES * len(made.profile.controls) == INSTANCES * POLICIES * 10
        beside = f"{counts.passed:,} pass, {counts.failed:,} fail, {counts.not_applicable:,} not applicable"
        figures.add(f"read, judge and add up {results:,} results, first time", first, "s", rival=beside)
        figures.add("... processor time of that", busy, "s")
        again = best(lambda: report(context, ALL, stale_after=timedelta(days=1)))
        figures.add("... once policies are compiled", again, "s")
        written = best(lambda: as_json(made))
        size = f"{len(as_json(made)) / 2**20:.0f} MiB"
        figures.add("full report with all evidence, as JSON", first + written, "s", target=10, rival=size)
        for form, write in (("CSV", report_csv), ("HTML", report_html)):
            size = f"{len(write(made)) / 2**20:.0f} MiB"
            figures.add(
                f"full report, as {form}",
                first + best(lambda w=write: w(made), 1),
                "s",
                target=10,
                rival=size,
            )
        shown = best(lambda: plain_text(report_page(made)), 1)
        figures.add("full report, as text", first + shown, "s", target=10)
    print(f"(peak RSS: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB)")
    figures.end()
