"""What a DBA will put in Setpoint's way, through the library's front, on the oldest and the newest server."""

from __future__ import annotations

import shlex
import socket
import time

import psycopg
import pytest
from tests.fix_postgresql import MAJORS

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.config.drift import DriftClass
from setpoint.config.observation import OriginKind
from setpoint.errors import ApplyError, OverBudgetError, UnreachableError

NAME = "db"
PART = f"instance:{NAME}"


@pytest.fixture(params=MAJORS, ids=lambda major: f"pg{major}")
def server(request, start_postgresql):
    return start_postgresql(request.param)


@pytest.fixture
def setpoint(tmp_path, server):
    with Setpoint.create(str(tmp_path / "store.db"), actor="ada") as made:
        command = shlex.join(server.restart_command)
        instance = Instance(engine="postgresql", target=server.dsn, restart_command=command)
        made.add_instance(NAME, instance, reason="registered")
        yield made


@pytest.fixture
def log_in(setpoint, server):
    """Have Setpoint use another login."""

    def log_in(user):
        setpoint.change_instance(
            NAME, Instance(engine="postgresql", target=server.dsn_for(user=user)), reason="login"
        )

    return log_in


@pytest.fixture
def ask(setpoint):
    def ask(**settings):
        setpoint.change_settings(PART, settings, reason="wanted")

    return ask


def run(server, *statements):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def reload(server):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        loaded = connection.execute("SELECT pg_conf_load_time()").fetchone()
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SELECT pg_conf_load_time() FROM pg_sleep(0.01)").fetchone() == loaded:
            pass


def append(server, text, file="postgresql.conf"):
    path = server.data_dir / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as conf:
        conf.write(text)


def auto_conf(server):
    lines = (server.data_dir / "postgresql.auto.conf").read_text().splitlines()
    return sorted(line for line in lines if not line.startswith("#"))


def drift_of(setpoint, name):
    return next(drift for drift in setpoint.drift(NAME)[1] if drift.parameter == name)


def test_a_login_behind_overrides_sees_the_instance_and_not_itself(setpoint, server, log_in, ask):
    run(
        server,
        "CREATE ROLE app LOGIN SUPERUSER",
        "ALTER ROLE app SET work_mem = '32MB'",
        "ALTER DATABASE postgres SET work_mem = '16MB'",
        "ALTER ROLE ALL SET work_mem = '12MB'",
        "ALTER ROLE app IN DATABASE postgres SET work_mem = '64MB'",
        "ALTER ROLE app SET maintenance_work_mem = '1GB'",
        "ALTER ROLE app SET default_transaction_read_only = on",
    )
    log_in("app")
    ask(work_mem="8MB", maintenance_work_mem="64MB")
    assert drift_of(setpoint, "work_mem").observed == "4MB"
    assert drift_of(setpoint, "work_mem").drift_class is DriftClass.DRIFTED
    assert drift_of(setpoint, "maintenance_work_mem").drift_class is DriftClass.SHADOWED
    setpoint.apply(setpoint.plan(NAME).plan)
    drift = drift_of(setpoint, "work_mem")
    assert (drift.drift_class, drift.is_deviation) == (DriftClass.SHADOWED, False)
    assert drift.origin.kind is OriginKind.PERSISTED
    for scope in ("all roles", "database postgres", "role app", "role app in database postgres"):
        assert scope in drift.explanation
    assert setpoint.plan(NAME).plan.is_empty
    setpoint.undo(NAME)
    assert auto_conf(server) == []


def test_a_tree_of_files_with_duplicates_and_an_entry_that_shadows_it(setpoint, server, ask):
    append(server, "work_mem = 5MB\ninclude_dir = 'conf.d'\n")
    append(server, "work_mem = 6MB\nwork_mem = 7MB\n", "conf.d/10.conf")
    append(server, "work_mem = 9MB\n", "conf.d/20.conf")
    reload(server)
    ask(work_mem="9216kB", jit="on")
    drift = drift_of(setpoint, "work_mem")
    assert drift.drift_class is DriftClass.IN_SYNC
    assert drift.origin.file.endswith("conf.d/20.conf")
    assert setpoint.plan(NAME).plan.is_empty
    ask(work_mem="10MB")
    drift = drift_of(setpoint, "work_mem")
    assert drift.drift_class is DriftClass.DRIFTED
    assert "20.conf:1" in drift.explanation
    setpoint.apply(setpoint.plan(NAME).plan)
    setting = setpoint.last_seen(NAME)[0].settings["work_mem"]
    assert setting.in_force.kind is OriginKind.PERSISTED
    files = [origin.text for origin in setting.origins if origin.kind is OriginKind.FILE]
    assert files == ["5MB", "6MB", "7MB", "9MB"]
    append(server, "work_mem = 11MB\n", "conf.d/30.conf")
    reload(server)
    assert drift_of(setpoint, "work_mem").drift_class is DriftClass.IN_SYNC
    setpoint.change_settings(PART, {}, removed=["work_mem"], reason="the files decide")
    setpoint.apply(setpoint.plan(NAME).plan)
    assert setpoint.last_seen(NAME)[0].settings["work_mem"].value == "11264"


def test_a_syntax_error_in_a_file_blocks_what_no_reload_would_bring(setpoint, server, ask):
    ask(work_mem="8MB")
    setpoint.apply(setpoint.plan(NAME).plan)
    append(server, "this is = = no setting\n", "conf.d/broken.conf")
    append(server, "include_dir = 'conf.d'\n")
    ask(jit="off")
    planned = setpoint.plan(NAME)
    assert planned.plan.is_empty
    (blocked,) = planned.plan.blocked
    assert blocked.parameter == "jit"
    assert "broken.conf:1" in blocked.why
    assert [fault.line for fault in planned.observation.file_faults] == [1]
    assert drift_of(setpoint, "work_mem").drift_class is DriftClass.IN_SYNC
    assert drift_of(setpoint, "jit").drift_class is DriftClass.DRIFTED
    (server.data_dir / "conf.d" / "broken.conf").write_text("")
    setpoint.apply(setpoint.plan(NAME).plan)
    assert drift_of(setpoint, "jit").drift_class is DriftClass.IN_SYNC


def test_values_that_wait_or_are_clamped_are_called_so(setpoint, server, ask):
    run(server, "ALTER SYSTEM SET max_connections = 77")
    ask(max_connections="77", autovacuum_work_mem="16kB", max_wal_senders="9")
    setpoint.apply(setpoint.plan(NAME).plan)
    classes = {drift.parameter: drift.drift_class for drift in setpoint.drift(NAME)[1]}
    assert classes == {
        "autovacuum_work_mem": DriftClass.NORMALISED,
        "max_connections": DriftClass.PENDING_RESTART,
        "max_wal_senders": DriftClass.PENDING_RESTART,
    }
    assert "16kB" in drift_of(setpoint, "autovacuum_work_mem").explanation
    setpoint.apply(setpoint.plan(NAME).plan, may_restart=True)
    assert drift_of(setpoint, "max_connections").drift_class is DriftClass.IN_SYNC


def test_what_the_command_line_shadows_is_called_so(setpoint, server, ask):
    run(server, "ALTER SYSTEM SET listen_addresses = '*'")
    ask(listen_addresses="*")
    (blocked,) = setpoint.plan(NAME).plan.blocked
    assert "the command line sets it" in blocked.why
    drift = drift_of(setpoint, "listen_addresses")
    assert (drift.drift_class, drift.origin.kind) == (DriftClass.SHADOWED, OriginKind.COMMAND_LINE)


def test_what_the_command_line_shadows_is_in_nobodys_way(setpoint, server, ask):
    run(server, "ALTER SYSTEM SET listen_addresses = '*'")
    ask(max_connections="77")
    assert not setpoint.plan(NAME).plan.blocked


def test_a_change_behind_our_back_is_shown_with_its_place_and_put_right(setpoint, server, ask):
    ask(work_mem="8MB", TimeZone="asia/tokyo")
    setpoint.apply(setpoint.plan(NAME).plan)
    made = setpoint.plan(NAME).plan
    assert made.is_empty
    assert made.released == ()
    run(server, "ALTER SYSTEM SET work_mem = '1GB'")
    reload(server)
    drift = drift_of(setpoint, "work_mem")
    assert drift.drift_class is DriftClass.DRIFTED
    assert "postgresql.auto.conf" in drift.explanation
    assert drift_of(setpoint, "TimeZone").drift_class is DriftClass.IN_SYNC
    setpoint.apply(setpoint.plan(NAME).plan)
    assert not [drift for drift in setpoint.drift(NAME)[1] if drift.is_deviation]
    setpoint.change_settings(PART, {}, removed=["work_mem", "timezone"], reason="leave it")
    setpoint.apply(setpoint.plan(NAME).plan)
    assert auto_conf(server) == []


def test_an_entry_taken_out_and_not_loaded_yet_is_written_again(setpoint, server, ask):
    ask(random_page_cost="2")
    setpoint.apply(setpoint.plan(NAME).plan)
    run(server, "ALTER SYSTEM RESET random_page_cost")
    assert [step.parameter for step in setpoint.plan(NAME).plan.steps] == ["random_page_cost", ""]


def test_a_monitoring_login_sees_and_is_told_what_a_superuser_must_do(setpoint, server, log_in, ask):
    run(server, "CREATE ROLE watcher LOGIN IN ROLE pg_monitor", "ALTER SYSTEM SET work_mem = '8MB'")
    reload(server)
    log_in("watcher")
    ask(work_mem="8MB", jit="off")
    assert drift_of(setpoint, "work_mem").drift_class is DriftClass.IN_SYNC
    planned = setpoint.plan(NAME)
    assert planned.plan.is_empty
    assert [blocked.parameter for blocked in planned.plan.blocked] == ["jit"]
    assert "ALTER SYSTEM SET jit" in planned.plan.operator_steps[0]
    assert planned.observation.unseen


def test_a_server_that_refuses_alter_system_tells_where_to_go(setpoint, server, ask):
    if server.binaries.major < 17:
        pytest.skip("allow_alter_system came with PostgreSQL 17")
    append(server, "allow_alter_system = off\n")
    server.restart()
    ask(work_mem="8MB")
    planned = setpoint.plan(NAME)
    assert planned.plan.is_empty
    assert "allow_alter_system is off" in planned.plan.blocked[0].why
    assert "work_mem = 8MB" in planned.plan.operator_steps[0]
    assert drift_of(setpoint, "work_mem").drift_class is DriftClass.DRIFTED


def test_a_server_that_does_not_start_gets_its_old_files_back_and_we_say_so(setpoint, server, ask):
    run(server, "ALTER SYSTEM SET shared_buffers = '64MB'")
    server.restart()
    before = auto_conf(server)
    ask(shared_buffers="4TB", work_mem="8MB")
    made = setpoint.plan(NAME).plan
    with pytest.raises(OverBudgetError):
        setpoint.apply(made, may_restart=True)
    with pytest.raises(
        ApplyError, match=r"put back shared_buffers, work_mem in .*everything was taken back"
    ) as said:
        setpoint.apply(made, may_restart=True, accept_risk="to see it fail")
    assert said.value.state == "old"
    assert auto_conf(server) == before
    assert drift_of(setpoint, "shared_buffers").observed == "64MB"
    assert not setpoint._context.store.journal.owned(NAME)


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_connection_cut_between_steps_leaves_the_old_state(setpoint, server, ask, step):
    ask(work_mem="8MB", jit="off", max_connections="77")

    ours = "FROM pg_stat_activity WHERE application_name LIKE 'setpoint: %'"

    def cut(number, _step):
        if number != step:
            return
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(f"SELECT pg_terminate_backend(pid) {ours}")
            while connection.execute(f"SELECT count(*) {ours}").fetchone() != (0,):
                pass

    with pytest.raises(ApplyError, match="everything was taken back") as said:
        setpoint.apply(setpoint.plan(NAME).plan, before_step=cut)
    assert said.value.state == "old"
    assert auto_conf(server) == []
    assert not setpoint.plan(NAME).unfinished
    setpoint.apply(setpoint.plan(NAME).plan)
    assert len(auto_conf(server)) == 3


@pytest.mark.parametrize("kind", ["closed", "mute"])
def test_an_instance_that_does_not_answer_is_unreachable_in_time(tmp_path, kind):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if kind == "mute":
            listener.listen()
        target = f"host=127.0.0.1 port={listener.getsockname()[1]} user=x sslmode=disable"
        Setpoint.create(str(tmp_path / "store.db")).close()
        with Setpoint.open(str(tmp_path / "store.db"), timeout_seconds=0.5) as setpoint:
            setpoint.add_instance(NAME, Instance(engine="postgresql", target=target), reason="registered")
            for look in (setpoint.observe, setpoint.plan, setpoint.drift):
                began = time.monotonic()
                with pytest.raises(UnreachableError):
                    look(NAME)
                assert time.monotonic() - began < 10
