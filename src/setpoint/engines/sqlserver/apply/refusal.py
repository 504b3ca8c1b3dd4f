"""Refusals: why an instance will not grant a wish, found out before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.engines.plan import Blocked
from setpoint.engines.sqlserver.apply.wish import number, scoped_text
from setpoint.engines.sqlserver.dialect import set_scoped
from setpoint.engines.sqlserver.dialect.knowledge import NOT_ON_MANAGED_INSTANCE
from setpoint.engines.sqlserver.dialect.marks import vendor_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.observation import Observation
    from setpoint.engines.sqlserver.apply.wish import Wish

_LEAST, _MOST = "min_server_memory_mb", "max_server_memory_mb"
_DATABASE_SERVICE = "Azure SQL Database"


class Refusals(NamedTuple):
    """Blocked wishes by name, and what a person with more rights must do."""

    blocked: Mapping[str, Blocked]
    operator_steps: tuple[str, ...]


class _Reason(NamedTuple):
    why: str
    next_step: str


def find_refusals(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Refusals:
    """Answer every wish that will not be granted, with the first reason that holds."""
    reasons: dict[str, _Reason] = {}
    for wish in wishes:
        reason = _service_reason(wish, observation) or _right_reason(wish, observation)
        if reason is not None:
            reasons[wish.name] = reason
    lacking = [wish for wish in wishes if wish.name in reasons]
    granted = [wish for wish in wishes if wish.name not in reasons]
    crossed = _crossed_memory(granted, observation, catalog)
    reasons.update({wish.name: crossed for wish in granted if crossed and wish.name in (_LEAST, _MOST)})
    blocked = {
        wish.name: Blocked(
            parameter=wish.name,
            desired=wish.text,
            why=reasons[wish.name].why,
            next_step=reasons[wish.name].next_step,
        )
        for wish in wishes
        if wish.name in reasons
    }
    return Refusals(blocked, tuple(_operator_steps(lacking, observation, catalog)))


def _service_reason(wish: Wish, observation: Observation) -> _Reason | None:
    if not observation.facts.is_managed_service or wish.is_scoped:
        return None
    service = _service(observation)
    if service == _DATABASE_SERVICE:
        why = f"{service} has no sp_configure: its options are the service's own"
        return _Reason(why, "set a database-scoped configuration, or choose another service objective")
    if wish.name in NOT_ON_MANAGED_INSTANCE:
        return _Reason(f"{service} does not let it be set", "take it out of the configuration")
    return None


def _right_reason(wish: Wish, observation: Observation) -> _Reason | None:
    if observation.alterable is None or wish.name in observation.alterable:
        return None
    if wish.is_scoped:
        why = "this login may not change the configurations of the database"
        return _Reason(why, "grant ALTER ANY DATABASE SCOPED CONFIGURATION in it")
    return _Reason("this login may not change options", "grant ALTER SETTINGS, or let a sysadmin do it")


def _crossed_memory(wishes: Iterable[Wish], observation: Observation, catalog: Catalog) -> _Reason | None:
    """Answer why min and max server memory do not go together, which RECONFIGURE would refuse."""
    coming = {wish.name: wish.text for wish in wishes}
    amounts: list[int] = []
    for name in (_LEAST, _MOST):
        observed, parameter = observation.settings.get(name), catalog.find(name)
        if observed is None or parameter is None:
            return None
        entry = observed.entry
        text = coming.get(name) or (entry.text if entry is not None else None)
        amounts.append(number(parameter, text or "0", catalog))
    least, most = amounts
    if least <= most:
        return None
    return _Reason(f"{_LEAST} would be {least} and {_MOST} {most}", "change the two together")


def _operator_steps(wishes: Sequence[Wish], observation: Observation, catalog: Catalog) -> Iterable[str]:
    for wish in wishes:
        name = vendor_name(wish.parameter)
        if wish.is_scoped:
            statement = set_scoped(name, scoped_text(wish.parameter, wish.text, catalog))
            yield f"with the right to it, in the database: {statement.partition('*/ ')[2]}"
        elif _service(observation) == _DATABASE_SERVICE:
            yield f"in the settings of {_DATABASE_SERVICE}: what stands for {name}, if anything does"
        else:
            value = number(wish.parameter, wish.text, catalog)
            yield f"as a sysadmin: EXEC sp_configure '{name}', {value}; RECONFIGURE"


def _service(observation: Observation) -> str:
    return observation.facts.sources.get("is_managed_service", "")
