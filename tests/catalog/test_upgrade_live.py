"""What the upgrade check says of a real instance, asked of a real server of the later version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faces.conftest import Cli

from setpoint.errors import SetpointError


@dataclass(frozen=True)
class Case:
    """Settings in an option file, and which of them would keep the later server from starting."""

    older: str
    newer: str
    settings: dict[str, object]
    obstacles: set[str]
    notices: set[str]
    renamed: set[str]


CASES = [
    Case(
        "10.5",
        "10.11",
        {"wsrep_strict_ddl": "OFF", "innodb_page_cleaners": 2, "optimizer_prune_level": 1},
        {"wsrep_strict_ddl"},
        {"innodb_page_cleaners"},
        {"wsrep_strict_ddl"},
    ),
    Case(
        "10.11",
        "11.8",
        {"max_tmp_tables": 30, "innodb_defragment": "OFF", "slow_query_log": "ON"},
        {"max_tmp_tables"},
        {"innodb_defragment"},
        {"slow_query_log"},
    ),
]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    made = Cli(tmp_path)
    made.good("init")
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.older}-{case.newer}")
def test_what_is_said_to_be_in_the_way_is_and_nothing_else(cli, start_mariadb, case):
    server = start_mariadb(case.older, conf=case.settings)
    cli.good("instance", "add", "shop", "--engine", "mariadb", "--target", server.dsn)
    agent = " ".join(server.agent_command)
    cli.good("instance", "set", "shop", "--agent-command", agent, "--because", "it reads the files")
    cli.good("observe", "shop")
    document = cli.json("catalog", "upgrade", "shop", case.newer, code=1)
    found = {each["parameter"] for each in document["obstacles"]}
    assert found == case.obstacles
    assert all("my.cnf" in each["place"] for each in document["obstacles"])
    assert {each["parameter"] for each in document["notices"]} == case.notices
    assert {each["parameter"] for each in document["renamed"]} >= case.renamed
    with pytest.raises(SetpointError):
        start_mariadb(case.newer, conf=case.settings)
    kept = {name: text for name, text in case.settings.items() if name not in found}
    start_mariadb(case.newer, conf=kept)
