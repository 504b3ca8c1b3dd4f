"""Issuing: scripts for an instance that only files reach, each signed, bound and written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from setpoint.catalog import Version
from setpoint.config.bundle import BundleKind, Issued, Sheet
from setpoint.control import admission, gate, notary, overridden, proposals
from setpoint.control.bundles import paper
from setpoint.control.identity import bundle_seal, store_keys
from setpoint.control.overrides.admission import admit_override
from setpoint.control.overrides.orders import first_order
from setpoint.control.overrides.starting import over_budget_of, override_of, plan_override
from setpoint.control.overrides.wish import checked
from setpoint.control.past import find_made, keep_plan, way_back
from setpoint.control.standing import is_base_current
from setpoint.control.urgency import moves_of
from setpoint.control.watch import last_seen
from setpoint.engines.native import Job
from setpoint.errors import InputError, OverBudgetError, RefusedError, StalePlanError
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from setpoint.config.configuration import Instance
    from setpoint.config.override import Override
    from setpoint.control.context import Context
    from setpoint.control.overrides.wish import Wish
    from setpoint.control.permit import Permit
    from setpoint.engines.native import Native
    from setpoint.engines.plan import Plan

LASTS = timedelta(days=7)
"""How long a bundle may be run, where nobody says."""

_LONGEST = timedelta(days=90)


@dataclass(frozen=True)
class Bundle:
    """A bundle that was issued: its sheet, the name of its file, and the text to carry.

    `fragment` is what belongs into an option file over there, which no client can write; empty where nothing
    does. `is_restart_due` tells that the operator must restart the instance after it.
    """

    sheet: Sheet
    name: str
    text: str
    fragment: str = ""
    is_restart_due: bool = False


def collect(context: Context, name: str, *, version: str = "", lasts: timedelta = LASTS) -> Bundle:
    """Issue a script that looks at an instance, and changes nothing.

    `version` is the operator's word where the instance was never heard; else what it last said counts.
    Raises `InputError` where no version is known.
    """
    permit = gate.require(context, Right.OBSERVE, name)
    instance = context.head()[1].instance(name)
    seen = context.store.snapshots.latest(name)
    known = version or (seen.facts.version if seen is not None else "")
    if not known:
        next_step = "say it with --version, as its client shows it"
        raise InputError("its version is not known yet", where=name, next_step=next_step)
    native = _native(context, name, instance)
    request = context.engine_of(instance).observe(Version.parse(known))
    sheet = _sheet(context, permit, name, known, BundleKind.COLLECT, lasts)
    job = job_of(context, sheet)
    script = native.opening(job) + native.asking(job, 1, request) + native.closing(job)
    return _issued(context, permit, sheet, script, native)


def export(
    context: Context, made: Plan, *, accept_risk: str = "", emergency: str = "", lasts: timedelta = LASTS
) -> Bundle:
    """Issue a script that carries out a plan: it checks its base first, applies, verifies, and logs.

    The plan is let through as if it were applied here and now; what its result says counts only when it is
    imported. Raises what `change.apply` raises before it connects.
    """
    made = find_made(context, made.hash)
    overridden.check_free(context, made.instance, [step.parameter for step in made.steps if step.parameter])
    instance = context.head()[1].instance(made.instance)
    observation, catalog = last_seen(context, made.instance, instance)
    permit = admission.admit_apply(context, made, observation, catalog, is_emergency=bool(emergency))
    if not is_base_current(context, made.revision, (f"instance:{made.instance}",)):
        message = "the configuration was changed after the plan was made"
        raise StalePlanError(message, where=made.instance, next_step="make a new plan and read it again")
    if made.over_budget and not accept_risk.strip():
        next_step = "accept the risk by name, or ask for less"
        raise OverBudgetError(made.over_budget, where=made.instance, next_step=next_step)
    _check_not_under_way(context, made.instance)
    return _exported(context, permit, made, BundleKind.APPLY, lasts)


def export_temporary(context: Context, name: str, wish: Wish) -> Bundle:
    """Issue a script that sets something for a while, and arms over there what takes it back at its deadline.

    It is let through as the override that it is; the time counts from now, whenever the script is run. Raises
    what starting an override raises before it connects.
    """
    permit = gate.require(context, Right.BREAK_GLASS, name)
    wish = checked(wish)
    revision, configuration = context.head()
    observation, catalog = last_seen(context, name, configuration.instance(name))
    made = plan_override(context, name, wish.settings, observation, catalog, revision.id if revision else "")
    made = msgspec.structs.replace(made, over_budget=over_budget_of(context, made, observation, catalog))
    if made.over_budget and not wish.accept_risk:
        raise OverBudgetError(
            made.over_budget, where=name, next_step="accept the risk by name, or ask for less"
        )
    moves = moves_of({step.parameter: step.text for step in made.steps if step.parameter}, observation)
    permit = admit_override(context, moves, wish.seconds, observation, catalog)
    _check_not_under_way(context, name)
    id_ = f"{name}/o{uuid4().hex[:10]}"
    override = override_of(context, id_, wish, f"b{uuid4().hex[:10]}", made, permit)
    keep_plan(context, made, permit.actor)
    lasts = timedelta(seconds=wish.seconds)
    return _exported(context, permit, made, BundleKind.APPLY, min(lasts, _LONGEST), override)


def export_back(context: Context, name: str, *, lasts: timedelta = LASTS) -> Bundle:
    """Issue a script that takes the last apply back; raise `RefusedError` where there is none."""
    permit = gate.require(context, Right.APPLY, name)
    instance = context.head()[1].instance(name)
    observation, catalog = last_seen(context, name, instance)
    back = way_back(context, name, observation, catalog, actor=permit.actor)
    if not back.is_cut_short:
        permit = admission.admit_apply(context, back.plan, observation, catalog)
    _check_not_under_way(context, name)
    return _exported(context, permit, back.plan, BundleKind.BACK, lasts)


def job_of(context: Context, sheet: Sheet) -> Job:
    """Answer what a bundle's script is bound to."""
    return Job(
        bundle=sheet.id,
        seal=bundle_seal(store_keys(context.store), sheet.id),
        instance=sheet.instance,
        identity=sheet.identity,
        expires_at=sheet.expires_at,
    )


def issued(context: Context, name: str = "") -> tuple[Issued, ...]:
    """Answer the bundles that were issued, of one instance or of all, newest first."""
    found = [kept.value for kept in context.store.bundles.all().values()]
    chosen = [each for each in found if not name or each.sheet.instance == name]
    return tuple(sorted(chosen, key=lambda each: (each.sheet.issued_at, each.sheet.id), reverse=True))


def _exported(
    context: Context,
    permit: Permit,
    made: Plan,
    kind: BundleKind,
    lasts: timedelta,
    override: Override | None = None,
) -> Bundle:
    if made.is_empty:
        raise RefusedError(
            "there is nothing to do", where=made.instance, next_step="nothing needs to be done"
        )
    instance = context.head()[1].instance(made.instance)
    native = _native(context, made.instance, instance)
    observation, _ = last_seen(context, made.instance, instance)
    version = observation.facts.version
    request = context.engine_of(instance).observe(Version.parse(version))
    sheet = _sheet(context, permit, made.instance, version, kind, lasts, made)
    order = None
    if override is not None:
        sheet = msgspec.structs.replace(sheet, ends_at=override.deadline)
        order = first_order(override, instance, at=context.now())
    job = job_of(context, sheet)
    script = (
        native.opening(job)
        + native.applying(job, made.steps, order)
        + native.asking(job, 1, request)
        + native.closing(job)
    )
    bundle = _issued(context, permit, sheet, script, native, override)
    return Bundle(
        bundle.sheet,
        bundle.name,
        bundle.text,
        fragment=native.fragment(made.steps),
        is_restart_due=bool(made.restarts),
    )


def _issued(
    context: Context,
    permit: Permit,
    sheet: Sheet,
    script: str,
    native: Native,
    override: Override | None = None,
) -> Bundle:
    """Write a bundle down, then sign it: what is carried away is known here before."""
    sheet, text = paper.write(sheet, script, native, partial(notary.sign, context))
    detail = {
        "kind": sheet.kind.value,
        "expires": sheet.expires_at.isoformat(timespec="seconds"),
        **({"plan": sheet.plan} if sheet.plan else {}),
        **_told_of(override),
        **permit.detail(),
    }
    with context.store.transaction():
        if sheet.plan:
            admission.check_ground(context, permit, sheet.instance)
            proposals.spend(context, permit, f"handed out for {sheet.instance}")
        context.store.bundles.put(
            sheet.id,
            Issued(sheet=sheet, override=override),
            version=0,
            actor=permit.actor,
            action="bundle.issued",
            subject=sheet.instance,
            detail=detail,
            at=context.now(),
        )
    return Bundle(sheet, paper.file_name(sheet), text)


def _told_of(override: Override | None) -> dict[str, Any]:
    if override is None:
        return {}
    until = override.deadline.isoformat(timespec="seconds")
    return {"override": override.id, "until": until, "because": override.because, "ticket": override.ticket}


def _sheet(
    context: Context,
    permit: Permit,
    name: str,
    version: str,
    kind: BundleKind,
    lasts: timedelta,
    made: Plan | None = None,
) -> Sheet:
    if not timedelta(0) < lasts <= _LONGEST:
        message = f"a bundle may be run for {_LONGEST.days} days at most"
        raise InputError(message, where=name, next_step="say for how long: --valid 7d")
    seen = context.store.snapshots.latest(name)
    now = context.now()
    return Sheet(
        id=f"b{uuid4().hex[:12]}",
        kind=kind,
        instance=name,
        engine=context.head()[1].instance(name).engine,
        version=version,
        issued_by=permit.actor,
        issued_at=now,
        expires_at=now + lasts,
        identity=seen.identity if seen is not None else "",
        plan=made.hash if made is not None else "",
        base=made.fingerprint if made is not None else "",
    )


def _native(context: Context, name: str, instance: Instance) -> Native:
    native = context.engine_of(instance).native()
    if native is None:
        raise InputError(f"{instance.engine} has no client of its own to write a script for", where=name)
    return native


def _check_not_under_way(context: Context, name: str) -> None:
    """Refuse while another bundle that writes is out: nobody here knows what it has done."""
    now = context.now()
    for each in issued(context, name):
        sheet = each.sheet
        if sheet.kind is not BundleKind.COLLECT and each.state.value == "issued" and sheet.expires_at > now:
            raise RefusedError(
                f"bundle {sheet.id} is out, and nobody knows here what it has done",
                where=name,
                next_step="import its result, or `setpoint bundle void` it once it is destroyed",
            )
