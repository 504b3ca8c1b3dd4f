"""`policy`: the documents that say what may be set, by whom and with whose agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import read_text
from setpoint.faces.cli.change import change_document
from setpoint.faces.cli.frame import Frame, Verbs, because
from setpoint.faces.cli.page import Answer, Span, Table, Verbatim
from setpoint.faces.cli.wording import counted, revision_document

if TYPE_CHECKING:
    from setpoint.config.revision import Revision
    from setpoint.faces.cli.page import Block
    from setpoint.policy.approval import Change
    from setpoint.policy.rules import Policy

_NOUNS = {
    "locks": "lock",
    "limits": "limit",
    "budgets": "memory budget",
    "guardrails": "guardrail",
    "windows": "window",
    "freezes": "freeze",
    "separation": "separation of duties",
    "overrides": "bound of overrides",
    "emergency": "emergency rule",
}


@click.group("policy", cls=Verbs)
def policy() -> None:
    """Show, check and change policies: locks, limits, approvals, windows, guardrails."""


@policy.command("list")
@click.pass_obj
def list_(frame: Frame) -> Answer:
    """List the policies in force."""
    with frame.open() as setpoint:
        found = setpoint.governance.policies()
    rows = [(name, str(each.scope), _summary(each), each.why) for name, each in found.items()]
    page: list[Block] = [Table(("POLICY", "SCOPE", "HOLDS", "WHY"), rows)]
    if not rows:
        page = ["no policy is in force", Span("next: setpoint policy starter", "dim")]
    return Answer([_document(each) for each in found.values()], page)


@policy.command("show")
@click.argument("name")
@click.pass_obj
def show(frame: Frame, name: str) -> Answer:
    """Show the policy NAME as its author wrote it; `policy put` takes the same text."""
    with frame.open() as setpoint:
        text = setpoint.governance.policy_text(name)
        found = setpoint.governance.policies()[name]
    return Answer(
        {**_document(found), "text": text}, [Verbatim(text if text.endswith("\n") else f"{text}\n")]
    )


@policy.command("check")
@click.argument("file", metavar="FILE|-")
@click.option("--engine", metavar="ENGINE", default="", help="Check parameters against this engine alone.")
def check(file: str, *, engine: str) -> Answer:
    """Check a policy document with every fault at once; needs no store. Nothing is put in force.

    Its parameters, values and formulas are checked against the shipped catalogs.
    """
    from setpoint.engines.registry import shipped_catalogs
    from setpoint.policy.document import check_policy, read_policy

    text, source = read_text(file)
    found = read_policy(text, source)
    check_policy(found, shipped_catalogs(engine))
    return Answer(_document(found), [(Span("sound", "good"), f": policy {found.name}, {_summary(found)}")])


@policy.command("put")
@click.argument("name")
@click.argument("file", metavar="FILE|-")
@because()
@click.pass_obj
def put(frame: Frame, name: str, file: str, *, because: str, ticket: str) -> Answer:
    """Put a document in force as the policy NAME, in place of the one there is.

    Where approvals are asked for, this proposes it and ends with 1: nothing is in force yet.
    """
    from setpoint.policy.document import read_policy

    text, source = read_text(file)
    found = read_policy(text, source)
    if found.name != name:
        next_step = f"`setpoint policy put {found.name}`, or change its first line"
        raise InputError(
            f"the document calls itself {found.name}, not {name}", where=source, next_step=next_step
        )
    with frame.open() as setpoint:
        before = setpoint.configuration().policies.get(name)
        made = setpoint.governance.put_policy(name, text, reason=because, ticket=ticket)
    done = "says this already" if before == text else f"is in force: {_summary(found)}"
    return _made_answer(name, made, done)


@policy.command("remove")
@click.argument("name")
@because()
@click.pass_obj
def remove(frame: Frame, name: str, *, because: str, ticket: str) -> Answer:
    """Take the policy NAME out of force; where approvals are asked for, propose it and end with 1."""
    with frame.open() as setpoint:
        made = setpoint.governance.remove_policy(name, reason=because, ticket=ticket)
    return _made_answer(name, made, "is no longer in force")


@policy.command("starter")
@click.argument("name", required=False)
def starter(name: str | None) -> Answer:
    """Print the document NAME to start from; without NAME list them. Needs no store."""
    from setpoint.policy.document import read_policy
    from setpoint.policy.starters import starter_names, starter_text

    if name is not None:
        text = starter_text(name)
        return Answer({**_document(read_policy(text, name)), "text": text}, [Verbatim(text)])
    found = [read_policy(starter_text(each), each) for each in starter_names()]
    rows = [(each.name, str(each.scope), each.why) for each in found]
    return Answer([_document(each) for each in found], [Table(("STARTER", "SCOPE", "WHY"), rows)])


def _made_answer(name: str, made: Revision | Change, done: str) -> Answer:
    """Say what became of a policy: it is as asked for, or others are asked first."""
    from setpoint.policy.approval import Change

    if not isinstance(made, Change):
        page: list[Block] = [(f"policy {name} {done}; revision ", Span(made.short_id, "strong"))]
        return Answer({"policy": name, "is_in_force": True, "revision": revision_document(made)}, page)
    asked = "; ".join(str(need.quorum) for need in made.needs)
    page = [
        (Span("nothing has changed yet", "warn"), f": policy {name} waits for approval ({asked})"),
        ("  change ", Span(made.id, "strong"), f": {made.reason}"),
        Span(f"next: somebody else approves it: setpoint change approve {made.id}", "dim"),
        Span(f"then: setpoint change apply {made.id}", "dim"),
    ]
    return Answer({"policy": name, "is_in_force": False, "change": change_document(made)}, page, 1)


def _summary(each: Policy) -> str:
    counts = {noun: len(getattr(each, field)) for field, noun in _NOUNS.items()}
    counts["approval"] = len(each.approvals) + len(each.governance)
    return ", ".join(_counted(count, noun) for noun, count in counts.items() if count) or "no rule"


def _counted(count: int, noun: str) -> str:
    return counted(count, noun) if noun[-1] not in "sz" and " of " not in noun else f"{count} {noun}"


def _document(each: Policy) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(each)
    return {"scope_text": str(each.scope), **document}
