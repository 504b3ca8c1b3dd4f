"""A policy as a YAML document, read with line and column and all faults at once.

::

    policy: production-safety
    why: committed data survives a crash
    scope: {environment: [production]}
    approvals:
      durability: {quorum: 2, from: [approver], owner: true, expires: 24h, service level: 4h}
    governance: {policy: {quorum: 1, from: [policy owner]}}
    classify: {log_statement: [security, performance]}
    locks:
      - {id: crash-safety, parameters: [fsync, full_page_writes], value: on}
      - {classes: [durability], outcome: ask, restore: true}
    limits:
      - {id: sort-memory, must: work_mem <= 64MB, outcome: ask, severity: high}
    memory budget: {share: 90%}
    guardrails:
      - {id: rollbacks, holds: txn_rollback <= before_txn_rollback * 2 + 1, watch: 60s}
    windows:
      - {id: night, what: restart, days: [sat, sun], opens: 02:00, closes: 05:00, zone: Europe/Berlin}
    freezes:
      - {id: peak, starts: 2026-12-20, ends: 2027-01-03, zone: Europe/Berlin}
    separation: {author may apply: false}
    overrides: {at most: 4h}
    emergency:
      - {id: glass, may break: [windows, freezes], quorum: 1}

What is checked here is the document itself: its form, its words, durations, dates, zones and the form of its
formulas. Whether parameters exist and formulas fit them is `check_policy`'s business, which has catalogs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from setpoint.config.document import Faults, Mapping, Node, Sequence, read_yaml
from setpoint.errors import InputError, InputErrors, Place
from setpoint.policy.classes import ParameterClass
from setpoint.policy.document_check import check_policy
from setpoint.policy.document_fields import Fields, Page
from setpoint.policy.document_rules import SECTIONS, make_id, read_quorum, read_scope
from setpoint.policy.document_values import (
    is_printable,
    near,
    parse_class,
    parse_parameter,
    parse_policy_name,
    parse_prose,
)
from setpoint.policy.document_writing import write_policy
from setpoint.policy.rules import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from setpoint.policy.verdict import Quorum

__all__ = ["MAX_BYTES", "MAX_RULES", "check_policy", "read_policy", "write_policy"]

MAX_BYTES: Final = 256 * 1024
"""Bytes of one document."""
MAX_RULES: Final = 2000
"""Rules in one document."""

_KEYS: Final = ("policy", "why", "scope", "classify", "approvals", "governance", *SECTIONS)
_GOVERNED: Final = ("policy", "waiver", "people")
_MOST_CHARACTER_FAULTS: Final = 20
_BREAKS: Final = "\n\r\t"


def read_policy(text: str, source: str) -> Policy:
    """Read one policy document; raise `InputErrors` naming every fault with its line and column."""
    text = text.removeprefix("\ufeff")
    _refuse_unreadable(text, source)
    faults = Faults()
    node = read_yaml(text, source, faults)
    page = Page(faults, text)
    if isinstance(node, Mapping) and not node.entries:
        faults.add(node.place, "the document is empty", "begin it with `policy: NAME`")
        faults.raise_any()
    policy = _read(Fields(node, page, "a policy", _KEYS, needed=("policy",)))
    faults.raise_any()
    return policy


def _read(fields: Fields) -> Policy:
    quorums = dict(_quorums(fields, "approvals", [each.value for each in ParameterClass]))
    return Policy(
        name=fields.value("policy", parse_policy_name, ""),
        why=fields.value("why", parse_prose, ""),
        scope=read_scope(fields),
        classify=dict(_classified(fields.below("classify"))),
        approvals={each: quorums[each.value] for each in ParameterClass if each.value in quorums},
        governance=dict(_quorums(fields, "governance", _GOVERNED)),
        **_rules(fields),
    )


def _classified(fields: Fields) -> Iterator[tuple[str, tuple[ParameterClass, ...]]]:
    seen: set[str] = set()
    for name in fields.entries:
        place = fields.key_places[name]
        try:
            parse_parameter(name)
        except InputError as fault:
            fields.page.faults.add(place, fault.what, fault.next_step)
        if name.lower() in seen:
            fields.page.faults.add(place, f"{name!r} stands twice in another case", "keep one of them")
        seen.add(name.lower())
        yield name, fields.values(name, parse_class)


def _quorums(fields: Fields, key: str, known: Iterable[str]) -> Iterator[tuple[str, Quorum]]:
    """Read quorums by what they are for; an unknown word is a fault of its own."""
    words = list(known)
    below = fields.below(key)
    for word, node in below.entries.items():
        if word not in words:
            below.page.faults.add(below.key_places[word], f"{key!r} has no {word[:80]!a}", near(word, words))
        yield word, read_quorum(node, below.page, "a quorum")


def _rules(fields: Fields) -> dict[str, tuple[Any, ...]]:
    """Read every kind of rule; ids must differ over the whole document."""
    found: dict[str, tuple[Any, ...]] = {}
    seen: dict[str, Place] = {}
    count = 0
    for section, (field, read) in SECTIONS.items():
        nodes = _rule_nodes(fields, section)
        count += len(nodes)
        if count > MAX_RULES:
            fields.fault(section, f"more than {MAX_RULES} rules", "split the document in two")
            break
        rules = [read(node, fields.page, make_id(section, i)) for i, node in enumerate(nodes, start=1)]
        for rule, node in zip(rules, nodes, strict=True):
            place = (
                node.entries["id"].place if isinstance(node, Mapping) and "id" in node.entries else node.place
            )
            if rule.id in seen:
                what = f"the id {rule.id!r} stands twice, first in line {seen[rule.id].line}"
                fields.page.faults.add(place, what, "give each rule an id of its own")
            seen.setdefault(rule.id, place)
        found[field] = tuple(rules)
    return found


def _rule_nodes(fields: Fields, section: str) -> list[Node]:
    """Answer a section's rules; where there is only one, it may stand without a list."""
    node = fields.entries.get(section)
    if isinstance(node, Mapping):
        return [node]
    if isinstance(node, Sequence) and not node.items:
        fields.fault(section, f"{section!r} is empty", "leave the key out")
    return fields.items(section)


def _refuse_unreadable(text: str, source: str) -> None:
    """Refuse what is too long, and characters that would make a document look like another one."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        what = f"the document has {size} bytes"
        raise InputErrors([InputError(what, where=Place(source), next_step=f"{MAX_BYTES} at most")])
    faults = [
        InputError(
            f"U+{ord(character):04X} does not show",
            where=Place(source, number, column),
            next_step="write visible characters only",
        )
        for number, line in enumerate(text.split("\n"), start=1)
        if not line.isprintable()
        for column, character in enumerate(line, start=1)
        if character not in _BREAKS and not is_printable(character)
    ]
    if faults:
        raise InputErrors(faults[:_MOST_CHARACTER_FAULTS])
