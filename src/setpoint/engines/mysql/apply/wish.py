"""Wishes: which variables must change at all, what each change will come to, and by which means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from setpoint.catalog import Context, Kind
from setpoint.config.observation import ObservedSetting, Origin, OriginKind
from setpoint.engines.mysql.dialect.contexts import FILE_ONLY, NOT_KEPT, PERSIST_ONLY
from setpoint.engines.mysql.dialect.grammar import GRAMMAR
from setpoint.engines.plan import Blocked
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

    from setpoint.catalog import Catalog, Parameter, Value
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.port import Release


class Means(Enum):
    """How a variable's entry is written."""

    KEEP = "SET PERSIST"
    KEEP_FOR_START = "SET PERSIST_ONLY"
    RUN = "SET GLOBAL"
    FILE = "an option file"


@dataclass(frozen=True, slots=True)
class Wish:
    """One variable that must change.

    `text` is what its entry will be, in the server's own form (None: no entry), `running` what runs then
    (None: what runs now). `is_passing` tells that a restart is to take it away, `is_written` that the line in
    the agent's file has to change, to `line`, `is_release` that nobody asks for it any more.
    """

    parameter: Parameter
    observed: ObservedSetting
    means: Means
    text: str | None
    running: str | None
    reason: str
    is_passing: bool = False
    is_written: bool = False
    line: str | None = None
    is_release: bool = False

    @property
    def name(self) -> str:
        """The variable's name."""
        return self.parameter.name


def means_of(parameter: Parameter, *, keeps: bool) -> Means:
    """Answer how a variable is changed for good, as far as the server itself does that."""
    if parameter.engine_context == FILE_ONLY or (parameter.needs_restart and not keeps):
        return Means.FILE
    if parameter.engine_context == PERSIST_ONLY:
        return Means.KEEP_FOR_START
    return Means.KEEP if keeps and parameter.engine_context != NOT_KEPT else Means.RUN


def make_wish(
    name: str,
    text: SettingText,
    observation: Observation,
    catalog: Catalog,
    reason: str,
    *,
    keeps: bool,
    passing: Collection[str],
) -> Wish | Blocked | None:
    """Answer what must change, why nothing can, or None where it is already so."""
    parameter = catalog.find(name)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        why = f"this server ({catalog.engine} {catalog.version}) has no such variable"
        step = (
            "correct the name" if "." not in name else "install the component that brings it, then plan again"
        )
        return Blocked(parameter=name, desired=text, why=why, next_step=step)
    try:
        wanted = canonical(parameter, text, observed, catalog)
    except InputError as fault:
        return Blocked(parameter=parameter.name, desired=text, why=fault.what, next_step=fault.next_step)
    means = means_of(parameter, keeps=keeps)
    is_passing = means is Means.RUN and parameter.name in passing
    line = file_line(observed, observation.managed_file)
    is_written = bool(
        means is Means.RUN
        and not is_passing
        and observation.managed_file
        and not (line is not None and catalog.is_same(parameter.name, line.text or "", wanted))
    )
    if is_so(parameter, wanted, observed, catalog, means) and not is_written:
        return None
    return Wish(parameter, observed, means, wanted, wanted, reason, is_passing, is_written, wanted)


def make_release(release: Release, observation: Observation, catalog: Catalog, *, keeps: bool) -> Wish | str:
    """Answer the wish to put back what stood before, or why it is left alone (empty: nothing to say)."""
    parameter = catalog.find(release.parameter)
    observed = observation.settings.get(parameter.name) if parameter is not None else None
    if parameter is None or observed is None:
        return f"{release.parameter} is no longer managed; this server does not know it any more"
    entry = observed.entry
    if entry is None or entry.text is None:
        return ""
    if release.ours is None or not catalog.is_same(parameter.name, release.ours, entry.text):
        return (
            f"{parameter.name} is no longer managed and is left alone: "
            f"{entry.text} stands where we had {words(release.ours) or 'no entry'}"
        )
    means = means_of(parameter, keeps=keeps)
    restore = None if release.restore is None else _own_form(parameter, release.restore, observed)
    running = restore if restore is not None else (release.running or text_below(observed))
    if means is Means.RUN and restore is None:
        restore = running
    if means is Means.RUN and restore is None:
        return f"{parameter.name} is no longer managed and runs on: what ran before it is not known"
    line = file_line(observed, observation.managed_file)
    is_written = (
        means is Means.RUN and line is not None and is_text(parameter, line.text, entry.text, catalog)
    )
    return Wish(
        parameter,
        observed,
        means,
        restore,
        running,
        "no longer managed",
        is_written=is_written,
        is_release=True,
    )


def canonical(parameter: Parameter, text: SettingText, observed: ObservedSetting, catalog: Catalog) -> str:
    """Answer a text in the server's own form; raise `InputError` where this very server would not take it.

    Of switches the rest is what runs now.
    """
    if parameter.context is Context.FIXED:
        message = "it tells what the server is, and cannot be set"
        raise InputError(message, next_step="take it out of the configuration")
    catalog.parse(parameter.name, text or "")
    return _own_form(parameter, text, observed)


def _own_form(parameter: Parameter, text: SettingText, observed: ObservedSetting) -> str:
    value = parameter.settled(parameter.read(text or "", GRAMMAR))
    if parameter.kind is Kind.SWITCHES and isinstance(value, tuple):
        return _switched(value, observed.value or "")
    if isinstance(value, bool):
        return GRAMMAR.write_bool(value=value)
    if isinstance(value, tuple):
        order = {word.lower(): number for number, word in enumerate(parameter.values)}
        return GRAMMAR.write_list(sorted(value, key=lambda item: order.get(item.lower(), len(order))))
    return repr(value) if isinstance(value, float) else str(value)


def _switched(wanted: tuple[str, ...], running: str) -> str:
    """Put the flags that a text names into those that run."""
    flags = dict(item.split("=", 1) for item in GRAMMAR.read_list(running) if "=" in item)
    flags |= dict(item.split("=", 1) for item in wanted)
    return GRAMMAR.write_list([f"{flag}={state}" for flag, state in flags.items()])


def is_so(parameter: Parameter, text: str, observed: ObservedSetting, catalog: Catalog, means: Means) -> bool:
    """Tell whether a variable is as desired now and stays so at the next start, as far as that is seen."""
    if observed.pending is not None:
        return False
    entry = observed.entry
    if observed.value is not None and catalog.is_same(parameter.name, text, observed.value):
        return means is Means.RUN or _stays(parameter, text, observed, catalog)
    # The server took the entry, and runs another value: it clamps it at the start. Writing it again is idle.
    origin = observed.in_force
    is_entry = origin is not None and entry is not None and origin.kind is entry.kind
    return is_entry and is_text(parameter, entry.text if entry else None, text, catalog)


def _stays(parameter: Parameter, text: str, observed: ObservedSetting, catalog: Catalog) -> bool:
    brought = text_at_start(observed)
    return brought is None or is_text(parameter, brought, text, catalog)


def is_text(parameter: Parameter, left: str | None, right: str | None, catalog: Catalog) -> bool:
    """Tell whether two texts mean the same value; None is no entry."""
    if left is None or right is None:
        return left is right
    return catalog.is_same(parameter.name, left, right)


def file_line(observed: ObservedSetting, file: str) -> Origin | None:
    """Answer the line of the agent's file that speaks about a variable."""
    return next((o for o in observed.origins if file and o.file == file and not o.fault), None)


def text_at_start(observed: ObservedSetting) -> str | None:
    """Answer what a start brings as things stand, None where no place is known that tells."""
    lasting = [o for o in observed.origins if o.kind is not OriginKind.RUNTIME and not o.fault]
    return lasting[-1].text if lasting else None


def text_below(observed: ObservedSetting) -> str | None:
    """Answer what a start would bring if there were no entry."""
    below = [
        o
        for o in observed.origins
        if o.kind not in (OriginKind.PERSISTED, OriginKind.RUNTIME) and not o.fault and o.text is not None
    ]
    return below[-1].text if below else None


def growth(wish: Wish, catalog: Catalog) -> int:
    """Answer 1 where the variable grows from its running value, -1 where it shrinks, else 0."""
    if wish.observed.value is None or wish.running is None:
        return 0
    try:
        now, then = (catalog.parse(wish.name, text) for text in (wish.observed.value, wish.running))
    except InputError:
        return 0
    return (number(then) > number(now)) - (number(then) < number(now))


def number(value: Value | None) -> float:
    """Answer a numeric value, and zero for any other."""
    return value if isinstance(value, (int, float)) else 0


def words(text: SettingText) -> str:
    """Write a text for people."""
    return ", ".join(text) if isinstance(text, tuple) else text or ""
