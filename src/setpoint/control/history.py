"""History: who set what and why, parameter by parameter, and how to go back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.config.configuration import SettingText
from setpoint.config.diff import fields_of
from setpoint.config.revision import Revision
from setpoint.errors import NotFoundError

if TYPE_CHECKING:
    from setpoint.control.context import Context


class Blame(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of one part, and the revision that gave it its text."""

    part: str
    parameter: str
    text: SettingText
    revision: Revision


def setter(context: Context, part: str, field: str) -> Revision | None:
    """Answer the revision that gave a field of a part (``template``, ``settings.work_mem``) what it has now.

    None when the part has no such field.
    """
    trail = context.store.revisions.log(part=part)
    absent = object()
    found: Revision | None = None
    now: object = absent
    for revision in trail:
        value = fields_of(context.store.revisions.part(revision, part)).get(field, absent)
        if found is None:
            now = value
        if value is absent or value != now:
            break
        found = revision
    return found


def blame(context: Context, part: str, parameter: str = "") -> tuple[Blame, ...]:
    """Answer for each setting of a part (or one of them) the revision that set it, sorted by parameter.

    Follows the line of heads. Raises `NotFoundError` when the part or the setting is not there.
    """
    head = context.store.revisions.head()
    now = _settings(context, head, part) if head is not None else {}
    wanted = {parameter: now[parameter]} if parameter in now else ({} if parameter else now)
    if head is None or not wanted:
        what = f"{part} does not set {parameter}" if parameter else f"{part} sets nothing"
        raise NotFoundError(what, next_step="`setpoint settings` shows which layer does")
    found: dict[str, Revision] = {}
    trail = context.store.revisions.log(part=part)
    for newer, older in zip(trail, [*trail[1:], None], strict=True):
        before = _settings(context, older, part) if older is not None else {}
        after = _settings(context, newer, part)
        for name, text in wanted.items():
            if name not in found and after.get(name) == text and (name not in before or before[name] != text):
                found[name] = newer
    return tuple(
        Blame(part=part, parameter=name, text=wanted[name], revision=found.get(name, head))
        for name in sorted(wanted)
    )


def _settings(context: Context, revision: Revision, part: str) -> dict[str, SettingText]:
    fields = fields_of(context.store.revisions.part(revision, part))
    return {
        name.removeprefix("settings."): value
        for name, value in fields.items()
        if name.startswith("settings.")
    }
