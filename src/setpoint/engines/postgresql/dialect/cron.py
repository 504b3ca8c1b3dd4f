"""The jobs on pg_cron that put an override back, as statements: what `switch` and native scripts schedule.

Facts: pg_cron's documentation and source; ALTER SYSTEM in PostgreSQL's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.postgresql.dialect import knowledge
from setpoint.engines.postgresql.dialect.entries import kept_text
from setpoint.engines.postgresql.dialect.statements import (
    alter_system_reset,
    alter_system_set_named,
    quote_literal,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.order import Back, Order

EVERY_MINUTE = "* * * * *"
LOOK_AROUND = """
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

ON_STANDBY = "a standby runs no jobs"
NOT_LOADED = "pg_cron is not loaded"
NOT_CREATED = "pg_cron is loaded, and its extension was not created"
MAY_NOT_USE = "this login may not use the schema cron"
DOES_NOT_RUN = "pg_cron is there, and its scheduler does not run"
MAY_NOT_READ = "this login may not read how pg_cron runs its jobs"
IN_WORKERS = "pg_cron runs its jobs in background workers, one after the other"


def job_name(order: Order) -> str:
    """Answer the guarding job's name."""
    return f"setpoint:{order.override}"


def looking(order: Order) -> str:
    """Ask for the guarding job: its command, whether it is active, and what it said if it failed last."""
    return f"""
SELECT command, active,
  (SELECT CASE WHEN status = 'failed' THEN coalesce(return_message, 'it does not say why') END
   FROM cron.job_run_details AS run WHERE run.jobid = job.jobid ORDER BY runid DESC LIMIT 1)
FROM cron.job AS job WHERE jobname = {quote_literal(job_name(order))}"""  # noqa: S608 - the name is quoted


def unscheduling(order: Order, *, is_guard_too: bool) -> str:
    """Take away what the guarding job has scheduled, and itself too if asked for."""
    own = quote_literal(job_name(order))
    guard = f"jobname = {own} OR " if is_guard_too else ""
    which = f"{guard}starts_with(jobname::text, {quote_literal(job_name(order) + ':')})"
    return f"SELECT cron.unschedule(jobid) FROM cron.job WHERE {which}"  # noqa: S608 - the names are quoted


def command(order: Order, major: int) -> str:
    """Write the guarding job's statement; raise `InputError` where a text cannot be put back."""
    backs = order.backs
    body = _GUARD.format(
        due=quote_literal(order.deadline.isoformat()),
        names=_array([each.parameter.lower() for each in backs]),
        lists=_array([each.parameter.lower() for each in backs if _is_list(each, major)]),
        ours=_array([kept_text(each.parameter, each.ours, major) for each in backs]),
        backs=_array([kept_text(each.parameter, each.back, major) for each in backs]),
        statements=_array([back_statement(each, major) for each in backs]),
        own=quote_literal(job_name(order)),
    )
    tag = "setpoint"
    while f"${tag}$" in body:
        tag += "_"
    return f"DO ${tag}${body}${tag}$"


def scheduling(order: Order, major: int) -> str:
    """Schedule the guarding job."""
    words = ", ".join(map(quote_literal, (job_name(order), EVERY_MINUTE, command(order, major))))
    return f"SELECT cron.schedule({words})"


def back_statement(back: Back, major: int) -> str:
    """Write the statement that puts one parameter back; raise `InputError` where its text cannot be."""
    if back.back is None:
        return alter_system_reset(back.parameter)
    return alter_system_set_named(back.parameter, back.back, is_quoted_list=_is_list(back, major))


def _is_list(back: Back, major: int) -> bool:
    return knowledge.is_quoted_list(back.parameter, major)


def _array(texts: Sequence[str | None]) -> str:
    return f"ARRAY[{', '.join('NULL' if text is None else quote_literal(text) for text in texts)}]::text[]"
