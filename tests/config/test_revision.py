"""Revisions: content-addressed, complete, and cheap to derive."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from tests.config.fleets import configurations

from setpoint.config.configuration import Configuration, Instance
from setpoint.config.revision import canonical, content_hash, cut, is_intact, join, members_of, seal

AT = datetime(2026, 5, 1, tzinfo=UTC)


def fetching(bodies):
    return lambda digests: {digest: bodies[digest] for digest in digests}


@given(configurations())
def test_what_is_cut_joins_to_the_same(configuration):
    objects = cut(configuration)
    assert join(objects.root, fetching(objects.bodies)) == configuration
    assert members_of(objects.root, fetching(objects.bodies)) == objects.parts
    assert all(content_hash(body) == digest for digest, body in objects.bodies.items())


@given(configurations(), configurations())
def test_equal_content_has_one_address_and_other_content_another(one, other):
    assert (cut(one).root == cut(other).root) == (one == other)


def test_one_edit_among_many_writes_three_objects():
    instances = {
        f"db-{number}": Instance(engine="postgresql", settings={"jit": str(number)}) for number in range(2000)
    }
    before = cut(Configuration(instances=instances))
    after = cut(Configuration(instances={**instances, "db-7": Instance(engine="postgresql")}))
    assert len(after.bodies.keys() - before.bodies.keys()) == 3


def test_a_revision_notices_that_it_was_edited():
    revision = seal(root="r", parents=["p"], author="lin", reason="why", ticket="T-1", at=AT)
    assert is_intact(revision)
    for field, value in {"author": "eve", "reason": "", "ticket": "T-2", "root": "s", "parents": ()}.items():
        assert not is_intact(msgspec.structs.replace(revision, **{field: value}))


def test_canonical_text_does_not_depend_on_the_order_of_keys():
    assert canonical({"b": 1, "a": 2}) == canonical({"a": 2, "b": 1})
