"""Coupled variables: what a change of one brings with it on another, and how both come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.engines.mysql.apply.wish import Means, text_at_start
from setpoint.engines.mysql.dialect.coupling import CHARACTER_SET_OF, COLLATION_OF, is_of, own_collation
from setpoint.engines.mysql.dialect.knowledge import COUPLED
from setpoint.engines.mysql.dialect.statements import literal, set_global
from setpoint.engines.plan import Request

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from setpoint.config.observation import Observation
    from setpoint.engines.mysql.apply.wish import Wish
    from setpoint.engines.plan import Step

_OF_UTF8MB4 = "default_collation_for_utf8mb4"


def mending(wish: Wish, observation: Observation) -> Iterator[Request]:
    """Answer what keeps a collation that goes well with the character set that a wish makes run.

    It is what runs where the character set stays, and what a start would bring where nobody manages it any
    more; elsewhere the character set's own.
    """
    name = COLLATION_OF.get(wish.name, "")
    other = observation.settings.get(name)
    if other is None or other.value is None or wish.running is None:
        return
    if is_of(other.value, wish.running):
        yield _setting(name, other.value)
    elif wish.is_release and is_of(text_at_start(other) or "", wish.running):
        yield _setting(name, text_at_start(other) or "")


def uncoupling(wish: Wish, observation: Observation) -> Iterator[Request]:
    """Take back what a change brings with it on another variable."""
    name = COUPLED.get(wish.name) or COLLATION_OF.get(wish.name, "")
    other = observation.settings.get(name)
    if other is not None and other.value is not None:
        yield _setting(name, other.value)


def join(steps: Sequence[Step], wishes: Sequence[Wish]) -> Iterator[Step]:
    """Answer steps of which a collation's does what its character set's would, where the entry is what runs.

    There the first of the two would move the entry of the second, which is then no more what was planned on.
    """
    found = {step.parameter: step for step in steps}
    running = {wish.name for wish in wishes if wish.means is Means.RUN}
    for step in steps:
        partner = COLLATION_OF.get(step.parameter) or CHARACTER_SET_OF.get(step.parameter, "")
        if step.parameter not in running or partner not in found:
            yield step
        elif step.parameter in COLLATION_OF:
            yield replace(step, do=(), undo=())
        else:
            lines = found[partner]
            yield replace(step, do=step.do + _written(lines.do), undo=step.undo + _written(lines.undo))


def why_no_way_back(wish: Wish, wishes: Collection[str], observation: Observation) -> str:
    """Say why an override of a character set alone would leave another collation behind; empty if not."""
    name = COLLATION_OF.get(wish.name, "")
    other, before = observation.settings.get(name), wish.observed.value
    if name in wishes or other is None or other.value is None or before is None:
        return ""
    if wish.text is not None and is_of(other.value, wish.text):
        return ""
    told = observation.settings.get(_OF_UTF8MB4)
    own = own_collation(before, told.value if told is not None else None)
    if own.lower() == other.value.lower():
        return ""
    return f"it takes {name} with it, and going back to {before} would bring {own}, not {other.value}"


def warn(wish: Wish, wishes: Collection[str], observation: Observation) -> Iterator[str]:
    """Tell what else a change will make run."""
    collation, character_set = COLLATION_OF.get(wish.name, ""), CHARACTER_SET_OF.get(wish.name, "")
    text = wish.running or ""
    other = observation.settings.get(collation or character_set)
    if other is None or not other.value or not text or {collation, character_set} & set(wishes):
        return
    if collation and not is_of(other.value, text):
        yield f"{wish.name} = {text} takes {collation} with it ({other.value} now): set both to choose"
    if character_set and not is_of(text, other.value):
        yield f"{wish.name} = {text} takes {character_set} with it ({other.value} now)"


def _setting(name: str, text: str) -> Request:
    return Request(text=set_global(name, literal(text)), is_read_only=False)


def _written(requests: Sequence[Request]) -> tuple[Request, ...]:
    return tuple(request for request in requests if not request.text)
