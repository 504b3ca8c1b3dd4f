"""The built wheel, alone in a fresh environment, does the main job from a folder that is no checkout."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).parents[3]
EXTRAS = ("cli", "store", "postgresql")


def run(*words: str | Path, folder: Path) -> str:
    environment = {
        key: text for key, text in os.environ.items() if not key.startswith(("SETPOINT", "PYTHON"))
    }
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=environment | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def requirements(found: Distribution, extras: tuple[str, ...] = ()) -> Iterator[Requirement]:
    for line in found.requires or ():
        wanted = Requirement(line)
        environments = [{"extra": extra} for extra in ("", *extras)]
        if wanted.marker is None or any(wanted.marker.evaluate(each) for each in environments):
            yield wanted


def needed() -> dict[str, Distribution]:
    """Answer what the core and the extras need, and what that needs, as it is installed here."""
    found: dict[str, Distribution] = {}
    open_ends = list(requirements(distribution("setpoint"), EXTRAS))
    while open_ends:
        wanted = open_ends.pop()
        if wanted.name not in found:
            found[wanted.name] = distribution(wanted.name)
            open_ends.extend(requirements(found[wanted.name], tuple(wanted.extras)))
    return found


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """Build the wheel, and put it into a fresh environment beside links to what it needs and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=CHECKOUT)
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    programs = folder / "venv" / "bin"
    (wheel,) = folder.glob("setpoint-*.whl")
    run(programs / "python", "-m", "pip", "install", "-q", "--no-index", "--no-deps", wheel, folder=folder)
    packages = next((folder / "venv" / "lib").glob("python*/site-packages"))
    for found in needed().values():
        for top in {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}:
            place = packages / top
            if not place.exists():
                place.symlink_to(Path(str(found.locate_file(top))).resolve())
    return programs


def test_the_wheel_alone_does_the_main_job(programs, postgresql, tmp_path):
    def setpoint(*words: str) -> str:
        return run(programs / "setpoint", *words, "--store", str(tmp_path / "here.db"), folder=tmp_path)

    where = run(programs / "python", "-c", "import setpoint; print(setpoint.__file__)", folder=tmp_path)
    assert Path(where).is_relative_to(programs.parent)
    setpoint("init")
    command = shlex.join(postgresql.restart_command)
    setpoint(
        *("instance", "add", "db", "--engine", "postgresql", "--target", postgresql.dsn),
        *("--restart-command", command, "--template", "oltp@1", "--because", "registered"),
    )
    setpoint("observe", "db")
    setpoint("settings", "db", "work_mem=8MB", "max_connections=77", "--because", "wanted")
    planned = json.loads(setpoint("plan", "db", "--json"))
    assert planned["steps"]
    setpoint("apply", "db", "--yes", "--restart")
    setpoint("verify", "db")
    shown = {each["name"]: each["running"] for each in json.loads(setpoint("settings", "db", "--json"))}
    assert shown["work_mem"] == "8MB"
    setpoint("apply", "db", "--undo", "--yes", "--restart")
    setpoint("audit", "verify")
