"""The rules of a policy document: each kind's keys, and what would make a rule senseless."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any, Final, TypedDict

from setpoint.config.document import Mapping, Node, Scalar
from setpoint.errors import InputError
from setpoint.policy.document_fields import Fields, Page
from setpoint.policy.document_values import (
    DAY_SECONDS,
    parse_class,
    parse_count,
    parse_day,
    parse_kind,
    parse_label,
    parse_moment,
    parse_outcome,
    parse_parameter,
    parse_prose,
    parse_role,
    parse_rule_id,
    parse_seconds,
    parse_setting,
    parse_severity,
    parse_share,
    parse_source,
    parse_time,
    parse_truth,
    parse_unknown,
    parse_what,
    parse_word,
    parse_zone,
)
from setpoint.policy.person import Role
from setpoint.policy.rules import (
    Emergency,
    Freeze,
    Guardrail,
    Limit,
    Lock,
    MemoryBudget,
    Override,
    Separation,
    Window,
)
from setpoint.policy.selector import ALL, Selector, parse_selector
from setpoint.policy.verdict import Outcome, Quorum

if TYPE_CHECKING:
    from collections.abc import Callable

_RULE: Final = ("id", "scope", "why")
_QUORUM: Final = ("quorum", "from", "owner", "expires", "service level", "escalates to")
_SCOPE: Final = ("engine", "group", "environment", "instance", "labels")
_SHORTEST_WATCH_SECONDS, _LONGEST_WATCH_SECONDS = 1, 3600
_LONGEST_SECONDS: Final = 92 * DAY_SECONDS
_EVERY_SECONDS: Final = 5.0
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class _Named(TypedDict):
    id: str
    scope: Selector
    why: str


def read_scope(fields: Fields) -> Selector:
    """Read a scope: a mapping such as ``{environment: [production]}``, or the text that the CLI takes."""
    node = fields.entries.get("scope")
    if node is None:
        return ALL
    if isinstance(node, Scalar):
        return fields.value("scope", _scope_of_text, ALL)
    scope = Fields(node, fields.page, "a scope", _SCOPE)
    if isinstance(node, Mapping) and not node.entries:
        fields.fault("scope", "the scope names nothing", "leave it out to mean every instance")
    labels = scope.below("labels")
    if isinstance(scope.entries.get("labels"), Mapping) and not labels.entries:
        scope.fault("labels", "no label is named", "leave the key out, or name one")
    for name, place in labels.key_places.items():
        try:
            parse_label(name)
        except InputError as fault:
            fields.page.faults.add(place, fault.what, fault.next_step)
    return Selector(
        engines=scope.values("engine", parse_word),
        groups=scope.values("group", parse_word),
        environments=scope.values("environment", parse_word),
        instances=scope.values("instance", parse_word),
        labels={name: labels.values(name, parse_word) for name in labels.entries},
    )


def read_quorum(node: Node, page: Page, what: str) -> Quorum:
    """Read a quorum: a mapping, or the bare number of approvers."""
    if isinstance(node, Scalar):
        bare = Fields(Mapping(node.place, {"quorum": node}), page, what, None)
        return Quorum(count=bare.value("quorum", parse_count, 1))
    fields = Fields(node, page, what, _QUORUM, needed=("quorum",))
    expires = _seconds(fields, "expires", 24 * 3600.0)
    level = fields.value("service level", parse_seconds, None)
    if (level or 0) >= expires:
        fields.fault("service level", "the service level ends no earlier than the change expires")
    if "escalates to" in fields and "service level" not in fields:
        fields.fault("escalates to", "nothing escalates without a service level", "add `service level: 4h`")
    return Quorum(
        count=fields.value("quorum", parse_count, 1),
        roles=fields.values("from", parse_role) or (Role.APPROVER,),
        needs_owner=fields.value("owner", parse_truth, otherwise=False),
        expires_seconds=expires,
        service_level_seconds=level,
        escalates_to=fields.values("escalates to", parse_role),
    )


def read_lock(node: Node, page: Page, made_id: str) -> Lock:
    """Read a lock."""
    known = (*_RULE, "parameters", "classes", "outcome", "value", "restore")
    fields = Fields(node, page, "a lock", known)
    lock = Lock(
        **_named(fields, made_id),
        parameters=fields.values("parameters", parse_parameter, str.lower),
        classes=fields.values("classes", parse_class),
        outcome=_outcome(fields),
        value=fields.value("value", parse_setting, None),
        may_restore=fields.value("restore", parse_truth, otherwise=False),
    )
    if isinstance(node, Mapping) and not ("parameters" in fields or "classes" in fields):
        page.faults.add(node.place, "a lock names neither parameters nor classes", "add `parameters: [...]`")
    if "value" in fields and "classes" in fields:
        fields.fault("value", "one value cannot suit whole classes", "name the parameters it is for")
    return lock


def read_limit(node: Node, page: Page, made_id: str) -> Limit:
    """Read a limit; its formula is checked for form."""
    known = (*_RULE, "must", "outcome", "roles", "severity", "source")
    fields = Fields(node, page, "a limit", known, needed=("must",))
    return Limit(
        **_named(fields, made_id),
        must=fields.formula("must"),
        outcome=fields.value("outcome", parse_outcome, Outcome.REFUSE),
        roles=fields.values("roles", parse_role),
        severity=fields.value("severity", parse_severity, "medium"),
        source=fields.value("source", parse_source, ""),
    )


def read_budget(node: Node, page: Page, made_id: str) -> MemoryBudget:
    """Read a share of the memory budget."""
    fields = Fields(node, page, "a memory budget", (*_RULE, "share", "outcome"), needed=("share",))
    return MemoryBudget(
        **_named(fields, made_id),
        share=fields.value("share", parse_share, 1.0),
        outcome=fields.value("outcome", parse_outcome, Outcome.REFUSE),
    )


def read_guardrail(node: Node, page: Page, made_id: str) -> Guardrail:
    """Read a guardrail; its formula is checked for form."""
    own = ("holds", "watch", "every", "unknown", "parameters", "classes")
    fields = Fields(node, page, "a guardrail", (*_RULE, *own), needed=("holds", "watch"))
    watch = fields.value("watch", parse_seconds, 60.0)
    if not _SHORTEST_WATCH_SECONDS <= watch <= _LONGEST_WATCH_SECONDS:
        fields.fault("watch", "a change is watched from 1s to 1h")
    every = fields.value("every", parse_seconds, min(_EVERY_SECONDS, watch))
    if not _SHORTEST_WATCH_SECONDS <= every <= max(watch, _SHORTEST_WATCH_SECONDS):
        fields.fault("every", "looked at no more often than each second, and once while it watches")
    return Guardrail(
        **_named(fields, made_id),
        holds=fields.formula("holds"),
        watch_seconds=watch,
        every_seconds=every,
        unknown=fields.value("unknown", parse_unknown, "go on"),
        parameters=fields.values("parameters", parse_parameter, str.lower),
        classes=fields.values("classes", parse_class),
    )


def read_window(node: Node, page: Page, made_id: str) -> Window:
    """Read a change window."""
    own = ("what", "days", "opens", "closes", "zone", "outcome")
    fields = Fields(node, page, "a window", (*_RULE, *own), needed=("opens", "closes"))
    opens = fields.value("opens", parse_time, None)
    closes = fields.value("closes", parse_time, None)
    if opens is not None and opens == closes:
        next_step = "a window that closes before it opens ends on the next day"
        fields.fault("closes", f"a window from {opens:%H:%M} to {closes:%H:%M} has no length", next_step)
    return Window(
        **_named(fields, made_id),
        what=fields.value("what", parse_what, "change"),
        days=fields.values("days", parse_day) or Window(id="", opens=time(), closes=time()).days,
        opens=opens or time(),
        closes=closes or time(),
        zone=fields.value("zone", parse_zone, "UTC"),
        outcome=_outcome(fields),
    )


def read_freeze(node: Node, page: Page, made_id: str) -> Freeze:
    """Read a freeze; a date without an offset counts in the rule's zone."""
    own = ("what", "starts", "ends", "zone", "outcome")
    fields = Fields(node, page, "a freeze", (*_RULE, *own), needed=("starts", "ends"))
    zone = fields.value("zone", parse_zone, "")
    starts, ends = (fields.value(key, lambda text: parse_moment(text, zone), None) for key in own[1:3])
    if starts is not None and ends is not None and ends <= starts:
        fields.fault("ends", "the freeze ends before it starts")
    return Freeze(
        **_named(fields, made_id),
        what=fields.value("what", parse_what, "change"),
        starts_at=starts or _NEVER,
        ends_at=ends or _NEVER,
        outcome=_outcome(fields),
    )


def read_separation(node: Node, page: Page, made_id: str) -> Separation:
    """Read a separation of duties."""
    own = ("author may apply", "approver may apply")
    fields = Fields(node, page, "a separation", (*_RULE, *own))
    separation = Separation(
        **_named(fields, made_id),
        author_may_apply=fields.value(own[0], parse_truth, otherwise=True),
        approver_may_apply=fields.value(own[1], parse_truth, otherwise=True),
    )
    if isinstance(node, Mapping) and not any(key in fields for key in own):
        page.faults.add(node.place, "the separation says nothing", "add `author may apply: false`")
    return separation


def read_override(node: Node, page: Page, made_id: str) -> Override:
    """Read how long an override may last."""
    fields = Fields(node, page, "a rule on overrides", (*_RULE, "at most"), needed=("at most",))
    return Override(**_named(fields, made_id), max_seconds=_seconds(fields, "at most", 1.0))


def read_emergency(node: Node, page: Page, made_id: str) -> Emergency:
    """Read who may break what in an emergency."""
    own = ("roles", "may break", "classes", "quorum")
    fields = Fields(node, page, "an emergency rule", (*_RULE, *own), needed=("may break",))
    quorum = fields.entries.get("quorum")
    return Emergency(
        **_named(fields, made_id),
        roles=fields.values("roles", parse_role) or (Role.EMERGENCY,),
        may_break=fields.values("may break", parse_kind),
        classes=fields.values("classes", parse_class),
        quorum=None if quorum is None else read_quorum(quorum, page, "a quorum"),
    )


SECTIONS: Final[dict[str, tuple[str, Callable[[Node, Page, str], Any]]]] = {
    "locks": ("locks", read_lock),
    "limits": ("limits", read_limit),
    "memory budget": ("budgets", read_budget),
    "guardrails": ("guardrails", read_guardrail),
    "windows": ("windows", read_window),
    "freezes": ("freezes", read_freeze),
    "separation": ("separation", read_separation),
    "overrides": ("overrides", read_override),
    "emergency": ("emergency", read_emergency),
}
"""Every kind of rule: its key in the document, the field of `Policy` it fills, and its reader."""


def make_id(section: str, number: int) -> str:
    """Answer the id of a rule that has none of its own: ``locks.1``, counted from 1."""
    return f"{section.replace(' ', '-')}.{number}"


def _named(fields: Fields, made_id: str) -> _Named:
    return _Named(
        id=fields.value("id", parse_rule_id, made_id),
        scope=read_scope(fields),
        why=fields.value("why", parse_prose, ""),
    )


def _outcome(fields: Fields) -> Outcome:
    """Read the outcome of a rule that holds something back, which allowing would not."""
    outcome = fields.value("outcome", parse_outcome, Outcome.REFUSE)
    if outcome is Outcome.ALLOW:
        fields.fault("outcome", f"{fields.what} that allows holds nothing back", "ask or refuse")
    return outcome


def _seconds(fields: Fields, key: str, otherwise: float) -> float:
    seconds = fields.value(key, parse_seconds, otherwise)
    if seconds > _LONGEST_SECONDS:
        fields.fault(key, f"{key}: longer than {_LONGEST_SECONDS // DAY_SECONDS} days")
    return seconds


def _scope_of_text(text: str) -> Selector:
    scope = parse_selector(text)
    words = (scope.engines, scope.groups, scope.environments, scope.instances, *scope.labels.values())
    for word in (word for several in words for word in several):
        parse_word(word)
    for name in scope.labels:
        parse_label(name)
    return scope
