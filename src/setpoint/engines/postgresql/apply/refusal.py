"""Refusals: why an instance will not grant a wish, found out before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.config.observation import OriginKind
from setpoint.engines.plan import Blocked
from setpoint.engines.postgresql.apply.wish import growth, number, words
from setpoint.engines.postgresql.dialect import (
    GRAMMAR,
    alter_system_reset,
    alter_system_set,
    knowledge,
)
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from setpoint.catalog import Catalog, Value
    from setpoint.config.observation import Observation
    from setpoint.engines.postgresql.apply.wish import Wish


class Refusals(NamedTuple):
    """Blocked wishes by name, and what a person with more rights must do."""

    blocked: dict[str, Blocked]
    operator_steps: tuple[str, ...]


class _Reason(NamedTuple):
    why: str
    next_step: str


def find_refusals(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Refusals:
    """Answer every wish that will not be granted, with the first reason that holds."""
    forbidden = {wish.name: reason for wish in wishes if (reason := _forbidden(wish, observation))}
    refused = dict(forbidden)
    faults = _file_faults(observation, catalog)
    for wish in wishes:
        reason = _in_the_way(wish, observation, catalog, faults)
        if reason is not None:
            refused.setdefault(wish.name, reason)
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
    return Refusals(blocked, _operator_steps([w for w in wishes if w.name in forbidden], observation))


def _forbidden(wish: Wish, observation: Observation) -> _Reason | None:
    """Answer why this login, or anybody, may not change it through SQL."""
    if any(knowledge.MASK in (origin.text or "") for origin in wish.observed.origins):
        why = "its text on the server holds a secret, which is not kept, so there would be no way back"
        return _Reason(why, "set it by hand, and take it out of the configuration")
    if observation.facts.is_managed_service:
        return _Reason(
            f"{_service(observation)} does not allow ALTER SYSTEM", "change it in the service's settings"
        )
    if _is_closed(observation):
        why = "allow_alter_system is off: the files are kept by something else"
        return _Reason(why, "change it where the files come from")
    if observation.alterable is not None and wish.name not in observation.alterable:
        why = "this login may not change it for the instance"
        return _Reason(why, "let a superuser do it, or grant ALTER SYSTEM on the parameter")
    return None


def _in_the_way(
    wish: Wish, observation: Observation, catalog: Catalog, faults: _FileFaults
) -> _Reason | None:
    command = next((o for o in wish.observed.origins if o.kind is OriginKind.COMMAND_LINE), None)
    if command is not None:
        why = f"the command line sets it to {command.text} and wins over every file"
        return _Reason(why, f"take {wish.name} out of the server's start command, restart, and plan again")
    if faults.of_loading:
        return _Reason(f"the server loads no file while {faults.of_loading}", "mend that line first")
    if faults.of_starting and wish.parameter.needs_restart:
        return _Reason(f"the server would not start again: {faults.of_starting}", "mend that line first")
    is_hot = observation.facts.role == "standby" and wish.name in knowledge.HOT_STANDBY
    if is_hot and growth(wish, catalog) < 0:
        why = "a standby with less of it than its primary stops"
        return _Reason(why, "lower it on the primary first and wait until that is replayed here")
    return None


class _FileFaults(NamedTuple):
    of_loading: str
    of_starting: str


def _file_faults(observation: Observation, catalog: Catalog) -> _FileFaults:
    """Answer the first fault that keeps files from loading, and the first that keeps a server from starting.

    A value that a known parameter does not take only spoils that parameter, until the next start.
    """
    places = {
        (origin.file, origin.line)
        for name, setting in observation.settings.items()
        if catalog.find(name) is not None
        for origin in setting.origins
    }
    of_values = [fault for fault in observation.file_faults if (fault.file, fault.line) in places]
    others = [fault for fault in observation.file_faults if (fault.file, fault.line) not in places]
    loading, starting = (
        next((f"{fault.file}:{fault.line} stands: {fault.message}" for fault in faults), "")
        for faults in (others, of_values)
    )
    return _FileFaults(loading, starting)


def _combination_faults(
    wishes: Sequence[Wish], observation: Observation, catalog: Catalog
) -> Iterator[tuple[frozenset[str], str]]:
    """Answer the sets of parameters with which the server would refuse to start."""
    outcome = {wish.name: words(wish.outcome) for wish in wishes}

    def value(name: str) -> Value | None:
        observed = observation.settings.get(name)
        text = outcome.get(name) or (observed and (observed.pending or observed.value))
        try:
            return catalog.parse(name, text) if text else None
        except InputError:
            return None

    slots = ("superuser_reserved_connections", "reserved_connections", "max_connections")
    reserved, more, limit = (number(value(name)) for name in slots)
    if reserved + more >= limit > 0:
        yield (
            frozenset(slots),
            f"{reserved + more:g} reserved connections leave none of {limit:g} for clients",
        )
    if value("wal_level") == "minimal":
        needs = {"max_wal_senders": (0,), "archive_mode": ("off", None), "summarize_wal": (False, None)}
        broken = [name for name, allowed in needs.items() if value(name) not in allowed]
        if broken:
            names = frozenset({"wal_level", *needs})
            yield names, f"wal_level = minimal does not go with {', '.join(broken)} as they are"


def _operator_steps(wishes: Iterable[Wish], observation: Observation) -> tuple[str, ...]:
    """Say what a person must do where this login may not."""
    wishes = tuple(wishes)
    told = [_operator_step(wish, observation) for wish in wishes]
    restarts = [wish.name for wish in wishes if wish.parameter.needs_restart]
    if restarts:
        told.append(f"restart the server, for {', '.join(restarts)}")
    return tuple(told)


def _operator_step(wish: Wish, observation: Observation) -> str:
    if observation.facts.is_managed_service:
        return f"in the settings of {_service(observation)}: {wish.name} = {_in_service_units(wish)}"
    if _is_closed(observation):
        source = "where the configuration files come from (Patroni, an operator, a playbook)"
        return f"{source}: {wish.name} = {words(wish.outcome)}"
    parameter, text = wish.parameter, wish.text
    statement = alter_system_reset(parameter.name) if text is None else alter_system_set(parameter, text)
    return f"as a superuser: {statement}; then SELECT pg_reload_conf()"


def _in_service_units(wish: Wish) -> str:
    """Write a number the way parameter groups take it: bare, in the base unit."""
    text = words(wish.outcome)
    if not wish.parameter.unit or not text:
        return text
    value = wish.parameter.parse(text, GRAMMAR)
    return f"{value} ({text} in units of {wish.parameter.unit})"


def _service(observation: Observation) -> str:
    return observation.facts.sources.get("is_managed_service", "the managed service")


def _is_closed(observation: Observation) -> bool:
    allow = observation.settings.get("allow_alter_system")
    return allow is not None and allow.value == "off"
