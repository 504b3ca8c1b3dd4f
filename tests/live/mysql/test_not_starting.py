"""A server that does not start with a new value: what was put back is said, and what is left."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from tests.live.mysql.scene import agent_command, running

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.engines.mysql.file_agent import fragment_entries
from setpoint.engines.mysql.rescue import rescue
from setpoint.errors import ApplyError, NotPermittedError, UnreachableError

NAME, FATAL = "db", {"innodb_page_size": "8192"}
"""Data that was made with pages of another size is not opened."""


@pytest.fixture
def server(mysql_family_each, start_mariadb, start_mysql):
    binaries = mysql_family_each.binaries
    start = start_mariadb if binaries.kind == "mariadb" else start_mysql
    return start(".".join(map(str, binaries.series)))


@pytest.fixture
def setpoint(tmp_path, server):
    instance = Instance(
        engine=server.binaries.kind,
        target=server.dsn,
        restart_command=shlex.join(server.restart_command),
        agent_command=agent_command(server),
    )
    with Setpoint.create(str(tmp_path / "store.db"), actor="ada") as made:
        made.add_instance(NAME, instance, reason="registered")
        yield made


def ask(setpoint, **settings: str):
    setpoint.change_settings(f"instance:{NAME}", settings, reason="wanted")
    plan = setpoint.plan(NAME).plan
    assert not plan.blocked
    return plan


def question_in(said: str) -> str:
    return said[said.index("{") : said.rindex("}") + 1]


def answer_agent(server, question: str) -> None:
    words = shlex.split(agent_command(server))
    subprocess.run(words, input=question, text=True, check=True, stdout=subprocess.DEVNULL)


def test_a_line_in_the_agents_file_is_not_said_to_be_put_back(setpoint, server):
    plan = ask(setpoint, **FATAL)
    with pytest.raises(ApplyError) as caught:
        setpoint.apply(plan, may_restart=True)
    assert (caught.value.state, caught.value.exit_code) == ("mixed", 1)
    assert "innodb_page_size" in caught.value.next_step
    assert "put back innodb_page_size" not in str(caught.value)
    assert fragment_entries(server.fragment_path.read_text()) == FATAL
    with pytest.raises(NotPermittedError, match="nothing was put back") as left:
        rescue(plan, str(server.data_dir))
    answer_agent(server, question_in(left.value.next_step))
    assert fragment_entries(server.fragment_path.read_text()) == {}
    server.start()
    assert running(server, "innodb_page_size") == "16384"


def test_what_was_put_back_is_told_apart_from_what_is_left_to_a_person(setpoint, server):
    if server.binaries.kind == "mariadb":
        pytest.skip("MariaDB keeps nothing itself")
    plan = ask(setpoint, innodb_read_io_threads="8", **FATAL)
    with pytest.raises(UnreachableError) as caught:
        setpoint.apply(plan, may_restart=True)
    said = caught.value.what
    assert caught.value.exit_code == 3
    assert f"put back innodb_read_io_threads in {server.data_dir}/mysqld-auto.cnf; what is left" in said
    assert "innodb_read_io_threads" not in (server.data_dir / "mysqld-auto.cnf").read_text()
    answer_agent(server, question_in(said))
    server.start()
    assert running(server, "innodb_read_io_threads") == "4"
    assert running(server, "innodb_page_size") == "16384"
