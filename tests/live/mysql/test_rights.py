"""What a login may change and read, as the plan tells it before, and as the servers have it."""

from __future__ import annotations

import pymysql
import pytest
from tests.live.mysql.scene import by_hand, running

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.engines.mysql.dialect.contexts import FILE_ONLY, FIXED, PERSIST_ONLY

pytestmark = pytest.mark.live
NAME = "db"
DENIED = {1227, 3202, 3630}
RIGHTS = {
    "mariadb": (
        "SUPER",
        "CONNECTION ADMIN",
        "BINLOG ADMIN",
        "READ_ONLY ADMIN",
        "REPLICATION MASTER ADMIN",
        "REPLICATION SLAVE ADMIN",
        "SUPER, FILE",
        "ALL PRIVILEGES",
    ),
    "mysql": (
        "SUPER",
        "SYSTEM_VARIABLES_ADMIN",
        "PERSIST_RO_VARIABLES_ADMIN",
        "SYSTEM_VARIABLES_ADMIN, PERSIST_RO_VARIABLES_ADMIN",
        "SYSTEM_VARIABLES_ADMIN, ROLE_ADMIN, CONNECTION_ADMIN, FILE",
        "ALL PRIVILEGES",
    ),
}

SPLIT = {
    "max_connections": "CONNECTION ADMIN",
    "sync_binlog": "BINLOG ADMIN",
    "slave_net_timeout": "REPLICATION SLAVE ADMIN",
    "read_only": "READ_ONLY ADMIN",
}


@pytest.fixture
def server(mysql_family_each):
    return mysql_family_each


@pytest.fixture
def login(server):
    """Makes a login with those rights and no other."""

    def made(rights: str) -> str:
        by_hand(
            server, "DROP USER IF EXISTS l@'%'", "CREATE USER l@'%'", *([f"GRANT {rights} ON *.* TO l@'%'"])
        )
        return "l"

    yield made
    by_hand(server, "DROP USER IF EXISTS l@'%'")


@pytest.fixture
def looked(tmp_path, server):
    """Makes a store in which the server is reached by that login."""
    made = Setpoint.create(str(tmp_path / "store.db"), actor="ada")
    with made:

        def by(user: str) -> Setpoint:
            instance = Instance(engine=server.binaries.kind, target=server.dsn_for(user=user))
            if NAME in made.configuration().instances:
                made.change_instance(NAME, instance, reason="another login")
            else:
                made.add_instance(NAME, instance, reason="registered")
            return made

        yield by


def granted_in_truth(server, user: str, parameters) -> set[str]:
    """Set each variable to what it is, as that login, and answer those that are not denied."""
    allowed = set()
    connection = pymysql.connect(host="127.0.0.1", port=server.port, user=user, autocommit=True)
    with connection, connection.cursor() as cursor:
        for parameter in parameters:
            name = ".".join(f"`{part}`" for part in parameter.name.split("."))
            how = "PERSIST_ONLY" if parameter.engine_context == PERSIST_ONLY else "GLOBAL"
            try:
                cursor.execute(f"SET {how} {name} = @@GLOBAL.{name}")
            except pymysql.Error as fault:
                if fault.args[0] in DENIED:
                    continue
            allowed.add(parameter.name)
    if server.binaries.kind == "mysql":
        by_hand(server, "RESET PERSIST")
    return allowed


def test_what_a_login_may_change_is_what_the_server_lets_it_set_variable_by_variable(server, login, looked):
    for rights in RIGHTS[server.binaries.kind]:
        user = login(rights)
        observation, catalog = looked(user).observe(NAME)
        offered = [p for p in catalog.parameters if p.engine_context not in (FIXED, FILE_ONLY)]
        told = {p.name for p in offered} if observation.alterable is None else set(observation.alterable)
        assert told == granted_in_truth(server, user, offered), rights


def test_a_plan_refuses_what_super_does_not_stand_for_before_anything_is_written(server, login, looked):
    if server.binaries.kind != "mariadb":
        pytest.skip("MySQL's SUPER lets set all that runs")
    wanted = {
        "max_connections": "171",
        "sync_binlog": "7",
        "slave_net_timeout": "50",
        "read_only": "ON",
        "innodb_io_capacity": "300",
    }
    guarded = {"read_only"} if server.binaries.series >= (10, 11) else set()
    guarded |= (
        {"max_connections", "sync_binlog", "slave_net_timeout"} if server.binaries.series >= (11,) else set()
    )
    setpoint = looked(login("SUPER"))
    setpoint.change_settings(f"instance:{NAME}", wanted, reason="wanted")
    plan = setpoint.plan(NAME).plan
    assert {each.parameter: each.next_step for each in plan.blocked} == {
        name: f"grant {SPLIT[name]}, or let somebody do it who has that" for name in guarded
    }
    before = {name: running(server, name) for name in guarded}
    setpoint.apply(plan)
    assert running(server, "innodb_io_capacity") == "300"
    assert {name: running(server, name) for name in guarded} == before
    setpoint.undo(NAME)


def rights_told(observation) -> list[str]:
    """Answer the rights that an observation asks for, as it spells them."""
    told = [said.partition("(grant ")[2] for said in observation.unseen]
    return [right.removesuffix(")") for right in told if right]


def test_what_is_not_seen_is_told_with_the_right_that_opens_it_on_that_server(server, login, looked):
    user = login("USAGE")
    is_mariadb = server.binaries.kind == "mariadb"
    replication = "SELECT on performance_schema.*"
    if is_mariadb:
        replication = "SLAVE MONITOR on *.*" if server.binaries.series >= (11, 6) else ""
    observation, _ = looked(user).observe(NAME)
    assert observation.facts.data_bytes is None
    opens = ["PROCESS", *([replication.removesuffix(" on *.*")] if replication else [])]
    assert rights_told(observation) == opens
    by_hand(server, f"GRANT PROCESS ON *.* TO {user}@'%'")
    observation, _ = looked(user).observe(NAME)
    assert observation.facts.data_bytes
    assert rights_told(observation) == opens[1:]
    if replication:
        by_hand(server, f"GRANT {replication} TO {user}@'%'")
    observation, _ = looked(user).observe(NAME)
    assert rights_told(observation) == []
    assert observation.facts.data_bytes
