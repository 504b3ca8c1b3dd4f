"""Programs: the servers' own programs on this machine, to be asked about configuration files."""

from __future__ import annotations

import os
import shutil
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.catalog import Version
from setpoint.engines.registry import get_engine
from setpoint.engines.validation import Program
from setpoint.errors import LabError
from setpoint.lab.binaries import PostgresBinaries, find_binaries, read_version
from setpoint.lab.mysql_binaries import PRODUCTS, find_mysql, read_build
from setpoint.lab.privileges import choose_privileges, give_away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from setpoint.lab.mysql_binaries import MysqlBinaries
    from setpoint.lab.privileges import Privileges


def choose(engine: str, version: str | None) -> Program | None:
    """Answer the program to ask: of the version's own family, else the next later one, else the newest.

    None where this machine has no server of that engine that could be run.
    """
    return nearest(programs(engine), engine, version)


def nearest(found: Sequence[Program], engine: str, version: str | None) -> Program | None:
    """Answer that of some programs."""
    ordered = sorted(found, key=lambda program: program.version, reverse=True)
    own = [each for each in ordered if is_of_family(each, engine, version)]
    later = [each for each in ordered if version and each.version >= Version.parse(version).parts]
    return next(iter([*own, *later[-1:], *ordered]), None)


def is_of_family(program: Program, engine: str, version: str | None) -> bool:
    """Tell whether a program takes what that version takes."""
    if version is None:
        return False
    family, own = get_engine(engine).family, ".".join(map(str, program.version))
    return family(Version.parse(version)) == family(Version.parse(own))


def programs(engine: str) -> tuple[Program, ...]:
    """Answer the programs of an engine that are on this machine and run."""
    return tuple(program for of, program in everything() if of == engine)


@cache
def everything() -> tuple[tuple[str, Program], ...]:
    """Answer all programs of this machine with their engines. Others cannot be asked about a file."""
    try:
        privileges = choose_privileges()
    except LabError:
        return ()
    return (*_of_postgresql(privileges), *_of_mysql_family(privileges))


def _of_postgresql(privileges: Privileges) -> Iterator[tuple[str, Program]]:
    found = list(find_binaries().found)
    found += [PostgresBinaries(place, read_version(place)) for place in _on_path("postgres")]
    for build in found:
        before = (*privileges.prefix, str(build.bindir / "postgres"))
        yield (
            "postgresql",
            Program(
                name=f"PostgreSQL {'.'.join(map(str, build.version))}",
                version=build.version,
                words=partial(_behind, before),
                environment=_libraries(build.environment()),
                share=_share(privileges),
            ),
        )


def _of_mysql_family(privileges: Privileges) -> Iterator[tuple[str, Program]]:
    found = list(find_mysql().found)
    found += map(read_build, _on_path("mariadbd", "mysqld"))
    for build in found:
        yield (
            build.kind,
            Program(
                name=f"{PRODUCTS[build.kind]} {'.'.join(map(str, build.version))}",
                version=build.version,
                words=partial(_server_words, privileges.prefix, build),
                environment=_libraries(build.environment()),
                share=_share(privileges),
            ),
        )


def _on_path(*names: str) -> list[Path]:
    """Answer the folders in which the search path has a program."""
    places = [Path(place).resolve().parent for name in names if (place := shutil.which(name))]
    return list(dict.fromkeys(places))


def _behind(before: Sequence[str], arguments: Sequence[str]) -> Sequence[str]:
    return [*before, *arguments]


def _server_words(before: Sequence[str], build: MysqlBinaries, arguments: Sequence[str]) -> Sequence[str]:
    return [*before, *build.server(*arguments)]


def _libraries(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Answer what of an environment a program cannot do without: where its tree's libraries lie."""
    own = environment.get("LD_LIBRARY_PATH", "")
    return {"LD_LIBRARY_PATH": own} if own and own != os.environ.get("LD_LIBRARY_PATH") else {}


def _share(privileges: Privileges) -> Callable[[Path], None] | None:
    owner = privileges.owner
    return None if owner is None else partial(_give, owner)


def _give(owner: tuple[int, int], folder: Path) -> None:
    give_away(folder, owner)
