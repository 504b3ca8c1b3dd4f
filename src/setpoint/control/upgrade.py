"""The upgrade check: what was last seen of an instance, and what it should be, against a later version."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from setpoint.catalog import (
    Standing,
    Version,
    check_upgrade,
    no_succession,
    read_succession,
)
from setpoint.config.observation import OriginKind
from setpoint.engines.registry import get_engine, shipped_catalog, shipped_versions
from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from setpoint.catalog import Catalog, Succession, Upgrade
    from setpoint.config.observation import Observation, ObservedSetting
    from setpoint.config.resolve import Resolved
    from setpoint.engines.port import Engine

_AT_START = frozenset({OriginKind.FILE, OriginKind.PERSISTED, OriginKind.COMMAND_LINE})
"""Places that a server reads when it starts."""
_LATER = frozenset({OriginKind.GLOBAL, OriginKind.DATABASE, OriginKind.ROLE, OriginKind.ROLE_IN_DATABASE})
"""Places that it keeps and reads for a session."""
_OWN = frozenset({OriginKind.DEFAULT, OriginKind.BUILD, OriginKind.AUTO})


def check(desired: Mapping[str, Resolved], observation: Observation, live: Catalog, version: str) -> Upgrade:
    """Hold an instance against the shipped catalog of a later version.

    Raises `NotFoundError` where none is shipped, `InputError` for a version that is not later than its own.
    """
    engine = get_engine(observation.engine)
    newer = shipped_catalog(engine, version)
    _check_later(engine, observation, version)
    standings = _standings(desired, observation)
    at_default = [
        name
        for name, setting in observation.settings.items()
        if name not in standings and _runs_default(setting)
    ]
    return check_upgrade(standings, at_default, live, newer, succession_of(engine.name))


@cache
def succession_of(engine_name: str) -> Succession:
    """Answer what an engine ships about the names of its parameters, an empty one when it ships nothing."""
    engine = get_engine(engine_name)
    path = engine.data / "succession.yaml"
    if not path.is_file():
        return no_succession(engine_name, engine.grammar)
    return read_succession(path.read_text(encoding="utf-8"), f"{engine_name}/{path.name}", engine.grammar)


def _check_later(engine: Engine, observation: Observation, version: str) -> None:
    shipped = shipped_versions(engine)
    own = engine.family(Version.parse(observation.facts.version))
    wanted = engine.family(Version.parse(version))
    if own in shipped and shipped.index(wanted) <= shipped.index(own):
        later = ", ".join(shipped[shipped.index(own) + 1 :])
        message = f"{observation.instance} runs {observation.facts.version} already"
        next_step = f"later versions are {later}" if later else "no catalog of a later version is shipped"
        raise InputError(message, where=version, next_step=next_step)


def _standings(desired: Mapping[str, Resolved], observation: Observation) -> dict[str, list[Standing]]:
    found: dict[str, list[Standing]] = {}
    for name, setting in observation.settings.items():
        places = list(_places(setting))
        if places:
            found[name] = places
    for name, resolved in desired.items():
        place = f"desired by {resolved.layer}"
        found.setdefault(name, []).append(Standing(place=place, text=resolved.text))
    return found


def _places(setting: ObservedSetting) -> Iterator[Standing]:
    for origin in setting.origins:
        if origin.kind in _AT_START or origin.kind in _LATER:
            yield Standing(place=str(origin), text=origin.text, decides_start=origin.kind in _AT_START)


def _runs_default(setting: ObservedSetting) -> bool:
    origin = setting.in_force
    return origin is not None and origin.kind in _OWN
