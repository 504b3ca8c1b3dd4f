"""The journal: what is being done to which instance, and what of it is ours; it outlives a killed process.

Each intention is on disk, with its audit row, before its effect. A process that dies in between leaves an
apply that is `running`; whoever plans next reads it, looks at the instance, and says with `finish` what
became of it.

Nothing is answered that the audit rows do not say, too: everything that reads raises `TamperedError` for an
apply or an ownership that somebody changed, put in or took away behind the audit log's back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import delete, insert, select, update

from setpoint.errors import HeldError, NotFoundError
from setpoint.store.schema import applies, ownerships, utc
from setpoint.store.testimony import (
    LET_GO,
    check_apply,
    check_owned,
    check_running,
    journal_faults,
    read_apply,
    read_owned,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from setpoint.store.audit import Audit
    from setpoint.store.database import Database
    from setpoint.store.records import Apply, Outcome, Owned, State


@dataclass(frozen=True, slots=True)
class JournalReport:
    """What checking the journal came to: how many applies there are, and each fault in words."""

    applies: int
    faults: tuple[str, ...]


class Journal:
    """Applies and ownerships of one store."""

    def __init__(self, database: Database, audit: Audit) -> None:
        """Stand on a database and write to its audit log."""
        self._database = database
        self._audit = audit

    def begin(self, apply: Apply) -> None:
        """Note that an apply begins; raise `HeldError` naming the holder when one runs on this instance."""
        with self._database.write() as connection:
            holder = _unfinished(connection, apply.instance)
            if holder is not None:
                raise _held(holder)
            connection.execute(insert(applies).values(msgspec.structs.asdict(apply)))
            detail = {
                "apply": apply.id,
                "plan": apply.plan_hash,
                "revision": apply.revision,
                "steps": apply.steps,
            }
            origin = {"host": apply.host, "pid": apply.pid}
            self._audit.append(
                apply.actor, "apply.begin", apply.instance, {**detail, **origin}, apply.started_at
            )

    def intend(
        self,
        apply_id: str,
        step: int,
        owned: Owned | None,
        *,
        at: datetime,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Note that a step is about to happen, and its audit row, in one transaction: before the effect.

        `step` counts from 1. `owned.restore` is the persisted text found before this step. When that is a
        text of our own (the parameter was applied before, and nobody changed it since), the first
        ownership's `restore` and `running_before` are kept. `detail` goes into the audit row. Raises
        `HeldError` for an apply that somebody else has ended.
        """
        with self._database.write() as connection:
            apply = _running(connection, apply_id)
            connection.execute(_change(apply_id).values(step=step, is_step_done=False))
            what: dict[str, Any] = {"apply": apply_id, "step": step, "steps": apply.steps, **(detail or {})}
            if owned is not None:
                kept = _own(connection, owned)
                what |= {"parameter": kept.parameter, "ours": kept.ours}
                what |= {"restore": kept.restore, "running_before": kept.running_before}
            self._audit.append(apply.actor, "apply.step", apply.instance, what, at)

    def done(self, apply_id: str, step: int) -> None:
        """Note that a step's effect is certain."""
        with self._database.write() as connection:
            connection.execute(_change(apply_id).where(applies.c.step == step).values(is_step_done=True))

    def finish(
        self,
        apply_id: str,
        outcome: Outcome,
        state: State,
        message: str = "",
        *,
        at: datetime,
        let_go: Iterable[str] | None = None,
    ) -> None:
        """Note how an apply ended. With the instance in its `old` state, ownership is as before, too.

        `let_go` names the parameters that are ours no more: what stood before us is back, or a person has
        taken them over. None leaves that unsaid, and what is missing afterwards cannot be told from it.
        Raises `HeldError` for one that somebody else has ended.
        """
        with self._database.write() as connection:
            apply = _running(connection, apply_id)
            ended = {"outcome": outcome, "state": state, "message": message, "ended_at": utc(at)}
            connection.execute(_change(apply_id).values(ended))
            if state == "old":
                _give_back(connection, apply_id)
            elif state == "new":
                connection.execute(
                    update(ownerships).where(ownerships.c.apply_id == apply_id).values(earlier="[]")
                )
            detail: dict[str, Any] = {"apply": apply_id, "outcome": outcome, "state": state}
            detail |= {"message": message}
            if let_go is not None:
                detail[LET_GO] = sorted(let_go)
                for parameter in detail[LET_GO]:
                    _forget(connection, apply.instance, parameter)
            self._audit.append(apply.actor, "apply.finish", apply.instance, detail, at)

    def check(self, apply_id: str) -> None:
        """Raise `HeldError` when an apply that was begun is not running any more: somebody took it over."""
        with self._database.read() as connection:
            _running(connection, apply_id)

    def get(self, apply_id: str) -> Apply:
        """Answer an apply; raise `NotFoundError`."""
        with self._database.read() as connection:
            return _get(connection, apply_id)

    def unfinished(self, instance: str) -> Apply | None:
        """Answer the apply that runs on an instance, or did when its process died."""
        with self._database.read() as connection:
            return _unfinished(connection, instance)

    def owned(self, instance: str) -> tuple[Owned, ...]:
        """Answer what is ours on an instance, by parameter."""
        query = select(ownerships).where(ownerships.c.instance == instance).order_by(ownerships.c.parameter)
        with self._database.read() as connection:
            found = connection.execute(query).mappings().all()
            kept = {str(row["parameter"]): read_owned(row) for row in found}
            check_owned(connection, instance, kept)
        return tuple(current for current, *_ in kept.values())

    def verify(self) -> JournalReport:
        """Check every apply and every ownership against the audit rows that speak of them."""
        with self._database.read() as connection:
            return JournalReport(*journal_faults(connection))


def _own(connection: Connection, owned: Owned) -> Owned:
    query = select(ownerships).where(*_key(owned.instance, owned.parameter))
    found = connection.execute(query).mappings().one_or_none()
    kept = {owned.parameter: read_owned(found)} if found is not None else {}
    check_owned(connection, owned.instance, kept, owned.parameter)
    earlier: tuple[Owned, ...] = ()
    if kept:
        current, *rest = kept[owned.parameter]
        older = tuple(rest)
        # Within one apply (its undo) the ownership before that apply stays the one to go back to.
        earlier = older if current.apply_id == owned.apply_id else (current, *older)
        # An intention whose effect never came leaves the text before it standing: all uncertain ones count.
        standing = next((each for each in (current, *older) if each.ours == owned.restore), None)
        if standing is not None:
            owned = msgspec.structs.replace(
                owned, restore=standing.restore, running_before=standing.running_before
            )
    _put(connection, owned, earlier)
    return owned


def _give_back(connection: Connection, apply_id: str) -> None:
    query = select(ownerships).where(ownerships.c.apply_id == apply_id)
    for row in connection.execute(query).mappings().all():
        current, *earlier = read_owned(row)
        if earlier:
            _put(connection, earlier[0], tuple(earlier[1:]))
        else:
            _forget(connection, current.instance, current.parameter)


def _put(connection: Connection, owned: Owned, earlier: tuple[Owned, ...]) -> None:
    _forget(connection, owned.instance, owned.parameter)
    values = {"instance": owned.instance, "parameter": owned.parameter, "apply_id": owned.apply_id}
    texts = {"body": msgspec.json.encode(owned).decode(), "earlier": msgspec.json.encode(earlier).decode()}
    connection.execute(insert(ownerships).values({**values, **texts}))


def _forget(connection: Connection, instance: str, parameter: str) -> None:
    connection.execute(delete(ownerships).where(*_key(instance, parameter)))


def _key(instance: str, parameter: str) -> tuple[Any, Any]:
    return ownerships.c.instance == instance, ownerships.c.parameter == parameter


def _change(apply_id: str) -> Any:
    return update(applies).where(applies.c.id == apply_id)


def _get(connection: Connection, apply_id: str) -> Apply:
    row = connection.execute(select(applies).where(applies.c.id == apply_id)).mappings().one_or_none()
    if row is None:
        message = f"the journal knows no apply {apply_id!r}"
        raise NotFoundError(message, next_step="`setpoint audit` lists them")
    return check_apply(connection, read_apply(row))


def _running(connection: Connection, apply_id: str) -> Apply:
    apply = _get(connection, apply_id)
    if apply.outcome != "running":
        what = f"somebody else took over the apply to {apply.instance}: it is {apply.outcome}"
        raise HeldError(what, where=apply.instance, next_step="look at `setpoint audit log`")
    return apply


def _unfinished(connection: Connection, instance: str) -> Apply | None:
    query = select(applies).where(applies.c.instance == instance, applies.c.outcome == "running")
    row = connection.execute(query).mappings().one_or_none()
    running = read_apply(row) if row else None
    check_running(connection, instance, running.id if running else None)
    return check_apply(connection, running) if running else None


def _held(holder: Apply) -> HeldError:
    since = holder.started_at.isoformat(timespec="seconds")
    process = f"process {holder.pid} on {holder.host}"
    what = f"{holder.actor} is applying to {holder.instance} since {since} ({process})"
    return HeldError(
        what, next_step="wait for it; if that process is gone, `setpoint plan` says what it left"
    )
