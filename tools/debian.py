"""Debian's packages, unpacked aside with package lists of our own, as any user; nothing is installed.

A *tree* is a server (or a load generator) with everything it needs down to the C library and its loader, so
that it runs whatever the system is: ``bin``, ``lib`` (with ``ld-linux-x86-64.so.2`` and ``plugin``) and
``share``. The mirror and the proxies are those of the system's own apt; apt itself checks the signatures.
"""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fetching import ENGINES, Absent, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SOURCES = Path("/etc/apt")
KEYRINGS = Path("/usr/share/keyrings")
LOADER = "ld-linux-x86-64.so.2"
# Names that stand for whatever release has the status just now.
MOVING_NAMES = frozenset({"stable", "oldstable", "oldoldstable", "testing", "unstable", "experimental"})
MULTIARCH = f"{platform.machine()}-linux-gnu"
VERSION = re.compile(r"\b(\d+)\.(\d+)\.(\d+)")
# Loaded by name at run time, so no program lists them.
LOADED_BY_NAME = re.compile(r"lib(nss_\w+|gcc_s)\.so")


# ------------------------------------------------------------------------------------------------ packages


@contextmanager
def debian_files(packages: set[str]) -> Iterator[Path]:
    """Unpack packages of the system's own release."""
    with _private_apt() as (folder, apt):
        (folder / "debs").mkdir()
        run([*apt, "update"], folder)
        run([*apt, "download", *sorted(packages)], folder / "debs")
        yield _unpack(folder / "debs", folder / "unpacked")


@contextmanager
def closure_files(archives: Iterable[tuple[str, str]], packages: Iterable[str]) -> Iterator[Path]:
    """Unpack packages with all they depend on, from archives given as address and suite.

    The list of what is installed is empty here, so the C library comes along.
    """
    with _private_apt() as (folder, apt):
        keyring = next(KEYRINGS.glob("debian-archive-keyring.[gp]*"), None)
        signed_by = f"[signed-by={keyring}] " if keyring else ""  # else what apt itself trusts
        lines = [f"deb {signed_by}{address} {suite} main\n" for address, suite in archives]
        (folder / "sources.list").write_text("".join(lines), encoding="utf-8")
        (folder / "status").touch()
        options = [
            f"Dir::Etc::sourcelist={folder / 'sources.list'}",
            "Dir::Etc::sourceparts=-",
            f"Dir::State::status={folder / 'status'}",
            f"Dir::State::extended_states={folder / 'extended_states'}",
            "Acquire::Languages=none",
            "APT::Architectures::=amd64",
        ]
        private = [*apt, *_as_options(options)]
        run([*private, "update"], folder)
        run([*private, "--yes", "--no-install-recommends", "--download-only", "install", *packages], folder)
        yield _unpack(folder / "cache" / "archives", folder / "unpacked")


@contextmanager
def _private_apt() -> Iterator[tuple[Path, list[str]]]:
    """Make a folder for apt's lists and archives, and the command that uses it."""
    if shutil.which("apt-get") is None:
        raise Absent("there is no apt-get to ask for Debian's packages")
    with tempfile.TemporaryDirectory(dir=ENGINES, prefix=".apt-") as name:
        folder = Path(name)
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True)
        options = [
            f"Dir::State::lists={folder / 'lists'}",
            f"Dir::Cache={folder / 'cache'}",
            "APT::Sandbox::User=root",
        ]
        yield folder, ["apt-get", "-qq", *_as_options(options)]


def _as_options(settings: Iterable[str]) -> list[str]:
    return [word for setting in settings for word in ("-o", setting)]


def _unpack(packages: Path, into: Path) -> Path:
    into.mkdir()
    for package in sorted(packages.glob("*.deb")):
        run(["dpkg", "-x", str(package), str(into)], into)
    return into


# ------------------------------------------------------------------------------------------------ mirrors


def locate_archives(suites: Iterable[str], sources: Path = SOURCES) -> list[tuple[str, str]]:
    """Return address and suite of each suite wanted, on the mirror that the system's own apt uses.

    A suite for whose kind (the archive proper, security) no mirror is named is left out.
    """
    named = list(_read_sources(sources))
    archives: list[tuple[str, str]] = []
    for suite in suites:
        is_security = suite.endswith("-security")
        for address, known in named:
            if _is_debian(known) and _is_security(known) == is_security:
                archives.append((address, suite))
                break
    if not archives:
        raise Absent("the sources of the system's apt name no mirror of Debian")
    return archives


def _read_sources(folder: Path) -> Iterator[tuple[str, str]]:
    """List address and suite of every source, in both formats of apt."""
    for file in sorted((folder / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text(encoding="utf-8", errors="replace")):
            fields = dict(re.findall(r"^(\S+):[ \t]*(.*)$", stanza, re.MULTILINE))
            for suite in fields.get("Suites", "").split():
                yield from ((address, suite) for address in fields.get("URIs", "").split())
    for file in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]:
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            yield from re.findall(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)", text, re.MULTILINE)


def _is_debian(suite: str) -> bool:
    """Say whether a suite is one of Debian's: a codename of the keyring's archives, or a moving name."""
    release = re.split(r"[-/]", suite)[0]
    codenames = {path.name.split("-")[2] for path in KEYRINGS.glob("debian-archive-*-automatic.*")}
    return release in codenames | MOVING_NAMES | {"sid"}


def _is_security(suite: str) -> bool:
    return suite.endswith(("-security", "/updates"))


# ------------------------------------------------------------------------------------------------ trees


def fetch_tree(name: str, pin: dict[str, Any]) -> str:
    """Return where the tree of an engine such as ``mariadb-10.11`` lies, after making it if need be."""
    product, _, series = name.partition("-")
    program = pin["programs"][0]
    for tree in sorted(ENGINES.glob(f"{product}-{series}.*" if series else f"{product}-*.*")):
        is_whole = all((tree / "lib" / "plugin" / plugin).is_file() for plugin in pin.get("plugins", ()))
        if is_whole and run_inside(tree, program, "--version", is_needed=False):
            return f"{tree} (was there)"
    archives = locate_archives(pin["suites"])
    with (
        closure_files(archives, pin["packages"]) as files,
        tempfile.TemporaryDirectory(dir=ENGINES, prefix=".fetch-") as scratch,
    ):
        fresh = Path(scratch) / "tree"
        lay_out(files, fresh, pin["programs"])
        said = VERSION.search(run_inside(fresh, program, "--version"))
        if said is None:
            raise Absent(f"{program} tells no version")
        if series and not said[0].startswith(f"{series}."):
            raise Absent(f"the suites {', '.join(pin['suites'])} hold {product} {said[0]} now")
        tree = ENGINES / f"{product}-{said[0]}"
        if tree.exists():  # it was there, and did not run
            shutil.rmtree(tree)
        fresh.rename(tree)
    return str(tree)


def lay_out(files: Path, tree: Path, programs: Iterable[str]) -> None:
    """Move what is needed of unpacked packages into a tree: programs, their libraries and their data."""
    for part in ("bin", "lib", "share"):
        (tree / part).mkdir(parents=True)
    for name in programs:
        found = next((path for path in files.glob(f"usr/*bin/{name}") if path.is_file()), None)
        if found is None:
            raise Absent(f"the packages hold no {name}")
        shutil.copy2(found, tree / "bin" / name)
    folders = [files / part / MULTIARCH for part in ("lib", "usr/lib")]
    for library in (path for folder in folders for path in folder.glob("*.so*") if path.is_file()):
        shutil.copy2(library, tree / "lib" / library.name)
    for plugins in (
        *files.glob("usr/lib/mysql/plugin"),
        *files.glob(f"usr/lib/{MULTIARCH}/libmariadb3/plugin"),
    ):
        plugins.rename(tree / "lib" / "plugin")
    for provider in files.glob("usr/lib/galera/*.so"):
        shutil.copy2(provider, tree / "lib" / "plugin" / provider.name)
    for data in (
        path for name in ("mysql", "mariadb", "sysbench") for path in files.glob(f"usr/share/{name}")
    ):
        data.rename(tree / "share" / data.name)
    _remove_unused_libraries(tree)


def run_inside(tree: Path, program: str, *arguments: str, is_needed: bool = True) -> str:
    """Run a program of a tree through the tree's own loader; one that is not needed may fail to run."""
    command = [str(tree / "lib" / LOADER), "--library-path", str(tree / "lib")]
    try:
        return run([*command, str(tree / "bin" / program), *arguments], tree)
    except Absent:
        if is_needed:
            raise
        return ""


def _remove_unused_libraries(tree: Path) -> None:
    """Remove the libraries that neither a program nor a plugin of the tree is linked with."""
    library_folder = tree / "lib"
    loader = [str(library_folder / LOADER), "--library-path", str(library_folder), "--list"]
    used = {LOADER}
    for file in (*(tree / "bin").iterdir(), *library_folder.glob("plugin/*.so")):
        listing = run([*loader, str(file)], tree)
        if missing := re.findall(r"^\s*(\S+) => not found", listing, re.MULTILINE):
            raise Absent(f"the packages lack {', '.join(missing)}, which {file.name} needs")
        used |= {Path(path).name for path in re.findall(r"=> (\S+) \(", listing)}
    for library in library_folder.glob("*.so*"):
        if library.name not in used and not LOADED_BY_NAME.match(library.name):
            library.unlink()
