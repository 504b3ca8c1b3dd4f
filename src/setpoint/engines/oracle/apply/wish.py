"""Wishes: which parameters must change at all, where each is written, and what it will come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.catalog import Context
from setpoint.config.observation import Origin, OriginKind
from setpoint.engines.oracle.dialect import ALL, GRAMMAR, knowledge, literal, sid_of
from setpoint.engines.plan import Blocked
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Catalog, Parameter, Value
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.engines.port import Release

_BELOW = frozenset({OriginKind.DEFAULT, OriginKind.FILE})


@dataclass(frozen=True, slots=True)
class Wish:
    """One parameter that must change.

    `text` is what the entry will say (None: no entry), `outcome` what decides then (None: what the server
    works out at its start). `sid` names whose entry it is. `is_held_back` is set where the parameter could
    change while the instance runs, and this value cannot.
    """

    parameter: Parameter
    observed: ObservedSetting
    text: SettingText
    outcome: SettingText
    reason: str
    sid: str
    is_held_back: bool = False

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.parameter.name

    @property
    def waits(self) -> bool:
        """Whether it is written to the file alone and runs after a restart."""
        return self.parameter.needs_restart or self.is_held_back

    @property
    def prior(self) -> str | None:
        """The entry that stands, None where there is none."""
        return self.observed.entry.text if self.observed.entry is not None else None


def make_wish(
    name: str, text: SettingText, observation: Observation, catalog: Catalog, reason: str
) -> Wish | Blocked | None:
    """Answer what must change, why nothing can, or None where it is already so."""
    parameter = catalog.find(name)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        return _unknown(name, text, catalog)
    try:
        _check_text(parameter, text)
    except InputError as fault:
        return Blocked(parameter=parameter.name, desired=text, why=fault.what, next_step=fault.next_step)
    if _is_so(parameter, text, observed, catalog):
        return None
    return Wish(parameter, observed, text, text, reason, sid_for(observed, observation))


def make_release(release: Release, observation: Observation, catalog: Catalog) -> Wish | str:
    """Answer the wish to put back what stood before, or why it is left alone (empty: nothing to say)."""
    parameter = catalog.find(release.parameter)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        return f"{release.parameter} is no longer managed; this server does not list it any more"
    standing = observed.entry
    if standing is None or standing.text is None:
        return ""
    if release.ours is None or not catalog.is_same(parameter.name, standing.text, release.ours):
        return (
            f"{parameter.name} is no longer managed and is left alone: {standing.text} stands where we had"
            f" {words(release.ours) or 'no entry'}"
        )
    outcome = outcome_of(release.restore, release.running, observed)
    sid = sid_for(observed, observation)
    return Wish(parameter, observed, release.restore, outcome, "no longer managed", sid)


def outcome_of(entry: SettingText, running: str | None, observed: ObservedSetting) -> SettingText:
    """Answer what is to run with an entry or, without one, what ran before.

    Where that is not known, what decides below it: the entry for all, else the default.
    """
    if entry is not None or running is not None:
        return entry if entry is not None else running
    below = [each for each in observed.origins if each.kind in _BELOW and not each.fault]
    return below[-1].text if below else None


def number(value: Value | None) -> float:
    """Answer a numeric value, and zero for any other."""
    return float(value) if isinstance(value, (int, float)) else 0.0


def words(text: SettingText) -> str:
    """Write a text for people."""
    return GRAMMAR.write_list(text) if isinstance(text, tuple) else text or ""


def _unknown(name: str, text: SettingText, catalog: Catalog) -> Blocked:
    folded = name.lower()
    if knowledge.is_auto_tuned(folded):
        why, step = "the server keeps it itself, for what it tuned", "take it out of the configuration"
    elif knowledge.is_hidden(folded):
        why = "it is a hidden parameter that is not set here"
        step = "hidden parameters are set by hand, where Oracle Support asks for it"
    else:
        why = f"this server (Oracle Database {catalog.version}) has no such parameter"
        step = "correct the name"
    return Blocked(parameter=name, desired=text, why=why, next_step=step)


def _check_text(parameter: Parameter, text: SettingText) -> None:
    """Raise `InputError` where this server would not take the text, as far as its live catalog tells."""
    if parameter.context is Context.FIXED:
        message = "ALTER SYSTEM does not take it"
        is_session = knowledge.NOT_SYSTEM in parameter.flags
        step = "sessions set it for themselves" if is_session else "it is decided before the server starts"
        raise InputError(message, next_step=step)
    literal(parameter, text)


def _is_so(parameter: Parameter, text: SettingText, observed: ObservedSetting, catalog: Catalog) -> bool:
    """Tell whether the parameter is as desired now and stays so after a restart."""
    name, wanted = parameter.name, text or ""
    if observed.pending is not None:
        return False
    origin = observed.in_force
    if origin is None or origin.fault:
        return False
    is_running = observed.value is not None and catalog.is_same(name, wanted, observed.value)
    if origin.kind is OriginKind.RUNTIME:
        return is_running and observed.is_passing
    is_written = origin.text is not None and catalog.is_same(name, wanted, origin.text)
    return is_running or is_written


def sid_for(observed: ObservedSetting, observation: Observation) -> str:
    """Answer for whom a parameter is set: whose entry stands, else whom the address asks for, else all."""
    entry: Origin | None = observed.entry
    if observed.is_passing:
        return observation.facts.sources.get("sid", ALL)
    return sid_of(entry.scope) if entry is not None else observation.facts.sources.get("sid", ALL)
