"""Act 10: a change that takes two: policy asks for an approval, and the author's own does not count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from setpoint.errors import RefusedError
from setpoint.faces.demo.changing import promise_verified, tell_plan
from setpoint.faces.demo.stage import AUTHOR, INSTANCE
from setpoint.faces.demo.wording import count
from setpoint.integrations.keys import write_new
from setpoint.policy.person import Grant, Person, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.control.change import Planned
    from setpoint.faces.api import Setpoint
    from setpoint.faces.demo.stage import Stage
    from setpoint.policy.approval import Change

APPROVER = "mara"
_LASTS = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The store as each of two people sees it, the row their story begins after, and the change it is of."""

    lin: Setpoint
    mara: Setpoint
    began_after: int
    change: str = ""


def govern(stage: Stage) -> House:
    """Act 10: put a policy in force, make two people known, and take one change through it."""
    narrator, careful = stage.narrator, stage.cast.script.careful
    narrator.act("A change that takes two")
    _put_policy(stage)
    house = _open_house(stage)
    planned = _plan(stage, house.lin)
    refusal = _refusal_of(lambda: house.lin.apply(planned.plan))
    narrator.say(f"{AUTHOR} applies it all the same. {_shown(refusal)}")
    runs = _running(stage)
    stage.report.promise(
        f"refused without an approval: {careful.parameter} is still {runs}",
        holds=bool(refusal) and runs != careful.value,
    )
    change = _propose(stage, house, planned)
    own = _refusal_of(lambda: house.lin.governance.approve(change.id))
    narrator.say(f"{AUTHOR} approves it. {_shown(own)}")
    stage.report.promise("nobody approves their own change", holds=bool(own))
    _approve(stage, house, change)
    began = narrator.elapsed_s
    verified = house.lin.apply(planned.plan)
    promise_verified(stage, f"{AUTHOR} applied it", planned.plan, verified, narrator.elapsed_s - began)
    spent, _ = house.lin.governance.change(change.id)
    stage.report.sections["governance"] = {
        "policy": careful.policy,
        "plan": planned.plan.hash,
        "change": change.id,
        "needs": [f"{need.key}: {need.quorum}" for need in change.needs],
        "refused_without_approval": refusal,
        "refused_to_author": own,
        "approved_by": [voice.by for voice in spent.voices],
        "state": spent.state,
        "runs": _running(stage),
    }
    return replace(house, change=change.id)


def _put_policy(stage: Stage) -> None:
    """Put a shipped policy in force, still as a single user, and show the rule that will speak."""
    narrator, careful = stage.narrator, stage.cast.script.careful
    text, reason = careful.document(), "what could lose data takes a second person"
    revision = stage.setpoint.governance.put_policy(careful.policy, text, reason=reason)
    narrator.say(
        f"Until now {AUTHOR} was whoever opened the store, and might do everything. The policy "
        f"{careful.policy} that comes with Setpoint is put in force as revision {revision.id[:12]}: "
        f"{reason}. The rule that will speak:"
    )
    for line in _rule_lines(text, careful.rule):
        narrator.show(line)


def _rule_lines(text: str, rule: str) -> list[str]:
    """Answer a rule's own lines in a policy document."""
    lines = text.splitlines()
    first = lines.index(f"  - id: {rule}")
    rest = lines[first + 1 :]
    length = next((at for at, line in enumerate(rest) if not line.startswith("    ")), len(rest))
    return [line.removeprefix("  ") for line in lines[first : first + 1 + length]]


def _open_house(stage: Stage) -> House:
    """Make two people known, each with a token, and open the store as each of them."""
    narrator, alone = stage.narrator, stage.setpoint
    began_after = alone.audit_rows(limit=1)[0].seq
    lin, first = alone.governance.people.put_first(
        _person(AUTHOR, "Lin, DBA", Role.ADMINISTRATOR, Role.POLICY_OWNER, Role.OPERATOR),
        lasts=_LASTS,
        reason="the store is governed from here on",
    )
    as_lin = stage.enter(first.text)
    people = as_lin.governance.people
    mara = _person(APPROVER, "Mara, data protection", Role.APPROVER, Role.POLICY_OWNER)
    people.put(mara, reason="the second pair of eyes")
    second = people.issue_token(APPROVER, lasts=_LASTS, reason="to approve with")
    narrator.say(
        "Two people are made known, and from the first one on every change asks for a token. In a house each "
        "keeps their own; here one program plays both."
    )
    rows = [
        (
            person.name,
            ", ".join(grant.role.value for grant in person.grants),
            issued.token.account or "anywhere",
        )
        for person, issued in ((lin, first), (mara, second))
    ]
    narrator.table(("who", "may act as", "token good from"), rows)
    if stage.options.is_kept:
        for person, issued in ((lin, first), (mara, second)):
            write_new(stage.token_file(person.name), f"{issued.text}\n".encode())
    return House(lin=as_lin, mara=stage.enter(second.text), began_after=began_after)


def _person(name: str, shown: str, *roles: Role) -> Person:
    return Person(name=name, shown=shown, grants=tuple(Grant(role=role) for role in roles))


def _plan(stage: Stage, lin: Setpoint) -> Planned:
    """Ask for a locked parameter's move, and plan it."""
    careful = stage.cast.script.careful
    reason = "tonight's import may lose its last moments"
    lin.change_settings(f"instance:{INSTANCE}", {careful.parameter: careful.value}, reason=reason)
    planned = lin.plan(INSTANCE)
    stage.narrator.say(f"{AUTHOR} wants {careful.parameter} = {careful.value}: {reason}.")
    tell_plan(stage, planned)
    rows = [(each.outcome.word, each.rule, each.text) for each in planned.verdict.reasons]
    stage.narrator.table(("policy says", "by rule", "because"), rows)
    return planned


def _propose(stage: Stage, house: House, planned: Planned) -> Change:
    change = house.lin.governance.propose(planned.plan.hash, reason="one night, this instance only")
    asked = "; ".join(f"{need.key}: {need.quorum}" for need in change.needs)
    stage.narrator.say(f"{AUTHOR} proposes the plan as change {change.id}. It needs {asked}.")
    return change


def _approve(stage: Stage, house: House, change: Change) -> None:
    """Let the second person read and approve exactly the plan that was proposed."""
    reason = "what is lost can be imported again"
    house.mara.governance.approve(change.id, reason=reason, digest=change.digest)
    standing = house.mara.governance.change(change.id)[1]
    met = sum(tally.is_met for tally in standing.tallies)
    stage.narrator.say(
        f"{APPROVER} reads plan {change.digest[:12]} and approves it, no other and for one use: {reason}. "
        f"{met} of {count(len(standing.tallies), 'need')} met."
    )


def _running(stage: Stage) -> str:
    """Ask the server itself."""
    return stage.player.running(stage.cast.script.careful.parameter)


def _refusal_of(deed: Callable[[], object]) -> str:
    """Answer why something is refused, empty when it is not."""
    try:
        deed()
    except RefusedError as refused:
        return refused.what
    return ""


def _shown(refusal: str) -> str:
    return f"Refused: {refusal}." if refusal else "It is let through."
