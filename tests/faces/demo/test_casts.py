from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from setpoint.config.budget import typed_values
from setpoint.engines.registry import engine_named
from setpoint.errors import InputError, LabError
from setpoint.faces.demo import mariadb, postgresql
from setpoint.faces.demo.casts import DEFAULT, MODULES, choose_cast
from setpoint.faces.demo.play import engine_option
from setpoint.lab.mysql_binaries import MysqlBinaries, MysqlDiscovery
from setpoint.lab.sysbench import SysbenchBinary
from setpoint.policy.document import read_policy

SCRIPTS = {module.SCRIPT.engine: module.SCRIPT for module in (postgresql, mariadb)}


def build(tmp_path, version=(10, 11, 8), *, has_client=True) -> MysqlBinaries:
    tree = tmp_path / ".".join(map(str, version))
    (tree / "bin").mkdir(parents=True)
    for name in ("mariadbd", *(["mariadb"] if has_client else [])):
        (tree / "bin" / name).touch()
    return MysqlBinaries("mariadb", tree, version)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine on which MariaDB 10.11 and sysbench are found; a test may take them away."""
    here = SimpleNamespace(builds=(build(tmp_path),), sysbench=SysbenchBinary(tmp_path))
    monkeypatch.setattr(mariadb, "find_mysql", lambda: MysqlDiscovery(tuple(here.builds), ()))
    monkeypatch.setattr(mariadb, "find_sysbench", lambda: here.sysbench)
    return here
