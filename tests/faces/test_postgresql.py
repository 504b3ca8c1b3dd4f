"""The command line against a real PostgreSQL server: what is set from where, the loop, and a harvest."""

from __future__ import annotations

import json
import shlex

import psycopg
import pytest

from setpoint.engines.registry import get_engine, shipped_catalog

WHY = ("--because", "b")


@pytest.fixture
def pg(cli, postgresql):
    target = ["--target", postgresql.dsn, "--restart-command", shlex.join(postgresql.restart_command)]
    cli.good("instance", "add", "pg", "--engine", "postgresql", *target, "--ram", "4GB")
    return cli


def test_every_place_that_speaks_is_shown_and_no_roles_word_is_taken_for_the_instances(pg, postgresql):
    auto = postgresql.data_dir / "postgresql.auto.conf"
    before = auto.read_text()
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE app")
        connection.execute("ALTER ROLE app SET work_mem = '99MB'")
        connection.execute("ALTER SYSTEM SET work_mem = '7MB'")
        connection.execute("ALTER SYSTEM SET max_connections = 123")
        connection.execute("SELECT pg_reload_conf()")
    pg.good("settings", "pg", "work_mem=5MB", *WHY)
    found = {
        each["name"]: each for each in pg.json("settings", "pg", "work_mem", "max_connections", "--fresh")
    }
    work_mem, connections = found["work_mem"], found["max_connections"]
    assert (work_mem["running"], work_mem["desired"]) == ("7MB", "5MB")
    in_force = [each for each in work_mem["origins"] if each["in_force"]]
    assert [(each["kind"], each["text"]) for each in in_force] == [("persisted", "7MB")]
    assert in_force[0]["file"].endswith("postgresql.auto.conf")
    assert in_force[0]["line"] > 0
    assert [(each["scope"], each["text"]) for each in work_mem["overrides"]] == [("role app", "99MB")]
    assert (connections["running"], connections["pending"]) == ("100", "123")
    text = pg.good("settings", "pg", "work_mem", "--origin")
    assert "for those sessions only" in text
    assert pg("drift", "pg").exit_code == 1
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute("DROP ROLE app")
    auto.write_text(before)
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")


def test_the_loop_ends_where_it_began(pg, postgresql):
    auto = (postgresql.data_dir / "postgresql.auto.conf").read_text()
    pg.good("settings", "pg", "shared_buffers=160MB", "work_mem=6MB", *WHY)
    digest = pg.json("plan", "pg")["hash"]
    applied = pg.json("apply", "pg", "--plan", digest, "--restart")
    assert applied["was_restarted"] is True
    assert {each["class"] for each in applied["parameters"]} == {"in sync"}
    pg.good("verify", "pg")
    pg.good("revert", "HEAD~1", *WHY)
    pg.good("apply", "pg", "--yes", "--restart")
    pg.good("verify", "pg")
    assert (postgresql.data_dir / "postgresql.auto.conf").read_text() == auto
    pg.good("audit", "verify")


def test_a_faulty_line_of_a_file_is_named(pg, postgresql):
    conf = postgresql.data_dir / "postgresql.conf"
    before = conf.read_text()
    conf.write_text(f"{before}work_mem = lots\n")
    try:
        (judged,) = pg.json("drift", "pg")
        assert [each["line"] for each in judged["file_faults"]] == [len(before.splitlines()) + 1]
        assert "postgresql.conf:" in pg.good("observe", "pg")
    finally:
        conf.write_text(before)


def test_a_harvest_is_the_shipped_catalog(cli, postgresql):
    listing = str(postgresql.binaries.tool("postgres"))
    harvest = ["catalog", "harvest", "postgresql", "--target", postgresql.dsn, "--describe-config", listing]
    document = json.loads(cli.good(*harvest))
    shipped = shipped_catalog(get_engine("postgresql"), document["version"])
    assert document["version"].split(".")[0] == shipped.version.split(".")[0]
    core = {each["name"] for each in document["parameters"] if not each.get("extension")}
    assert core == {each.name for each in shipped.core}
