"""`advise`: what the rules say about an instance, on which evidence, and taking it into the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import InstanceName
from setpoint.faces.cli.frame import Frame, because, verb
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.waiver import remind
from setpoint.faces.cli.wording import committed, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.faces.cli.page import Block, Tone
    from setpoint.recommend import Advice, Evidence, Finding, Recommendation

_TONES: dict[str, Tone] = {"critical": "bad", "warning": "warn", "advice": "good"}


@verb("advise")
@click.argument("name", type=InstanceName())
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@click.option("--last", "is_last", is_flag=True, help="Ask about what was last seen, without touching it.")
@click.option(
    "--accept", "is_accepted", is_flag=True, help="Take the recommendations into the configuration."
)
@because(is_required=False)
@click.pass_obj
def advise(
    frame: Frame,
    name: str,
    codes: tuple[str, ...],
    *,
    is_last: bool,
    is_accepted: bool,
    because: str,
    ticket: str,
) -> Answer:
    """Ask the rules about the instance NAME: what they found, on which evidence, and what they wait for.

    "No advice yet" is an answer too. With CODEs, only those rules. --accept sets what is recommended in the
    instance's own layer; the server is not touched before `plan` and `apply`.
    """
    if is_accepted and not because:
        raise InputError("no reason is given", next_step='say why with --because "..."')
    if not is_accepted and (because or ticket):
        raise InputError("there is nothing to write", next_step="--accept takes recommendations")
    with frame.open() as setpoint:
        evidence, advice = setpoint.advise(name, is_fresh=not is_last)
        remind(frame, setpoint, [name])
        chosen = _chosen(advice, codes, is_accepted=is_accepted)
        if not is_accepted:
            return Answer(_document(name, evidence, chosen), _page(name, evidence, chosen))
        if not chosen.recommendations:
            raise InputError("there is nothing to accept", where=name, next_step=chosen.summary)
        revision, edits = setpoint.change_settings(
            f"instance:{name}", chosen.settings(), reason=because, ticket=ticket
        )
    return committed(revision, edits, next_step=f"setpoint plan {name}")


def _chosen(advice: Advice, codes: Sequence[str], *, is_accepted: bool) -> Advice:
    """Keep what the codes name; raise `InputError` for codes that recommend nothing here."""
    import msgspec

    if not codes:
        return advice
    wanted = {code.upper() for code in codes}
    spoken = {each.code for each in advice.recommendations}
    if not is_accepted:
        spoken |= {each.code for each in (*advice.findings, *advice.silent)}
        spoken |= {each.recommendation.code for each in advice.waived}
    absent = sorted(wanted - spoken)
    if absent:
        there = ", ".join(sorted(spoken)) or "none"
        what = "recommends nothing now" if is_accepted else "says nothing here"
        raise InputError(f"{', '.join(absent)} {what}", next_step=f"there are {there}")
    return msgspec.structs.replace(
        advice,
        recommendations=tuple(each for each in advice.recommendations if each.code in wanted),
        findings=tuple(each for each in advice.findings if each.code in wanted),
        silent=tuple(each for each in advice.silent if each.code in wanted),
        waived=tuple(each for each in advice.waived if each.recommendation.code in wanted),
    )


def _document(name: str, evidence: Evidence, advice: Advice) -> dict[str, Any]:
    import msgspec

    window = evidence.window
    return {
        "instance": name,
        "observed_at": evidence.observation.at,
        "summary": advice.summary,
        "is_waiting": advice.is_waiting,
        "window": None
        if window is None
        else {
            "seconds": window.seconds,
            "transactions": window.transactions,
            "is_between_observations": window.is_between,
        },
        "recommendations": [msgspec.structs.asdict(each) for each in advice.recommendations],
        "findings": [msgspec.structs.asdict(each) for each in advice.findings],
        "silent": [msgspec.structs.asdict(each) for each in advice.silent],
        "contradictions": list(advice.contradictions),
        "waived": [
            {"waiver": each.waiver, "told": each.told, **msgspec.structs.asdict(each.recommendation)}
            for each in advice.waived
        ],
    }


def _page(name: str, evidence: Evidence, advice: Advice) -> list[Block]:
    page: list[Block] = [(Span(name, "strong"), f": {_summary(advice)}"), Span(_window(evidence), "dim")]
    for each in advice.recommendations:
        page += _recommendation(each)
    for each in advice.findings:
        page += _finding(each)
    page += [Span(f"gave way: {each}", "warn") for each in advice.contradictions]
    page += _waived(advice)
    silent = [(each.code, each.title, each.waits_for) for each in advice.silent]
    if silent:
        page += ["", Span("silent, and what they wait for:", "dim"), Table(("", "", ""), silent, 2)]
    if advice.recommendations:
        page += ["", Span(f"next: setpoint advise {name} --accept [CODE]... --because ...", "dim")]
    return page


def _summary(advice: Advice) -> str:
    if advice.is_waiting:
        return "no advice yet"
    if not advice.recommendations and not advice.findings:
        return (
            f"no advice: {counted(len(advice.waived), 'recommendation')} waived"
            if advice.waived
            else "no advice: nothing to change"
        )
    recommended, found = len(advice.recommendations), len(advice.findings)
    return f"{counted(recommended, 'recommendation')}, {counted(found, 'finding')}"


def _waived(advice: Advice) -> list[Block]:
    if not advice.waived:
        return []
    rows = [
        (each.recommendation.code, each.recommendation.parameter, each.recommendation.proposed, each.told)
        for each in advice.waived
    ]
    return ["", Span("waived:", "dim"), Table(("RULE", "PARAMETER", "WOULD BE", "WHY NOT"), rows, 2)]


def _window(evidence: Evidence) -> str:
    window = evidence.window
    if window is None:
        return "  counters: nothing says since when they count"
    since = "between two observations" if window.is_between else "since the statistics began"
    return f"  counters: {window.seconds:.0f} s {since}, {window.transactions:.0f} transactions"


def _recommendation(each: Recommendation) -> list[Block]:
    restart = Span("  needs a restart", "warn") if each.needs_restart else ""
    lines: list[Block] = [
        "",
        (Span(f"{each.code} {each.severity.value}", _TONES[each.severity.value]), f"  {each.title}"),
        (f"  {each.parameter}: {each.current or '?'} -> ", Span(each.proposed, "strong"), restart),
    ]
    told = (("why", each.reason), ("expected", each.expected), ("risk", each.risk), *each.evidence.items())
    return [*lines, Table(("", ""), [*_told(told), ("source", each.source)], 4)]


def _finding(each: Finding) -> list[Block]:
    head = (Span(f"{each.code} {each.severity.value}", _TONES[each.severity.value]), f"  {each.title}")
    told = (("found", each.text), ("next", each.next_step), *each.evidence.items(), ("source", each.source))
    return ["", head, Table(("", ""), _told(told), 4)]


def _told(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in pairs if text]
