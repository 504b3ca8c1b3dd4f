"""Revisions: immutable, content-addressed, complete.

A configuration is cut into objects (one per fleet engine, group, instance and policy), objects are gathered
in 256 buckets by the hash of their key, and a root names the buckets; a revision names a root. So a revision
is complete, equal parts are kept once, and an edit of one instance among 100 000 writes one object, one
bucket and one root.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.config.configuration import Configuration, Group, Instance, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PART_TYPES: Mapping[str, Any] = {"fleet": Settings, "group": Group, "instance": Instance, "policy": str}
"""What the body of a part reads as, by the kind that its key begins with."""


class Revision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of the configuration's history: what (root), after what (parents), who, why, when.

    `id` is the SHA-256 of everything else, in hexadecimal.
    """

    id: str
    parents: tuple[str, ...]
    root: str
    author: str
    reason: str
    ticket: str
    at: datetime

    @property
    def short_id(self) -> str:
        """The first twelve hexadecimal digits."""
        return self.id[:12]


class Objects(msgspec.Struct, frozen=True):
    """A configuration cut into objects: the root, bodies by hash, and each part's object hash."""

    root: str
    bodies: dict[str, bytes]
    parts: dict[str, str]


def seal(
    *, root: str, parents: Iterable[str], author: str, reason: str, ticket: str, at: datetime
) -> Revision:
    """Make a revision; its id follows from its content."""
    fields: dict[str, Any] = {
        "parents": tuple(parents),
        "root": root,
        "author": author,
        "reason": reason,
        "ticket": ticket,
        "at": at,
    }
    return Revision(id=content_hash(canonical(fields)), **fields)


def is_intact(revision: Revision) -> bool:
    """Tell whether a revision's id still follows from its content."""
    fields = msgspec.structs.asdict(revision)
    del fields["id"]
    return content_hash(canonical(fields)) == revision.id


def cut(configuration: Configuration) -> Objects:
    """Cut a configuration into objects."""
    bodies: dict[str, bytes] = {}
    parts: dict[str, str] = {}
    buckets: dict[str, dict[str, str]] = {}
    for key, part in _keyed(configuration):
        parts[key] = _keep(bodies, part)
        buckets.setdefault(bucket_of(key), {})[key] = parts[key]
    names = {bucket: _keep(bodies, members) for bucket, members in buckets.items()}
    return Objects(_keep(bodies, names), bodies, parts)


def join(root: str, fetch: Callable[[Iterable[str]], Mapping[str, bytes]]) -> Configuration:
    """Put a configuration together again; `fetch` answers bodies for hashes, many at a time."""
    tables: dict[str, dict[str, Any]] = {kind: {} for kind in PART_TYPES}
    members = members_of(root, fetch)
    bodies = fetch(set(members.values()))
    for key, digest in members.items():
        kind, _, name = key.partition(":")
        tables[kind][name] = msgspec.json.decode(bodies[digest], type=PART_TYPES[kind])
    return gather(tables)


def gather(tables: Mapping[str, dict[str, Any]]) -> Configuration:
    """Put a configuration together of its parts, by kind and name."""
    return Configuration(
        fleet=tables["fleet"],
        groups=tables["group"],
        instances=tables["instance"],
        policies=tables["policy"],
    )


def spread(configuration: Configuration) -> dict[str, Mapping[str, Any]]:
    """Answer a configuration's parts by kind (``fleet group instance policy``) and name."""
    return {
        "fleet": configuration.fleet,
        "group": configuration.groups,
        "instance": configuration.instances,
        "policy": configuration.policies,
    }


def members_of(root: str, fetch: Callable[[Iterable[str]], Mapping[str, bytes]]) -> dict[str, str]:
    """Answer the object hash of every part (``instance:NAME``) below a root."""
    buckets = msgspec.json.decode(fetch([root])[root], type=dict[str, str])
    found: dict[str, str] = {}
    for body in fetch(set(buckets.values())).values():
        found.update(msgspec.json.decode(body, type=dict[str, str]))
    return found


def bucket_of(key: str) -> str:
    """Answer the bucket (two hexadecimal digits) that a part's key falls into."""
    return sha256(key.encode()).hexdigest()[:2]


def canonical(value: object) -> bytes:
    """Write a value as the one JSON text that its hash is taken of: keys sorted, no blanks."""
    return msgspec.json.encode(value, order="deterministic")


def content_hash(body: bytes) -> str:
    """Answer the SHA-256 of a body, in hexadecimal."""
    return sha256(body).hexdigest()


def _keep(bodies: dict[str, bytes], value: object) -> str:
    body = canonical(value)
    digest = content_hash(body)
    bodies[digest] = body
    return digest


def _keyed(configuration: Configuration) -> Iterable[tuple[str, object]]:
    for kind, table in spread(configuration).items():
        yield from ((f"{kind}:{name}", part) for name, part in table.items())
