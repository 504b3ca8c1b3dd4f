"""Refusals: why an instance will not grant a wish, found out before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.engines.oracle.apply.wish import number, words
from setpoint.engines.oracle.dialect import (
    ALL,
    alter_system_reset,
    alter_system_set,
    knowledge,
)
from setpoint.engines.plan import Blocked
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.catalog import Catalog, Value
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.oracle.apply.wish import Wish


class Refusals(NamedTuple):
    """Blocked wishes by name, and what a person must do."""

    blocked: dict[str, Blocked]
    operator_steps: tuple[str, ...]


class _Reason(NamedTuple):
    why: str
    next_step: str
    operator_step: str = ""


def find_refusals(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Refusals:
    """Answer every wish that will not be granted, with the first reason that holds."""
    refused: dict[str, _Reason] = {}
    for wish in wishes:
        reason = (
            _forbidden(wish, observation)
            or _not_in_container(wish, observation)
            or _in_the_way(wish, observation)
            or _over_ceiling(wish, observation, catalog)
        )
        if reason is not None:
            refused[wish.name] = reason
    granted = [wish for wish in wishes if wish.name not in refused]
    for names, why in _combination_faults(granted, observation, catalog):
        for wish in granted:
            if wish.name in names:
                refused.setdefault(wish.name, _Reason(why, "change the values together"))
    blocked = {
        wish.name: Blocked(parameter=wish.name, desired=wish.text, why=reason.why, next_step=reason.next_step)
        for wish in wishes
        if (reason := refused.get(wish.name)) is not None
    }
    told = tuple(dict.fromkeys(reason.operator_step for reason in refused.values() if reason.operator_step))
    return Refusals(blocked, told)


def is_held_back(wish: Wish, wishes: Sequence[Wish], catalog: Catalog) -> bool:
    """Tell whether a value that could change while the instance runs has to wait for a restart.

    Either because its ceiling, which is set at the start, is below it and goes up too (or follows it), or
    because the server shows no value that could be put back.
    """
    if wish.parameter.needs_restart or wish.observed.is_passing:
        return False
    if wish.observed.value is None:
        return True
    ceiling = next((w for w in wishes if w.name == knowledge.CEILINGS.get(wish.name)), None)
    if ceiling is None or wish.outcome is None:
        return False
    now, then = (_number(ceiling.name, text, catalog) for text in (ceiling.observed.value, ceiling.outcome))
    return now < _number(wish.name, wish.outcome, catalog) <= then


def _forbidden(wish: Wish, observation: Observation) -> _Reason | None:
    """Answer why this login, or anybody, may not change it through SQL here."""
    service = observation.facts.sources.get("is_managed_service", "")
    if observation.facts.is_managed_service:
        step = f"in the settings of {service}: {wish.name} = {words(wish.outcome)}"
        return _Reason(f"{service} does not allow ALTER SYSTEM", "change it in the service's settings", step)
    if observation.facts.sources.get("open_mode") == "MOUNTED":
        why = "the database is mounted and not open: it runs no PL/SQL, so nothing could be guarded"
        return _Reason(why, "open it, or let a DBA do it", f"as a DBA: {_statement(wish)}")
    if observation.alterable is not None and wish.name not in observation.alterable:
        why = "this login may not change it"
        step = f"as a DBA: {_statement(wish)}"
        return _Reason(why, "grant ALTER SYSTEM and SELECT_CATALOG_ROLE, or let a DBA do it", step)
    return None


def _in_the_way(wish: Wish, observation: Observation) -> _Reason | None:
    """Answer what about the instance keeps the parameter from being set."""
    if wish.observed.is_passing and (wish.waits or wish.observed.value is None):
        why = "the instance runs without a server parameter file, so only what can change now can be set"
        line = f"{wish.name}={words(wish.text)}"
        step = f"write {line} into the parameter file the instance is started with, and restart it"
        return _Reason(why, "make a server parameter file (CREATE SPFILE FROM MEMORY), then restart", step)
    if wish.sid != ALL and not wish.parameter.needs_restart and knowledge.SID not in wish.parameter.flags:
        return _Reason(f"it has one value for all instances, not one for {wish.sid}", "set it for all")
    if _is_on("dg_broker_start", observation) and knowledge.is_kept_by_broker(wish.name):
        why = "the Data Guard broker sets it and would find it changed behind its back"
        step = f"in DGMGRL, through EDIT DATABASE: {wish.name} = {words(wish.outcome)}"
        return _Reason(why, "change it through the broker", step)
    return None


def _not_in_container(wish: Wish, observation: Observation) -> _Reason | None:
    """Answer what keeps the parameter from being set in a pluggable database."""
    sources = observation.facts.sources
    container = sources.get("container", "")
    if container and knowledge.PDB not in wish.parameter.flags:
        why = f"it holds for the whole instance, and the target names the pluggable database {container}"
        return _Reason(why, "set it for an instance whose target names the root of the CDB")
    if container and sources.get("open_mode", "READ WRITE") != "READ WRITE":
        why = "a pluggable database keeps its entries in itself, and it is open for reading alone"
        return _Reason(why, "change it on the primary, where the entry is made")
    return None


def _over_ceiling(wish: Wish, observation: Observation, catalog: Catalog) -> _Reason | None:
    name = knowledge.CEILINGS.get(wish.name, "")
    ceiling = observation.setting(name) if name else None
    if ceiling is None or wish.is_held_back or wish.outcome is None:
        return None
    limit = _number(name, ceiling.value, catalog)
    if _number(wish.name, wish.outcome, catalog) <= limit:
        return None
    why = f"{words(wish.outcome)} is above {name}, which is {ceiling.value or 'not set'} while it runs"
    return _Reason(why, f"raise {name} too: both then wait for one restart")


def _combination_faults(
    wishes: Sequence[Wish], observation: Observation, catalog: Catalog
) -> Iterator[tuple[frozenset[str], str]]:
    """Answer the sets of parameters that the server refuses, or does not start with, as they would stand."""
    outcome = {wish.name: wish.outcome for wish in wishes}

    def value(name: str) -> Value | None:
        observed = observation.settings.get(name)
        text = outcome.get(name) or (observed and (observed.pending or observed.value))
        try:
            return catalog.parse(name, text) if text else None
        except InputError:
            return None

    names = ("memory_target", "sga_target", "pga_aggregate_target")
    memory, sga, pga = (number(value(name)) for name in names)
    if 0 < memory < sga + pga:
        yield frozenset(names), "memory_target is less than sga_target and pga_aggregate_target together"
    if memory and value("lock_sga") is True:
        yield frozenset({"memory_target", "lock_sga"}), "memory_target does not go with lock_sga"
    if sga and value("statistics_level") == "BASIC":
        names_ = frozenset({"sga_target", "statistics_level"})
        yield names_, "statistics_level = BASIC does not go with sga_target"
    for low, high, factor in (
        ("parallel_min_servers", "parallel_max_servers", 1),
        ("sga_min_size", "sga_target", 2),
    ):
        least, most = number(value(low)), number(value(high))
        if most and factor * least > most:
            half = "half of " if factor > 1 else ""
            yield frozenset({low, high}), f"{low} is more than {half}{high}"


def _number(name: str, text: SettingText, catalog: Catalog) -> float:
    try:
        return number(catalog.parse(name, text)) if text else 0.0
    except InputError:
        return 0.0


def _is_on(name: str, observation: Observation) -> bool:
    observed = observation.setting(name)
    return observed is not None and (observed.value or "").upper() == "TRUE"


def _statement(wish: Wish) -> str:
    if wish.text is None:
        return alter_system_reset(wish.name, sid=wish.sid)
    scope = "SPFILE" if wish.waits else "BOTH"
    return alter_system_set(wish.parameter, wish.text, scope=scope, sid=wish.sid)
