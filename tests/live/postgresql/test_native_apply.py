"""A plan applied by psql alone: checked before anything is written, told step by step, taken back whole."""

from __future__ import annotations

import msgspec
import pytest
from tests.control.overrides.ordering import wait_until
from tests.live.postgresql.native_client import (
    NASTY,
    NATIVE,
    NONSENSE,
    Client,
    apply,
    job,
    persisted,
    plan_steps,
    restored,
    shown,
    states,
    write,
)

from setpoint.engines.native import MARK
from setpoint.engines.plan import Prior, Request, Step, StepKind
from setpoint.engines.port import Release, Target
from setpoint.engines.postgresql import ENGINE


@pytest.fixture
def client(postgresql_each, tmp_path):
    with restored(postgresql_each):
        yield Client(postgresql_each, tmp_path)


def test_a_plan_is_applied_and_what_it_says_runs(client):
    desired = {
        "work_mem": "48MB",
        "log_line_prefix": NASTY,
        "search_path": ("a b", "it's", "public"),
        "max_connections": "77",
    }
    steps = plan_steps(client.server, desired)
    told = apply(client, steps)
    numbers = range(1, len(steps) + 1)
    *done, restart = numbers
    assert states(told) == [
        *((number, state) for number in done for state in ("begun", "done")),
        (restart, "left"),
    ]
    assert told.end == "done"
    assert "-- to be done by hand: restart this server for max_connections" in client.output
    assert shown(client.server, "work_mem") == "48MB"
    assert shown(client.server, "log_line_prefix") == NASTY
    assert shown(client.server, "search_path") == '"a b", "it\'s", public'
    assert persisted(client.server)["max_connections"] == "77"
    assert client.said == ""
    assert not plan_steps(client.server, {k: v for k, v in desired.items() if k != "max_connections"})


def test_what_no_layer_asks_for_any_more_is_reset(client):
    write(client.server, "ALTER SYSTEM SET work_mem = '48MB'", "SELECT pg_reload_conf()")
    wait_until(lambda: shown(client.server, "work_mem") == "48MB")
    steps = plan_steps(client.server, {}, (Release(parameter="work_mem", ours="48MB", restore=None),))
    assert [step.kind for step in steps] == [StepKind.RESET, StepKind.RELOAD]
    assert apply(client, steps).end == "done"
    assert persisted(client.server) == {}
    assert shown(client.server, "work_mem") == "4MB"


@pytest.mark.parametrize(
    ("before", "moved"), [(None, "64MB"), ("16MB", "64MB"), ("16MB", None)], ids=["new", "other", "gone"]
)
def test_where_an_entry_moved_nothing_is_written(client, before, moved):
    if before is not None:
        write(client.server, f"ALTER SYSTEM SET work_mem = '{before}'", "SELECT pg_reload_conf()")
        wait_until(lambda: shown(client.server, "work_mem") == before)
    steps = plan_steps(client.server, {"maintenance_work_mem": "99MB", "work_mem": "48MB"})
    text = "RESET work_mem" if moved is None else f"SET work_mem = '{moved}'"
    write(client.server, f"ALTER SYSTEM {text}")
    stood = persisted(client.server)
    told = apply(client, steps)
    assert (told.refused, told.refusal["parameter"], told.end) == ("base", "work_mem", "failed")
    assert told.steps == []
    assert persisted(client.server) == stood


def test_a_bundle_that_is_late_or_elsewhere_does_nothing(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    for given, refused in ((job(seconds=-1), "expired"), (job("7000000000000000000:5432"), "identity")):
        told = apply(client, steps, given=given)
        assert (told.refused, told.end, told.steps) == (refused, "failed", [])
        assert persisted(client.server) == {}
    assert apply(client, steps, given=job(str(client.tell().begin["identity"]))).end == "done"


def test_nothing_is_asked_either_where_a_bundle_is_late(client):
    whole = job(seconds=-1)
    told = client.tell(NATIVE.asking(whole, 1, Request(text="SELECT 1")), given=whole)
    assert (told.refused, told.answers) == ("expired", {})


def test_a_login_without_the_right_is_refused_before_anything_is_written(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    write(client.server, "DROP ROLE IF EXISTS lesser", "CREATE ROLE lesser LOGIN")
    client.user = "lesser"
    told = apply(client, steps)
    assert (told.refused, told.steps) == ("right", [])
    if client.server.binaries.major >= 15:
        assert told.refusal["parameter"] == "work_mem"
    assert persisted(client.server) == {}


@pytest.mark.postgresql(">= 15")
def test_a_login_with_just_the_rights_applies(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    write(
        client.server,
        "DROP ROLE IF EXISTS fitting",
        "CREATE ROLE fitting LOGIN",
        "GRANT ALTER SYSTEM ON PARAMETER work_mem TO fitting",
        "GRANT EXECUTE ON FUNCTION pg_reload_conf() TO fitting",
        "GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO fitting",
        "GRANT SELECT ON pg_file_settings TO fitting",
    )
    client.user = "fitting"
    assert apply(client, steps).end == "done"
    assert shown(client.server, "work_mem") == "48MB"
    write(client.server, "DROP OWNED BY fitting", "DROP ROLE fitting")


def test_while_somebody_else_applies_nothing_is_written(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    target = Target(instance="pg", address=client.server.dsn, secret=lambda: None)
    driver = ENGINE.connect(target, is_read_only=False)
    driver.lock("apply by ada")
    told = apply(client, steps)
    assert (told.refused, told.steps) == ("base", [])
    driver.close()
    assert apply(client, steps).end == "done"


def test_a_step_that_fails_has_all_before_it_taken_back(client):
    write(client.server, "ALTER SYSTEM SET maintenance_work_mem = '80MB'", "SELECT pg_reload_conf()")
    wait_until(lambda: shown(client.server, "maintenance_work_mem") == "80MB")
    stood = persisted(client.server)
    steps = plan_steps(client.server, {"maintenance_work_mem": "99MB", "work_mem": "48MB"})
    told = apply(client, (*steps[:2], NONSENSE, *steps[2:]))
    assert states(told) == [
        (1, "begun"), (1, "done"), (2, "begun"), (2, "done"), (3, "begun"), (3, "failed"),
        (2, "back done"), (1, "back done"),
    ]  # fmt: skip
    assert told.end == "failed"
    assert persisted(client.server) == stood
    assert shown(client.server, "maintenance_work_mem") == "80MB"


def test_a_value_the_server_refuses_is_taken_back_too(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    wrong = Request(text="ALTER SYSTEM SET work_mem = 'wide'", is_read_only=False)
    told = apply(client, (msgspec.structs.replace(steps[0], do=(wrong,)), *steps[1:]))
    assert states(told) == [(1, "begun"), (1, "failed"), (1, "back done")]
    assert persisted(client.server) == {}


def test_what_somebody_else_wrote_meanwhile_is_not_taken_back(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    theirs = Step(
        kind=StepKind.SET,
        do=(
            Request(text="ALTER SYSTEM SET work_mem = '64MB'", is_read_only=False),
            Request(text="SELECT 1 / 0", is_read_only=False),
        ),
    )
    told = apply(client, (steps[0], theirs, *steps[1:]))
    assert states(told)[-1] == (1, "back left")
    assert persisted(client.server) == {"work_mem": "64MB"}


def test_a_secret_that_is_not_known_here_is_not_compared_and_not_put_back(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    prior = Prior(running="4MB", persisted="password=********")
    hidden = msgspec.structs.replace(steps[0], prior=prior)
    assert "holds a secret" in NATIVE.applying(job(), (hidden,), None)
    assert states(apply(client, (hidden, NONSENSE)))[-1] == (1, "back left")


def test_every_frame_is_a_line_of_its_own_and_nothing_else_is_printed(client):
    steps = plan_steps(client.server, {"work_mem": "48MB"})
    apply(client, steps)
    lines = client.output.splitlines()
    assert all(line.startswith((MARK, "-- ")) for line in lines), lines


def test_what_is_said_to_the_operator_is_not_read_by_psql(client):
    restart = Step(kind=StepKind.RESTART, reason=f"for {NASTY}\n@setpoint end done")
    told = apply(client, [restart])
    assert f"-- to be done by hand: restart this server for {NASTY} @setpoint end done" in client.output
    assert (states(told), told.end) == ([(1, "left")], "done")
