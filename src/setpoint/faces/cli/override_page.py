"""An override for people and for programs: what it set, how long it lasts, and what would end it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from setpoint.config.override import EndReason, LinkKind, LinkState, OverrideState
from setpoint.faces.cli.page import Span, Table
from setpoint.faces.cli.wording import counted, moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from setpoint.config.configuration import SettingText
    from setpoint.config.override import Override
    from setpoint.faces.cli.page import Block, Piece, Tone

_STATES: dict[OverrideState, Tone] = {
    OverrideState.STARTING: "warn",
    OverrideState.ACTIVE: "strong",
    OverrideState.ENDING: "warn",
    OverrideState.ENDED: "good",
    OverrideState.CONFLICT: "bad",
}
_LINKS: dict[LinkState, Tone] = {
    LinkState.ARMED: "good",
    LinkState.FIRED: "strong",
    LinkState.DISARMED: "dim",
    LinkState.ABSENT: "warn",
    LinkState.FAILED: "bad",
}
_GRACE_SECONDS = 5.0
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def span_text(seconds: float) -> str:
    """Write how long something lasts: ``0.42 s``, ``12 s``, ``29 min 30 s``, ``3 h``, ``2 d 4 h``."""
    if seconds < 10:  # noqa: PLR2004 - below that, tenths and hundredths tell something
        return f"{max(seconds, 0.0):.2f}".rstrip("0").rstrip(".") + " s"
    whole = round(seconds)
    steps = ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", 1, "s"))
    for unit, name, part, part_name in steps:
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{whole} s"


def text_of(text: SettingText) -> str:
    """Write a persisted text; None stands for no entry at all."""
    if text is None:
        return "(no entry)"
    return ", ".join(text) if isinstance(text, tuple) else text or "''"


def settings_text(override: Override) -> str:
    """Write what an override sets, in one line."""
    return ", ".join(f"{held.parameter} = {text_of(held.ours)}" for held in override.held)


def overdue_seconds(override: Override, now: datetime) -> float | None:
    """Answer for how long an override has been on its instance that should be off it; else None."""
    if not override.is_open:
        return None
    due = min(override.deadline, override.ending_at or override.deadline)
    over = (now - due).total_seconds()
    is_loud = override.overdue_at is not None or over >= _GRACE_SECONDS
    return max(over, 0.0) if is_loud else None


def state_span(override: Override, now: datetime) -> Span:
    """Write how an override stands; overdue is loud."""
    over = overdue_seconds(override, now)
    if over is not None:
        return Span(f"OVERDUE by {span_text(over)}", "bad")
    return Span(override.state.value, _STATES[override.state])


def left_text(override: Override, now: datetime) -> str:
    """Write how long an override lasts yet; a dash when it is desired no more."""
    if not override.is_desired:
        return "-"
    return span_text(max((override.deadline - now).total_seconds(), 0.0))


def review_span(override: Override, now: datetime) -> Span:
    """Write how the review of an override stands."""
    if override.review is not None:
        return Span(f"reviewed by {override.review.by}", "dim")
    if override.is_open:
        return Span("-", "dim")
    if override.review_due_at is None:
        return Span("review wanted", "warn")
    if override.review_due_at < now:
        late = span_text((now - override.review_due_at).total_seconds())
        return Span(f"REVIEW OVERDUE by {late}", "bad")
    return Span(f"review due {moment_text(override.review_due_at)}", "warn")


def link_rows(override: Override) -> list[tuple[Piece, ...]]:
    """Write the chain of ends, each link in its order; one that was not needed is shown, too."""
    known = {link.kind: link for link in override.links}
    rows: list[tuple[Piece, ...]] = []
    for kind in LinkKind:
        link = known.get(kind)
        if link is None:
            rows.append((kind.value, Span("not used", "dim"), "-", "-"))
        else:
            state = Span(link.state.value, _LINKS[link.state])
            rows.append((kind.value, state, moment_text(link.at), link.detail or "-"))
    return rows


LINK_HEAD = ("ENDED BY", "STATE", "SINCE", "WHERE, OR WHY NOT")


def override_page(override: Override, now: datetime) -> list[Block]:
    """Lay an override out whole."""
    page: list[Block] = [(Span(override.id, "strong"), ": ", state_span(override, now))]
    page.append(Table(("", ""), [row for row in _told(override, now) if row[1]], 2))
    page += ["", _held_table(override), "", Table(LINK_HEAD, link_rows(override))]
    page += [Span(line, "bad") for line in clash_lines(override)]
    if override.review is not None:
        page += ["", *_review_lines(override)]
    elif not override.is_open:
        page.append(Span(f"next: setpoint override report {override.id}, then review it", "dim"))
    return page


def clash_lines(override: Override) -> list[str]:
    """Write what people wrote over an override, which was left alone."""
    return [
        f"clash: somebody set {clash.parameter} to {text_of(clash.found)} while it was overridden with"
        f" {text_of(clash.ours)}; noticed {moment_text(clash.noticed_at)} and left as it is"
        for clash in override.clashes
    ]


def late_lines(late: Sequence[Override], now: datetime) -> list[Block]:
    """Name the overrides whose review is overdue."""
    return [
        (Span(f"{each.id}: ", "strong"), review_span(each, now), f"; setpoint override review {each.id}")
        for each in late
    ]


def override_document(override: Override, now: datetime) -> dict[str, Any]:
    """Answer an override for programs."""
    import msgspec

    is_late = not override.is_open and override.review is None and override.review_due_at is not None
    return {
        **msgspec.structs.asdict(override),
        "is_open": override.is_open,
        "is_desired": override.is_desired,
        "remaining_seconds": max((override.deadline - now).total_seconds(), 0.0)
        if override.is_desired
        else 0.0,
        "overdue_seconds": overdue_seconds(override, now),
        "late_seconds": override.late_seconds,
        "is_review_late": is_late and override.review_due_at is not None and override.review_due_at < now,
    }


def ended_text(override: Override) -> str:
    """Say how an override ended; empty while it did not."""
    if override.ended_at is None:
        return ""
    why = override.ending_why.value if override.ending_why is not None else "not known why"
    if override.ending_why is EndReason.BY_HAND and override.ending_by:
        why += f" of {override.ending_by}"
    by = f"put back by the {override.ended_by.value}" if override.ended_by is not None else "put back by hand"
    if override.ended_by is None and override.ending_why is not EndReason.BY_HAND:
        by = "found put back"
    late = override.late_seconds or 0.0
    words = f"{moment_text(override.ended_at)}, {why}, {by}, {span_text(late)} after it was due"
    return f"{words}: {override.ending_because}" if override.ending_because else words


def _told(override: Override, now: datetime) -> list[tuple[Piece, ...]]:
    extensions = (
        f"until {moment_text(each.deadline)} by {each.by}: {each.because}" for each in override.extensions
    )
    until = f"{moment_text(override.deadline)} ({left_text(override, now)} left)"
    came = override.active_at
    return [
        ("instance", override.instance),
        ("by", f"{override.by} ({override.account})" if override.account else override.by),
        ("why", override.because),
        ("ticket", override.ticket),
        ("on approved change", override.change),
        ("started", moment_text(override.started_at)),
        (
            "read back",
            "" if came is None else f"{span_text((came - override.started_at).total_seconds())} later",
        ),
        ("until", until if override.is_desired else moment_text(override.deadline)),
        ("extended", "; ".join(extensions)),
        ("guards", "; ".join(override.guards)),
        ("ending", _ending_text(override)),
        ("ended", ended_text(override)),
        ("review", review_span(override, now) if not override.is_open else ""),
    ]


def _ending_text(override: Override) -> str:
    if override.ending_at is None or override.ended_at is not None:
        return ""
    why = override.ending_why.value if override.ending_why is not None else ""
    by = f" by {override.ending_by}" if override.ending_by else ""
    because = f": {override.ending_because}" if override.ending_because else ""
    return f"since {moment_text(override.ending_at)}, {why}{by}{because}; it is tried until it is done"


def _held_table(override: Override) -> Table:
    rows: list[tuple[Piece, ...]] = [
        (
            held.parameter,
            Span(text_of(held.ours), "strong"),
            text_of(held.before),
            held.running_before if held.running_before is not None else "-",
            "yes" if held.is_managed else "no",
        )
        for held in override.held
    ]
    return Table(("PARAMETER", "OURS", "BEFORE", "RAN BEFORE", "MANAGED"), rows)


def _review_lines(override: Override) -> list[Block]:
    made = override.review
    if made is None:
        return []
    lines: list[Block] = [
        (Span("review", "strong"), f" by {made.by}, {moment_text(made.at)}: {made.conclusion}")
    ]
    if made.by == override.by:
        lines.append(Span("  written by who started it", "dim"))
    if made.keep:
        kept = f"{counted(len(made.keep), 'parameter')} to keep: {', '.join(made.keep)}"
        lines.append(f"  {kept}" + (f" ({made.change})" if made.change else ""))
    if made.rule:
        lines.append(f"  rule that should follow: {made.rule}")
    return lines
