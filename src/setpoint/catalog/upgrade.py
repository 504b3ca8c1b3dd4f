"""The upgrade check: what stands for one instance, held against what another version of its engine takes.

It knows option files and servers no better than what it is handed: where a value stands, and which parameters
run their default. It starts no server, so it tells what it could not judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog.comparison import Redefaulted, redefaulted
from setpoint.catalog.parameter import Context
from setpoint.catalog.succession import Fate, Reach
from setpoint.catalog.version import Version
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from setpoint.catalog.catalog import Catalog
    from setpoint.catalog.parameter import Parameter
    from setpoint.catalog.succession import Succession, Successor


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a value stands: ``file my.cnf:12``, ``persisted``, ``instance web``.

    `decides_start` is false where the server reads it later, for some sessions only. The text is None where
    the place names the parameter without a value.
    """

    place: str
    text: str | tuple[str, ...] | None
    decides_start: bool = True


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A value that the new version does not take as it stands, and what to do about it."""

    parameter: str
    place: str
    text: str
    why: str
    next_step: str


class Renaming(msgspec.Struct, frozen=True, kw_only=True):
    """A name that stands somewhere and has a successor; `fate` is what the new version does with the old."""

    parameter: str
    new: str
    place: str
    fate: Fate
    carries_value: bool
    note: str
    source: str


class Restarting(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter that stands somewhere and whose new values will wait for a restart."""

    parameter: str
    old: Context


class Unjudged(msgspec.Struct, frozen=True, kw_only=True):
    """A value that could not be judged, and why."""

    parameter: str
    place: str
    why: str


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """What an upgrade meets.

    `obstacles` would keep the new server from starting; `notices` it takes, but not as they stand.
    `redefaulted` are the defaults that change under an instance which never set them. `evidence` is how the
    new version's catalog is known, `weak` the parameters judged here that are known otherwise, by how.
    """

    engine: str
    old: str
    new: str
    evidence: str
    obstacles: tuple[Trouble, ...]
    notices: tuple[Trouble, ...]
    renamed: tuple[Renaming, ...]
    redefaulted: tuple[Redefaulted, ...]
    restarts: tuple[Restarting, ...]
    unjudged: tuple[Unjudged, ...]
    weak: dict[str, str]

    @property
    def is_free(self) -> bool:
        """Whether nothing is known that would keep the new server from starting."""
        return not self.obstacles


def check_upgrade(
    standings: Mapping[str, Sequence[Standing]],
    at_default: Collection[str],
    older: Catalog,
    newer: Catalog,
    succession: Succession,
) -> Upgrade:
    """Hold what stands, by parameter, and what runs its default against another version's catalog."""
    check = _Check(older, newer, succession)
    for name in sorted(standings):
        for standing in standings[name]:
            check.judge(name, standing)
        check.look_at_context(name)
    changed = [found for name in sorted(at_default) if (found := check.default_of(name)) is not None]
    judged = {*standings, *(each.name for each in changed)}
    return Upgrade(
        engine=newer.engine,
        old=older.version,
        new=newer.version,
        evidence=newer.data.evidence,
        obstacles=tuple(check.obstacles),
        notices=tuple(check.notices),
        renamed=tuple(check.renamed),
        redefaulted=tuple(changed),
        restarts=tuple(check.restarts),
        unjudged=tuple(check.unjudged),
        weak={
            parameter.name: parameter.evidence
            for name in sorted(judged)
            if (parameter := newer.find(name)) is not None and parameter.evidence
        },
    )


@dataclass
class _Check:
    """One check on its way."""

    older: Catalog
    newer: Catalog
    succession: Succession
    obstacles: list[Trouble] = field(default_factory=list[Trouble])
    notices: list[Trouble] = field(default_factory=list[Trouble])
    renamed: list[Renaming] = field(default_factory=list[Renaming])
    restarts: list[Restarting] = field(default_factory=list[Restarting])
    unjudged: list[Unjudged] = field(default_factory=list[Unjudged])

    def judge(self, name: str, standing: Standing) -> None:
        """Judge one value at one place."""
        target, successor = self.newer.find(name), self.succession.find(name)
        if target is not None:
            if successor is not None and successor.new and self.newer.find(successor.new) is not None:
                self._note_renaming(name, standing, successor, Fate.ALIAS)
            self._judge_value(name, target, standing)
        elif self._is_of_a_module(name):
            why = f"it belongs to a module, and the catalog of {self.newer.version} does not list it"
            self.unjudged.append(Unjudged(parameter=name, place=standing.place, why=why))
        else:
            self._judge_missing(name, standing, successor)

    def _judge_missing(self, name: str, standing: Standing, successor: Successor | None) -> None:
        fate = self.succession.fate(name, Version.parse(self.newer.version))
        new = successor.new if successor is not None else ""
        target = self.newer.find(new) if new else None
        if successor is not None and target is not None:
            self._note_renaming(name, standing, successor, fate)
        if fate is Fate.ALIAS and target is not None:
            self._judge_value(name, target, standing)
            return
        why = f"{self.newer.engine} {self.newer.version} does not know it"
        if fate is Fate.IGNORED:
            self._trouble(name, standing, f"{why}, takes it and does nothing", _way(successor), stops=False)
        else:
            self._trouble(name, standing, why, _way(successor))

    def _judge_value(self, name: str, target: Parameter, standing: Standing) -> None:
        if target.context is Context.FIXED:
            source = self.older.find(name)
            if source is not None and source.context is not Context.FIXED:
                why = f"{self.newer.engine} {self.newer.version} does not let it be set any more"
                self._trouble(name, standing, why, "take it out")
            return
        if standing.text is None or (fault := self._fault(target, standing.text)) is None:
            return
        if (source := self.older.find(name)) is not None and self._fault(source, standing.text) is not None:
            why = "the version it runs on takes it although its catalog does not, so nothing can be said"
            self.unjudged.append(Unjudged(parameter=name, place=standing.place, why=why))
            return
        if self._is_clamped(target, standing.text):
            why = f"{fault}, and the nearest bound is taken"
            self._trouble(name, standing, why, f"write {target.expectation()}", stops=False)
        else:
            self._trouble(name, standing, fault, f"write {target.expectation()}")

    def _fault(self, parameter: Parameter, text: str | tuple[str, ...]) -> str | None:
        try:
            parameter.parse(text, self.newer.grammar)
        except InputError as fault:
            return fault.what.removeprefix(f"{parameter.name}: ")
        return None

    def _is_clamped(self, target: Parameter, text: str | tuple[str, ...]) -> bool:
        """Tell whether the text is a number, only beyond the bounds, and the engine makes it fit."""
        if self.succession.data.out_of_range is not Reach.CLAMPED or not target.is_numeric:
            return False
        try:
            target.read(text, self.newer.grammar)
        except ValueError:
            return False
        return True

    def look_at_context(self, name: str) -> None:
        """Note a parameter whose new values did not need a restart and will."""
        source, target = self.older.find(name), self.newer.find(name)
        if source is None or target is None or not target.needs_restart:
            return
        if not source.needs_restart:
            self.restarts.append(Restarting(parameter=name, old=source.context))

    def default_of(self, name: str) -> Redefaulted | None:
        """Answer how the default changes under an instance that runs it."""
        source, target = self.older.find(name), self.newer.find(name)
        if source is None:
            return None
        if target is None:
            successor = self.succession.find(name)
            target = self.newer.find(successor.new) if successor is not None and successor.new else None
            if target is None or successor is None or not successor.entry.carries_value:
                return None
        if Context.FIXED in (source.context, target.context):
            return None
        return redefaulted(source, target, self.older, self.newer)

    def _is_of_a_module(self, name: str) -> bool:
        source = self.older.find(name)
        is_foreign = "." in name if source is None else bool(source.extension)
        return is_foreign or self.succession.is_of_a_module(name)

    def _note_renaming(self, name: str, standing: Standing, successor: Successor, fate: Fate) -> None:
        self.renamed.append(
            Renaming(
                parameter=name,
                new=successor.new,
                place=standing.place,
                fate=fate,
                carries_value=successor.entry.carries_value,
                note=successor.entry.note,
                source=successor.entry.source,
            )
        )

    def _trouble(
        self, name: str, standing: Standing, why: str, next_step: str, *, stops: bool = True
    ) -> None:
        text = ", ".join(standing.text) if isinstance(standing.text, tuple) else standing.text or ""
        place = self.obstacles if stops and standing.decides_start else self.notices
        place.append(Trouble(parameter=name, place=standing.place, text=text, why=why, next_step=next_step))


def _way(successor: Successor | None) -> str:
    """Say what to do about a name that is gone."""
    if successor is None:
        return "take it out"
    if not successor.new:
        return successor.entry.note or "take it out"
    if successor.entry.carries_value:
        return f"write {successor.new} instead"
    return f"write {successor.new} instead: {successor.entry.note}"
