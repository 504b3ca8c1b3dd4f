"""Keeping: what files say of an instance becomes an observation like any other, and says what it is not.

Files of one instance add up: what a server runs comes from its dumps, where that comes from and what waits
for a restart from its option files. What no file says stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.catalog import Version
from setpoint.config.dump import INSTANCE, Source
from setpoint.config.facts import Facts
from setpoint.config.observation import FileFault, Observation, ObservedSetting, Origin, OriginKind
from setpoint.control import gate
from setpoint.control.incidents import note_incidents
from setpoint.engines.canonical import amount, text_of
from setpoint.engines.meanings import Meanings
from setpoint.engines.registry import get_engine
from setpoint.errors import InputError, InputErrors
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog
    from setpoint.config.dump import Dump, DumpSetting
    from setpoint.control.context import Context

_KINDS = {
    Source.DEFAULT: OriginKind.DEFAULT,
    Source.FILE: OriginKind.FILE,
    Source.AUTO: OriginKind.PERSISTED,
    Source.PERSISTED: OriginKind.PERSISTED,
    Source.COMMAND_LINE: OriginKind.COMMAND_LINE,
    Source.DATABASE: OriginKind.DATABASE,
    Source.ROLE: OriginKind.ROLE,
    Source.OPERATOR: OriginKind.RUNTIME,
}
_MOST_NAMED = 3


def keep(context: Context, name: str, dumps: Sequence[Dump], *, at: datetime) -> Observation:
    """Keep what files say of an instance as an observation made at a time; answer it.

    Raises `InputErrors` naming every file that is not of this instance's engine, or of another version than
    the others, and `InputError` where none tells a version or a setting.
    """
    with context.store.moment():
        gate.require(context, Right.OBSERVE, name)
        instance = context.head()[1].instance(name)
        before = context.store.snapshots.latest(name)
    if at > context.now():
        raise InputError("the files are from the future", where=name, next_step="put this host's clock right")
    known = before.facts.version if before is not None else ""
    version = _version(name, instance.engine, dumps, known)
    catalog = _catalog(instance.engine, version)
    seen = observation_of(name, dumps, catalog, version=version, at=at)
    if before is not None and before.at > seen.at:
        message = f"{name} was seen later than these files were written"
        raise InputError(message, next_step="say with --at when they were written")
    kept = context.store.snapshots.put(seen, catalog.data)
    with context.store.moment():
        note_incidents(context, before, kept, catalog)
    return kept


def observation_of(
    name: str, dumps: Sequence[Dump], catalog: Catalog, *, version: str, at: datetime
) -> Observation:
    """Answer what dumps of one instance come to, as an observation."""
    tellings: dict[str, _Telling] = {}
    for dump in dumps:
        for setting in dump.settings:
            parameter = catalog.find(setting.name)
            own = parameter.name if parameter is not None else setting.name
            tellings.setdefault(own, _Telling()).hear(dump, setting)
    settings = {own: telling.settled(own, catalog) for own, telling in tellings.items()}
    files = [dump.path for dump in dumps if dump.settings or dump.samples]
    shown = ", ".join(files[:_MOST_NAMED]) + (
        f" and {len(files) - _MOST_NAMED} more" if files[_MOST_NAMED:] else ""
    )
    return Observation(
        instance=name,
        engine=catalog.engine,
        at=at,
        facts=Facts(version=version),
        settings={own: setting for own, setting in settings.items() if setting is not None},
        file_faults=tuple(
            FileFault(file=dump.path, line=problem.line, message=problem.message)
            for dump in dumps
            for problem in dump.problems
            if problem.severity.value == "error"
        ),
        unseen=("facts of the host, and metrics: files do not tell them",),
        came_by=shown,
        is_partial=not any(dump.is_complete and dump.is_running for dump in dumps),
    )


@dataclass(slots=True)
class _Telling:
    """All that is told of one parameter."""

    running: list[tuple[Dump, DumpSetting]] = field(default_factory=list["tuple[Dump, DumpSetting]"])
    written: list[tuple[Dump, DumpSetting]] = field(default_factory=list["tuple[Dump, DumpSetting]"])
    scoped: list[tuple[Dump, DumpSetting]] = field(default_factory=list["tuple[Dump, DumpSetting]"])

    def hear(self, dump: Dump, setting: DumpSetting) -> None:
        """Take in what one file says."""
        if setting.scope.startswith(("database:", "role:")):
            self.scoped.append((dump, setting))
        elif setting.scope == INSTANCE:
            (self.running if dump.is_running else self.written).append((dump, setting))

    def settled(self, name: str, catalog: Catalog) -> ObservedSetting | None:
        """Answer the instance's own value with its places; None where only clients are spoken of."""
        if not (self.running or self.written or self.scoped):
            return None
        places = [_origin(dump, setting) for dump, setting in (*self.written, *self.running, *self.scoped)]
        if self.running:
            setting = self.running[-1][1]
            value, pending = _text_of(name, setting, catalog), None
            if setting.running is not None and setting.running != setting.value:
                parameter = catalog.find(name)
                pending = setting.raw
                unit = setting.unit
                value = (
                    text_of(setting.running, unit, parameter, catalog.grammar)
                    if parameter is not None
                    else str(setting.running)
                )
            in_force = len(self.written) + len(self.running) - 1
            return ObservedSetting(value=value, origins=_marked(places, in_force), pending=pending)
        if not self.written:
            return ObservedSetting(value=None, origins=tuple(places))
        value = self.written[-1][1].raw
        return ObservedSetting(value=value, origins=_marked(places, len(self.written) - 1), is_inferred=True)


def _text_of(name: str, setting: DumpSetting, catalog: Catalog) -> str | None:
    """Answer the text of a running value as the server shows it: exporters write it in units of their own."""
    parameter = catalog.find(name)
    if parameter is None or setting.raw is None or setting.value is None:
        return setting.raw
    try:
        value = parameter.read(setting.raw, catalog.grammar)
    except ValueError:
        value = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = amount(value, parameter, catalog.grammar).value
    if value == setting.value or isinstance(value, tuple):
        return setting.raw
    return text_of(setting.value, setting.unit, parameter, catalog.grammar)


def _origin(dump: Dump, setting: DumpSetting) -> Origin:
    kind = _KINDS[setting.source]
    is_file = kind in {OriginKind.FILE, OriginKind.PERSISTED}
    return Origin(
        kind=kind,
        text=setting.raw,
        file=dump.path if is_file and not dump.is_running else "",
        line=setting.line if is_file and not dump.is_running else 0,
        scope="" if setting.scope == INSTANCE else setting.scope.replace(":", " ", 1),
    )


def _marked(places: list[Origin], number: int) -> tuple[Origin, ...]:
    from msgspec.structs import replace

    return tuple(
        replace(place, is_in_force=True) if index == number else place for index, place in enumerate(places)
    )


def _version(name: str, engine: str, dumps: Sequence[Dump], known: str) -> str:
    faults = [
        InputError(
            f"this is a file of {dump.engine or dump.kind}, and {name} is of {engine}", where=dump.path
        )
        for dump in dumps
        if dump.engine != engine
    ]
    told = {dump.version: dump.path for dump in dumps if dump.version and dump.engine == engine}
    families = {get_engine(engine).family(Version.parse(version)) for version in told}
    if len(families) > 1:
        words = ", ".join(f"{path} of {version}" for version, path in told.items())
        faults.append(InputError(f"these files are of different versions: {words}", where=name))
    if faults:
        raise InputErrors(faults)
    if not any(dump.settings for dump in dumps):
        raise InputError("these files hold no setting", where=name, next_step="import a dump of its settings")
    version = max(told, key=lambda text: Version.parse(text).parts, default=known)
    if not version:
        raise InputError("no file tells the version", where=name, next_step="say it with --version")
    return version


def _catalog(engine: str, version: str) -> Catalog:
    """Answer the shipped catalog of a version, else the nearest one."""
    meanings = Meanings(engine)
    own = meanings.shipped(version)
    if own is not None:
        return own
    wanted = Version.parse(version).parts
    older = [each for each in meanings.catalogs if Version.parse(each.version).parts <= wanted]
    return older[0] if older else meanings.catalogs[-1]


def written_at(paths: Iterable[str], latest: datetime) -> datetime:
    """Answer when the newest of these files was written, as far as the file system tells."""
    from datetime import UTC, datetime
    from pathlib import Path

    stamps = [Path(path).stat().st_mtime for path in paths]
    at = datetime.fromtimestamp(max(stamps), UTC) if stamps else latest
    return min(at, latest)
