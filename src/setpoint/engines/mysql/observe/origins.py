"""Origins: every place that speaks about a variable, which of them decides, and what waits for a restart.

A value that was set while running hides from the server's own tables where the one before came from; files
that can be read tell that still, and what a restart would bring back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from setpoint.config.observation import ObservedSetting, Origin, OriginKind
from setpoint.engines.mysql.dialect.contexts import FILE_ONLY, NOT_KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.catalog import Catalog, Parameter
    from setpoint.engines.mysql.observe.reply import VariableRow

_KINDS: Mapping[str, OriginKind] = {
    "AUTO": OriginKind.AUTO,
    "COMMAND-LINE": OriginKind.COMMAND_LINE,
    "COMMAND_LINE": OriginKind.COMMAND_LINE,
    "COMPILE-TIME": OriginKind.DEFAULT,
    "COMPILED": OriginKind.DEFAULT,
    "CONFIG": OriginKind.FILE,
    "DYNAMIC": OriginKind.RUNTIME,
    "ENVIRONMENT": OriginKind.ENVIRONMENT,
    "EXPLICIT": OriginKind.FILE,
    "EXTRA": OriginKind.FILE,
    "GLOBAL": OriginKind.FILE,
    "LOGIN": OriginKind.FILE,
    "PERSISTED": OriginKind.PERSISTED,
    "SERVER": OriginKind.FILE,
    "SQL": OriginKind.RUNTIME,
    "USER": OriginKind.FILE,
}
"""The words of MySQL's variables_info and of MariaDB's GLOBAL_VALUE_ORIGIN."""

_KEPT_BEFORE = "kept when the server started; it stands nowhere any more"
_WRITTEN_OVER = "written in a file when the server started; the file was changed since"
_WRITTEN_BEFORE = "written in a file when the server started; it stands nowhere any more"


class Place(NamedTuple):
    """An entry of an option file: where, its text as a value, and why this server does not read it.

    `changed_at` tells when the file was changed, in seconds since 1970, None where that is not known.
    """

    file: str
    line: int
    text: str
    unread: str = ""
    changed_at: float | None = None


class Ground(NamedTuple):
    """What an observation knows beside the variables.

    `places` are the entries of files by folded name, in the order they are read, None where no file could be;
    `fragment` is the file that the agent writes, empty where there is none; `keeps` whether the server keeps
    values itself (SET PERSIST).
    """

    catalog: Catalog
    places: Mapping[str, Sequence[Place]] | None
    fragment: str
    keeps: bool
    started_at: datetime


def observe_setting(row: VariableRow, parameter: Parameter, ground: Ground) -> ObservedSetting:
    """Answer one variable with all its origins."""
    value = row.value if row.value is not None else ""
    kind = _KINDS.get(row.source or "", OriginKind.DEFAULT)
    entry_kind = OriginKind.RUNTIME if _is_passing(parameter, ground) else OriginKind.PERSISTED
    origins = _standing(row, parameter, ground, value, kind)
    deciding = _deciding(row, parameter, ground, value, kind, origins)
    if deciding not in origins:
        origins.append(deciding)
    origins.sort(key=_rank)
    marked = tuple(msgspec.structs.replace(o, is_in_force=True) if o is deciding else o for o in origins)
    pending, reason = _pending(row, parameter, ground, value, marked)
    return ObservedSetting(
        value=value, origins=marked, pending=pending, pending_reason=reason, entry_kind=entry_kind
    )


def _rank(origin: Origin) -> int:
    """Rank origins as they win at a start: what MySQL keeps wins over the command line, a file does not."""
    if origin.kind is OriginKind.PERSISTED and origin.file:
        return _ORDER.index(OriginKind.FILE)
    return _ORDER.index(origin.kind)


_ORDER = (
    OriginKind.DEFAULT, OriginKind.BUILD, OriginKind.AUTO, OriginKind.ENVIRONMENT, OriginKind.FILE,
    OriginKind.COMMAND_LINE, OriginKind.PERSISTED, OriginKind.RUNTIME,
)  # fmt: skip


def observe_unlisted(text: str) -> ObservedSetting:
    """Answer what MySQL keeps for a name that it does not list now."""
    return ObservedSetting(value=None, origins=(Origin(kind=OriginKind.PERSISTED, text=text),))


def _is_passing(parameter: Parameter, ground: Ground) -> bool:
    """Tell whether what an apply writes of it is the running value alone."""
    return not parameter.needs_restart and (not ground.keeps or parameter.engine_context == NOT_KEPT)


def _standing(
    row: VariableRow, parameter: Parameter, ground: Ground, value: str, kind: OriginKind
) -> list[Origin]:
    """Answer the places that stand whatever runs: the default, entries of files, what the server keeps."""
    default = _default_text(row, parameter, ground, value, kind)
    found = [Origin(kind=OriginKind.DEFAULT, text=default)] if default is not None else []
    for place in (ground.places or {}).get(parameter.name, ()):
        is_ours = bool(ground.fragment) and place.file == ground.fragment and not place.unread
        entry = OriginKind.PERSISTED if is_ours and row.persisted is None else OriginKind.FILE
        found.append(
            Origin(kind=entry, text=place.text, file=place.file, line=place.line, fault=place.unread)
        )
    if row.persisted is not None:
        found.append(Origin(kind=OriginKind.PERSISTED, text=row.persisted))
    return found


def _default_text(
    row: VariableRow, parameter: Parameter, ground: Ground, value: str, kind: OriginKind
) -> str | None:
    if kind is OriginKind.DEFAULT:
        return value
    if row.default is not None:
        return row.default
    if parameter.default is None:
        return None
    return ground.catalog.format(parameter.name, parameter.default)


def _deciding(
    row: VariableRow,
    parameter: Parameter,
    ground: Ground,
    value: str,
    kind: OriginKind,
    origins: list[Origin],
) -> Origin:
    """Answer the origin that decides the running value, one of those that stand where it is one of them."""

    def last(*kinds: OriginKind, file: str = "") -> Origin | None:
        fitting = (o for o in reversed(origins) if o.kind in kinds and not o.fault and file in ("", o.file))
        return next(fitting, None)

    is_same = ground.catalog.is_same
    if kind is OriginKind.DEFAULT:
        return origins[0]
    if kind is OriginKind.FILE:
        place = last(OriginKind.FILE, OriginKind.PERSISTED, file=row.path or "")
        return _of_file(place, row, parameter, ground, value)
    kept = last(OriginKind.PERSISTED)
    if kind is OriginKind.RUNTIME:
        # MySQL says so too of what only some session set for itself, and once a value is set back again.
        following = next((o for o in reversed(origins) if _lasts(o)), None)
        if following is not None and is_same(parameter.name, following.text or "", value):
            return following
    if kind is OriginKind.PERSISTED:
        is_later = row.set_at is not None and row.set_at > ground.started_at.timestamp()
        is_loaded = kept is not None and (not is_later or is_same(parameter.name, kept.text or "", value))
        if kept is not None and is_loaded:
            return kept
        return Origin(kind=OriginKind.RUNTIME, text=value, fault=_KEPT_BEFORE)
    return Origin(kind=kind, text=value, scope=_who(row) if kind is OriginKind.RUNTIME else "")


def _of_file(
    place: Origin | None, row: VariableRow, parameter: Parameter, ground: Ground, value: str
) -> Origin:
    """Answer the line a file gave the running value with, or that it does not stand there any more."""
    path = row.path or ""
    if place is None:
        fault = _WRITTEN_BEFORE if ground.places is not None else ""
        return Origin(kind=OriginKind.FILE, text=value, file=path, fault=fault)
    # An older line whose value does not run is what the server made of it.
    is_loaded = ground.catalog.is_same(parameter.name, place.text or "", value)
    if is_loaded or not _is_younger(place, parameter, ground):
        return place
    return Origin(kind=OriginKind.FILE, text=value, file=path, fault=_WRITTEN_OVER)


def _is_younger(origin: Origin, parameter: Parameter, ground: Ground) -> bool:
    """Tell whether a line's file was changed after the server started, which is known to the second."""
    changed_at = next(
        (p.changed_at for p in (ground.places or {}).get(parameter.name, ()) if p.file == origin.file), None
    )
    return changed_at is not None and int(changed_at) > int(ground.started_at.timestamp())


def _who(row: VariableRow) -> str:
    """Answer in words that a value was set while running, by whom and when, as far as the server tells."""
    if row.set_user is None or row.set_at is None:
        return ""
    when = datetime.fromtimestamp(row.set_at, UTC).isoformat(timespec="seconds")
    return f"{OriginKind.RUNTIME.value} by {row.set_user}@{row.set_host or '?'} at {when}"


def _pending(
    row: VariableRow, parameter: Parameter, ground: Ground, value: str, origins: Sequence[Origin]
) -> tuple[str | None, str]:
    """Answer the text that waits for a restart, and why in words."""
    if not parameter.needs_restart:
        return None, ""
    following = next((o for o in reversed(origins) if _lasts(o)), None)
    if following is None or following.is_in_force or following.text is None:
        return None, ""
    if following.kind is OriginKind.DEFAULT and ground.places is None and not _was_kept(row):
        return None, ""  # a file that cannot be read may speak
    if ground.catalog.is_same(parameter.name, following.text, value):
        return None, ""
    where = "an option file" if parameter.engine_context == FILE_ONLY else "the server"
    if following.kind in (OriginKind.FILE, OriginKind.PERSISTED) and following.file:
        return following.text, f"{following.file}:{following.line} says {following.text} since the start"
    return following.text, f"{where} has {following.text} for the next start"


def _was_kept(row: VariableRow) -> bool:
    """Tell whether what the server keeps, or kept at its start, decides what runs."""
    return row.persisted is not None or _KINDS.get(row.source or "") is OriginKind.PERSISTED


def _lasts(origin: Origin) -> bool:
    """Tell whether an origin speaks at the next start."""
    return origin.kind is not OriginKind.RUNTIME and not origin.fault
