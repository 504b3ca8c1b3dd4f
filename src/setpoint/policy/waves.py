"""Waves: which instances a rollout reaches when, in an order that is proven before anything is touched.

Pure and stable: the same instances, rules and seed make the same waves.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from setpoint.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from setpoint.policy.rollout import Amount, RolloutRules

MemberOrder = Literal["any", "standbys first", "primary first"]
"""Who of a replication group has to have a parameter's new value first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An instance that a rollout may reach, or that is a member of the group of one it reaches.

    `role` is ``primary``, ``standby`` or empty where that is not known. `order` is what the change asks for.
    `like` is what it is compared by. A bystander is not reached; `is_safe` tells that it has what the change
    asks of it already.
    """

    name: str
    group: str = ""
    role: str = ""
    site: str = ""
    like: str = ""
    order: MemberOrder = "any"
    is_bystander: bool = False
    is_safe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An instance's wave, from 0, and the members of its group that must be kept before it.

    `group` is empty where the instance stands alone.
    """

    candidate: Candidate
    wave: int
    group: str
    after: tuple[str, ...]


def make_waves(candidates: Sequence[Candidate], rules: RolloutRules, seed: str) -> tuple[Placed, ...]:
    """Place each instance that is no bystander, wave by wave.

    Raises `RefusedError` naming every group in which no safe order can be proven.
    """
    groups = _replication_groups(candidates)
    before = _prove(groups)
    reached = [each for each in candidates if not each.is_bystander]
    ordered = _in_order(reached, before, _ranks(reached, seed))
    ends = wave_ends(len(ordered), rules.canary, rules.waves)
    grouped = {member.name: name for name, members in groups.items() for member in members}
    placed: list[Placed] = []
    for number, each in enumerate(ordered):
        wave = next(index for index, end in enumerate(ends) if number < end)
        after = tuple(sorted(before.get(each.name, ())))
        placed.append(Placed(candidate=each, wave=wave, group=grouped.get(each.name, ""), after=after))
    return tuple(placed)


def wave_ends(size: int, canary: Amount, waves: Iterable[Amount]) -> tuple[int, ...]:
    """Answer how many instances are reached by the end of each wave; the last one reaches all."""
    ends: list[int] = []
    for amount in (canary, *waves):
        end = amount.of(size)
        if end > (ends[-1] if ends else 0):
            ends.append(end)
    if size and (not ends or ends[-1] < size):
        ends.append(size)
    return tuple(ends)


def combine(orders: Iterable[MemberOrder]) -> MemberOrder:
    """Answer the order that several parameters ask for together; raise `RefusedError` where two disagree."""
    asked: set[MemberOrder] = {order for order in orders if order != "any"}
    if len(asked) > 1:
        message = "one setting has to reach the standbys first and another the primary"
        raise RefusedError(message, next_step="roll them out one after the other")
    return asked.pop() if asked else "any"


def _replication_groups(candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """Answer the groups whose members depend on each other: those that are not all known to be primaries."""
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for each in candidates:
        if each.group:
            groups[each.group].append(each)
    return {
        name: members
        for name, members in groups.items()
        if len(members) > 1 and any(member.role != "primary" for member in members)
    }


def _prove(groups: Mapping[str, Sequence[Candidate]]) -> dict[str, set[str]]:
    """Answer for each instance those that go before it; raise `RefusedError` where that cannot be known."""
    before: dict[str, set[str]] = {}
    faults: list[str] = []
    for name, members in sorted(groups.items()):
        fault = _fault_of(members)
        if fault:
            faults.append(f"group {name}: {fault}")
            continue
        reached = [member for member in members if not member.is_bystander]
        first = "primary" if any(each.order == "primary first" for each in reached) else "standby"
        earlier = {each.name for each in reached if _part(each) == first}
        for each in reached:
            if each.name not in earlier:
                before[each.name] = set(earlier)
    if faults:
        next_step = "`setpoint observe` learns the roles; a selector with the whole group reaches all members"
        raise RefusedError("; ".join(faults), next_step=next_step)
    return before


def _part(member: Candidate) -> str:
    # Who may be a primary goes with the primaries: last, unless they go first.
    return "standby" if member.role == "standby" else "primary"


def _fault_of(members: Sequence[Candidate]) -> str:
    """Say why no order of a group is proven; empty when one is."""
    orders = {each.order for each in members if not each.is_bystander} - {"any"}
    if not orders:
        return ""
    if len(orders) > 1:
        return "its members need the change in opposite orders"
    unknown = sorted(each.name for each in members if each.role not in ("primary", "standby"))
    if unknown:
        return f"the order cannot be proven: the role of {', '.join(unknown)} is not known"
    first = "standby" if orders == {"standbys first"} else "primary"
    outside = sorted(
        each.name for each in members if each.is_bystander and each.role == first and not each.is_safe
    )
    if outside:
        return f"{', '.join(outside)} would have to go first and is not part of the rollout"
    return ""


def _ranks(candidates: Sequence[Candidate], seed: str) -> dict[str, float]:
    """Rank instances so that whoever comes first represents all: each kind in proportion, by lot."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for each in candidates:
        kinds[each.like].append(each.name)
    ranks: dict[str, float] = {}
    for names in kinds.values():
        names.sort(key=lambda name: _lot(seed, name))
        for number, name in enumerate(names):
            ranks[name] = (number + 0.5) / len(names)
    return ranks


def _in_order(
    candidates: Sequence[Candidate], before: Mapping[str, set[str]], ranks: Mapping[str, float]
) -> list[Candidate]:
    """Put instances in the order of their ranks, each behind those that must be before it."""
    known = {each.name: each for each in candidates}
    waits = {name: len(before.get(name, ())) for name in known}
    behind: dict[str, list[str]] = defaultdict(list)
    for name, earlier in before.items():
        for each in earlier:
            behind[each].append(name)
    ready = [(ranks[name], name) for name, count in waits.items() if not count]
    heapq.heapify(ready)
    ordered: list[Candidate] = []
    while ready:
        _, name = heapq.heappop(ready)
        ordered.append(known[name])
        for each in behind[name]:
            waits[each] -= 1
            if not waits[each]:
                heapq.heappush(ready, (ranks[each], each))
    return ordered


def _lot(seed: str, name: str) -> str:
    return sha256(f"{seed}/{name}".encode()).hexdigest()
