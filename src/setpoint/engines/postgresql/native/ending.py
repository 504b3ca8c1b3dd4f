"""The end of a temporary change: armed on pg_cron where that is there, else this psql stays until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.plan import StepKind
from setpoint.engines.postgresql.dialect import cron, quote_literal
from setpoint.engines.postgresql.dialect.statements import LOCK_KEYS
from setpoint.engines.postgresql.native import words
from setpoint.engines.postgresql.native.checks import refuse_where
from setpoint.engines.postgresql.native.entries import by_major, load_files, put_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.order import Back, Order
    from setpoint.engines.plan import Step

_LOCK = f"SELECT pg_advisory_lock({LOCK_KEYS[0]}, {LOCK_KEYS[1]})"
_SLICE_SECONDS = 30
"""A sleeping statement holds back what VACUUM may clear away, so none is long."""
_OBSTACLES = f"""CASE
  WHEN ground.is_standby = 'true' THEN {quote_literal(cron.ON_STANDBY)}
  WHEN ground.extension IS NULL AND ground.home IS NULL THEN {quote_literal(cron.NOT_LOADED)}
  WHEN ground.extension IS NULL AND ground.home <> ground.database
    THEN 'pg_cron has its jobs in ' || ground.home || ', and this session is in ' || ground.database
  WHEN ground.extension IS NULL THEN {quote_literal(cron.NOT_CREATED)}
  WHEN ground.may_use IS DISTINCT FROM 'true' THEN {quote_literal(cron.MAY_NOT_USE)}
  WHEN ground.is_idle = 'true' THEN {quote_literal(cron.DOES_NOT_RUN)}
  WHEN ground.has_workers IS NULL THEN {quote_literal(cron.MAY_NOT_READ)}
  WHEN ground.has_workers = 'on' THEN {quote_literal(cron.IN_WORKERS)}
  ELSE '' END"""
_WITHOUT = f"""SELECT {_OBSTACLES} FROM (
{cron.LOOK_AROUND}
) AS ground(home, database, is_standby, extension, may_use, is_idle, has_workers, version_number)"""  # noqa: S608 - constants


def arm(order: Order, steps: Sequence[Step]) -> list[str]:
    """Arm the way back and tell what was armed; refuse where nothing could be."""
    deadline = order.deadline.isoformat()
    is_late = f"clock_timestamp() >= {quote_literal(deadline)}::timestamptz"
    lines = refuse_where("expired", is_late, why=quote_literal(f"the change was to end at {deadline}"))
    return [*lines, *words.keep(armed="off", stays="off"), *words.when("go", _arm(order, steps))]


def disarm(order: Order) -> list[str]:
    """Take the armed job away."""
    return words.when("armed", words.run((cron.unscheduling(order, is_guard_too=True),)))


def stay(order: Order, steps: Sequence[Step]) -> list[str]:
    """Where nothing else was armed, wait for the deadline and put back what is ours still."""
    places = {step.parameter.lower(): number for number, step in enumerate(steps, start=1) if step.parameter}
    lines = [*words.keep(wrote="off"), _sleep(order), *words.run((_LOCK,))]
    for place, back in reversed(list(enumerate(order.backs, start=len(steps) + 1))):
        lines += _put_back(places.get(back.parameter.lower(), place), back)
    lines += words.when("wrote", load_files(("SELECT pg_reload_conf()",)))
    return words.when("stays", words.when("going", lines))


def _arm(order: Order, steps: Sequence[Step]) -> list[str]:
    unknown = r"\set setpoint_without 'it cannot be told whether pg_cron is there'"
    there = f"EXISTS (SELECT FROM cron.job WHERE jobname = {quote_literal(cron.job_name(order))} AND active)"
    scheduling = by_major(
        lambda major: words.run((cron.unscheduling(order, is_guard_too=False), cron.scheduling(order, major)))
    )
    detail = f"job {cron.job_name(order)}, acts within 2 minutes after {order.deadline.isoformat()}"
    is_armed = [
        *words.keep(armed="on"),
        words.tell_object("armed", state="'armed'", detail=quote_literal(detail)),
    ]
    failed = [r"\set setpoint_without 'pg_cron did not take the job'"]
    armed = [
        *scheduling,
        *words.when("ran", words.judge(there)),
        *words.when("ran", is_armed, otherwise=failed),
    ]
    return [
        *words.ask(without=_WITHOUT),
        r"\if :{?setpoint_without}",
        r"\else",
        unknown,
        r"\endif",
        *words.ask(may_arm=":'setpoint_without' = ''"),
        *words.when("may_arm", armed),
        *words.when("armed", (), otherwise=_do_without(order, steps)),
    ]


def _do_without(order: Order, steps: Sequence[Step]) -> list[str]:
    deadline = order.deadline.isoformat()
    if any(step.kind is StepKind.RESTART for step in steps):
        why = ":'setpoint_without' || '; and this client cannot stay, as a restart would end it'"
        told = words.tell_object("armed", state="'failed'", detail=why)
        return [told, *refuse_where("right", "true", why=why)]
    detail = f"; this client stays until {deadline} and puts it back itself: let it run"
    told = words.tell_object(
        "armed", state="'absent'", detail=f":'setpoint_without' || {quote_literal(detail)}"
    )
    return [*words.keep(stays="on"), told, rf"\warn {words.quote(f'-- let this run until {deadline}')}"]


def _sleep(order: Order) -> str:
    """Sleep in slices, each as long as is left at most."""
    left = f"extract(epoch FROM {quote_literal(order.deadline.isoformat())}::timestamptz - clock_timestamp())"
    body = f"BEGIN PERFORM pg_sleep(least({_SLICE_SECONDS}, greatest(0, {left}))::float8); END"
    return (
        f"SELECT format('DO %L', {quote_literal(body)}::text)"  # noqa: S608 - quoted
        f" FROM generate_series(1, ceil({left} / {_SLICE_SECONDS})::int + 1) \\gexec"
    )


def _put_back(number: int, back: Back) -> list[str]:
    writing = by_major(lambda major: words.run((cron.back_statement(back, major),)))
    return put_back(number, back.parameter, back.ours, back.back, writing)
