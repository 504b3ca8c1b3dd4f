"""The past of one instance: what earlier applies did to it, left open, and own of it.

Read from the journal and the plans it names, for planning what comes next and for taking back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from setpoint.control import overridden
from setpoint.control.logbook import is_of_override, is_undo
from setpoint.engines.plan import Plan, Step
from setpoint.engines.planner import Begun, builds_on, is_persisted, make_way_back
from setpoint.engines.port import Release
from setpoint.errors import NotFoundError, RefusedError, TamperedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.control.context import Context
    from setpoint.control.desired import Desired
    from setpoint.store.records import Apply, Owned

_MADE = "plan.made"
_PLANS_LOOKED_THROUGH = 2_000
_LOOK_BACK = 100
"""How many applies to one instance are looked through for what can be taken back."""


def find_plan(context: Context, name_or_hash: str) -> Plan:
    """Answer a kept plan by its hash or the beginning of one.

    Raises `NotFoundError`, and `TamperedError` for a plan that is not what its hash says.
    """
    kept = context.store.plans.get(name_or_hash)
    made = msgspec.json.decode(kept.body, type=Plan)
    if made.hash != kept.hash:
        message = f"plan {kept.hash[:12]} was changed after it was made"
        raise TamperedError(message, where=kept.instance, next_step="`setpoint audit verify` looks for more")
    return made


def find_made(context: Context, digest: str) -> Plan:
    """Answer a kept plan of which the audit log knows that it was made here; else raise `RefusedError`.

    A plan that was written into the store beside Setpoint, or handed in from elsewhere, is none of ours.
    """
    try:
        made = find_plan(context, digest)
    except NotFoundError:
        message = "this store made no such plan"
        raise RefusedError(message, next_step="make one with `setpoint plan`") from None
    rows = context.store.audit.rows(
        subject=made.instance, action=_MADE, limit=_PLANS_LOOKED_THROUGH, newest_first=True
    )
    if not any(row.detail.get("plan") == made.hash for row in rows):
        message = f"plan {made.hash[:12]} was not made through Setpoint"
        raise TamperedError(message, where=made.instance, next_step="make a new one with `setpoint plan`")
    return made


def keep_plan(context: Context, made: Plan, actor: str) -> None:
    """Keep a plan by its hash, so that whoever comes after a dead process can read what it was doing."""
    try:
        context.store.plans.get(made.hash)
    except NotFoundError:
        body = msgspec.json.encode(made)
        with context.store.transaction():
            context.store.plans.put(made.hash, made.instance, made.revision, body, actor, context.now())
            detail = {"plan": made.hash, "revision": made.revision, "steps": len(made.steps)}
            context.store.audit.append(actor, _MADE, made.instance, detail, context.now())


@dataclass(frozen=True)
class WayBack:
    """The plan that takes something back, and whether that never came to its end."""

    plan: Plan
    is_cut_short: bool


def way_back(
    context: Context, name: str, observation: Observation, catalog: Catalog, *, actor: str
) -> WayBack:
    """Plan what takes the last apply back, and what it finished; the plan is kept.

    Raises `RefusedError` when there is nothing to take back, `ConflictError` when somebody changed it since.
    """
    records = list(effective(context, name))
    older = list(records)
    begun = to_take_back(context, older, catalog)
    if not begun:
        raise RefusedError(
            "there is no apply to take back", where=name, next_step="`setpoint audit log` shows what was done"
        )
    names = {step.parameter for each in begun for step in each.plan.steps if step.parameter}
    overridden.check_free(context, name, names)
    taken = records[: len(records) - len(older)]
    head = context.head()[0]
    back = make_way_back(
        begun,
        observation,
        catalog,
        revision=head.id if head is not None else "",
        ours_before=written_before(context, older),
    )
    keep_plan(context, back, actor)
    # An undo that was cut short was let through when it began.
    is_cut_short = is_undo(taken[0]) or all(record.outcome != "applied" for record in taken)
    return WayBack(back, is_cut_short)


def releases(
    context: Context, desired: Desired, observation: Observation, catalog: Catalog
) -> Iterator[Release]:
    """Answer what is ours, is not asked for any more, and is not back yet at what stood before us."""
    asked = {catalog.grammar.fold_name(name) for name in desired.resolved}
    for owned in context.store.journal.owned(observation.instance):
        name, observed = owned.parameter, observation.setting(owned.parameter)
        if catalog.grammar.fold_name(name) in asked:
            continue
        if is_persisted(name, owned.restore, observed, catalog) and not _is_written(observed, observation):
            continue
        ours = _standing(context, owned, observed, catalog)
        yield Release(parameter=name, ours=ours, restore=owned.restore, running=owned.running_before)


def _is_written(observed: ObservedSetting | None, observation: Observation) -> bool:
    """Tell whether the file that the instance's agent writes has a line of it still."""
    file = observation.managed_file
    return bool(file) and observed is not None and any(each.file == file for each in observed.origins)


def left_open(context: Context, name: str) -> tuple[Step, ...]:
    """Answer what an apply began that was cut short, and its reload and restart if they were not done."""
    record = next(effective(context, name), None)
    if record is None or record.state == "new":
        return ()
    steps = find_plan(context, record.plan_hash).steps
    done = record.step if record.is_step_done else record.step - 1
    return (
        *(step for step in steps[: record.step] if step.parameter),
        *(step for step in steps[done:] if not step.parameter),
    )


def effective(context: Context, name: str) -> Iterator[Apply]:
    """Answer the applies and undos that may have changed something, newest first.

    What overrides did is theirs to take back.
    """
    rows = context.store.audit.rows(subject=name, action="apply.begin", limit=_LOOK_BACK, newest_first=True)
    for row in rows:
        record = context.store.journal.get(row.detail["apply"])
        if record.step and record.state != "old" and not is_of_override(record):
            yield record


def begun_steps(context: Context, left: Apply | None) -> tuple[Step, ...]:
    """Answer the steps an apply had begun; none where its plan is not kept any more."""
    if left is None:
        return ()
    try:
        return find_plan(context, left.plan_hash).steps[: left.step]
    except NotFoundError:
        return ()


def _standing(
    context: Context, owned: Owned, observed: ObservedSetting | None, catalog: Catalog
) -> SettingText:
    """Answer our text that stands, if one does: an apply that was cut short may not have come to its own."""
    record = context.store.journal.get(owned.apply_id)
    if record.state == "new":
        return owned.ours
    steps = [step for step in begun_steps(context, record) if step.parameter == owned.parameter]
    found = [step.prior.persisted for step in steps if step.prior is not None]
    return next(
        (text for text in found if is_persisted(owned.parameter, text, observed, catalog)), owned.ours
    )


def to_take_back(context: Context, records: list[Apply], catalog: Catalog) -> list[Begun]:
    """Answer what an undo takes back, newest first, and leave in the records what is older.

    That is the last apply that had an effect, and with it what it finished: an apply that was cut short or
    left a restart open, or an undo that was cut short, and then also what that one was taking back.
    """
    found: list[Begun] = []
    is_cut_short = False
    while records:
        record = records[0]
        if is_undo(record):
            if record.outcome == "undone":
                break
            is_cut_short = True
            del records[0]
            continue
        begun = Begun(find_plan(context, record.plan_hash), tuple(range(record.step)))
        is_older = bool(found) and not is_cut_short
        if record.outcome == "applied" and is_older and not builds_on(found[-1], begun, catalog):
            break
        # An undo that was cut short was taking back the record below it, and nothing older for that.
        is_cut_short = False
        found.append(begun)
        del records[0]
    return found


def written_before(context: Context, records: Iterable[Apply]) -> dict[str, SettingText]:
    """Answer for each parameter the text of ours that older records left, None where they gave it back."""
    written: dict[str, SettingText] = {}
    for record in records:
        made = find_plan(context, record.plan_hash)
        for step in reversed(made.steps[: record.step]):
            if step.parameter:
                is_given_back = step.parameter in made.released
                written.setdefault(step.parameter, None if is_given_back else step.text)
    return written
