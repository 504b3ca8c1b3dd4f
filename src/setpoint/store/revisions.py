"""Revisions in the store: one line of heads, each complete, none ever changed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import func, insert, select

from setpoint.config.configuration import Configuration
from setpoint.config.merge import merge
from setpoint.config.revision import Revision, bucket_of, content_hash, is_intact, seal
from setpoint.errors import ConflictError, InputError, NotFoundError, TamperedError
from setpoint.store.announcements import REPAIR, announcement_faults, check_announced
from setpoint.store.objects import Forest, grow, read_bucket, read_names, read_part, write_objects
from setpoint.store.schema import objects, revisions, utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, RowMapping

    from setpoint.config.configuration import Part
    from setpoint.store.database import Database
    from setpoint.store.objects import Tree

_HEAD = re.compile(r"(?:HEAD|head)(?:~(\d{1,9}))?")
_PREFIX = re.compile(r"[0-9a-f]{4,64}")
_SHOWN = 5
_HEAD_NOTE = "head"


class RevisionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What recomputing every hash came to: revisions and objects read, and each fault in words."""

    revisions: int
    objects: int
    faults: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


class Revisions:
    """The history of the configuration."""

    def __init__(self, database: Database) -> None:
        """Stand on a database."""
        self._database = database
        self._forest = Forest()

    def head(self) -> Revision | None:
        """Answer the newest revision, or None before the first; raise `TamperedError`."""
        with self._database.read() as connection:
            if self._database.is_writing:
                return _head(connection)
            # Of one moment there is one head.
            notes = self._database.notes
            if _HEAD_NOTE not in notes:
                notes[_HEAD_NOTE] = _head(connection)
            return notes[_HEAD_NOTE]

    def commit(
        self,
        configuration: Configuration,
        *,
        base: str | None,
        author: str,
        reason: str,
        ticket: str = "",
        at: datetime,
    ) -> Revision:
        """Make a configuration the head. `base` is the id of the revision it was made from, None: nothing.

        When the head has moved since, both edits are merged: the answer has two parents, the head that was
        found and a revision of this edit alone. A commit that changes nothing answers the head.

        Whoever governs announces what this answers in the audit log, in the same transaction: a row
        ``configuration.commit`` with the id as `revision`. From the first on, only what is announced is the
        head.

        Raises:
            TamperedError: the head is not the one that was announced.
            ConflictError: both edits want different things; each is named, and who made the other one.
            NotFoundError: there is no revision `base`.
        """
        moment = utc(at)
        with self._database.write() as connection:
            head = _head(connection)
            start = _find(connection, base) if base is not None else None
            sealed = _Author(author, reason, ticket, moment)
            if head is None or (start is not None and start.id == head.id):
                return self._extend(connection, configuration, head, sealed)
            return self._merge(connection, configuration, start, head, sealed)

    def get(self, name: str) -> Revision:
        """Answer a revision by id, by the first four or more digits of one, or as ``HEAD``, ``HEAD~2``.

        Raises `NotFoundError`, and `InputError` for a prefix that fits several.
        """
        with self._database.read() as connection:
            return _find(connection, name)

    def load(self, revision: Revision) -> Configuration:
        """Answer a revision's whole configuration. The last few stay in memory: treat as immutable."""
        with self._database.read() as connection:
            return self._forest.load(connection, revision.root).configuration

    def members(self, revision: Revision) -> dict[str, str]:
        """Answer the object hash of every part (``instance:NAME``, ``policy:NAME``, ...)."""
        with self._database.read() as connection:
            names = read_names(connection, revision.root)
            return {
                key: digest
                for name in names.values()
                for key, digest in read_bucket(connection, name).items()
            }

    def part(self, revision: Revision, key: str) -> Part | None:
        """Answer one part of a revision without loading the rest, None when it has no such part."""
        with self._database.read() as connection:
            bucket = read_names(connection, revision.root).get(bucket_of(key))
            digest = read_bucket(connection, bucket).get(key) if bucket else None
            return read_part(connection, key, digest) if digest else None

    def log(self, limit: int | None = None, part: str | None = None) -> tuple[Revision, ...]:
        """Answer the line of heads, newest first; with `part`, only those that changed that part."""
        with self._database.read() as connection:
            if part is None:
                return tuple(_line(connection, limit=limit))
            return tuple(_changing(connection, part, limit))

    def verify(self) -> RevisionReport:
        """Recompute the hash of every object and revision, and follow every reference."""
        with self._database.read() as connection:
            faults: list[str] = []
            known: set[str] = set()
            query = select(objects.c.hash, objects.c.body)
            with connection.execute(query, execution_options={"yield_per": 1000}) as found_objects:
                for digest, body in found_objects:
                    known.add(digest)
                    if content_hash(body) != digest:
                        faults.append(f"object {digest[:12]} does not match its hash")
            found: list[Revision] = []
            line: list[Revision] = []
            rows = connection.execute(select(revisions).order_by(revisions.c.number)).mappings()
            for row in rows:
                try:
                    revision = _revision(row)
                except TamperedError as fault:
                    faults.append(fault.what)
                else:
                    found.append(revision)
                    line += [revision] if row["number"] is not None else []
            faults.extend(_history_faults(found, line))
            faults.extend(announcement_faults(connection, line))
            if not faults:
                faults.extend(_missing(connection, found, known))
        return RevisionReport(revisions=len(found), objects=len(known), faults=tuple(faults))

    def _extend(
        self, connection: Connection, configuration: Configuration, head: Revision | None, sealed: _Author
    ) -> Revision:
        grown = grow(configuration, self._forest.load(connection, head.root) if head else None)
        if head is not None and grown.tree.root == head.root:
            return head
        write_objects(connection, grown.bodies)
        revision = sealed.seal(grown.tree, (head.id,) if head else ())
        _insert(connection, revision, is_head=True)
        self._forest.keep(grown.tree)
        return revision

    def _merge(
        self,
        connection: Connection,
        ours: Configuration,
        start: Revision | None,
        head: Revision,
        sealed: _Author,
    ) -> Revision:
        base = self._forest.load(connection, start.root) if start else None
        theirs = self._forest.load(connection, head.root)
        side = grow(ours, base)
        if side.tree.root == head.root or (base is not None and side.tree.root == base.root):
            return head
        try:
            merged = merge(base.configuration if base else Configuration(), ours, theirs.configuration)
        except ConflictError as conflict:
            others = "; ".join(_others(connection, start, side.tree, base))
            message = f"{conflict.what}; the other edit: {others}"
            raise ConflictError(message, where=conflict.where, next_step=conflict.next_step) from None
        grown = grow(merged, theirs)
        if grown.tree.root == head.root:
            return head
        write_objects(connection, {**side.bodies, **grown.bodies})
        ours_alone = sealed.seal(side.tree, (start.id,) if start else ())
        _insert(connection, ours_alone, is_head=False)
        revision = sealed.seal(grown.tree, (head.id, ours_alone.id))
        _insert(connection, revision, is_head=True)
        self._forest.keep(grown.tree)
        return revision


class _Author(msgspec.Struct, frozen=True):
    """Who, why and when: what a commit's revisions have in common."""

    author: str
    reason: str
    ticket: str
    at: datetime

    def seal(self, tree: Tree, parents: tuple[str, ...]) -> Revision:
        return seal(root=tree.root, parents=parents, **msgspec.structs.asdict(self))


def _head(connection: Connection) -> Revision | None:
    return check_announced(connection, next(_line(connection, limit=1), None))


def _line(
    connection: Connection, *, limit: int | None = None, after: str | None = None
) -> Iterator[Revision]:
    """Answer the heads, newest first; with `after`, those made after that head."""
    query = (
        select(revisions)
        .where(revisions.c.number.is_not(None))
        .order_by(revisions.c.number.desc())
        .limit(limit)
    )
    if after is not None:
        number = select(revisions.c.number).where(revisions.c.id == after).scalar_subquery()
        query = query.where(revisions.c.number > number)
    yield from map(_revision, connection.execute(query).mappings().all())


def _revision(row: RowMapping) -> Revision:
    fields: dict[str, Any] = {str(name): value for name, value in row.items() if name != "number"}
    try:
        fields["parents"] = msgspec.json.decode(fields["parents"], type=tuple[str, ...])
    except (msgspec.MsgspecError, TypeError, ValueError):
        fields["parents"] = ("unreadable",)  # of which no hash was taken
    revision = Revision(**fields)
    if not is_intact(revision):
        message = f"revision {revision.short_id} does not match its hash"
        raise TamperedError(message, next_step=REPAIR)
    return revision


def _insert(connection: Connection, revision: Revision, *, is_head: bool) -> None:
    fields = msgspec.structs.asdict(revision)
    fields["parents"] = msgspec.json.encode(revision.parents).decode()
    if is_head:
        fields["number"] = (connection.execute(select(func.max(revisions.c.number))).scalar() or 0) + 1
    connection.execute(insert(revisions).values(fields))


def _find(connection: Connection, name: str) -> Revision:
    relative = _HEAD.fullmatch(name)
    if relative:
        _head(connection)
        back = int(relative[1] or 0)
        newest = select(func.max(revisions.c.number)).scalar_subquery()
        query = select(revisions).where(revisions.c.number == newest - back)
    elif _PREFIX.fullmatch(name):
        query = select(revisions).where(revisions.c.id.startswith(name)).limit(_SHOWN)
    else:
        message = f"{name!r} does not name a revision"
        raise NotFoundError(
            message, next_step="four or more digits of an id, HEAD or HEAD~1; `setpoint history` lists them"
        )
    found = connection.execute(query).mappings().all()
    if not found:
        message = f"there is no revision {name!r}"
        raise NotFoundError(message, next_step="`setpoint history` lists them")
    if len(found) > 1:
        message = f"{name!r} fits several revisions: {', '.join(row['id'][:12] for row in found)}"
        raise InputError(message, next_step="give more digits")
    return _revision(found[0])


def _changing(connection: Connection, part: str, limit: int | None) -> Iterator[Revision]:
    bucket = bucket_of(part)
    digests: dict[str | None, str | None] = {None: None}
    count = 0
    newer: Revision | None = None
    newer_digest: str | None = None
    for revision in _line(connection):
        name = read_names(connection, revision.root).get(bucket)
        if name not in digests:
            digests[name] = read_bucket(connection, str(name)).get(part)
        digest = digests[name]
        if newer is not None and digest != newer_digest:
            yield newer
            count += 1
            if count == limit:
                return
        newer, newer_digest = revision, digest
    if newer is not None and newer_digest is not None and limit != 0:
        yield newer


def _others(connection: Connection, start: Revision | None, ours: Tree, base: Tree | None) -> Iterator[str]:
    """Name the heads made since `start` that changed a bucket which our edit changes too."""
    old: dict[str, str] = dict(base.names) if base else {}
    our_buckets = {
        bucket for bucket in old.keys() | ours.names.keys() if old.get(bucket) != ours.names.get(bucket)
    }
    before = old
    for revision in reversed(list(_line(connection, after=start.id if start else None))):
        after = read_names(connection, revision.root)
        if any(before.get(bucket) != after.get(bucket) for bucket in our_buckets):
            why = f": {revision.reason}" if revision.reason else ""
            when = revision.at.isoformat(timespec="seconds")
            yield f"{revision.author} in {revision.short_id} at {when}{why}"
        before = after


def _history_faults(found: list[Revision], line: list[Revision]) -> Iterator[str]:
    ids = {revision.id for revision in found}
    for revision in found:
        yield from (
            f"revision {parent[:12]} is missing, {revision.short_id} names it"
            for parent in revision.parents
            if parent not in ids
        )
    for older, newer in zip([None, *line], line, strict=False):
        expected = (older.id,) if older else ()
        if newer.parents[:1] != expected:
            yield f"revision {newer.short_id} does not follow the one before it"


def _missing(connection: Connection, found: list[Revision], known: set[str]) -> Iterator[str]:
    seen: set[str] = set()
    for revision in found:
        for name in set(read_names(connection, revision.root).values()) - seen:
            seen.add(name)
            lost = (
                [name]
                if name not in known
                else [d for d in read_bucket(connection, name).values() if d not in known]
            )
            yield from (f"object {digest[:12]} of revision {revision.short_id} is missing" for digest in lost)
