"""How rollouts are shown: their waves with counts and a bar, and what is in the way of whom."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.faces.cli.page import Span, Table
from setpoint.faces.cli.wording import counted, moment_text, setting_text
from setpoint.policy.rollout import Amount, RolloutRules
from setpoint.policy.selector import Selector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from setpoint.control.rollouts.drafting import Draft
    from setpoint.faces.cli.page import Block, Piece, Tone
    from setpoint.faces.rollouts import RolloutView
    from setpoint.policy.rollout import Rollout, RolloutTarget

_BAR = 20
_MOST_TOLD = 20
_TONES: dict[str, Tone] = {
    "running": "good", "done": "good", "kept": "good", "paused": "warn", "held": "warn", "halted": "bad",
    "failed": "bad", "taking back": "warn", "taken back": "warn", "skipped": "dim",
}  # fmt: skip
_ENDED = ("kept", "taken back", "failed", "skipped")
_TOLD = ("held", "failed", "taking back", "skipped", "taken back")


def rollout_document(view: RolloutView, *, is_brief: bool = False) -> dict[str, Any]:
    """Answer a rollout for programs; brief, without its targets."""
    document = _plain(view.rollout)
    document["waves"] = _wave_documents(view.targets)
    if not is_brief:
        document["targets"] = [_plain(each) for each in view.targets]
    return document


def rollout_page(view: RolloutView) -> list[Block]:
    """Answer the page of one rollout."""
    made = view.rollout
    page: list[Block] = [
        (Span(made.id, "strong"), ": ", _span(made.state.value), f", {what_text(made)} on {made.selector}"),
        f"started {moment_text(made.started_at)} by {made.by}: {made.because}",
    ]
    if made.why:
        page.append((Span(made.state.value, _TONES.get(made.state.value, "strong")), f": {made.why}"))
    page += list(made.judged)
    page.append(
        Table(("WAVE", "SIZE", "DONE", "", "STATES"), [_wave_row(*each) for each in _waves(view.targets)])
    )
    told = [each for each in view.targets if each.state.value in _TOLD or each.restart_debt]
    if told:
        page.append(
            Table(("INSTANCE", "WAVE", "STATE", "WHY"), [_told_row(each) for each in told[:_MOST_TOLD]])
        )
    if len(told) > _MOST_TOLD:
        page.append(f"and {counted(len(told) - _MOST_TOLD, 'more instance')}: --json lists all")
    return page


def list_row(view: RolloutView) -> tuple[Piece, ...]:
    """Answer a rollout's line in the list."""
    made = view.rollout
    done = sum(each.is_ended for each in view.targets)
    return (
        made.id,
        _span(made.state.value),
        f"{made.wave + 1} of {made.waves}" if made.wave >= 0 else "-",
        f"{done} of {made.size}",
        moment_text(made.started_at),
        made.by,
        str(made.selector),
        what_text(made),
    )


def draft_document(made: Rollout, draft: Draft) -> dict[str, Any]:
    """Answer what would be rolled out, for programs."""
    waves: dict[int, list[dict[str, Any]]] = {}
    for each in draft.placed:
        outlook = draft.outlooks[each.candidate.name]
        waves.setdefault(each.wave, []).append(
            {
                "instance": each.candidate.name,
                "group": each.group,
                "role": each.candidate.role,
                "after": list(each.after),
                "needs_approval": outlook.needs_approval,
                "restarts": list(outlook.restarts),
            }
        )
    return {
        "selector": str(made.selector),
        "settings": made.settings,
        "rules": _plain(made.rules),
        "waves": [waves[number] for number in sorted(waves)],
        "unchanged": list(draft.unchanged),
    }


def draft_page(made: Rollout, draft: Draft) -> list[Block]:
    """Answer the waves that would be."""
    page: list[Block] = [
        f"{what_text(made)} on {made.selector}: {counted(made.size, 'instance')}, nothing written"
    ]
    rows: list[tuple[Piece, ...]] = []
    for wave in range(made.waves):
        names = [each.candidate.name for each in draft.placed if each.wave == wave]
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""  # noqa: PLR2004 - a line's worth
        rows.append((_wave_name(wave), str(len(names)), ", ".join(names[:8]) + more))
    page.append(Table(("WAVE", "SIZE", "INSTANCES"), rows))
    asking = [name for name, each in draft.outlooks.items() if each.needs_approval]
    restarts = [name for name, each in draft.outlooks.items() if each.restarts]
    if asking:
        page.append((Span(counted(len(asking), "instance"), "warn"), " would wait for approvals"))
    if restarts:
        what = " would be restarted" if made.rules.may_restart else " would be left waiting for a restart"
        page.append((Span(counted(len(restarts), "instance"), "warn"), what))
    if draft.unchanged:
        page.append(f"{counted(len(draft.unchanged), 'instance')} as they should be already")
    return page


def what_text(made: Rollout) -> str:
    """Write what is rolled out."""
    settings = ", ".join(f"{name}={setting_text(text)}" for name, text in sorted(made.settings.items()))
    return settings or "what is pending"


def _waves(targets: Iterable[RolloutTarget]) -> list[tuple[int, Counter[str]]]:
    found: dict[int, Counter[str]] = {}
    for each in targets:
        found.setdefault(each.wave, Counter())[each.state.value] += 1
    return sorted(found.items())


def _wave_documents(targets: Sequence[RolloutTarget]) -> list[dict[str, Any]]:
    return [
        {"wave": wave, "size": sum(states.values()), "states": dict(states)}
        for wave, states in _waves(targets)
    ]


def _wave_row(wave: int, states: Counter[str]) -> tuple[Piece, ...]:
    size = sum(states.values())
    done = sum(states[name] for name in _ENDED)
    filled = _BAR * done // size
    said = ", ".join(f"{count} {name}" for name, count in states.most_common())
    tone: Tone = "good" if states["kept"] == done else "warn"
    return (
        _wave_name(wave),
        str(size),
        f"{100 * done // size}%",
        Span("#" * filled + "." * (_BAR - filled), tone if filled else "dim"),
        said,
    )


def _wave_name(wave: int) -> str:
    return f"{wave} canary" if not wave else str(wave)


def _told_row(each: RolloutTarget) -> tuple[Piece, ...]:
    return (each.instance, str(each.wave), _span(each.state.value), each.why)


def _span(word: str) -> Span:
    return Span(word, _TONES.get(word, "strong"))


def _plain(struct: Rollout | RolloutTarget | RolloutRules) -> dict[str, Any]:
    """Answer every field, those that have their default too."""
    plain: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(struct).items():
        if isinstance(value, RolloutRules):
            plain[name] = _plain(value)
        else:
            is_word = isinstance(value, (Amount, Selector))
            plain[name] = str(value) if is_word else msgspec.to_builtins(value)
    if "waves" in plain and isinstance(struct, RolloutRules):
        plain["waves"] = [str(each) for each in struct.waves]
    return plain
