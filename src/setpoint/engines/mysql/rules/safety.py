"""Safety and order: what a crash may take, what replicas rely on, waiting restarts, faulty files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mysql.rules.reading import DOCS
from setpoint.recommend import Proposal, Remark, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.recommend import Evidence

_FLUSH = "innodb_flush_log_at_trx_commit"
_DURABLE = (1, 3)
"""3 is MariaDB's own: as durable as 1, with one sync more."""
_STRICT = frozenset({"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "TRADITIONAL"})
_UNPROTECTED = frozenset({"OFF", "0", "FALSE", "DETECT_ONLY"})
_GALERA = "Galera"


def durability_off(evidence: Evidence) -> Iterator[Proposal | Remark]:
    """Put durability back: `innodb_flush_log_at_trx_commit` to 1.

    With 0 or 2 the last second of commits that clients were told are safe is gone after a crash of the
    server or of its host. In a Galera cluster the other members have them; there it is told, and left to a
    person: when all go down at once they are gone all the same.
    """
    value = evidence.number(_FLUSH)
    if value is None or value in _DURABLE:
        return
    loss = "the host" if value == 2 else "the server or of the host"  # noqa: PLR2004 - the parameter's word
    reason = f"{_FLUSH} is {value:.0f}: a crash of {loss} loses up to a second of commits"
    if evidence.facts.cluster.startswith(_GALERA):
        yield Remark(
            f"{reason}, unless another member of the cluster survives",
            {_FLUSH: f"{value:.0f}", "cluster": evidence.facts.cluster},
            "set it to 1 where the members share power, a rack or a host",
            Severity.WARNING,
        )
        return
    yield Proposal(
        _FLUSH,
        1,
        reason=reason,
        expected="no commit is lost by a crash",
        risk="commits take the time that safety costs",
        evidence={_FLUSH: f"{value:.0f}"},
    )


def pages_unprotected(evidence: Evidence) -> Iterator[Remark]:
    """Tell when pages can be damaged without repair or notice.

    `innodb_doublewrite` off: a page torn by a crash cannot be rebuilt. `innodb_checksum_algorithm` none:
    damage on disk is returned as data. `innodb_force_recovery` above 0: the server runs over damage. What
    puts them right belongs in an option file, with a restart, so no value is proposed.
    """
    doublewrite = evidence.text("innodb_doublewrite").upper()
    if doublewrite in _UNPROTECTED:
        yield Remark(
            f"innodb_doublewrite is {doublewrite}: a page that a crash tears cannot be rebuilt",
            {"innodb_doublewrite": doublewrite},
            "turn it on in an option file, unless the storage promises to write whole pages",
        )
    if evidence.text("innodb_checksum_algorithm").lower() in ("none", "strict_none"):
        yield Remark(
            "innodb_checksum_algorithm writes no checksums: damaged pages are read as if they were sound",
            {"innodb_checksum_algorithm": evidence.text("innodb_checksum_algorithm")},
            "set it to crc32",
        )
    level = evidence.number("innodb_force_recovery") or 0
    if level > 0:
        yield Remark(
            f"innodb_force_recovery is {level:.0f}: the server runs over damaged data",
            {"innodb_force_recovery": f"{level:.0f}"},
            "dump what can be read, make the instance anew, and take the line out",
        )


def binary_log_unsynced(evidence: Evidence) -> Iterator[Proposal]:
    """Sync the binary log with each commit: `sync_binlog` to 1.

    With any other value a crash of the host takes events that were committed, so that replicas and
    point-in-time recovery lack them or have more than the primary. MariaDB's default is 0.
    """
    every = evidence.number("sync_binlog")
    if evidence.amount("log_bin") is True and every is not None and every != 1:
        how = f"after {every:.0f} commits" if every else "when the system likes"
        yield Proposal(
            "sync_binlog",
            1,
            reason=f"the binary log is synced {how}: a crash of the host leaves replicas apart",
            expected="binary log and data agree after a crash",
            risk="one sync more for each group of commits",
            evidence={"sync_binlog": f"{every:.0f}"},
        )


def statements_replicated(evidence: Evidence) -> Iterator[Proposal]:
    """Log rows rather than statements alone: `binlog_format` from STATEMENT to ROW.

    A statement that depends on the moment, on an order or on who runs it does something else on a replica,
    and nobody notices.
    """
    if evidence.amount("log_bin") is True and evidence.text("binlog_format").upper() == "STATEMENT":
        yield Proposal(
            "binlog_format",
            "ROW",
            reason="statements that are not deterministic make replicas differ unnoticed",
            expected="replicas hold the same rows",
            risk="a larger binary log; tables without a primary key are slow to replay",
            evidence={"binlog_format": "STATEMENT"},
        )


def mode_not_strict(evidence: Evidence) -> Iterator[Remark]:
    """Tell when `sql_mode` is not strict: what does not fit a column is cut off and stored.

    Applications may rely on it, so no value is proposed.
    """
    mode = evidence.running.get("sql_mode")
    if isinstance(mode, tuple) and not _STRICT & {word.upper() for word in mode}:
        yield Remark(
            "sql_mode is not strict: values that do not fit their column are cut off and stored",
            {"sql_mode": ",".join(mode) or "(empty)"},
            "try STRICT_TRANS_TABLES in the application's own sessions, then set it for all",
        )


def restart_debt(evidence: Evidence) -> Iterator[Remark]:
    """Tell which values wait for a restart: until then the instance runs with others than are kept for it."""
    waiting = {
        name: each.pending for name, each in evidence.observation.settings.items() if each.pending is not None
    }
    if waiting:
        names = ", ".join(sorted(waiting))
        yield Remark(
            f"waiting for a restart: {names}",
            dict(sorted(waiting.items())),
            "plan a restart, or take them back",
        )


def files_with_faults(evidence: Evidence) -> Iterator[Remark]:
    """Tell which lines of the option files the server will not take: one of them can stop the next start."""
    for fault in evidence.observation.file_faults:
        yield Remark(f"{fault.file}:{fault.line}: {fault.message}", next_step="put the line right")


RULES: tuple[Rule, ...] = (
    Rule(
        code="MY004",
        title="durability is switched off",
        examine=durability_off,
        source=f"{DOCS}, innodb_flush_log_at_trx_commit",
        severity=Severity.CRITICAL,
    ),
    Rule(
        code="MY005",
        title="pages are not protected",
        examine=pages_unprotected,
        source=f"{DOCS}, innodb_doublewrite and Forcing InnoDB Recovery",
        severity=Severity.CRITICAL,
    ),
    Rule(
        code="MY006",
        title="the binary log is not synced",
        examine=binary_log_unsynced,
        source=f"{DOCS}, sync_binlog",
        severity=Severity.WARNING,
    ),
    Rule(
        code="MY007",
        title="statements are replicated",
        examine=statements_replicated,
        source=f"{DOCS}, Advantages and Disadvantages of Statement-Based and Row-Based Replication",
        severity=Severity.WARNING,
    ),
    Rule(
        code="MY021",
        title="values that do not fit are cut off",
        examine=mode_not_strict,
        source=f"{DOCS}, Server SQL Modes",
        severity=Severity.WARNING,
    ),
    Rule(
        code="MY022",
        title="values wait for a restart",
        examine=restart_debt,
        source=f"{DOCS}, Persisted System Variables",
    ),
    Rule(
        code="MY023",
        title="option files have faults",
        examine=files_with_faults,
        source=f"{DOCS}, Using Option Files",
        severity=Severity.WARNING,
    ),
)
