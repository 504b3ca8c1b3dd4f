"""Wishes: which parameters must change at all, and to which number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.catalog import Context
from setpoint.config.observation import ObservedSetting, OriginKind
from setpoint.engines.plan import Blocked
from setpoint.engines.sqlserver.dialect import PREFIX, scoped_word, set_scoped
from setpoint.engines.sqlserver.dialect.knowledge import FIXED, RECOMMENDED, SELF_CONFIGURING
from setpoint.engines.sqlserver.dialect.marks import is_unreconfigured, vendor_name
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Catalog, Parameter
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.port import Release


@dataclass(frozen=True, slots=True)
class Wish:
    """One parameter that must change, and the text that its entry will have."""

    parameter: Parameter
    observed: ObservedSetting
    text: str
    reason: str

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.parameter.name

    @property
    def is_scoped(self) -> bool:
        """Whether it is a configuration of the database rather than of the instance."""
        return self.name.startswith(PREFIX)

    @property
    def prior(self) -> str | None:
        """The entry as it stands."""
        entry = self.observed.entry
        return entry.text if entry is not None else None


def make_wish(
    name: str, text: SettingText, observation: Observation, catalog: Catalog, reason: str
) -> Wish | Blocked | None:
    """Answer what must change, why nothing can, or None where it is already so."""
    parameter = catalog.find(name)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        why = f"this server (SQL Server {catalog.version}) has no such parameter"
        return Blocked(parameter=name, desired=text, why=why, next_step=_near(name))
    try:
        written = check_text(parameter, text, catalog)
    except InputError as fault:
        return Blocked(parameter=parameter.name, desired=text, why=fault.what, next_step=fault.next_step)
    if is_so(parameter, written, observed, catalog):
        return None
    return Wish(parameter, observed, written, reason)


def make_release(release: Release, observation: Observation, catalog: Catalog) -> Wish | Blocked | str:
    """Answer the wish to put back what stood before, or why it is left alone (empty: nothing to say)."""
    parameter = catalog.find(release.parameter)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None or observed.entry is None:
        return f"{release.parameter} is no longer managed; this server does not know it any more"
    standing = observed.entry.text
    if release.ours is None or not _is_same(parameter, release.ours, standing, catalog):
        return (
            f"{parameter.name} is no longer managed and is left alone: "
            f"somebody set {standing} where we had {release.ours}"
        )
    restore = release.restore if release.restore is not None else _default_text(observed)
    if restore is None:
        why = "what stood before is not known, and neither is its default"
        return Blocked(parameter=parameter.name, desired=None, why=why, next_step="set it by hand")
    return Wish(parameter, observed, words(restore), "no longer managed")


def check_text(parameter: Parameter, text: SettingText, catalog: Catalog) -> str:
    """Answer the text as one word; raise `InputError` where this server would not take it."""
    if parameter.context is Context.FIXED:
        message = FIXED.get(parameter.name, "it is fixed")
        raise InputError(message, next_step="take it out of the configuration")
    catalog.parse(parameter.name, text if text is not None else "")
    written = words(text)
    if parameter.name.startswith(PREFIX):
        set_scoped(vendor_name(parameter), scoped_text(parameter, written, catalog))
        return written
    least = SELF_CONFIGURING.get(parameter.name, 0)
    if 0 < number(parameter, written, catalog) < least:
        message = f"{parameter.name}: {written} is out of range"
        raise InputError(message, next_step=f"0, or {least} and more")
    return written


def is_so(parameter: Parameter, text: str, observed: ObservedSetting, catalog: Catalog) -> bool:
    """Tell whether the entry is as desired and runs, as far as the engine takes it as it is written."""
    entry, origin = observed.entry, observed.in_force
    is_written = entry is not None and _is_same(parameter, text, entry.text, catalog)
    is_waiting = observed.pending is not None or is_unreconfigured(observed)
    if not is_written or is_waiting:
        return False
    is_running = _is_same(parameter, text, observed.value, catalog)
    return is_running or (origin is not None and origin.kind is OriginKind.PERSISTED)


def is_written(wish: Wish, catalog: Catalog) -> bool:
    """Tell whether the entry already says what is wished: RECONFIGURE or a restart alone is missing."""
    return _is_same(wish.parameter, wish.text, wish.prior, catalog)


def needs_restart(wish: Wish, catalog: Catalog) -> bool:
    """Tell whether what is wished runs only after a restart."""
    is_running = _is_same(wish.parameter, wish.text, wish.observed.value, catalog)
    return wish.parameter.needs_restart and not is_running


def needs_override(parameter: Parameter, text: str | None, catalog: Catalog) -> bool:
    """Tell whether RECONFIGURE refuses a value unless it is told WITH OVERRIDE."""
    bounds = RECOMMENDED.get(parameter.name)
    if bounds is None or text is None:
        return False
    return not bounds[0] <= number(parameter, text, catalog) <= bounds[1]


def number(parameter: Parameter, text: str, catalog: Catalog) -> int:
    """Answer the whole number that sp_configure is given."""
    value = parameter.parse(text, catalog.grammar)
    return int(value) if isinstance(value, (bool, int, float)) else 0


def scoped_text(parameter: Parameter, text: str, catalog: Catalog) -> str:
    """Answer the word that ALTER DATABASE SCOPED CONFIGURATION is given for a text."""
    return scoped_word(parameter.parse(text, catalog.grammar))


def words(text: SettingText) -> str:
    """Write a text as one word."""
    return ", ".join(text) if isinstance(text, tuple) else text or ""


def _is_same(parameter: Parameter, left: SettingText, right: str | None, catalog: Catalog) -> bool:
    return right is not None and left is not None and catalog.is_same(parameter.name, left, right)


def _default_text(observed: ObservedSetting) -> str | None:
    return next((each.text for each in observed.origins if each.kind is OriginKind.DEFAULT), None)


def _near(name: str) -> str:
    if name.lower().startswith(PREFIX):
        return "name the database in the target, correct the name, or take it out of the configuration"
    return "correct the name, or take it out of the configuration"
