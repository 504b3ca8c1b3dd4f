"""Reviewing plans: one of 20 parameters under 50 policy documents of about 10 rules each."""

from __future__ import annotations

import gc
import random
import time
from datetime import UTC, datetime
from datetime import time as clock

from bench_fleet import base_text, catalog, texts
from figures import Figures, percentile

from setpoint.config.budget import compile_claims
from setpoint.config.configuration import Instance
from setpoint.config.facts import Facts
from setpoint.engines.registry import get_engine, shipped_classes
from setpoint.policy.classes import ParameterClass
from setpoint.policy.intent import Intent, Move, Subject
from setpoint.policy.person import Grant, Principal, Role
from setpoint.policy.policies import PolicySet
from setpoint.policy.review import review
from setpoint.policy.rules import Freeze, Guardrail, Limit, Lock, MemoryBudget, Policy, Window
from setpoint.policy.selector import ALL, Selector
from setpoint.policy.verdict import Outcome, Quorum
from setpoint.policy.waiver import Waiver

AT = datetime(2026, 6, 3, 3, tzinfo=UTC)
DOCUMENTS = 50
MOVES = 20
ROUNDS = 1000
LIMITS = (
    "work_mem <= 256MB",
    "max_connections * work_mem <= ram / 2",
    "shared_buffers <= ram * 0.4",
    "max_connections <= 500 and max_wal_size >= min_wal_size",
    "if(role = 'standby', hot_standby, fsync)",
)
ENVIRONMENTS = ("production", "staging", "test")


def policies(scope: Selector | None = None, outcome: Outcome = Outcome.REFUSE) -> PolicySet:
    """Make the documents; where no scope is given, most speak of one of three environments."""
    chance = random.Random(5)
    names = list(texts(400))
    found: dict[str, Policy] = {}
    for number in range(DOCUMENTS):
        own = scope or Selector(environments=(ENVIRONMENTS[number % 3],)) if number % 5 else ALL
        found[f"policy-{number}"] = Policy(
            name=f"policy-{number}",
            scope=own,
            approvals={chance.choice(list(ParameterClass)): Quorum(count=1 + number % 2)},
            locks=(
                Lock(id="a", parameters=tuple(chance.sample(names, 5)), outcome=outcome, why="because"),
                Lock(id="b", classes=(ParameterClass.DURABILITY,), outcome=Outcome.ASK, may_restore=True),
                Lock(id="c", parameters=tuple(chance.sample(names, 3)), outcome=Outcome.ASK),
            ),
            limits=tuple(
                Limit(id=f"l{place}", must=must.replace("256MB", f"{112 + number}MB"), outcome=outcome)
                for place, must in enumerate(LIMITS)
            )[number % 3 :],
            budgets=(MemoryBudget(id="m", share=0.9, outcome=outcome),) if number % 10 == 0 else (),
            guardrails=(Guardrail(id="g", holds="txn_rollback <= 10", watch_seconds=60),),
            windows=(Window(id="w", opens=clock(2), closes=clock(6), zone="Europe/Berlin", outcome=outcome),),
            freezes=(Freeze(id="f", starts_at=AT.replace(month=12), ends_at=AT.replace(year=2027)),),
        )
    return PolicySet.of(found)


def subject() -> Subject:
    """Answer an instance that runs with its defaults."""
    live = catalog()
    engine = get_engine("postgresql")
    running = {parameter.name: base_text(live, parameter) for parameter in live.core}
    return Subject(
        name="db-1",
        instance=Instance(engine="postgresql", environment="production", labels={"tier": "gold"}),
        facts=Facts(ram_bytes=128 * 2**30, vcpu=16, role="primary"),
        catalog=live,
        running={name: text for name, text in running.items() if text is not None},
        claims=compile_claims(engine.claims(), live),
        shipped_classes=shipped_classes(engine, live),
    )


def intent() -> Intent:
    """Answer a plan that moves twenty parameters, those that limits speak of among them."""
    given = subject()
    named = ["work_mem", "max_connections", "shared_buffers", "max_wal_size", "fsync"]
    defaults = texts(400)
    others = [name for name in defaults if name not in named]
    chosen = [*named, *random.Random(9).sample(others, MOVES - len(named))]
    after = {"work_mem": "128MB", "max_connections": "400", "shared_buffers": "16GB", "fsync": "on"}
    moves = tuple(
        Move(parameter=name, before=given.running.get(name), after=after.get(name) or defaults[name])
        for name in chosen
    )
    lin = Principal(name="lin", account="local:lin@here", grants=(Grant(role=Role.OPERATOR),))
    return Intent(kind="apply", by=lin, subject=given, moves=moves, needs_restart=True)


def measure(figures: Figures, what: str, compiled: PolicySet) -> None:
    """Time reviews of one plan, the first of them apart: it finds what later ones remember."""
    given = intent()
    waivers = [
        Waiver(
            id=f"w{number}",
            owner="mo",
            reason="because",
            scope=Selector(environments=("production",)),
            rule=f"policy-{number}/l0",
            starts_at=AT.replace(month=1),
            ends_at=AT.replace(month=12),
        )
        for number in range(20)
    ]
    taken: list[float] = []
    at_work: list[float] = []
    gc.collect()
    for _ in range(ROUNDS):
        start, worked = time.perf_counter_ns(), time.thread_time_ns()
        verdict = review(given, compiled, waivers, AT)
        taken.append((time.perf_counter_ns() - start) / 1e6)
        at_work.append((time.thread_time_ns() - worked) / 1e6)
    assert verdict.outcome is not Outcome.ALLOW
    told = f"{verdict.outcome.word}, {len(verdict.reasons)} reasons; the first took {taken[0]:.1f} ms"
    figures.add(f"{what}, median", percentile(taken, 0.5), "ms", target=5, rival=told)
    beside = f"processor time alone: {percentile(at_work, 0.99):.2f} ms"
    figures.add("... p99", percentile(taken, 0.99), "ms", target=5, rival=beside)


if __name__ == "__main__":
    found = Figures(f"Review: a plan of {MOVES} parameters, {DOCUMENTS} policy documents")
    measure(found, "documents for three environments", policies())
    measure(found, "all documents speak of the instance", policies(ALL))
    measure(found, "all documents, and all they do is ask", policies(ALL, Outcome.ASK))
    started = time.perf_counter()
    for _ in range(20):
        policies()
    found.add("(making and compiling the documents)", (time.perf_counter() - started) / 20 * 1000, "ms")
    found.end()
