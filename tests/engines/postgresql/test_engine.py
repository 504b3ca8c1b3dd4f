"""The engine as the port sees it, and the way back for a server that does not start."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

import setpoint.engines.postgresql as package
from setpoint.catalog import Version
from setpoint.config.budget import compile_claims
from setpoint.engines.plan import Plan, Prior, Step, StepKind
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.registry import get_engine, shipped_catalog, shipped_versions
from setpoint.errors import NotPermittedError

NOBODY = 65534


def test_the_engine_is_found_by_name():
    assert get_engine("postgresql") is ENGINE
    assert ENGINE.name == "postgresql"
    assert ENGINE.family(Version.parse("18.6")) == "18"
    assert shipped_versions(ENGINE) == ("13", "14", "15", "16", "17", "18")
    with pytest.raises(AttributeError, match="nothing"):
        package.__getattr__("nothing")


def test_importing_the_engine_loads_no_database_client():
    code = (
        "import sys; from setpoint.engines.postgresql import ENGINE; ENGINE.claims();"
        "print(*[m for m in ('psycopg', 'asyncio', 'sqlalchemy') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""


@pytest.mark.parametrize("version", ["13", "18"])
def test_claims_are_formulas_over_the_catalog(version):
    assert compile_claims(ENGINE.claims(), shipped_catalog(ENGINE, version))


def test_rules_are_there():
    assert ENGINE.rules()


def plan(*steps):
    return Plan(
        instance="pg",
        engine="postgresql",
        revision="r",
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        fingerprint="f",
        steps=(*steps, Step(kind=StepKind.RELOAD), Step(kind=StepKind.RESTART)),
    )


def step(parameter, persisted, kind=StepKind.SET):
    return Step(kind=kind, parameter=parameter, text="x", prior=Prior(running=None, persisted=persisted))


PLAN = plan(
    step("shared_buffers", None), step("work_mem", "8MB"), step("search_path", ("a b", "c"), StepKind.RESET)
)
BROKEN = "# head\nshared_buffers = '9TB'\nwork_mem = '64MB'\njit = 'off'\n"
MENDED = "# head\nwork_mem = '8MB'\njit = 'off'\nsearch_path = '\"a b\", c'\n"


def test_rescue_puts_the_old_entries_back(tmp_path):
    path = tmp_path / "postgresql.auto.conf"
    path.write_text(BROKEN)
    path.chmod(0o640)
    said = ENGINE.rescue(PLAN, str(tmp_path))
    assert path.read_text() == MENDED
    assert path.stat().st_mode & 0o777 == 0o640
    assert said == f"put back search_path, shared_buffers, work_mem in {path}"
    assert [p.name for p in tmp_path.iterdir()] == ["postgresql.auto.conf"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another owner")
def test_rescue_keeps_the_owner(tmp_path):
    path = tmp_path / "postgresql.auto.conf"
    path.write_text(BROKEN)
    os.chown(path, NOBODY, NOBODY)
    ENGINE.rescue(PLAN, str(tmp_path))
    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)


@pytest.mark.parametrize("place", ["", "/no/such/place"])
def test_rescue_out_of_reach_tells_the_operator(place):
    with pytest.raises(NotPermittedError) as caught:
        ENGINE.rescue(PLAN, place)
    assert "take out shared_buffers" in str(caught.value)
    assert "work_mem = '8MB'" in str(caught.value)
    assert "start the server" in str(caught.value)


def test_rescue_names_the_lines_that_keep_a_server_from_its_file(tmp_path):
    path = tmp_path / "postgresql.auto.conf"
    path.write_text(BROKEN + "jit = 'on\n")
    with pytest.raises(NotPermittedError, match=r"auto\.conf:5:.*mend those lines.*take out shared_buffers"):
        ENGINE.rescue(PLAN, str(tmp_path))
    assert path.read_text() == BROKEN + "jit = 'on\n"


def test_rescue_that_fails_midway_leaves_the_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "postgresql.auto.conf"
    path.write_text(BROKEN)

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(NotPermittedError, match="No space left"):
        ENGINE.rescue(plan(step("work_mem", "8MB")), str(tmp_path))
    assert path.read_text() == BROKEN
    assert [p.name for p in tmp_path.iterdir()] == ["postgresql.auto.conf"]
