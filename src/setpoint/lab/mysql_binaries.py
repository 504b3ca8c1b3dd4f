"""Where the programs of MariaDB and MySQL lie on this machine, and which of them exist.

Order of discovery: an explicit folder, the project's own cache (filled by ``tools/engines.py``), Debian's
installed programs. Nothing is fetched here and nothing but ``--version`` is run. A tree in the cache brings
its own C library, so its programs are run through the tree's own loader.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from setpoint.errors import LabError
from setpoint.lab.binaries import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind = Literal["mariadb", "mysql"]

_VERSION_TIMEOUT_S = 20
_VERSION = re.compile(r"\bVer (\d+)\.(\d+)\.(\d+)(-MariaDB)?")
_SYSTEM = Path("/usr")
_LOADER = Path("lib/ld-linux-x86-64.so.2")
_PROGRAM_FOLDERS = ("bin", "sbin", "libexec")
_SHARE_FOLDERS = ("share/mariadb", "share/mysql", "share")
_PLUGIN_FOLDERS = ("lib/plugin", "lib/mysql/plugin", "lib64/mysql/plugin")
_SERVERS = ("mariadbd", "mysqld")
# The caller's own connections, option groups and supervisor are none of these programs' business.
_FOREIGN_VARIABLES = ("MYSQL", "MARIADB", "NOTIFY_SOCKET", "LISTEN_")

PRODUCTS: dict[Kind, str] = {"mariadb": "MariaDB", "mysql": "MySQL"}
CLIENTS: dict[Kind, tuple[str, ...]] = {"mariadb": ("mariadb", "mysql"), "mysql": ("mysql", "mariadb")}


@dataclass(frozen=True, slots=True)
class MysqlBinaries:
    """One build of MariaDB or MySQL: the folder everything of it lies in, and its version."""

    kind: Kind
    tree: Path
    version: tuple[int, int, int]

    def __str__(self) -> str:
        """Write product, version and place."""
        return f"{PRODUCTS[self.kind]} {'.'.join(map(str, self.version))} in {self.tree}"

    @property
    def place(self) -> Path:
        """The folder that tells this build from others of its version."""
        return self.tree

    @property
    def series(self) -> tuple[int, int]:
        """The series, such as ``(10, 11)``, within which versions only mend."""
        return self.version[:2]

    @property
    def client(self) -> list[str]:
        """The words that start the command-line client.

        Raises:
            LabError: this build has none.
        """
        return self.program(*CLIENTS[self.kind])

    @property
    def share(self) -> Path:
        """The folder of messages, character sets and, with MariaDB, the statements that make its data."""
        folders = [self.tree / name for name in _SHARE_FOLDERS]
        return next((folder for folder in folders if (folder / "charsets").is_dir()), folders[-1])

    def has_program(self, name: str) -> bool:
        """Say whether a program such as ``my_print_defaults`` is here."""
        return _locate(self.tree, name) is not None

    def program(self, *names: str) -> list[str]:
        """Return the words that start the first of these programs that is here.

        Raises:
            LabError: none of them is.
        """
        found = _locate(self.tree, *names)
        if found is None:
            raise LabError(f"no {' or '.join(names)} here", where=str(self.tree))
        return [*through_loader(self.tree), str(found)]

    def server(self, *options: str) -> list[str]:
        """Return the words that start the server: its first options, then where its tree's files lie."""
        return [*self.program(*_SERVERS), *options, *([] if self.tree == _SYSTEM else self._places())]

    def environment(self) -> dict[str, str]:
        """Return the environment for a program: nothing of the caller's that it would listen to."""
        return clean_environment(self.tree)

    def _places(self) -> Iterator[str]:
        """List the options without which a tree that was moved does not find its own files."""
        yield f"--basedir={self.tree}"
        yield f"--lc-messages-dir={self.share}"
        yield f"--character-sets-dir={self.share / 'charsets'}"
        if plugins := _plugins(self.tree):
            yield f"--plugin-dir={plugins}"


@dataclass(frozen=True, slots=True)
class MysqlDiscovery:
    """What was found, in order of discovery, and the trees that cannot run with the reason of each."""

    found: tuple[MysqlBinaries, ...]
    faults: tuple[tuple[Path, str], ...]

    def newest(self, kind: Kind, series: tuple[int, int] | None = None) -> MysqlBinaries | None:
        """Return the newest build of a product, of one series if asked; of equals the first discovered."""
        candidates = [build for build in self.found if build.kind == kind and series in {None, build.series}]
        return max(candidates, key=lambda build: build.version, default=None)


def through_loader(tree: Path) -> list[str]:
    """Return what a tree's programs are started with: its own loader, if it brings one."""
    loader = tree / _LOADER
    return [str(loader), "--library-path", str(loader.parent)] if loader.is_file() else []


def clean_environment(tree: Path) -> dict[str, str]:
    """Return the environment for a tree's programs, where clients find the plugins of the tree."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_VARIABLES)}
    if tree != _SYSTEM and (plugins := _plugins(tree)):
        variables["MARIADB_PLUGIN_DIR"] = str(plugins)
    return variables


def read_build(tree: Path) -> MysqlBinaries:
    """Run the server in a folder (its own, or the one above ``bin``) for its product and version.

    Raises:
        LabError: there is no server there, or it cannot run.
    """
    root = tree if _locate(tree, *_SERVERS) else tree.parent
    program = _locate(root, *_SERVERS)
    if program is None:
        raise LabError(
            "no mariadbd or mysqld here",
            where=str(tree),
            next_step="name the folder whose bin or sbin holds the server",
        )
    try:
        done = subprocess.run(
            [*through_loader(root), str(program), "--no-defaults", "--version"],
            env=clean_environment(root),
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise LabError(f"{program.name} does not run: {fault}", where=str(root)) from fault
    said = _VERSION.search(done.stdout)
    if done.returncode or not said:
        words = (done.stderr or done.stdout).strip()
        raise LabError(f"{program.name} --version failed: {words}", where=str(root))
    return MysqlBinaries("mariadb" if said[4] else "mysql", root, (int(said[1]), int(said[2]), int(said[3])))


def find_mysql(environ: Mapping[str, str] = os.environ) -> MysqlDiscovery:
    """Look everywhere but in an explicit folder, for MariaDB and MySQL alike."""
    engines = cache_folder(environ) / "engines"
    trees = [tree for kind in PRODUCTS for tree in sorted(engines.glob(f"{kind}-*")) if tree.is_dir()]
    if _locate(_SYSTEM, *_SERVERS):
        trees.append(_SYSTEM)
    found: list[MysqlBinaries] = []
    faults: list[tuple[Path, str]] = []
    for tree in trees:
        try:
            found.append(read_build(tree))
        except LabError as fault:
            faults.append((tree, fault.what))
    return MysqlDiscovery(tuple(found), tuple(faults))


def choose_mysql(
    kind: Kind,
    series: tuple[int, int] | None = None,
    *,
    explicit: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> MysqlBinaries:
    """Return the build to use: the explicit folder, else the newest found of ``series``.

    Raises:
        LabError: the named folder holds no working server of this kind, or none was found; says what was
        wrong with each tree.
    """
    wanted = f"{PRODUCTS[kind]} {series[0]}.{series[1]}" if series else PRODUCTS[kind]
    if explicit is not None:
        chosen = read_build(explicit)
        if chosen.kind != kind or series not in {None, chosen.series}:
            raise LabError(f"{wanted} was asked for, {chosen} is here", where=str(explicit))
        return chosen
    discovery = find_mysql(environ)
    newest = discovery.newest(kind, series)
    if newest is None:
        tried = "; ".join(f"{place}: {reason}" for place, reason in discovery.faults)
        raise LabError(
            f"no {wanted} server programs found" + (f" ({tried})" if tried else ""),
            next_step="install the server's programs, or name the folder that holds them",
        )
    return newest


def _locate(tree: Path, *names: str) -> Path | None:
    """Find the first of some programs in the folders that hold programs."""
    places = (tree / folder / name for name in names for folder in _PROGRAM_FOLDERS)
    return next((place for place in places if place.is_file()), None)


def _plugins(tree: Path) -> Path | None:
    return next((tree / name for name in _PLUGIN_FOLDERS if (tree / name).is_dir()), None)
