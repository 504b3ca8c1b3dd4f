"""What the audit log says of the configuration: the head is the revision that was announced last.

A revision holds in itself, so whoever takes the newest one away, or puts one in, leaves a history that
holds, too, with the policies of another day. The audit log's rows say which revisions became the head.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from setpoint.errors import TamperedError
from setpoint.store.audit import read_row
from setpoint.store.schema import audit, audit_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from setpoint.config.revision import Revision

ACTION = "configuration.commit"
"""What the row says was done that announces a revision, in its detail as `revision`."""

REPAIR = "restore the store from a backup; `setpoint audit verify` lists everything that was bent"


def check_announced(connection: Connection, head: Revision | None) -> Revision | None:
    """Answer the head when it is the one announced last; raise `TamperedError`.

    A store where nothing was ever announced has the head it has, as long as no row of its audit log is gone.
    """
    query = select(audit).where(audit.c.action == ACTION).order_by(audit.c.seq.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        if head is not None and _lacks_rows(connection):
            message = f"no row of the audit log announces revision {head.short_id}, and rows of it are gone"
            raise TamperedError(message, next_step=REPAIR)
        return head
    announced = str(read_row(row).detail.get("revision"))
    if head is None or head.id != announced:
        found = f"revision {head.short_id}" if head is not None else "none"
        message = f"the head is {found}, the audit log says that {announced[:12]} was committed last"
        raise TamperedError(message, next_step=REPAIR)
    return head


def announcement_faults(connection: Connection, line: Sequence[Revision]) -> Iterator[str]:
    """Compare all heads, oldest first, with what was announced; rows that cannot be read are left out."""
    said = dict(_announced(connection))
    if not said:
        return
    order = [revision for revision, _ in groupby(said.values())]
    heads = [revision.id for revision in line]
    for seq, revision in said.items():
        if revision not in heads:
            yield f"revision {revision[:12]} is missing, row {seq} of the audit log says it was committed"
    unsaid = [revision.short_id for revision in line if revision.id not in order]
    for name in unsaid:
        yield f"revision {name} was put in: no row of the audit log says it was committed"
    if not unsaid and [each for each in order if each in heads] != heads:
        yield "the revisions do not follow each other as the audit log says they were committed"


def _announced(connection: Connection) -> Iterator[tuple[int, str]]:
    query = select(audit).where(audit.c.action == ACTION).order_by(audit.c.seq)
    for row in connection.execute(query).mappings():
        try:
            yield row["seq"], str(read_row(row).detail.get("revision"))
        except TamperedError:
            continue  # the chain's own verification tells of it


def _lacks_rows(connection: Connection) -> bool:
    """Tell whether fewer rows are there than were written. A log of many rows has some that announce."""
    written = select(func.coalesce(func.max(audit_head.c.seq), 0)).scalar_subquery()
    return connection.execute(select(func.count() != written).select_from(audit)).scalar_one()
