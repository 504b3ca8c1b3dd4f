"""Content-addressed objects in the database, and configurations cut into them and joined from them.

A configuration that was loaded or committed is remembered with the hash of each part, so that a later load
decodes and a later commit encodes only what differs. A part is taken as unchanged when it is the very same
value; values are immutable by contract, except that the fleet's settings, which are plain tables, are
always looked at.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from setpoint.config.configuration import Configuration
from setpoint.config.revision import PART_TYPES, bucket_of, canonical, content_hash, gather, spread
from setpoint.errors import TamperedError
from setpoint.store.database import add_missing, in_chunks
from setpoint.store.schema import objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import Connection

    from setpoint.config.configuration import Part

_REMEMBERED = 3


@dataclass(frozen=True, slots=True)
class Tree:
    """A configuration with its objects' hashes: the root's, the buckets', and their parts'."""

    root: str
    names: Mapping[str, str]
    buckets: Mapping[str, Mapping[str, str]]
    configuration: Configuration

    def digest(self, key: str) -> str | None:
        """Answer the hash of a part (``instance:NAME``), or None when it has no such part."""
        return self.buckets.get(bucket_of(key), {}).get(key)


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree and the bodies that it has and the tree it grew from has not."""

    tree: Tree
    bodies: Mapping[str, bytes]


class Forest:
    """The trees last used, by root; safe to share between threads."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._trees: OrderedDict[str, Tree] = OrderedDict()
        self._lock = Lock()

    def keep(self, tree: Tree) -> None:
        """Remember a tree and forget the one unused longest."""
        with self._lock:
            self._trees[tree.root] = tree
            self._trees.move_to_end(tree.root)
            while len(self._trees) > _REMEMBERED:
                self._trees.popitem(last=False)

    def load(self, connection: Connection, root: str) -> Tree:
        """Answer the tree below a root, from memory or from the database."""
        with self._lock:
            known = self._trees.get(root)
            nearest = next(reversed(self._trees.values()), None)
        tree = known or _read_tree(connection, root, nearest)
        self.keep(tree)
        return tree


def grow(configuration: Configuration, base: Tree | None) -> Grown:
    """Cut a configuration, encoding only what is not the very same value in `base`."""
    bodies: dict[str, bytes] = {}
    buckets = {bucket: dict(members) for bucket, members in base.buckets.items()} if base else {}
    touched: set[str] = set()
    for key, part in _changed(configuration, base.configuration if base else Configuration()):
        bucket = bucket_of(key)
        members = buckets.setdefault(bucket, {})
        before = members.pop(key, None)
        if part is not None:
            members[key] = _keep(bodies, part)
        if members.get(key) != before:
            touched.add(bucket)
    names = dict(base.names) if base else {}
    for bucket in touched:
        if buckets[bucket]:
            names[bucket] = _keep(bodies, buckets[bucket])
        else:
            del buckets[bucket], names[bucket]
    return Grown(Tree(_keep(bodies, names), names, buckets, configuration), bodies)


def write_objects(connection: Connection, bodies: Mapping[str, bytes]) -> None:
    """Write the objects that are not there yet."""
    add_missing(connection, objects, [{"hash": digest, "body": bodies[digest]} for digest in sorted(bodies)])


def fetch(connection: Connection, digests: Iterable[str]) -> dict[str, bytes]:
    """Answer bodies by hash; raise `TamperedError` when one is missing or is not what its hash says."""
    wanted = sorted(set(digests))
    found: dict[str, bytes] = {}
    for chunk in in_chunks(wanted):
        query = select(objects.c.hash, objects.c.body).where(objects.c.hash.in_(chunk))
        found.update((row[0], row[1]) for row in connection.execute(query))
    for digest in wanted:
        if digest not in found or content_hash(found[digest]) != digest:
            state = "does not match its hash" if digest in found else "is missing"
            message = f"object {digest[:12]} of the store {state}"
            raise TamperedError(message, next_step="restore the store from a backup")
    return found


def read_names(connection: Connection, root: str) -> dict[str, str]:
    """Answer the hash of each bucket below a root."""
    return msgspec.json.decode(fetch(connection, [root])[root], type=dict[str, str])


def read_bucket(connection: Connection, digest: str) -> dict[str, str]:
    """Answer the hash of each part in a bucket."""
    return msgspec.json.decode(fetch(connection, [digest])[digest], type=dict[str, str])


def read_part(connection: Connection, key: str, digest: str) -> Part:
    """Answer one part."""
    return msgspec.json.decode(fetch(connection, [digest])[digest], type=PART_TYPES[key.partition(":")[0]])


def _read_tree(connection: Connection, root: str, nearest: Tree | None) -> Tree:
    names = read_names(connection, root)
    bodies = fetch(connection, names.values())
    buckets = {
        bucket: msgspec.json.decode(bodies[digest], type=dict[str, str]) for bucket, digest in names.items()
    }
    members = {key: digest for bucket in buckets.values() for key, digest in bucket.items()}
    parts = dict(_shared(members, nearest)) if nearest else {}
    bodies = fetch(connection, {digest for key, digest in members.items() if key not in parts})
    tables: dict[str, dict[str, Any]] = {kind: {} for kind in PART_TYPES}
    for key, digest in sorted(members.items()):
        kind, _, name = key.partition(":")
        part = parts.get(key)
        tables[kind][name] = (
            msgspec.json.decode(bodies[digest], type=PART_TYPES[kind]) if part is None else part
        )
    return Tree(root, names, buckets, gather(tables))


def _shared(members: Mapping[str, str], nearest: Tree) -> Iterator[tuple[str, object]]:
    """Answer the frozen parts that a remembered tree has already decoded."""
    for kind, table in spread(nearest.configuration).items():
        if kind == "fleet":
            continue
        for name, part in table.items():
            key = f"{kind}:{name}"
            digest = members.get(key)
            if digest is not None and nearest.digest(key) == digest:
                yield key, part


def _changed(new: Configuration, old: Configuration) -> Iterator[tuple[str, object]]:
    """Answer key and value of each part that may differ; None for one that is gone."""
    for engine in old.fleet.keys() | new.fleet.keys():
        yield f"fleet:{engine}", new.fleet.get(engine)
    tables = spread(old)
    for kind, after in spread(new).items():
        before = tables[kind]
        if kind == "fleet":
            continue
        for name, part in after.items():
            if part is not before.get(name):
                yield f"{kind}:{name}", part
        for name in before.keys() - after.keys():
            yield f"{kind}:{name}", None


def _keep(bodies: dict[str, bytes], value: object) -> str:
    body = canonical(value)
    digest = content_hash(body)
    bodies[digest] = body
    return digest
