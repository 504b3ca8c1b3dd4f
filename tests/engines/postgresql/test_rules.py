from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.engines.postgresql import shipped

from setpoint.config.document import Mapping, Node, Sequence, read_yaml
from setpoint.config.facts import Facts
from setpoint.config.formula import compile_formula
from setpoint.config.observation import FileFault, Observation, ObservedSetting
from setpoint.engines.postgresql.rules import RULES
from setpoint.recommend import Advice, Evidence, Rule, advise

CASES = Path(__file__).parent / "rules"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FACTS = {"ram": "ram_bytes", "data_size": "data_bytes", "neighbours": "neighbours_bytes"}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
BY_CODE = {rule.code: rule for rule in RULES}


def plain(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {name: plain(value) for name, value in node.entries.items()}
    return [plain(item) for item in node.items] if isinstance(node, Sequence) else node.text


def read_cases(code: str) -> dict[str, Any]:
    path = CASES / f"{code}.yaml"
    return plain(read_yaml(path.read_text("utf-8"), path.name))


def amount(text: str) -> Any:
    return compile_formula(text, {}, shipped.catalog("18").grammar.units).evaluate({}).value


def evidence_of(case: dict[str, Any], version: str = "18", **changes: Any) -> Evidence:
    catalog = shipped.catalog(version)
    given: dict[str, str] = case.get("facts", {})
    stated: dict[str, Any] = {
        FACTS.get(name, name): text if name == "storage" else amount(text) for name, text in given.items()
    }
    facts = Facts(**stated)
    settings = {
        parameter.name: ObservedSetting(value=catalog.format(parameter.name, parameter.default))
        for parameter in catalog.parameters
        if parameter.default is not None
    }
    settings.update({name: ObservedSetting(value=text) for name, text in case.get("settings", {}).items()})
    for name, text in case.get("pending", {}).items():
        settings[name] = ObservedSetting(value=settings[name].value, pending=text)
    seconds = case.get("seconds")
    observation = Observation(
        instance="shop",
        engine="postgresql",
        at=NOW,
        facts=facts,
        settings=settings,
        metrics={name: float(amount(text)) for name, text in case.get("metrics", {}).items()},
        metrics_since=NOW - timedelta(seconds=float(seconds)) if seconds else None,
        file_faults=tuple(
            FileFault(file=file, line=1, message=message) for file, message in case.get("faults", {}).items()
        ),
    )
    return Evidence(observation, catalog, facts, shipped.claims(version), **changes)


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(rule, case, id=f"{rule.code}: {case['name']}")
        for rule in RULES
        for case in read_cases(rule.code)[kind]
    ]


@pytest.mark.parametrize(("rule", "case"), cases("fires"))
def test_a_rule_fires_on_its_cases(rule: Rule, case: dict[str, Any]) -> None:
    advice = advise([rule], evidence_of(case))
    assert advice.settings() == case.get("expect", {})
    wanted = [case["finding"]] if "finding" in case else []
    assert len(advice.findings) == len(wanted)
    for finding, words in zip(advice.findings, wanted, strict=True):
        assert words in finding.text
        assert finding.severity.value == case.get("severity", rule.severity.value)
    for recommendation in advice.recommendations:
        assert recommendation.is_from_workload is rule.is_from_workload
        assert recommendation.reason
        assert recommendation.expected


@pytest.mark.parametrize(("rule", "case"), cases("silent"))
def test_a_rule_is_silent_on_its_cases(rule: Rule, case: dict[str, Any]) -> None:
    advice = advise([rule], evidence_of(case))
    assert (advice.recommendations, advice.findings) == ((), ())
    if "waits_for" in case:
        assert case["waits_for"] in advice.silent[0].waits_for
    else:
        assert advice.silent == ()


def test_every_rule_has_cases_that_fire_and_cases_that_do_not() -> None:
    for rule in RULES:
        document = read_cases(rule.code)
        assert document["rule"] == rule.code
        assert document["fires"]
        assert document["silent"]
    assert {path.stem for path in CASES.glob("*.yaml")} == BY_CODE.keys()


def test_codes_are_stable_and_every_rule_is_documented() -> None:
    assert [rule.code for rule in RULES] == [f"PG{number:03}" for number in range(1, len(RULES) + 1)]
    for rule in RULES:
        assert len(rule.documentation) > 60
        assert rule.source
        assert rule.title


def all_cases() -> list[dict[str, Any]]:
    return [case for rule in RULES for kind in ("fires", "silent") for case in read_cases(rule.code)[kind]]


@pytest.mark.parametrize("version", shipped.VERSIONS)
def test_all_rules_together_keep_durability_budget_and_the_target(version: str) -> None:
    for case in all_cases():
        evidence = evidence_of(case, version)
        advice = advise(RULES, evidence)
        assert advice == advise(RULES, evidence_of(case, version))
        for recommendation in advice.recommendations:
            assert DURABLE.get(recommendation.parameter, recommendation.proposed) == recommendation.proposed
            value = evidence.catalog.parse(recommendation.parameter, recommendation.proposed)
            assert not evidence.is_same(
                recommendation.parameter, value, evidence.running.get(recommendation.parameter)
            )
        changes = {name: evidence.catalog.parse(name, text) for name, text in advice.settings().items()}
        before, after = evidence.verdict(), evidence.verdict(changes)
        assert not after.is_over or (after.total or 0) <= (before.total or 0)


def test_advice_that_was_followed_is_not_given_again() -> None:
    for case in all_cases():
        advice = advise(RULES, evidence_of(case))
        followed = {**case, "settings": {**case.get("settings", {}), **advice.settings()}}
        again = advise(RULES, evidence_of(followed))
        assert not again.settings().keys() & {name for name in advice.settings() if name != "wal_buffers"}


IDLE: dict[str, Any] = {
    "facts": {"ram": "24GB", "vcpu": "2", "data_size": "30MB"},
    "seconds": "5",
    "metrics": {
        "txn.commit": "4", "txn.rollback": "0", "buf.logical_reads": "900", "buf.physical_reads": "120",
        "rows.read": "400", "ckpt.timed": "0", "ckpt.requested": "2", "log.bytes": "25000",
        "log.buffer_waits": "0", "temp.files": "0", "temp.bytes": "0", "conn.total": "1", "conn.limit": "100",
        "conn.idle_in_txn": "0",
        "mvcc.dead_rows": "3", "mvcc.live_rows": "400", "mvcc.oldest_xid_age": "20",
    },
}  # fmt: skip


@pytest.mark.parametrize("version", shipped.VERSIONS)
def test_a_fresh_idle_server_gets_no_advice_yet_and_twice_the_same(version: str) -> None:
    first = advise(RULES, evidence_of(IDLE, version))
    later = advise(
        RULES,
        evidence_of({**IDLE, "seconds": "15", "metrics": {**IDLE["metrics"], "txn.commit": "7"}}, version),
    )
    assert first.is_waiting
    assert first == later
    assert "no advice yet: waiting for" in first.summary
    assert "the fact storage" in first.summary


def demo(**changes: Any) -> Advice:
    metrics = {
        **IDLE["metrics"], "txn.commit": "151000", "buf.logical_reads": "5100000",
        "buf.physical_reads": "720000", "rows.read": "3100000", "ckpt.requested": "3", "log.bytes": "1600MB",
    }  # fmt: skip
    case = {"facts": {"ram": "24GB", "vcpu": "2", "data_size": "2250MB"}, "seconds": "62", "metrics": metrics}
    return advise(RULES, evidence_of(case, **changes))


def test_a_minute_of_pgbench_over_the_default_pool_gives_evidence_based_advice() -> None:
    advice = demo()
    assert advice.settings() == {"shared_buffers": "2816MB", "max_wal_size": "16GB", "track_io_timing": "on"}
    assert advice.recommendations[0].needs_restart
    assert advice.contradictions == ()


def test_what_is_desired_already_is_waited_for() -> None:
    advice = demo(desired={"shared_buffers": "4GB"})
    assert "shared_buffers" not in advice.settings()
    assert [silence.waits_for for silence in advice.silent if silence.code == "PG001"] == [
        "shared_buffers to take the value that is desired or waits for a restart"
    ]
