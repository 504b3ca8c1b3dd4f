"""Where each value comes from: the server parameter file, memory alone, the root of the CDB, or the default.

What runs is compared with what the file says. A difference is explained by the server's own marks: changed
while running (ISMODIFIED), adjusted by the server (ISADJUSTED, whole granules), or waiting for a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.catalog import Context
from setpoint.config.observation import ObservedSetting, Origin, OriginKind
from setpoint.engines.oracle.dialect import ALL, GRAMMAR, Scope, knowledge
from setpoint.engines.oracle.observe.parameters import text_of
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Parameter
    from setpoint.engines.oracle.observe.reply import ParameterRow

WORKED_OUT = "(worked out at the start)"
AT_START = "as it stood when the instance was started"
_CDB = "cdb"
_EARLIER = "sessions that began earlier"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance is: its name, the SID its address asks for, its container, its file (empty: none)."""

    instance: str
    pinned: str | None = None
    container: str = ""
    con_id: str = "0"
    file: str = ""
    granule_bytes: int | None = None

    def sid(self, row: ParameterRow) -> str:
        """Answer whose entry is meant: this instance's where it has one or is asked for, else that of all."""
        own = next((sid for sid in row.entries if sid.lower() == self.instance.lower()), None)
        return self.pinned or own or ALL


def observe_setting(row: ParameterRow, parameter: Parameter, place: Place) -> ObservedSetting:
    """Answer one parameter's value with its whole origin chain."""
    value = text_of(parameter, row.value)
    chain = _spoken(row, parameter, place)
    if value is not None:
        chain = _decided(chain, row, parameter, value, place)
    pending, reason = _pending(chain, parameter, value)
    entry_kind = OriginKind.PERSISTED if place.file else OriginKind.RUNTIME
    return ObservedSetting(
        value=value,
        origins=(*chain, *_earlier(row, parameter, value)),
        pending=pending,
        pending_reason=reason,
        entry_kind=entry_kind,
    )


def _spoken(row: ParameterRow, parameter: Parameter, place: Place) -> list[Origin]:
    """Answer the places that speak, from the lowest: the default, the entry for all, the instance's own."""
    chain = [Origin(kind=OriginKind.DEFAULT, text=text_of(parameter, row.default_value))]
    sid = place.sid(row)
    for scope in dict.fromkeys((ALL, sid)):
        text = next((t for name, t in row.entries.items() if name.lower() == scope.lower()), None)
        if text is not None:
            # What apply writes is the entry of one scope; the one below it stands like any other file.
            kind = OriginKind.PERSISTED if scope == sid else OriginKind.FILE
            words = str(Scope(scope, place.container))
            chain.append(Origin(kind=kind, text=text, file=place.file, scope=words))
    return chain


def _decided(
    chain: list[Origin], row: ParameterRow, parameter: Parameter, value: str, place: Place
) -> list[Origin]:
    """Mark the place that decides, or add one where what runs stands in none of them."""
    default, *entries = chain
    last = entries[-1] if entries else None
    if last is not None and (
        _is_same(parameter, last.text, value) or _is_rounded(row, parameter, last.text, place)
    ):
        return [*chain[:-1], replace(last, is_in_force=True)]
    is_default = _is_same(parameter, default.text, value)
    is_unset = row.is_default == "TRUE" and row.modified == "FALSE"
    if is_default and (is_unset or last is None):
        return [replace(default, is_in_force=True), *entries]
    if place.container and row.con_id != place.con_id:
        return [default, Origin(kind=OriginKind.FILE, text=value, scope=_CDB, is_in_force=True), *entries]
    if row.modified != "FALSE":
        return [*chain, Origin(kind=OriginKind.RUNTIME, text=value, is_in_force=True)]
    if is_unset:
        return [default, Origin(kind=OriginKind.BUILD, text=value, is_in_force=True), *entries]
    started = Origin(
        kind=OriginKind.FILE,
        text=value,
        file=place.file,
        is_in_force=True,
        fault=AT_START if place.file else "",
    )
    return [default, started, *entries]


def _pending(chain: list[Origin], parameter: Parameter, value: str | None) -> tuple[str | None, str]:
    """Answer the text that waits for a restart, and why."""
    if parameter.context is Context.FIXED or any(each.kind is OriginKind.RUNTIME for each in chain):
        return None, ""
    entries = [each for each in chain if "sid:" in each.scope]
    following = entries[-1] if entries else None
    if following is not None:
        if following.is_in_force:
            return None, ""
        return following.text, f"{following} says {following.text}; it waits for a restart"
    gone = next((each for each in chain if each.fault == AT_START), None)
    if gone is None:
        return None, ""
    text = chain[0].text if chain[0].text is not None else WORKED_OUT
    if value is not None and _is_same(parameter, text, value):
        return None, ""
    return text, "its entry was taken out of the server parameter file; the default waits for a restart"


def _earlier(row: ParameterRow, parameter: Parameter, value: str | None) -> tuple[Origin, ...]:
    """Answer what sessions keep that began before a deferred change; ours may be one of them."""
    session = row.session_value
    if parameter.context is not Context.RECONNECT or session is None or value is None:
        return ()
    if _is_same(parameter, session, value):
        return ()
    return (Origin(kind=OriginKind.SESSION, text=session, scope=_EARLIER),)


def _is_same(parameter: Parameter, left: str | None, right: str) -> bool:
    if left is None:
        return False
    if left == right:
        return True
    try:
        values = (parameter.parse(left, GRAMMAR), parameter.parse(right, GRAMMAR))
    except InputError:
        return False
    return parameter.is_same(*values)


def _is_rounded(row: ParameterRow, parameter: Parameter, text: str | None, place: Place) -> bool:
    """Tell whether what runs is what the server made of a text: adjusted, or whole granules."""
    if row.adjusted == "TRUE" and parameter.context is not Context.RESTART:
        return True
    granule = place.granule_bytes
    if granule is None or parameter.name not in knowledge.GRANULAR or text is None:
        return False
    try:
        written, running = (parameter.parse(each, GRAMMAR) for each in (text, row.value or ""))
    except InputError:
        return False
    if not isinstance(written, int) or not isinstance(running, int):
        return False
    return -(-written // granule) * granule == running
