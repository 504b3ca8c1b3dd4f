"""Acts 7, 9 and 11: drift is found and put right, the change is taken back, the audit chain holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from setpoint.config.observation import OriginKind
from setpoint.control.records import prove_export
from setpoint.errors import LabError, UnavailableError
from setpoint.faces.demo.changing import promise_verified, tell_plan
from setpoint.faces.demo.opening import place
from setpoint.faces.demo.stage import INSTANCE
from setpoint.faces.demo.wording import count, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from setpoint.config.drift import Drift
    from setpoint.config.observation import Observation
    from setpoint.control.records import AuditRow, Proof
    from setpoint.faces.demo.cast import Meddling
    from setpoint.faces.demo.governing import House
    from setpoint.faces.demo.stage import Stage

_ANOTHER_PARAMETER = "max_connections"
_STORY_ACTIONS = ("gate.refused", "change.", "apply.")
_RELOAD_LIMIT_S = 10.0
_POLL_S = 0.05


def meddle(stage: Stage) -> None:
    """Act 7: somebody changes a setting with plain SQL; it is found with its origin and put right."""
    narrator, meddling = stage.narrator, stage.cast.script.meddling
    narrator.act("Somebody changes a setting behind our back")
    narrator.say(f"In {meddling.client}, past Setpoint:")
    narrator.show(meddling.shown)
    _run_behind_our_back(stage, meddling)
    _, drifts = stage.setpoint.drift(INSTANCE)
    found = [drift for drift in drifts if drift.is_deviation]
    _tell_drift(stage, found)
    is_found = [drift.parameter for drift in found] == [meddling.parameter] and found[0].origin is not None
    stage.report.promise(
        f"drift found: {len(found)} of {len(drifts)} managed parameters, and where it comes from",
        holds=is_found,
    )
    planned = stage.setpoint.plan(INSTANCE)
    tell_plan(stage, planned)
    began = narrator.elapsed_s
    verified = stage.setpoint.apply(planned.plan, may_restart=True)
    promise_verified(stage, "put right", planned.plan, verified, narrator.elapsed_s - began)
    _, after = stage.setpoint.drift(INSTANCE)
    left = [drift.parameter for drift in after if drift.is_deviation]
    stage.report.promise("a fresh look finds no drift any more", holds=not left)
    stage.report.sections["drift"] = {
        "found": [
            {
                "parameter": drift.parameter,
                "desired": text_of(drift.desired),
                "observed": drift.observed,
                "class": drift.drift_class.value,
                "origin": str(drift.origin),
            }
            for drift in found
        ],
        "left": left,
    }


def revert(stage: Stage, baseline: str, kept_before: bytes, first: Observation) -> None:
    """Act 9: go back to the revision before the change, and prove that the server is as it was."""
    narrator, setpoint = stage.narrator, stage.setpoint
    narrator.act("The whole change is taken back")
    revision, edits = setpoint.revert(baseline, reason="the demonstration ends as it began")
    narrator.say(
        f"Revision {revision.short_id} makes the configuration of {baseline[:12]} the head again: "
        f"{count(len(edits), 'edit')}. Nothing is erased: the history has "
        f"{count(len(setpoint.history()), 'revision')}."
    )
    planned = setpoint.plan(INSTANCE)
    tell_plan(stage, planned)
    began = narrator.elapsed_s
    verified = setpoint.apply(planned.plan, may_restart=True)
    promise_verified(stage, "taken back", planned.plan, verified, narrator.elapsed_s - began)
    different = _compare(first, _look_again(stage, first))
    listed = f": {', '.join(different)}" if different else ""
    same = len(first.settings) - len(different)
    stage.report.promise(
        f"{same} of {len(first.settings)} settings run as at the first look{listed}", holds=not different
    )
    is_same_file = stage.player.kept() == kept_before
    told = f"{stage.player.keeps_in.name} {stage.cast.script.is_as_before}"
    stage.report.promise(told, holds=is_same_file)
    stage.report.sections["revert"] = {
        "baseline": baseline,
        "revision": revision.id,
        "different": different,
        "is_auto_conf_as_before": is_same_file,
    }


def _look_again(stage: Stage, first: Observation) -> Observation:
    """Observe; restart the server first where it runs what it worked out from other settings at its start."""
    now, _ = stage.setpoint.observe(INSTANCE)
    worked_out = [
        name
        for name in _compare(first, now)
        if (setting := now.settings.get(name)) is not None
        and setting.in_force is not None
        and setting.in_force.kind is OriginKind.AUTO
    ]
    if not worked_out:
        return now
    stage.narrator.say(
        f"{', '.join(worked_out)}: worked out at the last start, from what was set then. A restart shows "
        "what stays."
    )
    stage.player.server.restart()
    return stage.setpoint.observe(INSTANCE)[0]


def _compare(first: Observation, now: Observation) -> list[str]:
    """Answer the parameters whose running value is not what it was."""
    return sorted(
        name
        for name in first.settings.keys() | now.settings.keys()
        if name not in first.settings
        or name not in now.settings
        or first.settings[name].value != now.settings[name].value
    )


def audit(stage: Stage, house: House) -> tuple[Path, str]:
    """Act 11: tell the story of the last change from the audit log, anchor the log's head and verify it all.

    Answers the export's path and the head of the chain.
    """
    setpoint, narrator = stage.setpoint, stage.narrator
    narrator.act("Who did what, provably")
    rows = [
        (revision.short_id, f"{revision.at:%H:%M:%S}", revision.author, revision.reason)
        for revision in reversed(setpoint.history())
    ]
    narrator.table(("revision", "UTC", "who", "why"), rows)
    narrator.say("The change that took two, as the audit log has it:")
    story = _story(house)
    narrator.table(("row", "who", "did", "detail"), story, "r")
    is_anchored = _anchor(house, stage.anchors)
    noted = [stage.anchors.read_text(encoding="ascii")] if is_anchored else None
    proof = setpoint.verify_audit(anchors=noted)
    signed = f"signed through row {proof.signed_through}" if not proof.unchecked else proof.unchecked
    found = proof.fault_count + len(proof.other_faults)
    stage.report.promise(
        f"audit chain recomputed: {proof.rows} rows, {proof.revisions} revisions, {proof.records} records "
        f"and {proof.plans} plans, {count(found, 'fault')}; {signed}; it ends in {proof.hash[:12]}",
        holds=proof.is_intact and bool(story) and (proof.signed_through > 0 or not is_anchored),
    )
    export = stage.folder / "audit.jsonl"
    lines = list(setpoint.audit_lines())
    export.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    faults = _forge(stage, lines, proof)
    stage.report.sections["audit"] = {
        "rows": proof.rows,
        "faults": found,
        "seq": proof.seq,
        "hash": proof.hash,
        "signed_through": proof.signed_through,
        "faults_when_tampered": faults,
        "story": [{"row": row, "who": who, "did": did, "detail": detail} for row, who, did, detail in story],
    }
    return export, f"{proof.seq}:{proof.hash}"


def _forge(stage: Stage, lines: list[str], proof: Proof) -> int:
    """Promise that the export verifies by itself, and that a forged copy does not; answer its faults."""
    public = stage.store.with_name(f"{stage.store.name}.pub")
    keys = [public.read_bytes()] if public.exists() else []
    noted = (proof.seq, proof.hash)
    parameter = stage.cast.script.meddling.parameter
    tampered = [line.replace(parameter, _ANOTHER_PARAMETER) for line in lines]
    is_alone = prove_export(lines, noted=noted, public_keys=keys).is_intact
    faults = prove_export(tampered, noted=noted, public_keys=keys).fault_count
    needed = "the export verifies with nothing but the public key" if keys else "the export verifies alone"
    stage.report.promise(
        f"{needed}; with one word changed in a copy, {count(faults, 'forged row')} found",
        holds=is_alone and faults > 0,
    )
    return faults


def _anchor(house: House, place: Path) -> bool:
    """Sign the head and write it to a file; answer whether it was done: signing is a package of its own."""
    try:
        house.lin.governance.people.anchor(str(place))
    except UnavailableError:
        return False
    return True


def _story(house: House) -> list[tuple[str, str, str, str]]:
    """Answer the rows that tell of the change: refused, proposed, approved, applied."""
    rows = [row for row in reversed(house.lin.audit_rows(subject=INSTANCE)) if row.seq > house.began_after]
    return [
        (str(row.seq), row.actor, row.action, _told(row))
        for row in rows
        if row.action.startswith(_STORY_ACTIONS)
    ]


def _told(row: AuditRow) -> str:
    """Answer the one detail of an audit row that people ask about."""
    detail = row.detail
    if "approved_by" in detail:
        return f"on the approval of {', '.join(detail['approved_by'])}"
    return next(
        (str(detail[name]) for name in ("because", "reason", "parameter", "outcome") if detail.get(name)), ""
    )


def _run_behind_our_back(stage: Stage, meddling: Meddling) -> None:
    """Run somebody's statements, and wait until the server has taken the value."""
    for statement in meddling.statements:
        stage.player.ask(statement)
    end = time.monotonic() + _RELOAD_LIMIT_S
    while stage.player.running(meddling.parameter) != meddling.runs:
        if time.monotonic() >= end:
            raise LabError(f"the server does not take {meddling.parameter} = {meddling.runs}")
        time.sleep(_POLL_S)


def _tell_drift(stage: Stage, found: list[Drift]) -> None:
    rows = [
        (
            drift.parameter,
            text_of(drift.desired),
            drift.observed or "-",
            drift.drift_class.value,
            place(drift.origin) if drift.origin else "-",
        )
        for drift in found
    ]
    stage.narrator.table(("parameter", "desired", "runs", "class", "origin"), rows, "lrr")
