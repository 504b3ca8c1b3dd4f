"""The notary and the proof: what an attacker with the store's file, but not its keys, cannot hide."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from hashlib import sha256

import msgspec
import pytest
from sqlalchemy import delete, insert, select, update
from tests.control.house import START as OPENED
from tests.control.house import House, open_house

from setpoint.control import notary, records
from setpoint.control.identity import store_keys
from setpoint.engines.plan import Plan
from setpoint.errors import InputError, TamperedError, UnavailableError
from setpoint.integrations import signing
from setpoint.integrations.signing import Signer
from setpoint.policy.person import Right, Role
from setpoint.store import Store
from setpoint.store.chain import START, Checkpoint, read_checkpoint, write_checkpoint
from setpoint.store.schema import audit, audit_head, checkpoints, plans

GUARDED = ("audit", "record", "checkpoint", "plan", "revision")


@pytest.fixture
def house(tmp_path):
    made = open_house(tmp_path).found()
    yield made
    made.store.close()


def _rows(house: House, count: int) -> None:
    for number in range(count):
        house.store.audit.append("root", "test.row", "x", {"n": number}, house.at)


def _prove(house: House, **known):
    return records.prove(house.inner, **{"noted": None, **known})


def _public(house: House) -> bytes:
    return store_keys(house.store).public_key_file.read_bytes()


def _attack(house: House):
    """Take every guard away, as who owns the file can."""
    with house.store._database.write() as connection:
        for table in GUARDED:
            for verb in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
    return house.store._database


def _rewrite(house: House, change) -> None:
    """Change rows of the audit log and hash the whole chain anew, head and all."""
    with _attack(house).write() as connection:
        previous = START
        for row in connection.execute(select(audit).order_by(audit.c.seq)).mappings().all():
            fields = change({**row, "detail": json.loads(row["detail"]), "previous": previous})
            fields["at"] = row["at"].isoformat(timespec="microseconds")
            del fields["hash"]
            text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
            previous = sha256(text.encode()).hexdigest()
            values = {"previous": fields["previous"], "hash": previous, "actor": fields["actor"]}
            values["detail"] = json.dumps(fields["detail"], sort_keys=True, separators=(",", ":"))
            connection.execute(update(audit).where(audit.c.seq == row["seq"]).values(values))
        connection.execute(update(audit_head).values(hash=previous))


def _checkpoint(house: House) -> Checkpoint:
    made = notary.checkpoint_if_due(house.inner)
    assert made is not None
    return made


def _read(line: str) -> Checkpoint:
    made = read_checkpoint(line)
    assert made is not None
    return made


def _by_mallory(row):
    return {**row, "actor": "mallory"} if row["seq"] == 3 else row


def test_the_first_row_is_signed_then_every_64th_or_after_an_hour(house) -> None:
    first = notary.checkpoint_if_due(house.inner)
    assert (first.seq, first.hash, first.at) == (2, house.store.audit.head().hash, house.at)
    assert notary.checkpoint_if_due(house.inner) is None
    _rows(house, notary.CHECKPOINT_ROWS - 1)
    assert notary.checkpoint_if_due(house.inner) is None
    _rows(house, 1)
    second = notary.checkpoint_if_due(house.inner)
    assert second.seq == 2 + notary.CHECKPOINT_ROWS
    house.at += timedelta(hours=1)
    assert notary.checkpoint_if_due(house.inner) is None, "there is no row since"
    _rows(house, 1)
    third = notary.checkpoint_if_due(house.inner)
    assert house.store.audit.checkpoints() == (first, second, third)


def test_what_is_signed_can_be_checked_by_anybody(house) -> None:
    made = notary.checkpoint_if_due(house.inner)
    fields = {"at": "2026-03-01T12:00:00.000000+00:00", "hash": made.hash, "key": made.key, "seq": 2}
    payload = json.dumps({**fields, "store": house.store.id}, sort_keys=True, separators=(",", ":"))
    assert signing.Verifier(_public(house)).holds(payload.encode(), made.signature)


def test_a_sound_store_proves_so(house) -> None:
    _rows(house, 3)
    notary.checkpoint_if_due(house.inner)
    _rows(house, 2)
    proof = _prove(house)
    assert proof.is_intact
    assert (proof.rows, proof.records, proof.checkpoints, proof.signed_through) == (7, 2, 1, 5)
    assert proof.unchecked == ""
    assert proof.noted_by_nobody


def test_a_chain_rewritten_whole_is_found_through_its_checkpoints(house) -> None:
    _rows(house, 5)
    notary.checkpoint_if_due(house.inner)
    _rewrite(house, _by_mallory)
    assert house.store.audit.verify().fault_count == 1
    proof = _prove(house)
    assert not proof.is_intact
    assert any("checkpoint" in fault.text for fault in proof.faults)


def test_checkpoints_moved_onto_the_rewritten_chain_have_no_signature(house) -> None:
    _rows(house, 5)
    notary.checkpoint_if_due(house.inner)
    _rewrite(house, _by_mallory)
    with house.store._database.write() as connection:
        connection.execute(update(checkpoints).values(hash=house.store.audit.head().hash))
    store_keys(house.store).noted_file.unlink()
    assert house.store.audit.verify().is_intact
    proof = _prove(house)
    assert any("signature that is not its key's" in text for text in proof.signature_faults)
    assert proof.signed_through == 0


def test_checkpoints_signed_with_another_key_are_of_nobody_known(house) -> None:
    _rows(house, 5)
    made = _checkpoint(house)
    _rewrite(house, _by_mallory)
    forger = Signer.generate()[1]
    forged = msgspec.structs.replace(made, key=forger.key, hash=house.store.audit.head().hash)
    forged = msgspec.structs.replace(forged, signature=forger.sign(forged.payload))
    with house.store._database.write() as connection:
        connection.execute(delete(checkpoints))
    house.store.audit.add_checkpoint(forged)
    store_keys(house.store).noted_file.unlink()
    assert any("not known here" in text for text in _prove(house).signature_faults)
    assert _prove(house, public_keys=[forger.public_pem]).is_intact, "whoever is told to trust it does"


def test_a_chain_rewritten_with_all_checkpoints_taken_away_is_found_by_the_note(house) -> None:
    _rows(house, 5)
    notary.checkpoint_if_due(house.inner)
    _rewrite(house, _by_mallory)
    with house.store._database.write() as connection:
        connection.execute(delete(checkpoints))
    assert house.store.audit.verify().is_intact
    proof = _prove(house)
    assert any("noted beside the key" in fault.text for fault in proof.faults)


def test_a_store_put_back_to_an_earlier_copy_is_found_by_the_note(house, tmp_path) -> None:
    with closing(sqlite3.connect(tmp_path / "setpoint.db")) as connection:
        connection.execute(f"VACUUM INTO '{tmp_path / 'copy.db'}'")
    _rows(house, 5)
    notary.checkpoint_if_due(house.inner)
    house.store.close()
    for side in ("-wal", "-shm"):
        (tmp_path / f"setpoint.db{side}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy.db", tmp_path / "setpoint.db")
    with Store.open(tmp_path / "setpoint.db") as store:
        proof = _prove(House(store, house.at))
    assert [fault.kind for fault in proof.faults] == ["removed"]
    assert "noted beside the key" in proof.faults[0].text


@pytest.mark.parametrize("is_note_left", [True, False])
def test_a_rewritten_chain_is_not_made_good_by_signing_it(house, is_note_left) -> None:
    _rows(house, 5)
    notary.checkpoint_if_due(house.inner)
    _rewrite(house, _by_mallory)
    if is_note_left:
        with house.store._database.write() as connection:
            connection.execute(delete(checkpoints))
    else:
        store_keys(house.store).noted_file.unlink()
    _rows(house, 70)
    assert notary.checkpoint_if_due(house.inner) is None
    with pytest.raises(TamperedError, match="does not follow"):
        notary.anchor(house.inner, to="/dev/null", permit=house.permit(right=Right.ANCHOR))


def test_an_edited_row_since_the_last_checkpoint_is_not_signed(house) -> None:
    notary.checkpoint_if_due(house.inner)
    _rows(house, 70)
    with _attack(house).write() as connection:
        connection.execute(update(audit).where(audit.c.seq == 40).values(actor="mallory"))
    assert notary.checkpoint_if_due(house.inner) is None


def test_a_damaged_note_is_told(house) -> None:
    notary.checkpoint_if_due(house.inner)
    store_keys(house.store).note("nonsense")
    assert any("is no checkpoint" in text for text in _prove(house).signature_faults)


def test_an_export_is_proven_with_nothing_but_the_public_key(house) -> None:
    _rows(house, 3)
    notary.checkpoint_if_due(house.inner)
    _rows(house, 70)
    notary.checkpoint_if_due(house.inner)
    _rows(house, 1)
    lines = list(house.store.audit.export())
    assert [number for number, line in enumerate(lines) if read_checkpoint(line)] == [5, 76]
    public = _public(house)
    house.store.close()
    proof = records.prove_export(lines, noted=None, public_keys=[public])
    assert proof.is_intact
    assert (proof.rows, proof.checkpoints, proof.signed_through, proof.records) == (76, 2, 75, None)
    unchecked = records.prove_export(lines, noted=None)
    assert unchecked.is_intact
    assert (unchecked.signed_through, unchecked.unchecked) == (0, "no public key was handed in")
    stranger = records.prove_export(lines, noted=None, public_keys=[Signer.generate()[1].public_pem])
    assert len(stranger.signature_faults) == 2
    with pytest.raises(InputError, match="no public Ed25519 key"):
        records.prove_export(lines, noted=None, public_keys=[b"x"])


@pytest.mark.parametrize("field", ["at", "hash", "key", "seq", "signature", "store"])
def test_any_edit_of_an_exported_checkpoint_is_found(house, field) -> None:
    _rows(house, 3)
    notary.checkpoint_if_due(house.inner)
    lines = list(house.store.audit.export())
    made = _read(lines[5])
    values = {"at": made.at + timedelta(seconds=1), "seq": 4, "key": "0" * 32}
    value = values[field] if field in values else "0" * len(getattr(made, field))
    lines[5] = write_checkpoint(msgspec.structs.replace(made, **{field: value}))
    assert not records.prove_export(lines, noted=None, public_keys=[_public(house)]).is_intact


def test_checkpoints_of_two_stores_do_not_mix(house, tmp_path) -> None:
    notary.checkpoint_if_due(house.inner)
    lines = list(house.store.audit.export())
    made = _read(lines[2])
    signer = Signer(store_keys(house.store).signing_key_file.read_bytes())
    other = msgspec.structs.replace(made, store="f" * 32)
    other = msgspec.structs.replace(other, signature=signer.sign(other.payload))
    lines.insert(3, write_checkpoint(other))
    proof = records.prove_export(lines, noted=None, public_keys=[signer.public_pem])
    assert proof.signature_faults == ("the checkpoint of row 2 is of another store",)


def test_an_anchor_holds_what_came_before_it(house, tmp_path) -> None:
    file = tmp_path / "anchors"
    made = notary.anchor(house.inner, to=str(file), permit=house.permit(right=Right.ANCHOR))
    row = house.store.audit.rows()[-1]
    assert (row.action, row.detail["to"], row.detail["row"]) == ("audit.anchor", str(file), made.seq)
    _rows(house, 2)
    notary.anchor(house.inner, to=str(file), permit=house.permit(right=Right.ANCHOR))
    lines = file.read_text().split("\n")
    proof = _prove(house, anchors=lines)
    assert proof.is_intact
    assert (proof.anchors, proof.noted_by_nobody) == (2, False)
    export = list(house.store.audit.export())
    assert records.prove_export(export, noted=None, anchors=lines, public_keys=[_public(house)]).is_intact
    _rewrite(house, _by_mallory)
    with house.store._database.write() as connection:
        connection.execute(delete(checkpoints))
    store_keys(house.store).noted_file.unlink()
    assert _prove(house).is_intact, "without an anchor nothing is left to compare with"
    bent = _prove(house, anchors=lines)
    assert [fault.seq for fault in bent.faults] == [5]
    assert "anchored" in bent.faults[0].text


def test_a_line_that_is_no_anchor_is_told(house) -> None:
    assert _prove(house, anchors=["nonsense", ""]).signature_faults == (
        "line 1 of the anchors is no checkpoint",
    )


def test_without_the_package_nothing_is_signed_and_that_is_said(house, monkeypatch) -> None:
    notary.checkpoint_if_due(house.inner)
    export = list(house.store.audit.export())
    monkeypatch.setattr(notary, "can_sign", lambda: False)
    monkeypatch.setattr(records, "can_sign", lambda: False)
    _rows(house, 70)
    assert notary.checkpoint_if_due(house.inner) is None
    proof = _prove(house)
    assert (proof.is_intact, proof.signed_through) == (True, 0)
    assert "setpoint[sign]" in proof.unchecked
    assert "setpoint[sign]" in records.prove_export(export, noted=None, public_keys=[b"any"]).unchecked
    with pytest.raises(UnavailableError, match=r"setpoint\[sign\]"):
        notary.anchor(house.inner, to="/dev/null", permit=house.permit(right=Right.ANCHOR))
    assert notary.key_places(house.store).fingerprint == ""
    notary.make_keys(house.store)


def test_without_a_key_nothing_is_signed_and_that_is_said(house) -> None:
    keys = store_keys(house.store)
    keys.signing_key_file.unlink()
    assert notary.checkpoint_if_due(house.inner) is None
    assert notary.why_unsigned(house.inner).endswith("`setpoint init` makes one")
    keys.public_key_file.unlink()
    assert "no signing key" in _prove(house).unchecked


def test_a_signing_key_that_others_can_read_signs_nothing(house) -> None:
    store_keys(house.store).signing_key_file.chmod(0o644)
    assert notary.checkpoint_if_due(house.inner) is None
    assert "chmod 600" in notary.why_unsigned(house.inner)


def test_a_key_for_tokens_is_not_made_anew_while_there_are_tokens(house) -> None:
    keys = store_keys(house.store)
    keys.token_key_file.unlink()
    keys.signing_key_file.unlink()
    notary.make_keys(house.store)
    assert not keys.token_key_file.exists()
    assert keys.signing_key_file.exists()


def _plan(revision: str) -> Plan:
    return Plan(instance="x", engine="simulated", revision=revision, observed_at=OPENED, fingerprint="f")


def test_plans_that_nobody_made_or_that_were_changed_are_found(house) -> None:
    made, changed, gone = _plan("made"), _plan("changed"), _plan("gone")
    for plan in (made, changed):
        house.store.plans.put(plan.hash, "x", "r", msgspec.json.encode(plan), "root", house.at)
    for plan in (made, changed, gone):
        house.store.audit.append("root", "plan.made", "x", {"plan": plan.hash}, house.at)
    house.store.plans.put("a" * 64, "x", "r", b"nonsense", "root", house.at)
    put_in = _plan("put in")
    house.store.plans.put(put_in.hash, "x", "r", msgspec.json.encode(put_in), "root", house.at)
    with _attack(house).write() as connection:
        body = msgspec.json.encode(_plan("something else"))
        connection.execute(update(plans).where(plans.c.hash == changed.hash).values(body=body))
    proof = _prove(house)
    assert proof.plans == 4
    assert sorted(proof.plan_faults) == sorted(
        (
            f"plan {'a' * 12} cannot be read",
            f"plan {changed.hash[:12]} was changed after it was made",
            f"plan {put_in.hash[:12]} was put in: no row of the audit log says it was made",
            f"plan {gone.hash[:12]} is missing, the audit log says it was made",
        )
    )
    assert not proof.is_intact


def test_a_bent_record_is_part_of_the_proof(house) -> None:
    house.person("ann", Role.OPERATOR)
    with _attack(house).write() as connection:
        connection.exec_driver_sql("DELETE FROM record WHERE id = 'ann'")
    proof = _prove(house)
    assert ("records", proof.record_faults[0]) in proof.other_faults
    assert not proof.is_intact


def test_a_checkpoint_of_a_row_that_is_not_there_is_found(house) -> None:
    made = notary.checkpoint_if_due(house.inner)
    with house.store._database.write() as connection:
        row = {"seq": 9, "key": made.key, "hash": made.hash, "at": made.at, "signature": made.signature}
        connection.execute(insert(checkpoints).values(row))
    proof = _prove(house)
    assert any(fault.kind == "removed" and fault.seq == 9 for fault in proof.faults)
