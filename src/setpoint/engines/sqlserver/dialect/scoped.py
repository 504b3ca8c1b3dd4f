"""Database-scoped configurations: what a database says for itself. Not verified on an engine.

Facts: the manual, "ALTER DATABASE SCOPED CONFIGURATION". The words are our own. The number in the fourth
column is the first major version that has it; a second number is the last.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

PREFIX = "scoped."
"""What the names of database-scoped configurations begin with: ``scoped.maxdop``."""
_NEWEST = 1_000


class KnownScoped(NamedTuple):
    """One configuration.

    `kind` is ``bool``, ``enum`` with its `words`, ``integer`` or ``minutes`` with their bounds; `since` and
    `until` are major versions.
    """

    name: str
    kind: str
    words: tuple[str, ...]
    bounds: tuple[int, int] | None
    default: str
    since: int
    until: int
    category: str
    description: str

    @property
    def parameter(self) -> str:
        """Our spelling of its name."""
        return PREFIX + self.name.lower()


def find_scoped(name: str) -> KnownScoped | None:
    """Answer what is known of one, with or without its prefix; None where it came with a later version."""
    return _known().get(name.lower().removeprefix(PREFIX))


def scoped_of(major: int) -> tuple[KnownScoped, ...]:
    """Answer the configurations of one major version, by name."""
    return tuple(each for each in _known().values() if each.since <= major <= each.until)


@cache
def _known() -> dict[str, KnownScoped]:
    lines = _TABLE.strip().splitlines()
    return {each.name.lower(): each for each in map(_read, lines[::2], lines[1::2])}


def _read(facts: str, description: str) -> KnownScoped:
    name, typed, default, majors, category = facts.split(" | ")
    kind, *rest = typed.split(" ")
    first, _, last = majors.partition("-")
    return KnownScoped(
        name=name,
        kind=kind,
        words=tuple(rest[0].split(",")) if kind == "enum" else (),
        bounds=(int(rest[0]), int(rest[1])) if kind in {"integer", "minutes"} else None,
        default=default,
        since=int(first),
        until=int(last) if last else _NEWEST,
        category=category,
        description=description.strip(),
    )


_TABLE = """
ACCELERATED_PLAN_FORCING | bool | 1 | 15 | query
  Force plans by a faster way than compiling them in full.
ASYNC_STATS_UPDATE_WAIT_AT_LOW_PRIORITY | bool | 0 | 16 | query
  Let updates of statistics in the background wait behind others' locks.
BATCH_MODE_ADAPTIVE_JOINS | bool | 1 | 15 | query
  Choose between hash and nested loops while a batch-mode join runs.
BATCH_MODE_MEMORY_GRANT_FEEDBACK | bool | 1 | 15 | memory
  Correct the memory grant of batch-mode plans by what they used.
BATCH_MODE_ON_ROWSTORE | bool | 1 | 15 | query
  Allow batch mode without a columnstore index.
CE_FEEDBACK | bool | 1 | 16 | query
  Correct the assumptions of estimates by what plans came to.
DEFERRED_COMPILATION_TV | bool | 1 | 15 | query
  Compile statements on table variables when their rows are known.
DISABLE_BATCH_MODE_ADAPTIVE_JOINS | bool | 0 | 14-14 | query
  Turn adaptive joins off.
DISABLE_BATCH_MODE_MEMORY_GRANT_FEEDBACK | bool | 0 | 14-14 | memory
  Turn feedback on the memory grants of batch-mode plans off.
DISABLE_INTERLEAVED_EXECUTION_TVF | bool | 0 | 14-14 | query
  Turn interleaved execution of table functions off.
DOP_FEEDBACK | bool | 0 | 16 | parallelism
  Lower the parallelism of a repeated query where it brings nothing.
ELEVATE_ONLINE | enum OFF,WHEN_SUPPORTED,FAIL_UNSUPPORTED | OFF | 15 | storage
  Make index operations online without being asked.
ELEVATE_RESUMABLE | enum OFF,WHEN_SUPPORTED,FAIL_UNSUPPORTED | OFF | 15 | storage
  Make index operations resumable without being asked.
EXEC_QUERY_STATS_FOR_SCALAR_FUNCTIONS | bool | 1 | 16 | diagnostics
  Keep execution statistics of scalar functions.
FORCE_SHOWPLAN_RUNTIME_PARAMETER_COLLECTION | bool | 0 | 16 | diagnostics
  Keep the parameters' values of running statements.
FULLTEXT_INDEX_VERSION | integer 1 2 | 2 | 17 | full-text
  Which components new full-text indexes use.
GLOBAL_TEMPORARY_TABLE_AUTO_DROP | bool | 1 | 15 | programming
  Drop global temporary tables once no session uses them.
IDENTITY_CACHE | bool | 1 | 14 | storage
  Hand out identity values from memory, which leaves gaps after a crash.
INTERLEAVED_EXECUTION_TVF | bool | 1 | 15 | query
  Estimate by what a table function really returned.
ISOLATE_SECURITY_POLICY_CARDINALITY | bool | 0 | 15 | query
  Leave row-level security predicates out of the estimates of others.
LAST_QUERY_PLAN_STATS | bool | 0 | 15 | diagnostics
  Keep the last actual plan of each statement.
LEGACY_CARDINALITY_ESTIMATION | bool | 0 | 13 | query
  Estimate rows as SQL Server 2012 did.
LIGHTWEIGHT_QUERY_PROFILING | bool | 1 | 15 | diagnostics
  Count the rows of running plans at small cost.
MAXDOP | integer 0 32767 | 0 | 13 | parallelism
  Most processors for one statement in this database; 0 leaves it to the instance.
MEMORY_GRANT_FEEDBACK_PERCENTILE_GRANT | bool | 1 | 16 | memory
  Judge memory grants by several executions instead of the last.
MEMORY_GRANT_FEEDBACK_PERSISTENCE | bool | 1 | 16 | memory
  Keep feedback on memory grants in the Query Store.
OPTIMIZED_PLAN_FORCING | bool | 1 | 16 | query
  Keep what shortens the compilation of forced plans.
OPTIMIZED_SP_EXECUTESQL | bool | 0 | 17 | query
  Compile the same sp_executesql text in one session at a time.
OPTIMIZE_FOR_AD_HOC_WORKLOADS | bool | 0 | 15 | query
  Keep a stub instead of the plan of a batch compiled for the first time.
OPTIONAL_PARAMETER_OPTIMIZATION | bool | 1 | 17 | query
  Keep several plans for parameters that may be absent.
PARAMETER_SENSITIVE_PLAN_OPTIMIZATION | bool | 1 | 16 | query
  Keep several plans of a statement, by its parameters' values.
PARAMETER_SNIFFING | bool | 1 | 13 | query
  Compile by the first values of the parameters.
PAUSED_RESUMABLE_INDEX_ABORT_DURATION_MINUTES | minutes 0 71582 | 1440 | 16 | storage
  How long a paused index operation is kept before it is aborted; 0 for ever.
PREVIEW_FEATURES | bool | 0 | 17 | features
  Allow features that are not released.
QUERY_OPTIMIZER_HOTFIXES | bool | 0 | 13 | query
  Use what optimizer fixes changed after the release.
READABLE_SECONDARY_TEMPORARY_STATS_AUTO_CREATE | bool | 1 | 17 | query
  Make temporary statistics on readable secondaries.
READABLE_SECONDARY_TEMPORARY_STATS_AUTO_UPDATE | bool | 1 | 17 | query
  Keep temporary statistics on readable secondaries up to date.
ROW_MODE_MEMORY_GRANT_FEEDBACK | bool | 1 | 15 | memory
  Correct the memory grant of row-mode plans by what they used.
TSQL_SCALAR_UDF_INLINING | bool | 1 | 15 | query
  Compile scalar functions into the statements that call them.
VERBOSE_TRUNCATION_WARNINGS | bool | 1 | 15 | diagnostics
  Name the column and the value when text is cut off.
XTP_PROCEDURE_EXECUTION_STATISTICS | bool | 0 | 15 | diagnostics
  Keep execution statistics of natively compiled modules.
XTP_QUERY_EXECUTION_STATISTICS | bool | 0 | 15 | diagnostics
  Keep execution statistics of each statement of natively compiled modules.
"""
