from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.mysql import shipped

from setpoint.config.document import Mapping, Node, Sequence, read_yaml
from setpoint.config.facts import Facts
from setpoint.config.formula import compile_formula
from setpoint.config.observation import FileFault, Observation, ObservedSetting
from setpoint.engines.mariadb.rules import RULES as MARIADB
from setpoint.engines.mysql.rules import RULES as MYSQL
from setpoint.engines.mysql.rules import SHARED
from setpoint.recommend import Advice, Evidence, Rule, advise
from setpoint.workload.metrics import KINDS

CASES = Path(__file__).parent / "rules"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULES = {"mariadb": MARIADB, "mysql": MYSQL}
BY_CODE = {rule.code: rule for rule in (*MARIADB, *MYSQL)}
FACTS: dict[str, str] = {"ram": "ram_bytes", "data_size": "data_bytes", "neighbours": "neighbours_bytes"}
WORDS = {"storage", "cluster"}
SAFE = {
    "innodb_flush_log_at_trx_commit": "1",
    "sync_binlog": "1",
    "binlog_format": "ROW",
    "innodb_doublewrite": "",
    "innodb_checksum_algorithm": "",
    "innodb_force_recovery": "",
}
STEPWISE = {
    "sort_buffer_size",
    "table_open_cache",
    "thread_cache_size",
    "binlog_cache_size",
    "max_connections",
}


def plain(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {name: plain(value) for name, value in node.entries.items()}
    return [plain(item) for item in node.items] if isinstance(node, Sequence) else node.text


def read_cases(code: str) -> dict[str, Any]:
    path = CASES / f"{code}.yaml"
    return plain(read_yaml(path.read_text("utf-8"), path.name))


def amount(text: str) -> Any:
    units = shipped.catalog("mariadb", "10.11").grammar.units
    return compile_formula(text, {}, units).evaluate({}).value


def evidence_of(case: dict[str, Any], engine: str, version: str = "", **changes: Any) -> Evidence:
    version = version or case.get(engine, shipped.MAIN[engine])
    catalog = shipped.catalog(engine, version)
    stated: dict[str, Any] = {
        FACTS.get(str(name), str(name)): text if name in WORDS else amount(text)
        for name, text in case.get("facts", {}).items()
    }
    facts = Facts(**stated)
    settings = {
        parameter.name: ObservedSetting(value=catalog.format(parameter.name, parameter.default))
        for parameter in catalog.parameters
        if parameter.default is not None
    }
    given = {name: text for name, text in case.get("settings", {}).items() if catalog.find(name)}
    settings.update({name: ObservedSetting(value=text) for name, text in given.items()})
    for name, text in case.get("pending", {}).items():
        settings[name] = ObservedSetting(value=settings[name].value, pending=text)
    seconds = case.get("seconds")
    observation = Observation(
        instance="shop",
        engine=engine,
        at=NOW,
        facts=facts,
        settings=settings,
        metrics={name: float(amount(text)) for name, text in case.get("metrics", {}).items()},
        metrics_since=NOW - timedelta(seconds=float(seconds)) if seconds else None,
        file_faults=tuple(
            FileFault(file=file, line=1, message=message) for file, message in case.get("faults", {}).items()
        ),
    )
    return Evidence(observation, catalog, facts, shipped.claims(engine, version), **changes)


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(engine, rule, case, id=f"{engine} {rule.code}: {case['name']}")
        for engine, rules in RULES.items()
        for rule in rules
        for case in read_cases(rule.code)[kind]
        if case.get("only", engine) == engine
    ]


@pytest.mark.parametrize(("engine", "rule", "case"), cases("fires"))
def test_a_rule_fires_on_its_cases(engine: str, rule: Rule, case: dict[str, Any]) -> None:
    advice = advise([rule], evidence_of(case, engine))
    assert advice.settings() == case.get(f"expect_{engine}", case.get("expect", {}))
    wanted = [case["finding"]] if "finding" in case else []
    assert len(advice.findings) == len(wanted)
    for finding, words in zip(advice.findings, wanted, strict=True):
        assert words in finding.text
        assert finding.severity.value == case.get("severity", rule.severity.value)
    for recommendation in advice.recommendations:
        assert recommendation.is_from_workload is rule.is_from_workload
        assert recommendation.reason
        assert recommendation.expected


@pytest.mark.parametrize(("engine", "rule", "case"), cases("silent"))
def test_a_rule_is_silent_on_its_cases(engine: str, rule: Rule, case: dict[str, Any]) -> None:
    advice = advise([rule], evidence_of(case, engine))
    assert (advice.recommendations, advice.findings) == ((), ())
    if "waits_for" in case:
        assert case["waits_for"] in advice.silent[0].waits_for
    else:
        assert advice.silent == ()


def test_every_rule_has_cases_that_fire_and_cases_that_do_not() -> None:
    for rule in BY_CODE.values():
        document = read_cases(rule.code)
        assert document["rule"] == rule.code
        assert document["fires"]
        assert document["silent"]
    assert {path.stem for path in CASES.glob("*.yaml")} == BY_CODE.keys()


def test_codes_are_stable_and_every_rule_is_documented() -> None:
    assert [rule.code for rule in MYSQL] == [f"MY{number:03}" for number in range(1, len(MYSQL) + 1)]
    assert [rule.code for rule in MARIADB] == ["MA001", *(rule.code for rule in SHARED)]
    for rule in BY_CODE.values():
        assert len(rule.documentation) > 60
        assert rule.source
        assert rule.title


def test_every_metric_a_rule_waits_for_is_a_canonical_one() -> None:
    assert {name for rule in BY_CODE.values() for name in rule.metrics} <= KINDS.keys()


@pytest.mark.parametrize(("engine", "rule", "case"), cases("fires"))
def test_a_parameter_that_a_rule_judges_is_waited_for_when_it_is_to_change(
    engine: str, rule: Rule, case: dict[str, Any]
) -> None:
    evidence = evidence_of(case, engine)
    for name in rule.judges:
        parameter = evidence.catalog.find(name)
        if parameter is not None and parameter.is_numeric:
            least = int(parameter.min or 0)
            other = least if evidence.running.get(name) != least else least + 1
            desired = {name: evidence.catalog.format(name, other)}
            advice = advise([rule], evidence_of(case, engine, desired=desired))
            assert f"{name} to take the value that is desired" in advice.silent[0].waits_for


def all_cases(engine: str) -> list[dict[str, Any]]:
    return [
        case for rule in RULES[engine] for kind in ("fires", "silent") for case in read_cases(rule.code)[kind]
    ]


def check(evidence: Evidence, engine: str) -> Advice:
    """Hold advice to what it always promises: safe, accepted, different from what is, within the budget."""
    advice = advise(RULES[engine], evidence)
    for recommendation in advice.recommendations:
        name = recommendation.parameter
        assert SAFE.get(name, recommendation.proposed) == recommendation.proposed
        value = evidence.catalog.parse(name, recommendation.proposed)
        assert not evidence.is_same(name, value, evidence.running.get(name))
    changes = {name: evidence.catalog.parse(name, text) for name, text in advice.settings().items()}
    before, after = evidence.verdict(), evidence.verdict(changes)
    assert not after.is_over or (after.total or 0) <= (before.total or 0)
    return advice


@pytest.mark.parametrize(("engine", "version"), shipped.ALL)
def test_all_rules_together_keep_durability_budget_and_the_target(engine: str, version: str) -> None:
    for case in all_cases(engine):
        first = check(evidence_of(case, engine, version), engine)
        assert first == advise(RULES[engine], evidence_of(case, engine, version))


@given(
    server=st.sampled_from(shipped.ALL),
    ram_mb=st.none() | st.integers(256, 2**20),
    data_mb=st.integers(1, 2**21),
    pool_mb=st.integers(8, 2**20),
    connections=st.integers(10, 20_000),
    storage=st.sampled_from(["hdd", "ssd", "nvme", "network"]),
    counters=st.dictionaries(
        st.sampled_from(sorted({name for rule in BY_CODE.values() for name in rule.metrics})),
        st.integers(0, 10**9),
    ),
    seconds=st.integers(30, 100_000),
)
@settings(max_examples=150, deadline=None)
def test_at_random_evidence_advice_keeps_durability_budget_and_the_target(
    server: tuple[str, str],
    ram_mb: int | None,
    data_mb: int,
    pool_mb: int,
    connections: int,
    storage: str,
    counters: dict[str, int],
    seconds: int,
) -> None:
    facts = {"data_size": f"{data_mb}MB", "storage": storage, "vcpu": "8"}
    case = {
        "facts": facts if ram_mb is None else {**facts, "ram": f"{ram_mb}MB"},
        "settings": {"innodb_buffer_pool_size": f"{pool_mb}M", "max_connections": str(connections)},
        "seconds": str(seconds),
        "metrics": {"txn.commit": "100000", **{name: str(number) for name, number in counters.items()}},
    }
    check(evidence_of(case, *server), server[0])


@pytest.mark.parametrize("engine", shipped.ENGINES)
def test_advice_that_was_followed_is_not_given_again(engine: str) -> None:
    for case in all_cases(engine):
        advice = advise(RULES[engine], evidence_of(case, engine))
        followed = {**case, "settings": {**case.get("settings", {}), **advice.settings()}}
        again = advise(RULES[engine], evidence_of(followed, engine))
        # What grows by steps asks again only for new counters: these are those of the former value.
        assert not again.settings().keys() & advice.settings().keys() - STEPWISE


IDLE: dict[str, Any] = {
    "facts": {"ram": "24GB", "data_size": "30MB"},
    "seconds": "5",
    "metrics": {
        "txn.commit": "4", "txn.rollback": "0", "buf.logical_reads": "900", "buf.physical_reads": "120",
        "rows.read": "400", "rows.ins": "3", "rows.upd": "0", "rows.del": "0", "log.bytes": "25000",
        "log.buffer_waits": "0", "ckpt.pages": "140", "scan.full": "9", "conn.total": "1",
        "conn.limit": "151",
    },
}  # fmt: skip


@pytest.mark.parametrize(("engine", "version"), shipped.ALL)
def test_a_fresh_idle_server_gets_no_advice_yet_and_twice_the_same(engine: str, version: str) -> None:
    first = advise(RULES[engine], evidence_of(IDLE, engine, version))
    metrics = {**IDLE["metrics"], "txn.commit": "7"}
    later = advise(RULES[engine], evidence_of({**IDLE, "seconds": "15", "metrics": metrics}, engine, version))
    assert first.is_waiting
    assert first == later
    assert "no advice yet: waiting for" in first.summary


def demo(**changes: Any) -> Advice:
    metrics = {
        **IDLE["metrics"], "txn.commit": "24000", "buf.logical_reads": "1700000",
        "buf.physical_reads": "115000", "log.bytes": "200MB", "rows.ins": "24000", "rows.upd": "48000",
        "rows.del": "24000", "ckpt.pages": "110000",
    }  # fmt: skip
    case = {
        "facts": {"ram": "3GB", "data_size": "1100MB", "connections": "20"},
        "settings": {"max_connections": "151"},
        "seconds": "62",
        "metrics": metrics,
    }
    return advise(MARIADB, evidence_of(case, "mariadb", **changes))


def test_a_minute_of_sysbench_over_the_default_pool_gives_evidence_based_advice() -> None:
    advice = demo()
    assert advice.settings() == {"innodb_buffer_pool_size": "1408M", "innodb_log_file_size": "768M"}
    assert not any(recommendation.needs_restart for recommendation in advice.recommendations)
    assert advice.contradictions == ()


def test_what_is_desired_already_is_waited_for() -> None:
    advice = demo(desired={"innodb_buffer_pool_size": "2G"})
    assert "innodb_buffer_pool_size" not in advice.settings()
    assert [silence.waits_for for silence in advice.silent if silence.code == "MY001"] == [
        "innodb_buffer_pool_size to take the value that is desired or waits for a restart"
    ]
