"""Where each value comes from, and what the instance's own value is when this session sees another.

The session that looks is itself under the overrides of its role, its database and its own guards. What it
sees is the instance's value only when its source is one that holds for everybody; else that value is worked
out from the places that speak, in the server's own order: command line over the last entry the files apply
over the default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.observation import ObservedSetting, Origin, OriginKind
from setpoint.engines.postgresql.dialect import knowledge
from setpoint.engines.postgresql.observe.parameters import in_base_units, is_same_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Parameter
    from setpoint.engines.postgresql.observe.reply import FileRow, OverrideRow, SettingRow

AUTO_CONF = "postgresql.auto.conf"
NOT_READABLE = "(not readable)"
CHANGED_SINCE = "loaded earlier; the file says otherwise now"
_OWN_SOURCES = frozenset(
    {"default", "environment variable", "configuration file", "command line", "override"}
)
_ENTRY_KINDS = frozenset({OriginKind.FILE, OriginKind.PERSISTED})
_LOGIN_TIME = frozenset({"backend", "superuser-backend"})
_ARGUMENT = re.compile(r' "(.*?)"(?= "|\s*$)', re.DOTALL)
GUARDED = frozenset({"jit", "lock_timeout", "search_path", "statement_timeout"})
"""What the observing transaction sets for itself.

What it would be without is still in the row's reset value.
"""
_SHORT_OPTIONS = {
    "B": "shared_buffers",
    "N": "max_connections",
    "S": "work_mem",
    "h": "listen_addresses",
    "k": "unix_socket_directories",
    "p": "port",
}
_SHORT_SWITCHES = {
    "-F": ("fsync", "off"),
    "-O": ("allow_system_table_mods", "on"),
    "-P": ("ignore_system_indexes", "on"),
    "-i": ("listen_addresses", "*"),
    "-l": ("ssl", "on"),
    "-s": ("log_statement_stats", "on"),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that speaks about settings besides pg_settings. Names are folded."""

    entries: Mapping[str, tuple[FileRow, ...]] = field(default_factory=dict[str, "tuple[FileRow, ...]"])
    overrides: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict[str, tuple[Origin, ...]])
    command: Mapping[str, str] = field(default_factory=dict[str, str])
    own_overrides: frozenset[str] = frozenset()
    """The parameters that this very session gets from its role or database."""
    are_files_visible: bool = False
    is_file_broken: bool = False
    """Whether a file has a fault that keeps the server from loading any of them."""
    was_reloaded: bool = False
    """Whether files were loaded after this session began: what is fixed at login may be old in it."""
    server_encoding: str | None = None


def observe_setting(row: SettingRow, parameter: Parameter, evidence: Evidence) -> ObservedSetting:
    """Answer one parameter's own value with its whole origin chain."""
    name = row.name.lower()
    chain = [
        Origin(kind=OriginKind.DEFAULT, text=row.boot_val),
        *_entry_origins(evidence.entries.get(name, ())),
    ]
    command = evidence.command.get(name, row.setting if row.source == "command line" else None)
    if command is not None:
        chain.append(Origin(kind=OriginKind.COMMAND_LINE, text=command))
    if _is_own(row, evidence):
        value, is_inferred = _shown_value(row), False
        chain = _mark_own(row, parameter, value, chain, evidence)
    else:
        value, is_inferred = _inferred_value(row, parameter, chain, evidence), True
        chain = _mark_inferred(parameter, value, chain)
    pending, reason = _pending(row, parameter, value, evidence)
    return ObservedSetting(
        value=value,
        origins=(*chain, *evidence.overrides.get(name, ())),
        pending=pending,
        pending_reason=reason,
        is_inferred=is_inferred,
    )


def observe_unlisted(name: str, evidence: Evidence) -> ObservedSetting:
    """Answer a parameter that is named somewhere and not listed by the server (its module is not loaded)."""
    return ObservedSetting(
        value=None,
        origins=(*_entry_origins(evidence.entries.get(name, ())), *evidence.overrides.get(name, ())),
    )


def override_origins(rows: tuple[OverrideRow, ...]) -> dict[str, tuple[Origin, ...]]:
    """Answer the overrides by folded parameter name, each list from the lowest to the highest precedence."""
    found: dict[str, list[Origin]] = {}
    order = list(OriginKind)
    for row in rows:
        name, _, text = row.entry.partition("=")
        kind, scope = _scope_of(row)
        found.setdefault(name.lower(), []).append(Origin(kind=kind, text=text, scope=scope))
    return {
        name: tuple(sorted(origins, key=lambda o: order.index(o.kind))) for name, origins in found.items()
    }


def read_command_line(opts: str | None) -> dict[str, str]:
    """Answer the settings that postmaster.opts shows on the server's command line, by folded name."""
    words: list[str] = _ARGUMENT.findall((opts or "").rstrip())
    settings: dict[str, str] = {}
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word in _SHORT_SWITCHES:
            name, text = _SHORT_SWITCHES[word]
            settings[name] = text
            continue
        if len(word) == 2 and word[0] == "-" and (word[1] in _SHORT_OPTIONS or word[1] in "cCDd"):  # noqa: PLR2004 - a dash and a letter
            word += words[position] if position < len(words) else ""
            position += 1
        setting = _setting_of(word)
        if setting is not None:
            settings[setting[0]] = setting[1]
    return settings


def is_persisted_file(file: str | None) -> bool:
    """Tell whether a file is the one ALTER SYSTEM writes."""
    return (file or "").rpartition("/")[2] == AUTO_CONF


def _setting_of(word: str) -> tuple[str, str] | None:
    """Read ``-cname=text``, ``--name=text`` or ``-p5432``."""
    if word.startswith(("--", "-c")):
        name, has_value, text = word[2:].partition("=")
        return (name.replace("-", "_").lower(), text if has_value else "on") if name else None
    name = _SHORT_OPTIONS.get(word[1:2]) if word.startswith("-") else None
    return (name, word[2:]) if name else None


def _scope_of(row: OverrideRow) -> tuple[OriginKind, str]:
    if row.role is None and row.database is None:
        return OriginKind.GLOBAL, "all roles"
    if row.role is None:
        return OriginKind.DATABASE, f"database {row.database}"
    if row.database is None:
        return OriginKind.ROLE, f"role {row.role}"
    return OriginKind.ROLE_IN_DATABASE, f"role {row.role} in database {row.database}"


def _entry_origins(entries: tuple[FileRow, ...]) -> list[Origin]:
    """Answer the files' entries in the order they are read; what ALTER SYSTEM wrote is read last."""
    return [
        Origin(
            kind=OriginKind.PERSISTED if is_persisted_file(entry.file) else OriginKind.FILE,
            text=entry.text,
            file=entry.file or "",
            line=entry.line or 0,
            fault=entry.error or "",
        )
        for entry in entries
    ]


def _is_own(row: SettingRow, evidence: Evidence) -> bool:
    """Tell whether what this session sees holds for everybody."""
    if row.source not in _OWN_SOURCES:
        return False
    is_old = evidence.was_reloaded and evidence.are_files_visible and row.context in _LOGIN_TIME
    return not is_old or row.source not in {"default", "configuration file"}


def _shown_value(row: SettingRow) -> str | None:
    return row.reset_val if row.name.lower() in knowledge.SHOWN_OTHERWISE else row.setting


def _mark_own(
    row: SettingRow, parameter: Parameter, value: str | None, chain: list[Origin], evidence: Evidence
) -> list[Origin]:
    if row.source == "command line":
        return _with_force(chain, len(chain) - 1)
    if row.source == "environment variable":
        return _inserted(chain, Origin(kind=OriginKind.ENVIRONMENT, text=value, is_in_force=True))
    if row.source == "configuration file":
        return _mark_entry(row, parameter, value, chain, evidence)
    if row.source == "default" and is_same_text(parameter, value, row.boot_val):
        return _with_force(chain, 0)
    return _inserted(chain, Origin(kind=OriginKind.BUILD, text=value, is_in_force=True))


def _mark_entry(
    row: SettingRow, parameter: Parameter, value: str | None, chain: list[Origin], evidence: Evidence
) -> list[Origin]:
    """Mark the entry the running value was loaded from.

    Where the file was edited since, add what was loaded.
    """
    places = [
        index
        for index, origin in enumerate(chain)
        if origin.kind in _ENTRY_KINDS and origin.file == row.sourcefile
    ]
    at_line = [index for index in places if chain[index].line == row.sourceline]
    for index in [*at_line, *reversed(places)]:
        if is_same_text(parameter, chain[index].text, value):
            return _with_force(chain, index)
    if at_line and _may_normalise(parameter) and not chain[at_line[0]].fault:
        return _with_force(chain, at_line[0])
    # What was loaded and stands in no file any more is not persisted, wherever it once stood.
    is_edited = evidence.are_files_visible
    is_persisted = is_persisted_file(row.sourcefile) and not is_edited
    loaded = Origin(
        kind=OriginKind.PERSISTED if is_persisted else OriginKind.FILE,
        text=value,
        file=row.sourcefile or "",
        line=row.sourceline or 0,
        is_in_force=True,
        fault=CHANGED_SINCE if is_edited else "",
    )
    at = next(
        (index for index, origin in enumerate(chain) if origin.kind is OriginKind.COMMAND_LINE), len(chain)
    )
    return [*chain[:at], loaded, *chain[at:]]


def _may_normalise(parameter: Parameter) -> bool:
    """Tell whether the engine may run another value than is written: known hooks, and any module's."""
    return parameter.name.lower() in knowledge.NORMALISED or bool(parameter.extension)


def _inferred_value(
    row: SettingRow, parameter: Parameter, chain: list[Origin], evidence: Evidence
) -> str | None:
    name = row.name.lower()
    deciding = _deciding(chain)
    if row.source == "session" and name in GUARDED and name not in evidence.own_overrides:
        return row.reset_val
    if deciding is not None:
        return in_base_units(parameter, deciding.text)
    if not evidence.are_files_visible or name == "max_stack_depth":
        return None
    return evidence.server_encoding if name == "client_encoding" else row.boot_val


def _mark_inferred(parameter: Parameter, value: str | None, chain: list[Origin]) -> list[Origin]:
    if value is None:
        return chain
    deciding = _deciding(chain)
    if deciding is not None and (is_same_text(parameter, deciding.text, value) or _may_normalise(parameter)):
        return _with_force(chain, chain.index(deciding))
    if is_same_text(parameter, chain[0].text, value):
        return _with_force(chain, 0)
    return _inserted(chain, Origin(kind=OriginKind.BUILD, text=value, is_in_force=True))


def _deciding(chain: list[Origin]) -> Origin | None:
    """Answer the place that decides by the server's order.

    The command line, else the last entry without a fault.
    """
    spoken = [origin for origin in chain[1:] if not origin.fault]
    return spoken[-1] if spoken else None


def _pending(
    row: SettingRow, parameter: Parameter, value: str | None, evidence: Evidence
) -> tuple[str | None, str]:
    """Answer the text that waits for a restart, and why; files are read again when the server starts."""
    name = row.name.lower()
    if row.context != "postmaster" or row.source == "command line" or name in evidence.command:
        return None, ""
    if not evidence.are_files_visible:
        reason = "a change waits for a restart; this login may not read which"
        return (NOT_READABLE, reason) if row.pending_restart else (None, "")
    if not (entries := evidence.entries.get(name, ())):
        if row.source != "configuration file" or is_same_text(parameter, row.boot_val, value):
            return None, ""
        place = f"{row.sourcefile}:{row.sourceline}" if row.sourcefile else "the files"
        return row.boot_val or "", f"its entry was taken out of {place}; the default waits for a restart"
    last = entries[-1]
    is_waiting = last.error is not None or (evidence.is_file_broken and row.pending_restart)
    if not is_waiting or is_same_text(parameter, last.text, value) or not _is_valid(parameter, last.text):
        return None, ""
    return last.text, f"{last.file}:{last.line} says {last.text}; it waits for a restart"


def _is_valid(parameter: Parameter, text: str | None) -> bool:
    from setpoint.engines.postgresql.dialect.grammar import GRAMMAR
    from setpoint.errors import InputError

    try:
        parameter.parse(text or "", GRAMMAR)
    except InputError:
        return False
    return True


def _with_force(chain: list[Origin], index: int) -> list[Origin]:
    from msgspec.structs import replace

    return [*chain[:index], replace(chain[index], is_in_force=True), *chain[index + 1 :]]


def _inserted(chain: list[Origin], origin: Origin) -> list[Origin]:
    """Put what the build or the environment gives right above the default."""
    return [chain[0], origin, *chain[1:]]
