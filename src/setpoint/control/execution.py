"""Execution: one application run with its logbook, admitted by the gate at the very moment it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.control import admission, proposals
from setpoint.control.notary import checkpoint_if_due
from setpoint.engines.plan import StepKind
from setpoint.engines.registry import get_engine
from setpoint.engines.restart import run_restart_command
from setpoint.engines.session import Application
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Instance
    from setpoint.config.observation import Observation
    from setpoint.control.context import Context
    from setpoint.control.logbook import Logbook
    from setpoint.control.permit import Permit
    from setpoint.engines.plan import Plan
    from setpoint.engines.port import Driver
    from setpoint.engines.session import Verified

    Admit = Callable[[Observation, Catalog], Permit]
    """Lets an application pass, seen what the instance is like now; raises where it may not."""


@dataclass(frozen=True)
class Reasons:
    """Why the acting person accepts that memory may be exceeded, and why they act in an emergency."""

    accepted_risk: str = ""
    emergency: str = ""


NO_REASONS = Reasons()


def carry_out(
    context: Context,
    application: Application,
    logbook: Logbook,
    admit: Admit,
    *,
    let_go: Iterable[str],
    why: Reasons = NO_REASONS,
) -> Verified:
    """Run an application with its logbook, and remember what was seen at its end.

    The change that approved it is spent in the same transaction in which the apply is begun, so of two
    applies that rest on one approval only one begins.
    """
    made, store = application.plan, context.store
    seen = application.check()
    permit = admit(*seen)
    with store.transaction():
        admission.check_ground(context, permit, made.instance)
        proposals.spend(context, permit, f"applied to {made.instance}")
        logbook.begin(permit)
        _tell_reasons(context, made, permit, why)
    verified = logbook.ended(application.run, let_go=let_go)
    store.snapshots.put(verified.observation, verified.catalog.data)
    checkpoint_if_due(context)
    return verified


def _tell_reasons(context: Context, made: Plan, permit: Permit, why: Reasons) -> None:
    audit, now = context.store.audit, context.now()
    if made.over_budget:
        detail = {"plan": made.hash, "over_budget": made.over_budget, "because": why.accepted_risk}
        audit.append(permit.actor, "risk.accepted", made.instance, detail, now)
    if why.emergency:
        detail = {"plan": made.hash, "because": why.emergency, **permit.detail()}
        audit.append(permit.actor, "emergency.begun", made.instance, detail, now)


def make_application(
    context: Context,
    driver: Driver,
    made: Plan,
    permit: Permit,
    logbook: Logbook,
    restart: Callable[[], None] | None,
    *,
    is_one_way: bool = False,
) -> Application:
    """Put an application together."""
    return Application(
        engine=get_engine(made.engine),
        driver=driver,
        plan=made,
        journal=logbook,
        now=context.now,
        holder=context.holder(permit.actor),
        restart=restart,
        is_one_way=is_one_way,
    )


def restarter(made: Plan, instance: Instance) -> Callable[[], None] | None:
    """Answer the way to restart, None where the plan needs none; raise `InputError` when it is not known."""
    if not any(step.kind is StepKind.RESTART for step in made.steps):
        return None
    if not instance.restart_command:
        message = "no restart command is configured"
        raise InputError(
            message,
            where=made.instance,
            next_step="`setpoint instance set` gives it one, or restart it yourself",
        )
    return lambda: run_restart_command(instance.restart_command)
