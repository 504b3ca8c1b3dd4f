"""Harvesting a catalog from a running server: the core, then the loadable modules at hand.

Only this session changes: modules are loaded into it, and enum words tried out in it inside a transaction
that is taken back. Defaults are the built-in ones, so nothing of the host or the cluster gets into the
catalog but what `Parameter.build` marks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Kind, Parameter
from setpoint.catalog.catalog import CatalogData
from setpoint.engines.plan import Request
from setpoint.engines.postgresql.dialect import knowledge
from setpoint.engines.postgresql.observe.parameters import read_parameter
from setpoint.engines.postgresql.observe.query import settings_sql
from setpoint.engines.postgresql.observe.reading import EVIDENCE, NAME
from setpoint.engines.postgresql.observe.reply import SettingRow

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.catalog import Version
    from setpoint.engines.port import Reply

_COLUMNS = 9
MODULES = (
    "auth_delay",
    "auto_explain",
    "basebackup_to_shell",
    "basic_archive",
    "isn",
    "passwordcheck",
    "pg_plan_advice",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_trgm",
    "plperl",
    "plpgsql",
    "pltcl",
    "postgres_fdw",
    "sepgsql",
)
"""Modules of the PostgreSQL distribution that define parameters.

Some do so only when the server was started with them.
"""

_LOAD = Request(
    text="DO $do$ DECLARE module text; BEGIN FOREACH module IN ARRAY ARRAY["
    + ", ".join(f"'{module}'" for module in MODULES)
    + "] LOOP BEGIN EXECUTE format('LOAD %L', module); EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP;"
    " END $do$"
)
# Message levels are left alone: trying them would write to the server's log and to us.
_PROBE = Request(
    text="""BEGIN READ ONLY;
DO $do$
DECLARE p record; word text; got text; found jsonb := '{}';
BEGIN
  FOR p IN SELECT name, setting, enumvals FROM pg_settings
      WHERE vartype = 'enum' AND context IN ('user', 'superuser')
      AND name NOT LIKE '%min_messages' AND name NOT LIKE 'transaction%' LOOP
    FOREACH word IN ARRAY ARRAY['true', 'yes', '1', 'false', 'no', '0', 'debug'] || p.enumvals LOOP
      BEGIN
        got := set_config(p.name, word, true);
        IF got <> word THEN found := found || jsonb_build_object(p.name || ':' || word, got); END IF;
        PERFORM set_config(p.name, p.setting, true);
      EXCEPTION WHEN OTHERS THEN NULL;
      END;
    END LOOP;
  END LOOP;
  PERFORM set_config('setpoint.found', found::text, true);
END $do$;
SELECT current_setting('setpoint.found');
ROLLBACK"""
)


def harvest(version: Version, describe_config: str) -> Generator[Request, Reply, CatalogData]:
    """Ask a server for its whole catalog.

    `describe_config` (``postgres --describe-config``) adds what the view hides from this login; it knows
    neither units nor defaults.
    """
    listing = Request(text=f"BEGIN READ ONLY; SELECT {settings_sql(version.major)}::text; COMMIT")
    core = yield listing
    yield _LOAD
    whole = yield listing
    probed = yield _PROBE
    aliases = _aliases(probed)
    loaded = [row for row in _rows(whole) if "." in row.name]
    known = {row.name: row for row in [*_rows(core), *loaded]}
    parameters = [_with_aliases(read_parameter(row, version.major), aliases) for row in known.values()]
    parameters = [_without_paths(parameter) for parameter in parameters]
    parameters += [p for p in _described(describe_config, version.major) if p.name not in known]
    return CatalogData(
        engine=NAME,
        version=str(version),
        evidence=EVIDENCE,
        source=f"pg_settings of PostgreSQL {version}",
        parameters=tuple(sorted(parameters, key=lambda p: p.name.lower())),
    )


def _rows(reply: Reply) -> tuple[SettingRow, ...]:
    return msgspec.json.decode(reply.rows[0][0], type=tuple[SettingRow, ...])


def _aliases(reply: Reply) -> dict[str, dict[str, str]]:
    """Answer the words that were read as another, by parameter."""
    found: dict[str, dict[str, str]] = {}
    for key, got in msgspec.json.decode(reply.rows[0][0], type=dict[str, str]).items():
        name, _, word = key.rpartition(":")
        found.setdefault(name, {})[word] = got
    return found


def _with_aliases(parameter: Parameter, aliases: dict[str, dict[str, str]]) -> Parameter:
    if parameter.kind is not Kind.ENUM:
        return parameter
    merged = {**parameter.aliases, **aliases.get(parameter.name, {})}
    return msgspec.structs.replace(parameter, aliases=dict(sorted(merged.items())))


def _without_paths(parameter: Parameter) -> Parameter:
    """Take out a default that is a folder of the machine the build was made on."""
    is_path = parameter.name.lower() in knowledge.COMPILED_PATHS
    return msgspec.structs.replace(parameter, default=None) if is_path else parameter


def _described(listing: str, major: int) -> list[Parameter]:
    """Read ``--describe-config``.

    Name, context, category, type, default, minimum, maximum, two descriptions.
    """
    lines = [line.split("\t") for line in listing.splitlines()]
    return [_described_parameter(cells, major) for cells in lines if len(cells) >= _COLUMNS]


def _described_parameter(cells: list[str], major: int) -> Parameter:
    """Read one line; its default is left unknown, since the listing prints numbers before they are set."""
    name, context, category, vartype, _, low, high, short, extra, *_ = cells
    row = SettingRow(
        name=name,
        setting=None,
        unit=None,
        category=category,
        short_desc=short,
        extra_desc=extra or None,
        context=context,
        vartype={"boolean": "bool"}.get(vartype.lower(), vartype.lower()),
        source="default",
        min_val=low or None,
        max_val=high or None,
        enumvals=None,
        boot_val=None,
        reset_val=None,
        sourcefile=None,
        sourceline=None,
        pending_restart=False,
        flags=None,
        is_alterable=None,
    )
    return read_parameter(row, major)
