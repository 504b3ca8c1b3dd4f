"""The one request of an observation.

A read-only transaction around one statement, made for the server's version.

What a login may not read is left out by the server itself: the parts that need rights are gathered by an
anonymous block, which looks at each only when the rights are there, into settings that end with the
transaction. So a lesser login causes no errors in the server's log, each right counts alone, and what is
optional cannot spoil an observation. (Reading pg_file_settings marks waiting restarts in the reading session,
so `pending_restart` tells nothing about whether files were loaded.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.plan import Request
from setpoint.engines.postgresql.observe.metrics import MOST_RELATIONS, metrics_sql

if TYPE_CHECKING:
    from setpoint.catalog import Version

MARKER = "/* setpoint:observe */"
_TIMEOUT_MS = 4_000
_LOCK_TIMEOUT_MS = 500
_MOST_DATABASES = 30
"""Above this many databases, or `MOST_RELATIONS`, sizes are estimated instead of asked of the file system."""
SERVICE_ROLES = (
    "alloydbsuperuser",
    "azure_pg_admin",
    "cloudsqlsuperuser",
    "neon_superuser",
    "rds_superuser",
    "rdsadmin",
)

_GUARDS = (
    "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY; "
    f"SET LOCAL statement_timeout = {_TIMEOUT_MS}; SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}; "
    "SET LOCAL search_path = pg_catalog; SET LOCAL jit = off;"
)

_GATHER = r"""
DO $do$
DECLARE
  answer text;
  place text;
BEGIN
  IF has_function_privilege('pg_show_all_file_settings()', 'EXECUTE')
     AND has_table_privilege('pg_file_settings', 'SELECT') THEN
    BEGIN
      SELECT coalesce(json_agg(json_build_array(sourcefile, sourceline, name, setting, applied, error)
                               ORDER BY seqno), '[]') INTO answer FROM pg_file_settings;
      PERFORM set_config('setpoint.files', answer, true);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END IF;
  IF pg_has_role('pg_read_server_files', 'USAGE')
     AND has_function_privilege('pg_read_file(text,bigint,bigint,boolean)', 'EXECUTE') THEN
    BEGIN
      WITH own AS (SELECT coalesce(pg_read_file('/proc/self/cgroup', 0, 65536, true), '') AS lines),
      split AS (
        SELECT string_to_array(trim(BOTH '/' FROM
                 coalesce(substring(lines FROM '(?n)^0::(.*)$'), '')), '/') AS v2,
               '/sys/fs/cgroup/memory/' || coalesce(substring(lines
                 FROM '(?n)^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:/?(.*)$'), '') AS v1_memory,
               '/sys/fs/cgroup/cpu/' || coalesce(substring(lines
                 FROM '(?n)^\d+:(?:[^:\n]*,)?cpu(?:,[^:\n]*)?:/?(.*)$'), '') AS v1_cpu
        FROM own),
      folder AS (
        SELECT '/sys/fs/cgroup' || CASE WHEN i > 0 THEN '/' || array_to_string(v2[1:i], '/') ELSE '' END
          AS path
        FROM split, generate_series(0, cardinality(v2)) AS i)
      SELECT json_build_object(
        'opts', pg_read_file('postmaster.opts', 0, 65536, true),
        'auto_conf', pg_read_file('postgresql.auto.conf', 0, 1048576, true),
        'meminfo', pg_read_file('/proc/meminfo', 0, 4096, true),
        'container', coalesce(pg_read_file('/.dockerenv', 0, 1, true),
                              pg_read_file('/run/.containerenv', 0, 1, true)),
        'cpu_online', pg_read_file('/sys/devices/system/cpu/online', 0, 4096, true),
        'memory_limits', (SELECT json_agg(pg_read_file(file, 0, 64, true)) FROM (
            SELECT path || '/memory.max' AS file FROM folder
            UNION ALL SELECT '/sys/fs/cgroup/memory/memory.limit_in_bytes'
            UNION ALL SELECT v1_memory || '/memory.limit_in_bytes' FROM split) AS files),
        'cpu_limits', (SELECT json_agg(pg_read_file(path || '/cpu.max', 0, 64, true)) FROM folder),
        'cpu_quota', coalesce(pg_read_file(v1_cpu || '/cpu.cfs_quota_us', 0, 64, true),
                              pg_read_file('/sys/fs/cgroup/cpu/cpu.cfs_quota_us', 0, 64, true)),
        'cpu_period', coalesce(pg_read_file(v1_cpu || '/cpu.cfs_period_us', 0, 64, true),
                               pg_read_file('/sys/fs/cgroup/cpu/cpu.cfs_period_us', 0, 64, true)))
      INTO answer FROM split;
      PERFORM set_config('setpoint.host', answer, true);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END IF;
  IF EXISTS (SELECT FROM pg_settings WHERE name = 'pg_stat_statements.max') THEN
    BEGIN
      SELECT n.nspname INTO STRICT place
      FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
      WHERE e.extname = 'pg_stat_statements';
      EXECUTE format($q$
        SELECT json_build_object('stmt.calls', sum(calls), 'stmt.exec_seconds', sum(total_exec_time) / 1000,
          'stmt.plan_seconds', CASE WHEN current_setting('pg_stat_statements.track_planning') = 'on'
                                    THEN sum(total_plan_time) / 1000 END,
          'stmt.rows', sum(rows)) FROM %I.pg_stat_statements(false)$q$, place) INTO answer;
      PERFORM set_config('setpoint.statements', answer, true);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END IF;
END
$do$;"""

_OVERRIDES = """
(SELECT coalesce(json_agg(json_build_array(d.datname, r.rolname, entry)
   ORDER BY d.datname, r.rolname, position), '[]')
 FROM pg_db_role_setting AS s CROSS JOIN LATERAL unnest(s.setconfig) WITH ORDINALITY AS u(entry, position)
 LEFT JOIN pg_database AS d ON d.oid = s.setdatabase LEFT JOIN pg_roles AS r ON r.oid = s.setrole)"""

_SERVER = f"""
json_build_object(
  'build', version(), 'is_standby', pg_is_in_recovery(),
  'is_superuser', current_setting('is_superuser') = 'on',
  'user', session_user, 'database', current_database(),
  'started_at', pg_postmaster_start_time(), 'now', clock_timestamp(), 'loaded_at', pg_conf_load_time(),
  'session_began_at', (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()),
  'service_roles', (SELECT coalesce(json_agg(rolname ORDER BY rolname), '[]') FROM pg_roles
                    WHERE rolname IN ({", ".join(f"'{role}'" for role in SERVICE_ROLES)})),
  'may_reload', has_function_privilege('pg_reload_conf()', 'EXECUTE'),
  'may_read_activity', pg_has_role('pg_read_all_stats', 'USAGE'),
  'is_data_estimated', size.is_estimated,
  'data_bytes', CASE WHEN size.is_estimated
    THEN (SELECT sum(relpages::bigint) * current_setting('block_size')::int FROM pg_class)
    ELSE (SELECT sum(pg_database_size(oid)) FROM pg_database
          WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')) END)"""  # noqa: S608 - made of constants alone

_SIZE = f"""(SELECT (SELECT count(*) FROM pg_class) > {MOST_RELATIONS}
                  OR (SELECT count(*) FROM pg_database) > {_MOST_DATABASES} AS is_estimated) AS size"""  # noqa: S608 - made of constants alone


def settings_sql(major: int) -> str:
    """Answer an expression for all of pg_settings as JSON, in the order of `SettingRow`."""
    has_flags = major >= 15  # noqa: PLR2004 - pg_settings_get_flags and has_parameter_privilege came with 15
    flags = "pg_settings_get_flags(s.name)" if has_flags else "NULL::text[]"
    alterable = (
        "CASE WHEN current_setting('is_superuser') = 'off'"
        " THEN has_parameter_privilege(s.name, 'ALTER SYSTEM') END"
        if has_flags
        else "NULL::boolean"
    )
    return f"""
(SELECT json_agg(json_build_array(s.name, s.setting, s.unit, s.category, s.short_desc, s.extra_desc,
   s.context, s.vartype, s.source, s.min_val, s.max_val, s.enumvals, s.boot_val, s.reset_val,
   s.sourcefile, s.sourceline, s.pending_restart,
   {flags}, {alterable}) ORDER BY s.name) FROM pg_settings AS s)"""  # noqa: S608 - made of constants alone


def observe(version: Version) -> Request:
    """Answer the observation's request for a server of that version (13 or later)."""
    statement = _statement(version.major)
    return Request(text=f"{_GUARDS}{_GATHER}{statement}", fallbacks=(f"{_GUARDS}{statement}",))


def _statement(major: int) -> str:
    metrics = metrics_sql(major)
    gathered = "nullif(current_setting('setpoint.{}', true), '')::json"
    return f"""
{MARKER} SELECT json_build_object(
'settings', {settings_sql(major)},
'overrides', {_OVERRIDES},
'files', {gathered.format("files")},
'host', {gathered.format("host")},
'server', {_SERVER},
'statements', {gathered.format("statements")},
'metrics', {metrics.values},
'resets', {metrics.resets},
'cost_ms', extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::text
FROM {_SIZE}, {metrics.sources};
COMMIT"""  # noqa: S608 - made of constants alone
