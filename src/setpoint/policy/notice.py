"""Notices: rows of the audit log as they are told outside, a sentence for people and fields for machines.

The audit log is the outbox: what was recorded is told, at least once, under an id that stays the same.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMAT = 1
"""The version of a notice's body; fields are added within one, and never change their meaning."""

EVENTS: Mapping[str, str] = {
    "override.started": "{actor} started an emergency override on {subject}",
    "override.active": "The override on {subject} was read back and holds",
    "override.extended": "{actor} extended the override on {subject}",
    "override.ending_soon": "The override on {subject} ends soon",
    "override.ending": "The override on {subject} is being taken back",
    "override.ended": "The override on {subject} has ended",
    "override.overdue": "OVERDUE: {subject} still has an override that should be over",
    "override.conflict": "CONFLICT: somebody changed on {subject} what an override had set; that stands",
    "override.refused": "An override on {subject} was refused",
    "override.switch": "A link that would end the override on {subject} by itself changed its state",
    "override.review_due": "The override on {subject} waits for its review",
    "override.reviewed": "{actor} reviewed the override on {subject}",
    "rollout.started": "{actor} started {subject}",
    "rollout.halted": "HALTED: {subject} goes no further",
    "rollout.failed": "{subject} failed in a rollout",
    "rollout.paused": "{actor} paused {subject}",
    "rollout.resumed": "{actor} let {subject} go on",
    "rollout.taken_back": "{subject} is taken back",
    "rollout.done": "{subject} is done",
    "change.proposed": "{actor} asks for approval of a change of {subject}",
    "change.escalated": "A change of {subject} waits too long for its approvals",
    "change.approved": "{actor} approved a change of {subject}",
    "change.rejected": "{actor} rejected a change of {subject}",
    "incident.found": "A locked parameter of {subject} was moved",
    "incident.ended": "An incident on {subject} is over",
    "guardrail.broken": "A guardrail of {subject} is broken",
    "drift.found": "{subject} drifted",
    "drift.ended": "{subject} drifts no more",
    "drift.proposed": "{subject} drifted, and a plan waits to be looked at",
    "enforce.refused": "{subject} drifted, and policy refuses to put that right",
    "worker.silent": "The worker {subject} is not heard of any more",
    "notice.failed": "{subject} does not take its notices",
    "notice.recovered": "{subject} takes its notices again",
    "notice.tested": "{actor} tests {subject}",
}
"""What is told, and its sentence."""

URGENT = frozenset({"override.overdue", "override.conflict", "rollout.halted"})
"""What never waits behind anything else."""

MAX_TEXT = 500
"""How much of a text is told, in characters."""
MAX_ITEMS = 50
MAX_DEPTH = 4
MAX_DETAIL_BYTES = 16_384
"""How long the fields of a notice may be; longer ones are left in the audit log."""

_CUT = "..."
_KEPT_HERE = frozenset({"record", "account"})
"""What is for whoever reads the audit log: digests, and accounts on our hosts."""
_CLAUSES = (
    ("override", "{}"),
    ("rollout", "{}"),
    ("parameter", "{}"),
    ("parameters", "{}"),
    ("settings", "{}"),
    ("links", "links: {}"),
    ("lost", "lost: {}"),
    ("deadline", "until {}"),
    ("until", "until {}"),
    ("due", "due {}"),
    ("seen_at", "last seen {}"),
    ("by", "by {}"),
    ("late_seconds", "{} s late"),
    ("needs", "needs {}"),
    ("to", "to {}"),
    ("ticket", "ticket {}"),
    ("why", "{}"),
    ("because", "because: {}"),
    ("reason", "because: {}"),
)
"""What of a row's fields goes into the sentence, in that order."""


class Notice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the audit log as it is told.

    `id` is the same each time it is sent, so that whoever gets it twice can drop one. `subject` is the
    instance, or ``KIND:ID`` of what it is about.
    """

    id: str
    event: str
    is_urgent: bool
    at: datetime
    store: str
    seq: int
    subject: str
    actor: str
    text: str
    detail: dict[str, Any]

    @property
    def body(self) -> bytes:
        """The notice as JSON in ASCII, the same bytes each time."""
        fields = {**msgspec.to_builtins(self), "setpoint": FORMAT}
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")


def is_told(event: str, detail: Mapping[str, Any]) -> bool:
    """Tell whether a row of the audit log is a notice.

    Of the links that end an override only what was lost or failed is told; that they were armed again is not.
    """
    links = detail.get("links")
    if event == "override.switch" and isinstance(links, dict) and not detail.get("lost"):
        return "failed" in cast("dict[str, Any]", links).values()
    return event in EVENTS


def make_notice(
    *, store: str, seq: int, at: datetime, event: str, subject: str, actor: str, detail: Mapping[str, Any]
) -> Notice:
    """Make the notice of a row; its texts are cut and cannot steer what shows them."""
    told = {key: _trimmed(value) for key, value in detail.items() if key not in _KEPT_HERE}
    if len(json.dumps(told)) > MAX_DETAIL_BYTES:
        told = {"is_cut": True}
    return Notice(
        id=f"{store}-{seq}",
        event=event,
        is_urgent=event in URGENT,
        at=at.astimezone(UTC),
        store=store,
        seq=seq,
        subject=_shown(subject),
        actor=_shown(actor),
        text=_sentence(event, _shown(subject), _shown(actor), told),
        detail=told,
    )


def _sentence(event: str, subject: str, actor: str, detail: Mapping[str, Any]) -> str:
    head = EVENTS[event].format(subject=subject, actor=actor)
    clauses = "; ".join(_clauses(detail))
    return f"{head} ({clauses})" if clauses else head


def _clauses(detail: Mapping[str, Any]) -> Iterator[str]:
    for key, wording in _CLAUSES:
        value = detail.get(key)
        if value:
            yield wording.format(_shown(_worded(value)))


def _worded(value: Any) -> str:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return ", ".join(f"{key}={'default' if each is None else each}" for key, each in items)
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[Any]", value)))
    return str(value)


def _trimmed(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, (dict, list)) and depth == MAX_DEPTH:
        return _CUT
    if isinstance(value, dict):
        items = list(cast("dict[str, Any]", value).items())[:MAX_ITEMS]
        return {_shown(key): _trimmed(each, depth + 1) for key, each in items}
    if isinstance(value, list):
        return [_trimmed(each, depth + 1) for each in cast("list[Any]", value)[:MAX_ITEMS]]
    return value


def _shown(text: str) -> str:
    """Answer a text that is not too long and holds no control characters."""
    cut = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - len(_CUT)] + _CUT
    if cut.isprintable():
        return cut
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in cut)
