"""The store edited directly, its triggers dropped first: nothing bent is believed, `audit verify` finds it.

What the chain cannot show by itself, rows made to fit it, is found by what was signed or noted elsewhere.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from tests.attacks.scene import POLICY, SHOP, Attacked

from setpoint.config.revision import content_hash
from setpoint.errors import SetpointError, TamperedError
from setpoint.policy.approval import Voice
from setpoint.policy.person import Grant, Person, Role
from setpoint.store.chain import START, link, time_text


def found_by_verify(town: Attacked, match: str) -> None:
    proof = town.founder.verify_audit()
    assert not proof.is_intact
    told = [fault.text for fault in proof.faults] + [text for _, text in proof.other_faults]
    assert any(match in text for text in told), told


def dump(town: Attacked) -> str:
    return json.dumps([msgspec.to_builtins(row) for row in town.rows()])


@pytest.mark.parametrize("verb", ["UPDATE {} SET rowid = rowid", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["audit", "revision", "object", "record", "plan", "checkpoint", "store"])
def test_the_database_itself_refuses(town, table, verb):
    town.approved(durable="off")
    if not town.look(f"SELECT count(*) FROM {table}")[0][0]:
        pytest.skip(f"there is no row of {table} here: nothing was signed")
    with (
        closing(sqlite3.connect(town.founder.where)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="only ever added"),
    ):
        connection.execute(verb.format(table))


@pytest.mark.parametrize("table", ["audit", "revision", "object", "record", "plan", "store"])
def test_the_database_refuses_a_row_put_in_anothers_place(town, table):
    """`REPLACE` deletes without asking a trigger for deletions, unless one for insertions asks first."""
    town.approved(durable="off")
    with (
        closing(sqlite3.connect(town.founder.where)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="only ever added"),
    ):
        connection.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")


def test_a_plan_edited_after_its_approval_is_not_applied(town):
    """The statements no longer say what the parameters say; the hash that was approved tells."""
    made, _ = town.approved(durable="off")
    town.meddle(
        "UPDATE plan SET body = CAST(replace(body, 'set durable off', 'set sort_memory 1GB') AS BLOB)"
    )
    with town.refused("was changed after it was made", TamperedError):
        town.olaf.apply(made)
    found_by_verify(town, "was changed after it was made")


def test_a_plan_is_not_exchanged_under_its_hash(town):
    """Parameters, texts and statements all changed alike: it is another plan, whatever it is kept under."""
    made, _ = town.approved(durable="off")
    other = """replace(replace(body, 'durable', 'page_cost'), '"off"', '"1.0"')"""
    town.meddle(f"UPDATE plan SET body = CAST({other} AS BLOB)")
    with town.refused("was changed after it was made", TamperedError):
        town.olaf.apply(made)
    found_by_verify(town, "was changed after it was made")


def test_a_plan_object_made_by_hand_is_not_applied(town):
    """One whose parameters look harmless and whose statements are not."""
    made = town.wish(sort_memory="8MB")
    step = made.steps[0]
    evil = tuple(msgspec.structs.replace(each, text="set durable off") for each in step.do)
    forged = msgspec.structs.replace(made, steps=(msgspec.structs.replace(step, do=evil), *made.steps[1:]))
    with town.refused("made no such plan"):
        town.olaf.apply(forged)


def test_a_plan_object_that_lies_about_its_hash_is_not_applied(town):
    """What is applied is what the store keeps under the hash, never the object that was handed in."""
    from setpoint.engines.plan import Plan

    honest = town.wish(sort_memory="8MB")

    class Liar(Plan, frozen=True, kw_only=True):
        @property
        def hash(self) -> str:
            return honest.hash

    step = honest.steps[0]
    evil = tuple(msgspec.structs.replace(each, text="set durable off") for each in step.do)
    fields = {**msgspec.structs.asdict(honest), "steps": (msgspec.structs.replace(step, do=evil),)}
    town.olaf.apply(Liar(**fields))
    assert town.server.persisted == {"sort_memory": "8MB"}


def test_a_plan_put_in_by_hand_is_not_applied(town):
    made = town.wish(sort_memory="8MB")
    step = made.steps[0]
    evil = tuple(msgspec.structs.replace(each, text="set durable off") for each in step.do)
    forged = msgspec.structs.replace(made, steps=(msgspec.structs.replace(step, do=evil), *made.steps[1:]))
    values = (
        forged.hash,
        SHOP,
        forged.revision,
        msgspec.json.encode(forged),
        "olaf",
        "2026-11-23T12:00:00.000000+00:00",
    )
    town.meddle(("INSERT INTO plan (hash, instance, revision, body, actor, at) VALUES (?,?,?,?,?,?)", values))
    with town.refused("was not made through Setpoint", TamperedError):
        town.olaf.apply(forged)
    found_by_verify(town, "was put in")


def test_an_approval_written_into_a_change_does_not_count(town):
    made = town.wish(durable="off")
    change = town.propose(made)
    voice = Voice(by="mara", account="local:mara@db1", at=town.clock(), digest=change.digest)
    forged = msgspec.json.encode(msgspec.structs.replace(change, voices=(voice,)))
    town.meddle(("UPDATE record SET body = ? WHERE kind = 'change'", (forged,)))
    with town.refused("was edited", TamperedError):
        town.olaf.apply(made)
    found_by_verify(town, "does not match its digest")


def test_an_approval_written_with_its_digest_does_not_count(town):
    made = town.wish(durable="off")
    change = town.propose(made)
    voice = Voice(by="mara", account="local:mara@db1", at=town.clock(), digest=change.digest)
    forged = msgspec.json.encode(msgspec.structs.replace(change, voices=(voice,)))
    new = (forged, content_hash(forged))
    town.meddle(("UPDATE record SET body = ?, digest = ? WHERE kind = 'change'", new))
    with town.refused("is not what row .* announced", TamperedError):
        town.olaf.apply(made)
    found_by_verify(town, "is not what row")


def test_a_version_of_an_approval_put_in_by_hand_does_not_count(town):
    made = town.wish(durable="off")
    change = town.propose(made)
    voice = Voice(by="mara", account="local:mara@db1", at=town.clock(), digest=change.digest)
    forged = msgspec.json.encode(msgspec.structs.replace(change, voices=(voice,)))
    town.meddle(
        (
            "INSERT INTO record SELECT kind, id, 2, ?, ?, 1, at FROM record WHERE kind = 'change'",
            (forged, content_hash(forged)),
        )
    )
    with town.refused("behind the audit log's back|was made up|announced", TamperedError):
        town.olaf.apply(made)
    found_by_verify(town, "announced")


def test_a_spent_change_is_not_made_open_again_by_taking_its_last_version_away(town):
    made, change = town.approved(durable="off")
    town.olaf.apply(made)
    town.server.set_by_hand("durable", None, running="on")
    town.meddle(("DELETE FROM record WHERE id = ? AND version = 3", (change.id,)))
    with town.refused("behind the audit log's back", TamperedError):
        town.olaf.apply(made)
    found_by_verify(town, "is missing")


def test_an_audit_row_edited_is_found(town):
    town.approved(durable="off")
    town.meddle("UPDATE audit SET actor = 'mara' WHERE seq = 3")
    found_by_verify(town, "does not match its own hash")


def test_an_audit_row_taken_away_is_found(town):
    town.approved(durable="off")
    town.meddle("DELETE FROM audit WHERE action = 'configuration.commit'")
    found_by_verify(town, "missing")


def test_the_last_audit_rows_taken_away_are_found(town):
    with town.refused("needs approvals"):
        town.olaf.apply(town.wish(durable="off"))
    town.meddle("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    found_by_verify(town, "missing")


def test_an_audit_row_put_in_by_hand_is_found(town):
    town.meddle(
        "INSERT INTO audit SELECT seq + 1, at, 'mara', 'change.approved', subject, detail, hash,"
        " hash FROM audit ORDER BY seq DESC LIMIT 1"
    )
    found_by_verify(town, "were added")


def rechain(town: Attacked) -> None:
    """Make every hash fit again, and the head too, as whoever knows how the chain is made can."""
    with closing(sqlite3.connect(town.founder.where)) as connection, connection:
        previous = START
        names = ("seq", "at", "actor", "action", "subject", "detail", "previous", "hash")
        for values in connection.execute("SELECT * FROM audit ORDER BY seq").fetchall():
            row = {**dict(zip(names, values, strict=True)), "previous": previous}
            row["at"] = time_text(msgspec.convert(row["at"], type=datetime))
            row["hash"] = link(row).recomputed()
            connection.execute(
                "UPDATE audit SET previous = ?, hash = ? WHERE seq = ?", (previous, row["hash"], row["seq"])
            )
            previous = row["hash"]
        connection.execute("UPDATE audit_head SET hash = ?", (previous,))


def test_a_chain_rewritten_whole_is_found_by_what_was_signed(town):
    pytest.importorskip("cryptography")
    town.approved(durable="off")
    town.ada.governance.people.anchor(str(Path(town.founder.where).with_name("anchors")))
    town.meddle("UPDATE audit SET actor = 'mara' WHERE action = 'change.proposed'")
    rechain(town)
    found_by_verify(town, "is not the one")


def test_a_chain_rewritten_whole_without_its_checkpoints_is_found_by_the_anchor(town, tmp_path):
    pytest.importorskip("cryptography")
    town.approved(durable="off")
    anchors = tmp_path / "elsewhere"
    town.ada.governance.people.anchor(str(anchors))
    town.meddle("UPDATE audit SET actor = 'mara' WHERE action = 'change.proposed'", "DELETE FROM checkpoint")
    rechain(town)
    Path(f"{town.founder.where}.checkpoint").unlink(missing_ok=True)
    lines = anchors.read_text().splitlines()
    assert not town.founder.verify_audit(anchors=lines).is_intact


def test_a_store_put_back_to_before_is_found(town, tmp_path):
    """An old copy is whole in itself: the removed person is back, the revoked token counts again."""
    pytest.importorskip("cryptography")
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(town.founder.where)) as connection, closing(sqlite3.connect(old)) as copy:
        connection.backup(copy)
    town.remove("mara")
    town.ada.governance.people.anchor(str(tmp_path / "anchors"))
    town.founder.close()
    with closing(sqlite3.connect(old)) as copy, closing(sqlite3.connect(town.founder.where)) as connection:
        copy.backup(connection)
    found_by_verify(town, "missing")


def test_single_user_mode_does_not_come_back_with_people_taken_away(town):
    town.meddle("DELETE FROM record WHERE kind IN ('person', 'token')")
    nobody = town.front("")
    with town.refused("behind the audit log's back|no token"):
        nobody.change_settings(f"instance:{SHOP}", {"sort_memory": "8MB"}, reason="free at last")
    found_by_verify(town, "is missing")


def test_single_user_mode_does_not_come_back_with_the_rows_taken_away_too(town):
    pytest.importorskip("cryptography")
    town.ada.governance.people.anchor(str(Path(town.founder.where).with_name("anchors")))
    town.meddle(
        "DELETE FROM record WHERE kind IN ('person', 'token')",
        "DELETE FROM audit WHERE action LIKE 'person.%' OR action LIKE 'token.%'",
    )
    found_by_verify(town, "missing")


def test_rights_written_into_a_person_do_not_count(town):
    mine = msgspec.json.encode(Person(name="vic", grants=(Grant(role=Role.OPERATOR),)))
    town.meddle(("UPDATE record SET body = ? WHERE kind = 'person' AND id = 'vic'", (mine,)))
    with town.refused("was edited", TamperedError):
        town.vic.change_settings(f"instance:{SHOP}", {"sort_memory": "8MB"}, reason="mine")
    found_by_verify(town, "does not match its digest")


def test_a_policy_edited_in_place_is_not_believed(town):
    """Bodies are named by their hash, so an edited one is no body of that name."""
    town.meddle("UPDATE object SET body = CAST(replace(body, 'durability', 'performance') AS BLOB)")
    fresh = type(town.founder).open(town.founder.where, token=town.tokens["olaf"])
    with fresh, pytest.raises(TamperedError):
        fresh.governance.policies()
    assert not town.founder.verify_audit().is_intact


def test_a_waiver_put_in_force_by_hand_is_not_believed(town):
    town.meddle("INSERT INTO record SELECT 'waiver', 'w1', 1, body, digest, 1, at FROM record LIMIT 1")
    with pytest.raises(TamperedError):
        town.olaf.plan(SHOP)
    found_by_verify(town, "w1")


def test_no_token_and_no_key_is_anywhere_in_the_store(town):
    """A copy of the store is no way in: it holds keyed hashes, and the key lies elsewhere."""
    body = Path(town.founder.where).read_bytes() + dump(town).encode()
    for token in town.tokens.values():
        secret = token.rpartition("_")[2]
        assert secret.encode() not in body
    key = Path(f"{town.founder.where}.key").read_text().strip()
    assert key.encode() not in body


def test_keys_that_others_can_read_are_not_used(town):
    Path(f"{town.founder.where}.key").chmod(0o644)
    with town.refused("others may read"):
        town.olaf.observe(SHOP)


def test_without_the_key_no_token_counts(town):
    Path(f"{town.founder.where}.key").unlink()
    with town.refused("the key that tokens are checked with is not there"):
        town.olaf.observe(SHOP)


def test_another_key_makes_no_new_tokens_of_old_ones(town):
    Path(f"{town.founder.where}.key").write_text("00" * 32)
    with town.refused("secret is wrong"):
        town.olaf.observe(SHOP)


def test_a_revision_taken_away_does_not_bring_an_older_policy_back(town):
    """Without the newest revision the one before it would be the head, with the policies of its day."""
    town.olaf.observe(SHOP)
    stricter = POLICY.replace("[page_cost]", "[page_cost, sort_memory]")
    town.decide(stricter)
    town.meddle("DELETE FROM revision WHERE number = (SELECT max(number) FROM revision)")
    with pytest.raises(SetpointError):
        town.olaf.apply(town.wish(sort_memory="8MB"))
    assert town.server.persisted == {}
    assert not town.founder.verify_audit().is_intact


def test_all_revisions_taken_away_are_found(town):
    town.meddle("DELETE FROM revision")
    assert not town.founder.verify_audit().is_intact


def test_a_revision_put_in_by_hand_is_not_the_head(town):
    """Whoever knows how revisions are named can make one without policies that holds in itself."""
    from setpoint.store import Store

    free = msgspec.structs.replace(town.olaf.configuration(), policies={})
    head = town.olaf.history(limit=1)[0]
    with Store.open(town.founder.where) as behind:
        behind.revisions.commit(
            free, base=head.id, author="olaf", reason="nothing", ticket="", at=town.clock()
        )
    with pytest.raises(SetpointError):
        town.olaf.apply(town.wish(durable="off"))
    assert town.server.persisted == {}
    assert not town.founder.verify_audit().is_intact


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET detail = 'no JSON' WHERE seq = 3",
        "UPDATE audit SET detail = '[]' WHERE seq = 3",
        "UPDATE audit SET at = 'no time' WHERE seq = 3",
        "UPDATE audit SET at = '2026-11-23T12:00:00' WHERE seq = 3",
        "UPDATE audit SET actor = x'ff' WHERE seq = 3",
        "UPDATE audit SET hash = 'short' WHERE seq = 3",
        "UPDATE record SET body = 'text' WHERE kind = 'person'",
        "UPDATE record SET body = x'ff' WHERE kind = 'person'",
        "UPDATE record SET at = 'no time'",
        "UPDATE plan SET body = x'ff'",
        "UPDATE plan SET at = 'no time'",
        "UPDATE object SET body = 'text'",
        "UPDATE object SET body = x'ff'",
        "UPDATE revision SET parents = 'no JSON'",
        "UPDATE revision SET reason = 'another'",
        "UPDATE revision SET at = 'no time'",
        "DELETE FROM audit_head",
        "DELETE FROM audit",
        "DELETE FROM object",
        "DELETE FROM revision",
        "DELETE FROM store",
        "DELETE FROM record",
        "DELETE FROM plan",
    ],
)
def test_whatever_was_done_to_a_row_is_told_and_no_verification_breaks_down(town, statement):
    """A verification that fails instead of telling is what an attacker would like, too."""
    town.approved(durable="off")
    town.meddle("PRAGMA foreign_keys = OFF", statement)
    try:
        proof = town.founder.verify_audit()
    except SetpointError as told:
        assert told.what  # noqa: PT017 - either a report of faults or one fault told in words
    else:
        assert not proof.is_intact
