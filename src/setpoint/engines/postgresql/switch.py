"""pg_cron as a switch: jobs on the server itself that put an override back at its deadline.

ALTER SYSTEM runs alone, in no block and no function, so it cannot be conditional; and pg_cron (1.4 and
earlier) begins jobs with the minute. Hence a guarding job runs every minute. Near the deadline it waits for
it, and if the persisted text is still ours it schedules the one statement that puts it back, for the next
minute. Until then it watches twice a second, and takes that statement away when somebody else writes. Once
nothing is ours any more it has the files loaded and removes itself. So it is late by a minute and a second at
most, by two minutes where it was armed less than a minute ahead.

Facts: pg_cron's documentation and source (jobs run as the user who scheduled them, in the database where the
extension is, over a connection of their own; none on a standby); ALTER SYSTEM in PostgreSQL's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.config.override import LinkState
from setpoint.engines.order import Armed
from setpoint.engines.plan import Request
from setpoint.engines.postgresql.dialect import (
    GRAMMAR,
    alter_system_reset,
    alter_system_set_named,
    knowledge,
    quote_literal,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from setpoint.config.configuration import SettingText
    from setpoint.engines.order import Back, Order
    from setpoint.engines.port import Reply

_EVERY_MINUTE = "* * * * *"
_LOOK = """
SELECT (SELECT setting FROM pg_settings WHERE name = 'cron.database_name'),
  current_database(), pg_is_in_recovery()::text,
  (SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'),
  CASE WHEN to_regnamespace('cron') IS NULL THEN NULL
       ELSE has_schema_privilege(to_regnamespace('cron'), 'USAGE')::text END,
  (pg_has_role('pg_read_all_stats', 'USAGE')
   AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_cron launcher'))::text,
  (SELECT setting FROM pg_settings WHERE name = 'cron.use_background_workers'),
  current_setting('server_version_num')"""
_GUARD = """
DECLARE
  due constant timestamptz := {due};
  names constant text[] := {names};
  lists constant text[] := {lists};
  ours constant text[] := {ours};
  backs constant text[] := {backs};
  statements constant text[] := {statements};
  own constant text := {own};
  until constant timestamptz := clock_timestamp() + interval '170 seconds';
  found text;
  is_left boolean;
  is_put_back boolean := false;
BEGIN
  IF clock_timestamp() < due - interval '60 seconds' THEN
    RETURN;
  END IF;
  PERFORM pg_sleep(greatest(0, extract(epoch FROM due - clock_timestamp())));
  LOOP
    is_left := false;
    FOR i IN 1 .. cardinality(names) LOOP
      found := (SELECT CASE WHEN names[i] = ANY (lists) THEN replace(replace(setting, '"', ''), ' ', '')
                            ELSE setting END FROM pg_file_settings
                WHERE lower(name) = names[i] AND sourcefile LIKE '%/postgresql.auto.conf'
                ORDER BY seqno DESC LIMIT 1);
      IF found = ours[i] THEN
        is_left := true;
        IF NOT EXISTS (SELECT FROM cron.job WHERE jobname = own || ':' || i) THEN
          PERFORM cron.schedule(own || ':' || i, '* * * * *', statements[i]);
        END IF;
      ELSIF EXISTS (SELECT FROM cron.job WHERE jobname = own || ':' || i) THEN
        PERFORM cron.unschedule(jobid) FROM cron.job WHERE jobname = own || ':' || i;
        is_put_back := is_put_back OR found IS NOT DISTINCT FROM backs[i];
      END IF;
    END LOOP;
    EXIT WHEN NOT is_left OR clock_timestamp() > until;
    COMMIT;
    PERFORM pg_sleep(0.5);
  END LOOP;
  IF is_put_back THEN
    PERFORM pg_reload_conf();
  END IF;
  IF NOT is_left THEN
    PERFORM cron.unschedule(jobid) FROM cron.job WHERE jobname = own;
  END IF;
END
"""


class _Ground(NamedTuple):
    """What a server says about its pg_cron."""

    home: str | None
    database: str
    is_standby: str
    extension: str | None
    may_use: str | None
    is_idle: str
    has_workers: str | None
    version_number: str


class CronSwitch:
    """The `Switch` port over pg_cron."""

    name = "pg_cron"

    def arm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Schedule the guarding job, in the place of an earlier one."""
        ground = yield from _look_around()
        without = _obstacle(ground)
        if without is not None:
            return without
        command = _command(order, int(ground.version_number) // 10_000)
        yield Request(text=_unscheduling(order, is_guard_too=False), is_read_only=False)
        words = ", ".join(map(quote_literal, (_own(order), _EVERY_MINUTE, command)))
        yield Request(text=f"SELECT cron.schedule({words})", is_read_only=False)
        return (yield from self.look(order))

    def look(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Tell whether the guarding job is there, is what was ordered, and ran well when it ran last."""
        ground = yield from _look_around()
        without = _obstacle(ground)
        if without is not None:
            return without
        reply = yield Request(text=_looking(order))
        if not reply.rows:
            return Armed(state=LinkState.DISARMED, detail="its job is not there")
        command, is_active, said = reply.rows[0]
        if command != _command(order, int(ground.version_number) // 10_000):
            return _failed("its job is another than was ordered")
        if is_active != "t":
            return _failed("its job was turned off")
        if said:
            return _failed(f"its job fails: {' '.join(said.split())}")
        return Armed(
            state=LinkState.ARMED,
            detail=f"job {_own(order)}, acts within 2 minutes after {order.deadline.isoformat()}",
        )

    def disarm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Take the guarding job away, and what it has scheduled."""
        without = _obstacle((yield from _look_around()))
        if without is not None and without.state is LinkState.ABSENT:
            return without
        yield Request(text=_unscheduling(order, is_guard_too=True), is_read_only=False)
        return Armed(state=LinkState.DISARMED)


def _look_around() -> Generator[Request, Reply, _Ground]:
    reply = yield Request(text=_LOOK)
    return _Ground(*reply.rows[0])


def _obstacle(ground: _Ground) -> Armed | None:
    """Answer why there is no switch here, or none that would act; None where nothing is in the way."""
    if ground.is_standby == "true":
        return _absent("a standby runs no jobs")
    if ground.extension is None:
        return _absent(_want(ground))
    if ground.may_use != "true":
        return _failed("this login may not use the schema cron")
    if ground.is_idle == "true":
        return _failed("pg_cron is there, and its scheduler does not run")
    return _unwatched(ground)


def _unwatched(ground: _Ground) -> Armed | None:
    """Answer why what is scheduled could not be watched until it runs; None where it can.

    With background workers pg_cron 1.4 begins no job while another runs, so a job cannot watch another: a
    person's change could be overwritten by the statement that waits.
    """
    if ground.has_workers is None:
        return _failed("this login may not read how pg_cron runs its jobs")
    if ground.has_workers == "on":
        return _failed("pg_cron runs its jobs in background workers, one after the other")
    return None


def _want(ground: _Ground) -> str:
    if ground.home is None:
        return "pg_cron is not loaded"
    if ground.home != ground.database:
        return f"pg_cron has its jobs in {ground.home}, the target names {ground.database}"
    return "pg_cron is loaded, and its extension was not created"


def _absent(why: str) -> Armed:
    return Armed(state=LinkState.ABSENT, detail=why)


def _failed(why: str) -> Armed:
    return Armed(state=LinkState.FAILED, detail=why)


def _own(order: Order) -> str:
    return f"setpoint:{order.override}"


def _looking(order: Order) -> str:
    return f"""
SELECT command, active,
  (SELECT CASE WHEN status = 'failed' THEN coalesce(return_message, 'it does not say why') END
   FROM cron.job_run_details AS run WHERE run.jobid = job.jobid ORDER BY runid DESC LIMIT 1)
FROM cron.job AS job WHERE jobname = {quote_literal(_own(order))}"""  # noqa: S608 - the name is quoted


def _unscheduling(order: Order, *, is_guard_too: bool) -> str:
    own = quote_literal(_own(order))
    guard = f"jobname = {own} OR " if is_guard_too else ""
    which = f"{guard}starts_with(jobname::text, {quote_literal(_own(order) + ':')})"
    return f"SELECT cron.unschedule(jobid) FROM cron.job WHERE {which}"  # noqa: S608 - the names are quoted


def _command(order: Order, major: int) -> str:
    """Write the guarding job's statement; raise `InputError` where a text cannot be put back."""
    backs = order.backs
    body = _GUARD.format(
        due=quote_literal(order.deadline.isoformat()),
        names=_array([each.parameter.lower() for each in backs]),
        lists=_array([each.parameter.lower() for each in backs if _is_list(each, major)]),
        ours=_array([_kept(each, each.ours, major) for each in backs]),
        backs=_array([_kept(each, each.back, major) for each in backs]),
        statements=_array([_statement(each, major) for each in backs]),
        own=quote_literal(_own(order)),
    )
    tag = "setpoint"
    while f"${tag}$" in body:
        tag += "_"
    return f"DO ${tag}${body}${tag}$"


def _statement(back: Back, major: int) -> str:
    if back.back is None:
        return alter_system_reset(back.parameter)
    return alter_system_set_named(back.parameter, back.back, is_quoted_list=_is_list(back, major))


def _is_list(back: Back, major: int) -> bool:
    return knowledge.is_quoted_list(back.parameter, major)


def _kept(back: Back, text: SettingText, major: int) -> str | None:
    """Write a text as the server persists it; a quoted list without its quotes and spaces."""
    if text is None:
        return None
    plain = GRAMMAR.write_list(text) if isinstance(text, tuple) else text
    return plain.replace('"', "").replace(" ", "") if _is_list(back, major) else plain


def _array(texts: Sequence[str | None]) -> str:
    return f"ARRAY[{', '.join('NULL' if text is None else quote_literal(text) for text in texts)}]::text[]"
