"""Somebody else's engine, in a package of its own: everything works through the entry point alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
WHY = ("--because", "to see whether it works")


@dataclass(frozen=True)
class Site:
    """A folder of installed packages, and a place to work in."""

    packages: Path
    work: Path

    def run(self, *words: str, code: int = 0) -> str:
        """Run a program with the packages installed; answer what it wrote."""
        paths = os.pathsep.join([str(self.packages), str(SOURCE)])
        settings = {"PYTHONPATH": paths, "SETPOINT_STORE": str(self.work / "s.db"), "SETPOINT_ACTOR": "tess"}
        ended = subprocess.run(
            [sys.executable, *words],
            cwd=self.work,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    def setpoint(self, *words: str, code: int = 0):
        """Run a verb; answer its document."""
        return json.loads(
            self.run("-c", "from setpoint.faces.cli import main; main()", *words, "--json", code=code)
        )


@pytest.fixture
def site(tmp_path) -> Site:
    """Install the abacus: a package, and the metadata that names its entry point."""
    made = Site(tmp_path / "site", tmp_path / "work")
    made.work.mkdir()
    shutil.copytree(HERE / "abacus", made.packages / "abacus", ignore=shutil.ignore_patterns("__pycache__"))
    metadata = made.packages / "setpoint_abacus-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: setpoint-abacus\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[setpoint.engines]\nabacus = abacus:ENGINE\n")
    return made


@pytest.fixture
def desk(site) -> Site:
    """Register one abacus and look at it."""
    place = site.work / "desk.json"
    site.setpoint("init")
    restart = f"{sys.executable} -m abacus restart {place}"
    words = ("--engine", "abacus", "--target", str(place), "--restart-command", restart)
    site.setpoint("instance", "add", "desk", *words)
    site.setpoint("observe", "desk")
    return site


def test_its_catalogs_are_listed_shown_and_compared(site):
    listed = [each["family"] for each in site.setpoint("catalog", "list") if each["engine"] == "abacus"]
    assert listed == ["1", "2"]
    (beads,) = site.setpoint("catalog", "show", "abacus", "1", "beads")
    assert (beads["default"], beads["evidence"]) == (10, "written by its maker")
    diff = site.setpoint("catalog", "diff", "abacus", "1", "2")
    assert [(each["old"], each["new"]) for each in diff["renamed"]] == [("is_polished", "is_shiny")]
    assert [(each["name"], each["new"]) for each in diff["redefaulted"]] == [("beads", "12")]
    assert diff["words"] == [{"name": "wood", "gone": ["elm"], "come": []}]


def test_it_is_planned_applied_verified_and_taken_back(desk):
    desk.setpoint("settings", "desk", "beads=20", "rods=12", *WHY)
    assert {each["parameter"] for each in desk.setpoint("plan", "desk")["steps"]} >= {"beads", "rods"}
    desk.setpoint("apply", "desk", "--yes", "--restart")
    desk.setpoint("verify", "desk")
    kept = json.loads((desk.work / "desk.json").read_text())
    assert kept["running"]["rods"] == "12"
    assert kept["starts"] == 1
    desk.setpoint("apply", "desk", "--undo", "--yes", "--restart")
    assert json.loads((desk.work / "desk.json").read_text())["entries"] == {}


def test_it_is_overridden_and_brought_back(desk):
    started = desk.setpoint("override", "start", "desk", "beads=50", "--for", "10m", *WHY)
    assert json.loads((desk.work / "desk.json").read_text())["running"]["beads"] == "50"
    desk.setpoint("override", "end", started["instances"][0]["override"]["id"])
    kept = json.loads((desk.work / "desk.json").read_text())
    assert (kept["running"]["beads"], kept["entries"]) == ("10", {})


def test_an_upgrade_of_it_is_checked(desk):
    assert desk.setpoint("catalog", "upgrade", "desk", "2")["is_free"] is True
    desk.setpoint("settings", "desk", "wood=elm", "is_polished=yes", *WHY)
    found = desk.setpoint("catalog", "upgrade", "desk", "2", code=1)
    assert {each["parameter"] for each in found["obstacles"]} == {"wood", "is_polished"}


def test_the_conformance_suite_is_run_on_it(site):
    suite = site.work / "test_abacus.py"
    shutil.copy(HERE / "abacus" / "conformance.py", suite)
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(site.work))
    assert " passed" in site.run(*words, str(suite))
