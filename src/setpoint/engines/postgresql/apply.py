"""Changing PostgreSQL: the steps from what was observed to what is desired, each with its way back.

A step persists one parameter with ALTER SYSTEM; one reload makes all of them known, one restart ends the plan where a
parameter needs it. What cannot be reached is blocked with its reason, never left out in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.catalog import Context
from setpoint.config.observation import ObservedSetting, Origin, OriginKind
from setpoint.engines.plan import Blocked, Prior, Request, Step, StepKind
from setpoint.engines.port import StepsMade
from setpoint.engines.postgresql.dialect import alter_system_reset, alter_system_set, knowledge
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from setpoint.catalog import Catalog, Parameter, Value
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.port import Release

_RELOAD = Request(text="SELECT pg_reload_conf()", is_read_only=False)
_ENTRY_KINDS = frozenset({OriginKind.FILE, OriginKind.PERSISTED})
_RAISED_FIRST = frozenset({"max_connections", "wal_level"})
"""Others may take room or need records that these give: they go up first and down last."""
_WAL_LEVELS = ("minimal", "replica", "logical")
_GROW, _OTHER, _SHRINK = range(3)


@dataclass(frozen=True, slots=True)
class _Wish:
    """One parameter that must change: to which persisted text (None: no entry), and what that will mean."""

    parameter: Parameter
    observed: ObservedSetting
    text: SettingText
    outcome: SettingText
    reason: str

    @property
    def name(self) -> str:
        return self.parameter.name


@dataclass(frozen=True, slots=True)
class _Sorted:
    wishes: tuple[_Wish, ...]
    blocked: tuple[Blocked, ...]
    warnings: tuple[str, ...] = ()


def steps(
    desired: Mapping[str, SettingText],
    releases: Sequence[Release],
    observation: Observation,
    catalog: Catalog,
    reasons: Mapping[str, str],
) -> StepsMade:
    """Answer the steps for the parameters that differ in meaning, in an order whose every stop is a valid state."""
    found = _sort_out(desired, releases, observation, catalog, reasons)
    refusals = _refusals(found.wishes, observation, catalog)
    wishes = [wish for wish in found.wishes if wish.name not in refusals]
    return StepsMade(
        steps=tuple(_steps_of(wishes, catalog)),
        blocked=(*found.blocked, *refusals.values()),
        operator_steps=_operator_steps([wish for wish in found.wishes if wish.name in refusals], observation),
        warnings=(*found.warnings, *_warnings(wishes, observation, catalog)),
    )


def _sort_out(
    desired: Mapping[str, SettingText],
    releases: Sequence[Release],
    observation: Observation,
    catalog: Catalog,
    reasons: Mapping[str, str],
) -> _Sorted:
    wishes: list[_Wish] = []
    blocked: list[Blocked] = []
    warnings: list[str] = []
    for name in sorted(name for name, text in desired.items() if text is not None):
        made = _wish(name, desired[name], observation, catalog, reasons.get(name, ""))
        if isinstance(made, _Wish):
            wishes.append(made)
        elif made is not None:
            blocked.append(made)
    asked = {catalog.grammar.fold_name(name) for name, text in desired.items() if text is not None}
    for release in releases:
        if catalog.grammar.fold_name(release.parameter) not in asked:
            freed = _release(release, observation, catalog)
            if isinstance(freed, _Wish):
                wishes.append(freed)
            elif freed:
                warnings.append(freed)
    return _Sorted(tuple(wishes), tuple(blocked), tuple(warnings))


def _wish(
    name: str, text: SettingText, observation: Observation, catalog: Catalog, reason: str
) -> _Wish | Blocked | None:
    """Answer what must change, why nothing can, or None where it is already so."""
    parameter = catalog.find(name)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        why = f"this server (PostgreSQL {catalog.version}) has no such parameter"
        step = "correct the name" if "." not in name else "load the module that brings it, then plan again"
        return Blocked(parameter=name, desired=text, why=why, next_step=step)
    fault = _fault_of(parameter, text, observed, catalog)
    if fault is not None:
        return Blocked(parameter=parameter.name, desired=text, why=fault.what, next_step=fault.next_step)
    if _is_so(parameter, text, observed, catalog):
        return None
    return _Wish(parameter, observed, text, text, reason)


def _fault_of(
    parameter: Parameter, text: SettingText, observed: ObservedSetting, catalog: Catalog
) -> InputError | None:
    """Answer why this server would not take the text, asked of its live catalog."""
    if parameter.context is Context.FIXED:
        return InputError(
            "it is fixed by the build or the cluster", next_step="take it out of the configuration"
        )
    try:
        value = catalog.parse(parameter.name, text or "")
        statement = alter_system_set(parameter, text)
    except InputError as fault:
        return fault
    if parameter.name.lower() in knowledge.NOT_BY_ALTER_SYSTEM and not _is_running(
        parameter, text, observed, catalog
    ):
        return InputError("ALTER SYSTEM does not take it", next_step="set it where the server is started")
    if statement.endswith("= ''") and value == () and _would_break(parameter):
        return InputError(
            "ALTER SYSTEM cannot write an empty list for it",
            next_step="take its entry out of the configuration files",
        )
    return None


def _would_break(parameter: Parameter) -> bool:
    return parameter.is_quoted_list and parameter.name not in knowledge.EMPTY_LIST_IS_HARMLESS


def _is_running(parameter: Parameter, text: SettingText, observed: ObservedSetting, catalog: Catalog) -> bool:
    return observed.value is not None and catalog.is_same(parameter.name, text or "", observed.value)


def _is_so(parameter: Parameter, text: SettingText, observed: ObservedSetting, catalog: Catalog) -> bool:
    """Tell whether the parameter is as desired now and stays so when files are read again."""
    name, waiting = parameter.name, _next_origin(observed)
    stays = waiting is None or _is_text(name, text, waiting.text, catalog)
    if waiting is not None and waiting.kind is OriginKind.COMMAND_LINE:
        stays = True
    if observed.pending is not None and not _is_text(name, text, observed.pending, catalog):
        return False
    if _is_running(parameter, text, observed, catalog):
        return stays
    origin = observed.in_force
    # The engine runs another value than is written (it clamps or completes it): writing it again changes nothing.
    is_normalised = (
        origin is not None
        and origin.kind in _ENTRY_KINDS
        and not origin.fault
        and _is_text(name, text, origin.text, catalog)
    )
    return is_normalised and observed.pending is None and stays


def _is_text(name: str, left: SettingText, right: str | None, catalog: Catalog) -> bool:
    return right is not None and catalog.is_same(name, left or "", right)


def _next_origin(observed: ObservedSetting) -> Origin | None:
    """Answer the place that decides when files are read again: the command line, else the last entry in the files."""
    speaking = [
        origin
        for origin in observed.origins
        if origin.kind is OriginKind.COMMAND_LINE
        or (origin.kind in _ENTRY_KINDS and not (origin.is_in_force and origin.fault))
    ]
    return speaking[-1] if speaking else None


def _release(release: Release, observation: Observation, catalog: Catalog) -> _Wish | str:
    """Answer the wish to put back what stood before, or why it is left alone (empty: nothing to say)."""
    parameter = catalog.find(release.parameter)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        return f"{release.parameter} is no longer managed; this server does not know it any more"
    persisted = observed.persisted
    if persisted is None:
        return ""
    if release.ours is None or not _is_text(parameter.name, release.ours, persisted.text, catalog):
        return (
            f"{parameter.name} is no longer managed and is left alone: "
            f"somebody persisted {persisted.text} where we had {_words(release.ours)}"
        )
    outcome = release.restore if release.restore is not None else _text_below(observed)
    return _Wish(parameter, observed, release.restore, outcome, "no longer managed")


def _text_below(observed: ObservedSetting) -> str | None:
    """Answer what decides once the persisted entry is gone."""
    below = [
        origin
        for origin in observed.origins
        if origin.kind in (OriginKind.DEFAULT, OriginKind.BUILD, OriginKind.FILE)
    ]
    usable = [origin for origin in below if not origin.fault] or below
    return usable[-1].text if usable else None


def _refusals(wishes: Iterable[_Wish], observation: Observation, catalog: Catalog) -> dict[str, Blocked]:
    """Answer every wish that this instance will not grant, by name, with the first reason that holds."""
    wishes = tuple(wishes)
    broken = _blocking_faults(observation, catalog)
    refused: dict[str, Blocked] = {}
    for wish in wishes:
        why = _refusal(wish, observation, catalog, broken)
        if why is not None:
            refused[wish.name] = Blocked(parameter=wish.name, desired=wish.text, why=why[0], next_step=why[1])
    granted = [wish for wish in wishes if wish.name not in refused]
    for names, why in _combination_faults(granted, observation, catalog):
        for wish in granted:
            if wish.name in names:
                refused[wish.name] = Blocked(
                    parameter=wish.name, desired=wish.text, why=why, next_step="change the values together"
                )
    return refused


def _refusal(
    wish: _Wish, observation: Observation, catalog: Catalog, broken: tuple[str, str]
) -> tuple[str, str] | None:
    service = observation.facts.sources.get("is_managed_service", "a managed service")
    if observation.facts.is_managed_service:
        return f"{service} does not allow ALTER SYSTEM", "change it in the service's own settings"
    allow = observation.settings.get("allow_alter_system")
    if allow is not None and allow.value == "off":
        return (
            "allow_alter_system is off: something else owns the files",
            "change it where the files come from",
        )
    if observation.alterable is not None and wish.name not in observation.alterable:
        return "this login may not change it", "let a superuser do it, or grant ALTER SYSTEM on the parameter"
    command = next((o for o in wish.observed.origins if o.kind is OriginKind.COMMAND_LINE), None)
    if command is not None:
        step = f"take {wish.name} out of the server's start command, restart, and plan again"
        return f"the command line sets it to {command.text} and wins over every file", step
    if broken[0]:
        return f"the server loads no file while {broken[0]}", "mend that line first"
    if broken[1] and wish.parameter.needs_restart:
        return f"the server would not start again: {broken[1]}", "mend that line first"
    return _standby_refusal(wish, observation, catalog)


def _standby_refusal(wish: _Wish, observation: Observation, catalog: Catalog) -> tuple[str, str] | None:
    if observation.facts.role != "standby" or wish.name not in knowledge.HOT_STANDBY:
        return None
    if _direction(wish, catalog) != _SHRINK:
        return None
    return (
        "a standby with less than its primary stops",
        "lower it on the primary first and wait until that is replayed here",
    )


def _blocking_faults(observation: Observation, catalog: Catalog) -> tuple[str, str]:
    """Answer the first fault that keeps every file from loading, and the first that would keep the server from starting."""
    places = {
        (origin.file, origin.line)
        for name, setting in observation.settings.items()
        if catalog.find(name) is not None
        for origin in setting.origins
    }
    loads, starts = "", ""
    for fault in observation.file_faults:
        told = f"{fault.file}:{fault.line} says: {fault.message}"
        if (fault.file, fault.line) in places:
            starts = starts or told
        else:
            loads = loads or told
    return loads, starts


def _combination_faults(
    wishes: Sequence[_Wish], observation: Observation, catalog: Catalog
) -> Iterator[tuple[frozenset[str], str]]:
    """Answer the sets of parameters with which the server would refuse to start."""
    outcome = {wish.name: _words(wish.outcome) for wish in wishes}

    def value(name: str) -> Value | None:
        observed = observation.settings.get(name)
        text = outcome.get(name) or (observed and (observed.pending or observed.value))
        try:
            return catalog.parse(name, text) if text else None
        except InputError:
            return None

    slots = ("superuser_reserved_connections", "reserved_connections", "max_connections")
    reserved, more, limit = (value(name) or 0 for name in slots)
    if _number(reserved) + _number(more) >= _number(limit) > 0:
        yield frozenset(slots), f"{reserved} + {more} reserved connections leave none of {limit} for clients"
    if value("wal_level") == "minimal":
        archive, senders = value("archive_mode"), value("max_wal_senders")
        if senders or archive not in (None, "off") or value("summarize_wal") is True:
            names = frozenset({"wal_level", "max_wal_senders", "archive_mode", "summarize_wal"})
            yield (
                names,
                "wal_level = minimal needs max_wal_senders = 0, archive_mode = off and summarize_wal = off",
            )


def _number(value: Value) -> float:
    return value if isinstance(value, (int, float)) else 0


def _steps_of(wishes: Sequence[_Wish], catalog: Catalog) -> Iterator[Step]:
    if not wishes:
        return
    for wish in sorted(wishes, key=lambda wish: (_rank(wish, catalog), wish.name.lower())):
        yield _step(wish)
    yield Step(kind=StepKind.RELOAD, do=(_RELOAD,), undo=(_RELOAD,), reason="so that the files are read")
    waiting = [wish.name for wish in wishes if _needs_restart(wish, catalog)]
    if waiting:
        yield Step(kind=StepKind.RESTART, reason=f"for {', '.join(sorted(waiting))}")


def _step(wish: _Wish) -> Step:
    persisted = wish.observed.persisted
    prior = persisted.text if persisted is not None else None
    return Step(
        kind=StepKind.RESET if wish.text is None else StepKind.SET,
        parameter=wish.name,
        text=wish.text,
        context=wish.parameter.context,
        prior=Prior(running=wish.observed.value, persisted=prior),
        do=(_persist(wish.parameter, wish.text),),
        undo=(_persist(wish.parameter, prior),),
        reason=wish.reason,
    )


def _persist(parameter: Parameter, text: SettingText) -> Request:
    statement = alter_system_reset(parameter.name) if text is None else alter_system_set(parameter, text)
    return Request(text=statement, is_read_only=False)


def _needs_restart(wish: _Wish, catalog: Catalog) -> bool:
    if not wish.parameter.needs_restart:
        return False
    return wish.outcome is None or not _is_running(wish.parameter, wish.outcome, wish.observed, catalog)


def _rank(wish: _Wish, catalog: Catalog) -> int:
    return _direction(wish, catalog) if wish.name in _RAISED_FIRST else _OTHER


def _direction(wish: _Wish, catalog: Catalog) -> int:
    """Tell whether a parameter grows or shrinks from its running value."""
    if wish.observed.value is None or wish.outcome is None:
        return _OTHER
    now = catalog.parse(wish.name, wish.observed.value)
    then = catalog.parse(wish.name, wish.outcome)
    if wish.name == "wal_level":
        now, then = _WAL_LEVELS.index(str(now)), _WAL_LEVELS.index(str(then))
    if _number(then) == _number(now):
        return _OTHER
    return _GROW if _number(then) > _number(now) else _SHRINK


def _operator_steps(wishes: Sequence[_Wish], observation: Observation) -> tuple[str, ...]:
    """Say what a person must do where this login may not."""
    allow = observation.settings.get("allow_alter_system")
    is_closed = allow is not None and allow.value == "off"
    may_all = observation.alterable is None
    if not (observation.facts.is_managed_service or is_closed or not may_all):
        return ()
    told = [_operator_step(wish, observation, is_closed=is_closed) for wish in wishes]
    restarts = [wish.name for wish in wishes if wish.parameter.needs_restart]
    if restarts:
        told.append(f"restart the server: {', '.join(restarts)}")
    return tuple(told)


def _operator_step(wish: _Wish, observation: Observation, *, is_closed: bool) -> str:
    shown = _words(wish.outcome)
    if observation.facts.is_managed_service:
        service = observation.facts.sources.get("is_managed_service", "the service")
        return f"in {service}'s parameter settings: {wish.name} = {_in_service_units(wish)}"
    if is_closed:
        return f"where the configuration files come from (Patroni, an operator, a playbook): {wish.name}: {shown}"
    return f"as a superuser: {_persist(wish.parameter, wish.text).text}; SELECT pg_reload_conf()"


def _in_service_units(wish: _Wish) -> str:
    """Write a number the way parameter groups take it: in the base unit, with the unit in words."""
    from setpoint.engines.postgresql.dialect import GRAMMAR

    text = _words(wish.outcome)
    if not wish.parameter.is_numeric or not text:
        return text
    value = wish.parameter.parse(text, GRAMMAR)
    return f"{value} ({text}, in units of {wish.parameter.unit})" if wish.parameter.unit else str(value)


def _warnings(wishes: Sequence[_Wish], observation: Observation, catalog: Catalog) -> Iterator[str]:
    """Tell what a reader of the plan should know besides its steps."""
    if not wishes:
        return
    touched = {wish.name for wish in wishes}
    for name, setting in sorted(observation.settings.items()):
        parameter = catalog.find(name)
        if name in touched or parameter is None:
            continue
        entry, origin = _next_origin(setting), setting.in_force
        if origin is not None and origin.fault and entry is not None and not parameter.needs_restart:
            yield f"the reload also brings in {name} = {entry.text} ({entry}), which was written and not loaded"
        if setting.pending is not None and any(_needs_restart(wish, catalog) for wish in wishes):
            yield f"the restart also brings in {name} = {setting.pending}: {setting.pending_reason}"
    if observation.metrics.get("repl.standbys"):
        grown = [
            w.name for w in wishes if w.name in knowledge.HOT_STANDBY and _direction(w, catalog) == _GROW
        ]
        if grown:
            yield f"raise {', '.join(grown)} on the standbys first: they stop when the primary has more"
    for wish in wishes:
        if wish.parameter.context is Context.RECONNECT:
            yield f"{wish.name} takes effect in sessions that begin after the reload"
        yield from _override_warnings(wish, catalog)


def _override_warnings(wish: _Wish, catalog: Catalog) -> Iterator[str]:
    for origin in wish.observed.overrides:
        if wish.outcome is None or not _is_text(wish.name, wish.outcome, origin.text, catalog):
            yield f"{wish.name} stays {origin.text} for sessions of {origin.scope}"


def _words(text: SettingText) -> str:
    return ", ".join(text) if isinstance(text, tuple) else text or ""
