"""Wishes: what somebody wants overridden, looked at before anything is done about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from setpoint.control import words
from setpoint.control.checks import setting_faults
from setpoint.errors import InputError, InputErrors
from setpoint.policy.guardrail import compile_guardrail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.config.configuration import SettingText

_LEAST_SECONDS = 1.0
_MOST_GUARDS = 50


@dataclass(frozen=True)
class Wish:
    """What somebody wants in an emergency, and for how long.

    `guards` are formulas over metrics that end it early when they do not hold; `accept_risk` is why they
    accept that memory may be exceeded.
    """

    settings: Mapping[str, SettingText]
    seconds: float
    because: str
    ticket: str = ""
    guards: tuple[str, ...] = ()
    accept_risk: str = ""


def checked(wish: Wish) -> Wish:
    """Answer a wish with its texts as they are kept; raise `InputErrors` with all its faults."""
    faults = list(words.reason_faults(wish.because))
    faults += words.word_faults(wish.ticket, "ticket")
    faults += words.word_faults(wish.accept_risk, "reason for the risk", words.MAX_REASON)
    if not wish.settings:
        faults.append(InputError("no setting is given", next_step="name one: work_mem=8MB"))
    if not _LEAST_SECONDS <= wish.seconds < float("inf"):
        message = f"an override lasts {_LEAST_SECONDS:g} s at least, not {wish.seconds:g} s"
        faults.append(InputError(message, next_step="say for how long: --for 30m"))
    faults += setting_faults(wish.settings, "")
    spelled = Counter(name.lower() for name in wish.settings)
    faults += (
        InputError(f"{name} is named {count} times", next_step="name it once")
        for name, count in spelled.items()
        if count > 1
    )
    faults += (
        InputError(f"{name}: an override sets a value", next_step=f"{name}=VALUE")
        for name, text in wish.settings.items()
        if text is None
    )
    if len(wish.guards) > _MOST_GUARDS:
        message = f"{len(wish.guards)} guards are more than the {_MOST_GUARDS} that are watched"
        faults.append(InputError(message, next_step="join those that belong together: A < 1 and B < 2"))
    for guard in wish.guards[:_MOST_GUARDS]:
        try:
            compile_guardrail(guard, source="--guard")
        except InputErrors as found:
            faults += found.faults
    if faults:
        raise InputErrors(faults)
    return replace(
        wish,
        settings={name.lower(): text for name, text in wish.settings.items()},
        because=words.masked(wish.because),
        ticket=words.masked(wish.ticket),
        accept_risk=words.masked(wish.accept_risk).strip(),
    )
