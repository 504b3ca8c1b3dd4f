"""Words that a server shows in its own case, whatever case they were given in."""

from __future__ import annotations

import pymysql
import pytest
from tests.live.mysql.scene import by_hand, running

from setpoint import Setpoint
from setpoint.catalog import Kind
from setpoint.config.configuration import Instance
from setpoint.config.drift import DriftClass
from setpoint.engines.mysql.dialect.contexts import DYNAMIC, NOT_KEPT

pytestmark = pytest.mark.live
NAME = "db"
WORDS = {
    "collation_server": "LATIN1_BIN",
    "character_set_filesystem": "LATIN1",
    "default_storage_engine": "memory",
    "lc_messages": "DE_de",
    "lc_time_names": "de_de",
    "innodb_default_row_format": "COMPACT",
}


@pytest.fixture
def server(mysql_family_each):
    return mysql_family_each


@pytest.fixture
def setpoint(tmp_path, server):
    with Setpoint.create(str(tmp_path / "store.db"), actor="ada") as made:
        instance = Instance(engine=server.binaries.kind, target=server.dsn_for(user="root"))
        made.add_instance(NAME, instance, reason="registered")
        yield made


@pytest.mark.parametrize("name", WORDS)
def test_a_word_in_another_case_is_applied_once_and_taken_back(setpoint, server, name):
    before = running(server, name)
    setpoint.change_settings(f"instance:{NAME}", {name: WORDS[name]}, reason="wanted")
    setpoint.apply(setpoint.plan(NAME).plan)
    now = running(server, name)
    assert now != WORDS[name]
    assert now.lower() == WORDS[name].lower()
    (drift,) = setpoint.drift(NAME)[1]
    assert drift.drift_class is DriftClass.IN_SYNC
    assert setpoint.plan(NAME).plan.is_empty
    setpoint.undo(NAME)
    assert running(server, name) == before


def swapped(cursor, name: str, value: str) -> str | None:
    """Set a variable to its value in the other case; answer what runs then, None where it is refused."""
    try:
        cursor.execute(f"SET GLOBAL {name} = %s", (value.swapcase(),))
    except pymysql.Error:
        return None
    cursor.execute(f"SELECT @@GLOBAL.{name}")
    taken = str(cursor.fetchone()[0])
    cursor.execute(f"SET GLOBAL {name} = %s", (value,))
    return taken


def test_exactly_the_texts_whose_case_the_server_makes_its_own_are_compared_without_it(setpoint, server):
    observation, catalog = setpoint.observe(NAME)
    connection = pymysql.connect(host="127.0.0.1", port=server.port, user="root", autocommit=True)
    tried = 0
    with connection, connection.cursor() as cursor:
        for parameter in catalog.parameters:
            value = observation.settings[parameter.name].value or ""
            is_text = parameter.kind is Kind.STRING or (parameter.kind is Kind.ENUM and not parameter.values)
            is_set = parameter.engine_context in (DYNAMIC, NOT_KEPT) and value.swapcase() != value
            taken = swapped(cursor, parameter.name, value) if is_text and is_set else None
            if taken is not None:
                tried += 1
                assert parameter.folds_case == (taken == value), (parameter.name, value, taken)
    assert tried > len(WORDS)


CLEARED = {
    "default_tmp_storage_engine": "NULL",
    "enforce_storage_engine": "NULL",
    "gtid_pos_auto_engines": "''",
}


@pytest.mark.parametrize("name", CLEARED)
def test_a_variable_that_names_no_engine_yet_takes_one_in_any_case(setpoint, server, name):
    if server.binaries.kind != "mariadb":
        pytest.skip("MySQL has no such variable, or one that names an engine from the start")
    by_hand(server, f"SET GLOBAL {name} = 'innodb'")
    setpoint.change_settings(f"instance:{NAME}", {name: "INNODB"}, reason="wanted")
    assert running(server, name) == "InnoDB"
    (drift,) = setpoint.drift(NAME)[1]
    assert drift.drift_class is DriftClass.IN_SYNC
    assert setpoint.plan(NAME).plan.is_empty
    by_hand(server, f"SET GLOBAL {name} = {CLEARED[name]}")


def test_a_word_that_a_start_gave_in_another_case_is_as_desired(tmp_path, start_mysql):
    given = {"innodb_flush_method": "o_direct", "myisam_recover_options": "backup,Force"}
    server = start_mysql(conf="[mysqld]\n" + "\n".join(f"{name} = {text}" for name, text in given.items()))
    with Setpoint.create(str(tmp_path / "store.db"), actor="ada") as made:
        made.add_instance(NAME, Instance(engine="mysql", target=server.dsn), reason="registered")
        made.change_settings(f"instance:{NAME}", given, reason="wanted")
        assert {drift.drift_class for drift in made.drift(NAME)[1]} == {DriftClass.IN_SYNC}
        assert running(server, "innodb_flush_method") == "O_DIRECT"
