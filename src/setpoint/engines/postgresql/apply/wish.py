"""Wishes: which parameters must change at all, and what each change will come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.catalog import Context
from setpoint.config.observation import ObservedSetting, Origin, OriginKind
from setpoint.engines.plan import Blocked
from setpoint.engines.postgresql.dialect import alter_system_set, knowledge
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Catalog, Parameter, Value
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.port import Release

ENTRY_KINDS = frozenset({OriginKind.FILE, OriginKind.PERSISTED})
_BELOW_PERSISTED = frozenset({OriginKind.DEFAULT, OriginKind.BUILD, OriginKind.ENVIRONMENT, OriginKind.FILE})
_WAL_LEVELS = ("minimal", "replica", "logical")


@dataclass(frozen=True, slots=True)
class Wish:
    """One parameter that must change.

    `text` is what will be persisted (None: no entry), `outcome` what decides then.
    """

    parameter: Parameter
    observed: ObservedSetting
    text: SettingText
    outcome: SettingText
    reason: str

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.parameter.name


def make_wish(
    name: str, text: SettingText, observation: Observation, catalog: Catalog, reason: str
) -> Wish | Blocked | None:
    """Answer what must change, why nothing can, or None where it is already so."""
    parameter = catalog.find(name)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        why = f"this server (PostgreSQL {catalog.version}) has no such parameter"
        step = "correct the name" if "." not in name else "load the module that brings it, then plan again"
        return Blocked(parameter=name, desired=text, why=why, next_step=step)
    try:
        check_text(parameter, text, observed, catalog)
    except InputError as fault:
        return Blocked(parameter=parameter.name, desired=text, why=fault.what, next_step=fault.next_step)
    if is_so(parameter, text, observed, catalog):
        return None
    return Wish(parameter, observed, text, text, reason)


def make_release(release: Release, observation: Observation, catalog: Catalog) -> Wish | str:
    """Answer the wish to put back what stood before, or why it is left alone (empty: nothing to say)."""
    parameter = catalog.find(release.parameter)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        return f"{release.parameter} is no longer managed; this server does not know it any more"
    persisted = observed.entry
    if persisted is None:
        return ""
    if release.ours is None or not is_text(parameter.name, release.ours, persisted.text, catalog):
        return (
            f"{parameter.name} is no longer managed and is left alone: "
            f"somebody persisted {persisted.text} where we had {words(release.ours) or 'no entry'}"
        )
    outcome = release.restore if release.restore is not None else _text_below(observed)
    return Wish(parameter, observed, release.restore, outcome, "no longer managed")


def check_text(parameter: Parameter, text: SettingText, observed: ObservedSetting, catalog: Catalog) -> None:
    """Raise `InputError` where this very server would not take the text, asked of its live catalog."""
    if parameter.context is Context.FIXED:
        message = "it is fixed by the build or the cluster"
        raise InputError(message, next_step="take it out of the configuration")
    value = catalog.parse(parameter.name, text or "")
    alter_system_set(parameter, text)
    if is_running(parameter, text, observed, catalog):
        return
    if parameter.name.lower() in knowledge.NOT_BY_ALTER_SYSTEM:
        message = "ALTER SYSTEM does not take it"
        raise InputError(message, next_step="set it where the server is started")
    if value == () and parameter.is_quoted_list and parameter.name not in knowledge.EMPTY_LIST_IS_HARMLESS:
        message = (
            "ALTER SYSTEM cannot write an empty list for it: the server would look for a file without a name"
        )
        raise InputError(message, next_step="take its entry out of the configuration files")


def is_so(parameter: Parameter, text: SettingText, observed: ObservedSetting, catalog: Catalog) -> bool:
    """Tell whether the parameter is as desired now and stays so when files are read again."""
    name, following = parameter.name, next_origin(observed)
    if observed.pending is not None and not is_text(name, text, observed.pending, catalog):
        return False
    if following is None:
        origin = observed.in_force
        is_gone = origin is not None and bool(origin.fault)
        stays = not is_gone or is_text(name, text, observed.origins[0].text, catalog)
    else:
        is_command = following.kind is OriginKind.COMMAND_LINE
        stays = is_command or is_text(name, text, following.text, catalog)
    if is_running(parameter, text, observed, catalog):
        return stays
    # The engine runs another value than is written (it clamps or completes it): writing it again is idle.
    origin = observed.in_force
    is_normalised = (
        origin is not None
        and origin.kind in ENTRY_KINDS
        and not origin.fault
        and is_text(name, text, origin.text, catalog)
    )
    return is_normalised and observed.pending is None and stays


def is_running(parameter: Parameter, text: SettingText, observed: ObservedSetting, catalog: Catalog) -> bool:
    """Tell whether a text is the running value."""
    return observed.value is not None and catalog.is_same(parameter.name, text or "", observed.value)


def is_text(name: str, left: SettingText, right: str | None, catalog: Catalog) -> bool:
    """Tell whether two texts mean the same value of a parameter."""
    return right is not None and catalog.is_same(name, left or "", right)


def next_origin(observed: ObservedSetting) -> Origin | None:
    """Answer the place that decides when files are read again: the command line, else the last entry."""
    speaking = [
        origin
        for origin in observed.origins
        if origin.kind is OriginKind.COMMAND_LINE
        or (origin.kind in ENTRY_KINDS and not (origin.is_in_force and origin.fault))
    ]
    return speaking[-1] if speaking else None


def needs_restart(wish: Wish, catalog: Catalog) -> bool:
    """Tell whether what is wished runs only after a restart."""
    if not wish.parameter.needs_restart:
        return False
    return wish.outcome is None or not is_running(wish.parameter, wish.outcome, wish.observed, catalog)


def growth(wish: Wish, catalog: Catalog) -> int:
    """Answer 1 where the parameter grows from its running value, -1 where it shrinks, else 0."""
    if wish.observed.value is None or wish.outcome is None:
        return 0
    try:
        now = catalog.parse(wish.name, wish.observed.value)
        then = catalog.parse(wish.name, wish.outcome)
    except InputError:
        return 0
    if wish.name == "wal_level":
        now, then = _WAL_LEVELS.index(str(now)), _WAL_LEVELS.index(str(then))
    return (number(then) > number(now)) - (number(then) < number(now))


def number(value: Value | None) -> float:
    """Answer a numeric value, and zero for any other."""
    return value if isinstance(value, (int, float)) else 0


def words(text: SettingText) -> str:
    """Write a text for people."""
    return ", ".join(text) if isinstance(text, tuple) else text or ""


def _text_below(observed: ObservedSetting) -> str | None:
    """Answer what decides once the persisted entry is gone."""
    below = [origin for origin in observed.origins if origin.kind in _BELOW_PERSISTED]
    usable = [origin for origin in below if not origin.fault]
    return (usable or below)[-1].text if below else None
