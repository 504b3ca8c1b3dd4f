"""Refusals: why an instance will not grant a wish, found out before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.catalog import Version
from setpoint.config.observation import OriginKind
from setpoint.engines.mysql.apply.coupling import why_no_way_back
from setpoint.engines.mysql.apply.wish import Means, number
from setpoint.engines.mysql.dialect.coupling import COLLATION_OF, is_of
from setpoint.engines.mysql.dialect.knowledge import MASK, NO_WAY_BACK, OF_GALERA
from setpoint.engines.mysql.dialect.privileges import ways_to_set
from setpoint.engines.plan import Blocked
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from setpoint.catalog import Catalog, Value
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.mysql.apply.wish import Wish


class Refusals(NamedTuple):
    """Blocked wishes by name, and what a person with more rights must do."""

    blocked: dict[str, Blocked]
    operator_steps: tuple[str, ...]


class _Reason(NamedTuple):
    why: str
    next_step: str
    by_hand: str = ""


def find_refusals(
    wishes: Sequence[Wish],
    asked: Mapping[str, SettingText],
    observation: Observation,
    catalog: Catalog,
    passing: Collection[str],
) -> Refusals:
    """Answer every wish that will not be granted, with the first reason that holds.

    `asked` is all that is asked for by folded name, also where it is so already. What is `passing` has to
    come back from its own text alone.
    """
    found = {wish.name: _in_the_way(wish, observation) for wish in wishes}
    refused = {name: reason for name, reason in found.items() if reason is not None}
    names = {wish.name for wish in wishes} - refused.keys()
    for wish in wishes:
        why = why_no_way_back(wish, names, observation) if wish.name in passing else ""
        if why:
            step = f"override {COLLATION_OF[wish.name]} with it: then both are put back"
            refused.setdefault(wish.name, _Reason(why, step))
    granted = [wish for wish in wishes if wish.name not in refused]
    faults = (*_collation_faults(granted, asked), *_combination_faults(granted, observation, catalog))
    for together, why in faults:
        for wish in granted:
            if wish.name in together:
                refused.setdefault(wish.name, _Reason(why, "change the values together"))
    blocked = {
        wish.name: Blocked(parameter=wish.name, desired=wish.text, why=reason.why, next_step=reason.next_step)
        for wish in wishes
        if (reason := refused.get(wish.name)) is not None
    }
    by_hand = tuple(dict.fromkeys(reason.by_hand for reason in refused.values() if reason.by_hand))
    restarts = [
        w.name for w in wishes if w.name in refused and refused[w.name].by_hand and w.parameter.needs_restart
    ]
    restart = (f"restart the server, for {', '.join(sorted(restarts))}",) if restarts else ()
    return Refusals(blocked, (*by_hand, *restart))


def _in_the_way(wish: Wish, observation: Observation) -> _Reason | None:
    lasting = _value_reason(wish, observation)
    if lasting is not None:
        return lasting
    if observation.facts.is_managed_service and wish.means is not Means.RUN:
        service = observation.facts.sources.get("is_managed_service", "the managed service")
        where = f"in the parameter group of {service}: {wish.name} = {wish.text}"
        return _Reason(
            f"{service} keeps its configuration itself", "change it in the service's settings", where
        )
    if wish.means is Means.FILE:
        return _file_reason(wish, observation)
    if observation.alterable is not None and wish.name not in observation.alterable:
        return _right_reason(wish, observation)
    return None


def _value_reason(wish: Wish, observation: Observation) -> _Reason | None:
    """Answer why the server would not take a value, or give back what it runs."""
    texts = (wish.observed.value, *(origin.text for origin in wish.observed.origins))
    if any(MASK in (text or "") for text in texts):
        why = "its text on the server holds a secret, which is not kept, so there would be no way back"
        return _Reason(why, "set it by hand, and take it out of the configuration")
    if NO_WAY_BACK[observation.engine].get(wish.name) == wish.observed.value:
        shown = wish.observed.value or "none"
        why = f"the server runs {shown}, which it lets nobody set or leave: there would be no way back"
        return _Reason(why, "set it where the server is started")
    provider = observation.settings.get("wsrep_provider")
    if OF_GALERA.match(wish.name) and (provider is None or (provider.value or "none") == "none"):
        return _Reason("no Galera provider is loaded, without which the server does not take it", "load one")
    return None


def _right_reason(wish: Wish, observation: Observation) -> _Reason:
    """Name every set of rights that would do, the narrowest first."""
    ways = ways_to_set(observation.engine, Version.parse(observation.facts.version), wish.parameter)
    rights = ", or ".join(" and ".join(sorted(way)) for way in ways)
    return _Reason(
        "this login may not change it",
        f"grant {rights}, or let somebody do it who has that",
        f"as an administrator: {wish.means.value} {wish.name} = {wish.text}",
    )


def _file_reason(wish: Wish, observation: Observation) -> _Reason | None:
    """Answer why a variable that only a file gives cannot be written there."""
    command = next((o for o in wish.observed.origins if o.kind is OriginKind.COMMAND_LINE), None)
    if command is not None:
        why = f"the command line sets it to {command.text} and wins over every file"
        return _Reason(why, f"take {wish.name} out of the server's start command, restart, and plan again")
    if observation.managed_file:
        return None
    fault = observation.agent_fault
    why = f"the server takes it from an option file alone, and {fault or 'no agent writes one here'}"
    next_step = "write it there by hand, or name an agent (`setpoint instance set --agent-command`)"
    if fault:
        next_step = "mend the agent (`setpoint instance set --agent-command`), then plan again"
    line = f"take {wish.name} out" if wish.text is None else f"{wish.name} = {wish.text}"
    return _Reason(why, next_step, f"in the server's option file, group [mysqld]: {line}")


def _collation_faults(
    wishes: Sequence[Wish], asked: Mapping[str, SettingText]
) -> Iterator[tuple[frozenset[str], str]]:
    """Answer the pairs of which each would take the other away again."""
    texts = {**asked, **{wish.name: wish.running for wish in wishes}}
    for name, collation in COLLATION_OF.items():
        one, other = texts.get(name), texts.get(collation)
        if isinstance(one, str) and isinstance(other, str) and not is_of(other, one):
            yield frozenset({name, collation}), f"{collation} {other} is none of {name} {one}"


def _combination_faults(
    wishes: Sequence[Wish], observation: Observation, catalog: Catalog
) -> Iterator[tuple[frozenset[str], str]]:
    """Answer the sets of variables with which the server would take another value, or not start."""
    outcome = {wish.name: wish.running for wish in wishes}

    def value(name: str) -> Value | None:
        observed = observation.settings.get(name)
        text = outcome.get(name) or (observed and (observed.pending or observed.value))
        try:
            return catalog.parse(name, text) if text else None
        except InputError:
            return None

    pairs = (
        ("innodb_io_capacity", "innodb_io_capacity_max"),
        ("innodb_buffer_pool_size_auto_min", "innodb_buffer_pool_size_max"),
        ("innodb_max_dirty_pages_pct_lwm", "innodb_max_dirty_pages_pct"),
        ("net_buffer_length", "max_allowed_packet"),
        ("max_user_connections", "max_connections"),
    )
    for small, large in pairs:
        low, high = value(small), value(large)
        if high is not None and number(low) > number(high) and {small, large} & outcome.keys():
            yield frozenset({small, large}), f"{small} ({low}) would be above {large} ({high})"
    if value("gtid_mode") == "ON" and value("enforce_gtid_consistency") == "OFF":
        yield (
            frozenset({"gtid_mode", "enforce_gtid_consistency"}),
            "gtid_mode = ON needs enforce_gtid_consistency",
        )
