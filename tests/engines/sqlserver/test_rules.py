"""The rules, on the server of these tests: when they speak, and when they do not."""

from __future__ import annotations

import pytest
from tests.engines.sqlserver.stage import look, meddle

from setpoint.config.budget import compile_claims
from setpoint.engines.sqlserver import ENGINE
from setpoint.recommend import Evidence, advise


def advice_on(server):
    observation, catalog = look(server)
    claims = compile_claims(ENGINE.claims(), catalog)
    return advise(ENGINE.rules(), Evidence(observation, catalog, observation.facts, claims))


def proposals(server):
    return {each.parameter: each.proposed for each in advice_on(server).recommendations}


def test_a_server_without_a_memory_limit_is_given_one(server):
    assert proposals(server)["max_server_memory_mb"] == "12GB"
    meddle(server, "max_server_memory_mb", "12288")
    assert "max_server_memory_mb" not in proposals(server)


def test_nothing_is_proposed_where_the_memory_is_not_known(server):
    server.add_login("sa", frozenset({"ALTER SETTINGS"}))
    advice = advice_on(server)
    assert "max_server_memory_mb" not in {each.parameter for each in advice.recommendations}


@pytest.mark.parametrize("name", ["priority_boost", "lightweight_pooling"])
def test_scheduling_that_is_not_supported_is_turned_off(server, name):
    assert name not in proposals(server)
    meddle(server, name, "1")
    server.estate.restart()
    assert proposals(server)[name] == "0"


def test_backups_without_checksums_are_told(server):
    assert proposals(server)["backup_checksum_default"] == "1"
    meddle(server, "backup_checksum_default", "1")
    assert "backup_checksum_default" not in proposals(server)


def test_a_shell_within_reach_is_told(server):
    assert not any(finding.code == "MS004" for finding in advice_on(server).findings)
    meddle(server, "xp_cmdshell", "1")
    [finding] = [each for each in advice_on(server).findings if each.code == "MS004"]
    assert "xp_cmdshell is on" in finding.text


def test_parallelism_is_bounded_on_large_hosts_only(server):
    meddle(server, "max_degree_of_parallelism", "0")
    assert "max_degree_of_parallelism" not in proposals(server)
    server.estate.cpus = 32
    assert proposals(server)["max_degree_of_parallelism"] == "8"


def test_a_limit_that_leaves_no_room_is_told(server):
    meddle(server, "max_server_memory_mb", "16000")
    assert any(finding.code == "MS006" for finding in advice_on(server).findings)


def test_every_rule_says_what_it_looks_at():
    codes = [rule.code for rule in ENGINE.rules()]
    assert codes == sorted(set(codes))
    assert all(rule.documentation and rule.source for rule in ENGINE.rules())
