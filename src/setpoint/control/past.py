"""The past of one instance: what earlier applies did to it, left open, and own of it.

Read from the journal and the plans it names, for planning what comes next and for taking back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.control.logbook import is_undo
from setpoint.engines.plan import Plan, Step
from setpoint.engines.planner import Begun, builds_on, is_persisted
from setpoint.engines.port import Release
from setpoint.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.control.context import Context
    from setpoint.control.desired import Desired
    from setpoint.store.records import Apply, Owned

_LOOK_BACK = 100
"""How many applies to one instance are looked through for what can be taken back."""


def find_plan(context: Context, name_or_hash: str) -> Plan:
    """Answer a kept plan by its hash or the beginning of one; raise `NotFoundError`."""
    return msgspec.json.decode(context.store.plans.get(name_or_hash).body, type=Plan)


def keep_plan(context: Context, made: Plan) -> None:
    """Keep a plan by its hash, so that whoever comes after a dead process can read what it was doing."""
    body = msgspec.json.encode(made)
    context.store.plans.put(made.hash, made.instance, made.revision, body, context.actor, context.now())


def releases(
    context: Context, desired: Desired, observation: Observation, catalog: Catalog
) -> Iterator[Release]:
    """Answer what is ours, is not asked for any more, and is not back yet at what stood before us."""
    asked = {catalog.grammar.fold_name(name) for name in desired.resolved}
    for owned in context.store.journal.owned(observation.instance):
        name, observed = owned.parameter, observation.setting(owned.parameter)
        if catalog.grammar.fold_name(name) in asked or is_persisted(name, owned.restore, observed, catalog):
            continue
        ours = _standing(context, owned, observed, catalog)
        yield Release(parameter=name, ours=ours, restore=owned.restore)


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
    """Answer the applies and undos that may have changed something, newest first."""
    rows = context.store.audit.rows(subject=name, action="apply.begin", limit=_LOOK_BACK, newest_first=True)
    for row in rows:
        record = context.store.journal.get(row.detail["apply"])
        if record.step and record.state != "old":
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
        if record.outcome == "applied":
            if found and not is_cut_short and not builds_on(found[-1], begun, catalog):
                break
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
