"""`run` and `worker`: workers in the foreground, alone and under a supervisor, and what is shown of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import count

import pytest

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.control.worker.health import Health
from setpoint.control.worker.supervisor import GRACE_SECONDS

_NUMBERS = count(1)


def until(condition, seconds=40.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return bool(condition())


@pytest.fixture
def fleet(cli):
    for name in ("web", "shop"):
        cli.add(name)
    return cli


def test_once_looks_at_everything_and_ends(fleet):
    fleet.change_server("shop", is_up=False)
    document = fleet.json("run", "--once")
    work = {(each["kind"], each["name"], each["outcome"]): each["count"] for each in document["work"]}
    assert work["task", "observe", "done"] == 2
    assert document["faults"] == {}
    found = {each["instance"]: each for each in fleet.json("worker", "list", "--instances")["instances"]}
    assert found["web"]["seen_at"] is not None
    assert found["web"]["unreachable_since"] is None
    assert found["shop"]["seen_at"] is None
    assert found["shop"]["failures"] == 1
    assert "never seen, unreachable since" in fleet.good("worker", "list", "--instances")
    listed = {each["instance"]: each for each in fleet.json("instance", "list")}
    assert listed["shop"]["unreachable_since"] is not None
    assert "unreachable since" in fleet.good("instance", "list")
    fleet.change_server("web", is_up=False)
    fleet.json("run", "--once")
    assert "unreachable since" in fleet("drift", "web", "--last").stdout


def test_once_acts_as_the_mode_says(fleet):
    fleet.good("instance", "set", "web", "--mode", "enforce", "--because", "agreed")
    fleet.good("settings", "web", "sort_memory=8MB", "--because", "wanted")
    fleet.good("run", "--once")
    fleet.good("verify", "web")
    assert "enforce" in fleet.good("instance", "list")
    assert fleet.json("instance", "show", "web")["mode"] == "enforce"


def test_it_runs_for_a_time_and_writes_metrics(fleet, tmp_path):
    place = tmp_path / "metrics.prom"
    words = ("run", "--for", "2s", "--interval", "1s", "--metrics-file", str(place))
    document = fleet.json(*words)
    assert document["seconds"] >= 2
    assert "setpoint_worker_lag_seconds{" in place.read_text()
    assert fleet.good("worker", "list").startswith("no worker is known")


def test_it_ends_in_good_order_when_told_to(fleet):
    process = fleet.start("run", "--interval", "1s")
    assert until(lambda: fleet.json("worker", "list"))
    (state,) = fleet.json("worker", "list")
    assert not state["is_silent"]
    assert "alive" in fleet.good("worker", "list")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"ended in good order" in out
    assert fleet.json("worker", "list") == []


def test_who_was_killed_is_shown_as_silent(fleet):
    with Setpoint.open(fleet.store) as setpoint:
        store, now = setpoint._context.store, setpoint.now()
        health = Health(now)
        state = health.state(now.replace(year=now.year - 1), 0.0, {"observe": 3})
        store.workers.beat(state)
    assert "silent since" in fleet.good("worker", "list")
    (found,) = fleet.json("worker", "list")
    assert found["is_silent"]
    assert found["queue_depth"] == {"observe": 3}


def test_a_store_that_is_not_there_is_not_waited_for(tmp_path, cli):
    result = cli("run", "--store", str(tmp_path / "none.db"))
    assert result.exit_code == 3
    assert "there is no store" in result.stderr


@pytest.fixture
def shared(cli, postgresql):
    """Give a fleet in a store on PostgreSQL, and the environment that names it."""
    import psycopg

    name = f"run_{next(_NUMBERS)}"
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        info = connection.info
        where = f"postgresql://{info.user}@/{name}?host={info.host}&port={info.port}"
    with Setpoint.create(where, actor="tester") as setpoint:
        for number in range(12):
            instance = Instance(engine="simulated", target=f"file:{cli.folder}/s{number}.json")
            setpoint.add_instance(f"s{number}", instance, reason="registered")
    return where


def start(where, *words):
    return subprocess.Popen(
        [sys.executable, "-c", "from setpoint.faces.cli import main; main()", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SETPOINT_STORE": where, "SETPOINT_ACTOR": "tester"},
    )


def test_several_processes_share_a_fleet_and_a_killed_one_is_started_again(shared):
    pytest.importorskip("procrastinate")
    process = start(shared, "run", "--workers", "2", "--interval", "2s", "--json")
    try:
        with Setpoint.open(shared, actor="tester") as setpoint:
            assert until(lambda: len(setpoint.workers.all()) == 2)
            assert until(lambda: len([s for s in setpoint.workers.sights().values() if s.seen_at]) == 12)
            victim, other = setpoint.workers.all()
            os.kill(victim.pid, signal.SIGKILL)
            known = {victim.id, other.id}
            assert until(lambda: {state.id for state in setpoint.workers.all()} - known)
            killed_at = setpoint.now()
            assert until(lambda: all(s.seen_at > killed_at for s in setpoint.workers.sights().values()))
            _assert_looked_once_a_place(setpoint, 2.0)
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert json.loads(out)["starts"] == 3
    assert b"ended with -9" in err


def _assert_looked_once_a_place(setpoint, interval):
    """No instance was looked at twice within one interval, whoever looked."""
    for name in setpoint.configuration().instances:
        times = [seen.at for seen in setpoint._context.store.snapshots.history(name)]
        places = [at.timestamp() for at in times]
        assert len({round(at, 1) for at in places}) == len(places), (name, interval)


def test_a_supervisor_that_is_killed_takes_its_workers_along(shared):
    pytest.importorskip("procrastinate")
    process = start(shared, "run", "--workers", "2", "--interval", "2s")
    with Setpoint.open(shared, actor="tester") as setpoint:
        assert until(lambda: len(setpoint.workers.all()) == 2)
        process.kill()
        _, err = process.communicate(timeout=GRACE_SECONDS + 60)
        assert b"did not end" not in err, err
        assert until(lambda: setpoint.workers.all() == ())


def test_a_store_that_is_away_is_waited_for(tmp_path):
    process = start(f"postgresql://nobody@/x?host={tmp_path}", "run", "--for", "3s", "--alone", "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert b"trying again" in err
    assert json.loads(out)["worker"] == ""
