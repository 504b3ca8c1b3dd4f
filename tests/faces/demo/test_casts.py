from __future__ import annotations

from types import SimpleNamespace

import pytest

from setpoint.engines.registry import get_engine, shipped_catalog, shipped_classes, template_texts
from setpoint.errors import InputError, LabError
from setpoint.faces.demo import mariadb, postgresql
from setpoint.faces.demo.casts import DEFAULT, MODULES, choose_cast
from setpoint.faces.demo.play import engine_option
from setpoint.faces.demo.stage import Options
from setpoint.lab.mysql_binaries import MysqlBinaries, MysqlDiscovery
from setpoint.lab.sysbench import SysbenchBinary
from setpoint.policy.document import read_policy
from setpoint.policy.verdict import Outcome

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


def catalog_of(engine):
    family = {"postgresql": str(postgresql.MAJOR), "mariadb": ".".join(map(str, mariadb.SERIES))}[engine]
    return shipped_catalog(get_engine(engine), family)


def test_every_engine_has_a_script_of_its_own_name():
    assert list(SCRIPTS) == list(MODULES)
    assert DEFAULT == "postgresql"


@pytest.mark.parametrize("engine", MODULES)
def test_every_parameter_of_a_script_is_one_of_the_engine(engine):
    script, catalog = SCRIPTS[engine], catalog_of(engine)
    names = {script.pool, script.meddling.parameter, script.careful.parameter, *script.emergency.asked}
    assert [name for name in names if catalog.find(name) is None] == []


@pytest.mark.parametrize("engine", MODULES)
def test_what_is_asked_in_an_emergency_means_what_the_server_is_to_tell(engine):
    emergency, catalog = SCRIPTS[engine].emergency, catalog_of(engine)
    assert emergency.asked.keys() == emergency.runs.keys()
    for name, asked in emergency.asked.items():
        assert catalog.is_same(name, asked, emergency.runs[name])


@pytest.mark.parametrize("engine", MODULES)
def test_what_somebody_sets_is_managed_by_the_template_for_such_a_load(engine):
    meddling = SCRIPTS[engine].meddling
    assert meddling.parameter in dict(template_texts(get_engine(engine)))["oltp.yaml"]
    assert any(meddling.parameter in statement for statement in meddling.statements)
    assert meddling.parameter in meddling.shown


@pytest.mark.parametrize("engine", MODULES)
def test_the_policy_asks_before_the_careful_change(engine):
    careful = SCRIPTS[engine].careful
    policy = read_policy(careful.document(), careful.policy)
    assert policy.name == careful.policy
    rule = next(lock for lock in policy.locks if lock.id == careful.rule)
    classes = shipped_classes(get_engine(engine), catalog_of(engine))[careful.parameter]
    assert set(classes) & set(rule.classes)
    assert rule.outcome is Outcome.ASK


@pytest.mark.parametrize("engine", MODULES)
def test_each_script_counts_three_figures_and_reads_first(engine):
    counters = SCRIPTS[engine].counters
    assert [figure.key for figure in counters][:2] == ["blocks_read", "wal_bytes"]
    assert len(counters) == 3
    assert all(SCRIPTS[engine].source.counts(figure.key) for figure in counters)


@pytest.mark.parametrize("engine", MODULES)
def test_twice_the_data_and_the_log_need_room(engine):
    small, large = (Options(scale=scale).disk_bytes(SCRIPTS[engine]) for scale in (10, 20))
    assert large - small == 20 * SCRIPTS[engine].scale_bytes
    assert small > 20 * SCRIPTS[engine].scale_bytes


def test_an_engine_without_a_cast_is_named_with_those_that_have_one():
    with pytest.raises(InputError, match="postgresql, mariadb"):
        choose_cast("oracle")


def test_the_default_engine_needs_no_option():
    assert engine_option(DEFAULT) == ""
    assert engine_option("mariadb") == "--engine mariadb "


def test_postgresql_without_programs_cannot_be_played(monkeypatch):
    def choose(major):
        raise LabError(f"no PostgreSQL {major}", next_step="pip install 'setpoint[demo]'")

    monkeypatch.setattr(postgresql, "choose_binaries", choose)
    with pytest.raises(LabError, match="demo") as caught:
        choose_cast("postgresql")
    assert caught.value.exit_code == 3


def test_mariadb_is_played_with_the_series_it_was_written_for(machine, tmp_path):
    machine.builds = (*machine.builds, build(tmp_path, (11, 8, 2)))
    assert choose_cast("mariadb").version == (10, 11, 8)


def test_mariadb_is_played_with_the_newest_where_that_series_is_absent(machine, tmp_path):
    machine.builds = (build(tmp_path, (10, 6, 1)), build(tmp_path, (11, 8, 2)))
    assert choose_cast("mariadb").version == (11, 8, 2)


@pytest.mark.parametrize("absent", ["server", "client", "sysbench"])
def test_without_mariadb_it_says_what_to_run(machine, tmp_path, absent):
    if absent == "sysbench":
        machine.sysbench = None
    else:
        machine.builds = () if absent == "server" else (build(tmp_path, (10, 11, 9), has_client=False),)
    with pytest.raises(LabError) as caught:
        choose_cast("mariadb")
    assert caught.value.exit_code == 3
    assert "fetch mariadb-10.11 sysbench" in caught.value.next_step
    assert "apt install mariadb-server-core" in caught.value.next_step


def test_an_option_file_without_entries_keeps_nothing(machine, tmp_path):
    player = choose_cast("mariadb").launch(tmp_path / "data", scale=10)
    assert player.kept() == b""
    player.keeps_in.parent.mkdir(parents=True)
    player.keeps_in.write_text("# Written by Setpoint\n[mysqld]\n")
    assert player.kept() == b""


def test_a_twin_keeps_what_its_model_kept(machine, tmp_path):
    cast = choose_cast("mariadb")
    first, second = (cast.launch(tmp_path / name, scale=10) for name in ("data", "twin"))
    first.keeps_in.parent.mkdir(parents=True)
    first.keeps_in.write_text("# Written by Setpoint\n[mysqld]\nmax_connections = 20\n")
    second.put_kept(first.kept())
    assert second.kept() == first.kept() == b"max_connections = 20\n"
    assert second.keeps_in.read_text().startswith("[mysqld]\n")
    assert second.keeps_in != first.keeps_in
