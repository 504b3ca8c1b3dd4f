"""The audit log: appending so that it is on disk, and proving a million rows."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from figures import Figures, percentile
from sqlalchemy import insert

from setpoint.integrations.signing import Signer
from setpoint.policy.person import Person
from setpoint.store import Store
from setpoint.store.audit import link_of
from setpoint.store.chain import START, AuditHead, Checkpoint, detail_text, verify_export
from setpoint.store.schema import audit, audit_head

AT = datetime(2026, 1, 1, tzinfo=UTC)
APPENDS = 1_000
ROWS = 1_000_000
BATCH = 20_000
CHECKPOINT_ROWS = 64


def fsync_ms(folder: Path) -> list[float]:
    """Answer the times of bare appends of a row's size with fsync, in milliseconds."""
    taken = []
    with (folder / "rival").open("wb") as stream:
        for _ in range(APPENDS):
            start = time.perf_counter()
            stream.write(b"x" * 400)
            stream.flush()
            os.fsync(stream.fileno())
            taken.append((time.perf_counter() - start) * 1000)
    return taken


def append(figures: Figures, store: Store, rival: list[float]) -> None:
    """Time single durable appends, and versions of a record with their rows."""
    detail = {
        "apply": "0" * 32,
        "step": 3,
        "steps": 20,
        "parameter": "work_mem",
        "ours": "64MB",
        "restore": None,
    }
    taken = []
    for _ in range(APPENDS):
        start = time.perf_counter()
        store.audit.append("lin", "apply.step", "shop-1", detail, AT)
        taken.append((time.perf_counter() - start) * 1000)
    alone = {
        share: f"write and fsync of 400 bytes alone: {percentile(rival, share):.2f} ms"
        for share in (0.5, 0.99)
    }
    figures.add("durable append, median", percentile(taken, 0.5), "ms", target=5, rival=alone[0.5])
    figures.add("durable append, p99", percentile(taken, 0.99), "ms", target=5, rival=alone[0.99])
    taken = []
    for version in range(200):
        start = time.perf_counter()
        store.people.put(
            "ann", Person(name="ann"), version=version, actor="lin", action="person.change", detail={}, at=AT
        )
        taken.append((time.perf_counter() - start) * 1000)
    figures.add("version of a record with its row, median", percentile(taken, 0.5), "ms")


def fill(store: Store, signer: Signer) -> None:
    """Put rows and signed checkpoints in at once, as they would be after a million appends."""
    head = store.audit.head()
    previous, seq = head.hash if head.seq else START, head.seq
    while seq < ROWS:
        rows, signed = [], []
        for _ in range(min(BATCH, ROWS - seq)):
            seq += 1
            columns = {
                "seq": seq,
                "at": AT + timedelta(seconds=seq),
                "actor": "lin",
                "action": "apply.step",
                "subject": f"shop-{seq % 1000}",
                "detail": detail_text(
                    {"apply": f"{seq:032x}", "step": 3, "parameter": "work_mem", "ours": "64MB"}
                ),
                "previous": previous,
                "hash": "",
            }
            previous = columns["hash"] = link_of(columns).recomputed()
            rows.append(columns)
            if seq % CHECKPOINT_ROWS == 0:
                bare = Checkpoint(store=store.id, seq=seq, hash=previous, at=AT, key=signer.key, signature="")
                signed.append(bare)
        with store._database.write() as connection:  # noqa: SLF001 - a million single commits take an hour
            connection.execute(insert(audit), rows)
            connection.execute(audit_head.update().values(seq=seq, hash=previous))
            for bare in signed:
                fields = {name: getattr(bare, name) for name in bare.__struct_fields__}
                store.audit.add_checkpoint(Checkpoint(**{**fields, "signature": signer.sign(bare.payload)}))


def prove(figures: Figures, store: Store, signer: Signer) -> None:
    """Time the verification of the chain, with all its signatures, and of its export."""
    from setpoint.control import notary

    start, busy = time.perf_counter(), time.process_time()
    report = store.audit.verify()
    chain = time.perf_counter() - start
    verifiers = notary.verifiers_of([signer.public_pem])
    faults = list(notary.signature_faults(report.checkpoints, verifiers, store.id))
    whole = time.perf_counter() - start
    assert report.is_intact
    assert not faults
    assert report.rows == ROWS
    what = f"verify of {report.rows:,} rows and {len(report.checkpoints):,} signatures"
    busy = time.process_time() - busy
    beside = f"the chain alone: {chain:.1f} s; processor time of both: {busy:.1f} s"
    figures.add(what, whole, "s", target=20, rival=beside)
    start = time.perf_counter()
    lines = list(store.audit.export())
    figures.add("... export", time.perf_counter() - start, "s")
    start, busy = time.perf_counter(), time.process_time()
    exported = verify_export(lines)
    assert exported.is_intact
    beside = f"processor time: {time.process_time() - busy:.1f} s"
    figures.add("... verify of the export", time.perf_counter() - start, "s", target=20, rival=beside)
    start = time.perf_counter()
    assert store.audit.head_following(
        AuditHead(seq=ROWS - CHECKPOINT_ROWS, hash=at_row(store, ROWS - CHECKPOINT_ROWS))
    )
    figures.add("... following 64 rows before signing", (time.perf_counter() - start) * 1000, "ms")
    start = time.perf_counter()
    store.people.find("ann")
    figures.add("... reading a person", (time.perf_counter() - start) * 1000, "ms")


def at_row(store: Store, seq: int) -> str:
    """Answer the hash of a row."""
    return store.audit.rows(after_seq=seq - 1, limit=1)[0].hash


if __name__ == "__main__":
    found = Figures("Audit log (SQLite, synchronous=FULL)")
    with tempfile.TemporaryDirectory() as name, Store.create(f"{name}/bench.db") as made:
        append(found, made, fsync_ms(Path(name)))
        own = Signer.generate()[1]
        fill(made, own)
        prove(found, made, own)
    found.end()
