from __future__ import annotations

import pytest
from tests.invented import UNITS

from setpoint.config.facts import Facts
from setpoint.errors import InputErrors, NotFoundError
from setpoint.templates import Template, choose, read_template
from setpoint.templates.choose import workload_features


def template(name: str, profile: str, *signs: str) -> Template:
    listed = ", ".join(f"{{{sign}}}" for sign in signs)
    head = f"{{template: {name}, version: 1, engine: invented, profile: {profile}, description: d"
    return read_template(f"{head}, settings: [], signs: [{listed}]}}", f"{name}.yaml")


SHORT = template(
    "short", "oltp", "when: rows_per_transaction < 10, for: few rows", "when: ram < 1GB, against: tiny"
)
LONG = template("long", "olap", "when: rows_per_transaction > 1000, for: many rows")
BOTH = template("both", "mixed")


def test_signs_decide_and_the_choice_says_why() -> None:
    busy = {"txn.commit": 5000.0, "txn.rollback": 5.0, "rows.read": 20_000.0}
    choice = choose([BOTH, LONG, SHORT], Facts(ram_bytes=2**34), busy, UNITS)
    assert choice.best.template is SHORT
    assert (
        choice.explain()
        == "short@1: few rows\nnot both@1: less speaks for it\nnot long@1: less speaks for it"
    )


def test_without_a_workload_mixed_is_named_with_the_reason() -> None:
    choice = choose([LONG, SHORT, BOTH], Facts(ram_bytes=2**20), {"txn.commit": 10.0}, UNITS)
    assert choice.best.template is BOTH
    assert not choice.is_workload_known
    assert "fewer than 1000 transactions were seen" in choice.explain()
    assert "not short@1: tiny" in choice.explain()
    assert choice.candidates[1].unknown == ("rows_per_transaction",)


def test_missing_metrics_stay_unknown() -> None:
    features = workload_features({"txn.commit": 2000.0, "rows.ins": 4000.0, "rows.upd": 0.0})
    assert features == {
        "transactions": 2000.0,
        "rows_per_transaction": None,
        "writes_per_transaction": None,
        "temp_per_transaction": None,
    }
    assert workload_features({"txn.commit": 2000.0, "rows.ins": 1.0, "rows.upd": 1.0, "rows.del": 2.0})[
        "writes_per_transaction"
    ] == pytest.approx(0.002)


def test_nothing_to_choose_from_and_faulty_signs_are_refused() -> None:
    with pytest.raises(NotFoundError, match="no template"):
        choose([], Facts(), {}, UNITS)
    with pytest.raises(InputErrors, match=r"odd.yaml sign 1:1:1: nothing is called 'colour'"):
        choose([template("odd", "web", "when: colour > 1, for: x")], Facts(), {}, UNITS)
