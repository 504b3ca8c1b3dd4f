from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.invented import CATALOG, CLAIMS

from setpoint.config.budget import compile_claims, judge, largest_fit, typed_values
from setpoint.config.facts import Facts
from setpoint.errors import InputErrors, OverBudgetError

GB = 2**30
MB = 2**20
COMPILED = compile_claims(CLAIMS, CATALOG)


def test_defaults_are_counted_and_every_claim_is_shown() -> None:
    verdict = judge(COMPILED, {}, Facts(ram_bytes=16 * GB))
    assert {claim.label: claim.bytes for claim in verdict.claims} == {
        "pool": 128 * MB,
        "sessions": 1200 * MB,
        "upkeep": 12 * MB,
    }
    assert (verdict.total, verdict.os_reserve) == (1340 * MB, GB)
    assert (verdict.available, verdict.fits) == (15 * GB, True)
    assert verdict.nearest == ()
    verdict.require()
    text = verdict.explain()
    assert "sessions is 100" in text
    assert text.endswith("fits")
    assert "no memory of other programs on the host is declared" in text


def test_neighbours_take_their_part() -> None:
    verdict = judge(COMPILED, {}, Facts(ram_bytes=16 * GB, neighbours_bytes=14 * GB))
    assert verdict.available == GB
    assert verdict.fits is False
    assert "promised to neighbours: 14GB" in verdict.explain()


def test_what_does_not_fit_is_refused_with_the_nearest_that_does() -> None:
    facts = Facts(ram_bytes=4 * GB)
    verdict = judge(COMPILED, {"sessions": 1000}, facts)
    assert verdict.is_over
    with pytest.raises(OverBudgetError, match="sessions at most 30"):
        verdict.require()
    assert "would fit with" in verdict.explain()
    for fit in verdict.nearest:
        assert judge(COMPILED, {"sessions": 1000, fit.parameter: fit.value}, facts).fits
        assert judge(COMPILED, {"sessions": 1000, fit.parameter: fit.value + 1}, facts).is_over
    # 1000 sessions need 4 MB each whatever else is set.
    assert [fit.parameter for fit in verdict.nearest] == ["sessions"]


def test_a_host_too_small_for_anything_says_so() -> None:
    verdict = judge(COMPILED, {}, Facts(ram_bytes=32 * MB))
    with pytest.raises(OverBudgetError, match="no single setting can settle it"):
        verdict.require()


def test_unknown_memory_cannot_be_judged() -> None:
    verdict = judge(COMPILED, {}, Facts())
    assert (verdict.fits, verdict.is_over, verdict.unknown) == (None, False, ("ram",))
    assert "cannot be judged: ram is not known" in verdict.explain()
    verdict.require()


def test_an_unknown_fact_in_a_claim_cannot_be_judged() -> None:
    claims = compile_claims({"per core": "vcpu * 1GB"}, CATALOG)
    verdict = judge(claims, {}, Facts(ram_bytes=GB))
    assert verdict.unknown == ("vcpu",)
    assert verdict.fits is None


def test_texts_are_read_by_the_catalog_and_what_cannot_be_read_is_left_out() -> None:
    texts = {"POOL": "1GB", "work": "4096", "safe": "maybe", "turbo": "on", "cost": None, "paths": ("a", "b")}
    assert typed_values(texts, CATALOG) == {"pool": 131072, "work": 4096, "paths": ("a", "b")}


def test_faulty_claims_are_named_together() -> None:
    with pytest.raises(InputErrors) as caught:
        compile_claims({"one": "pool + 1", "two": "nothing"}, CATALOG)
    assert [str(fault).split(":")[0] for fault in caught.value.faults] == ["claim 'one'", "claim 'two'"]


def test_only_numeric_parameters_of_the_claims_can_be_fitted() -> None:
    base = COMPILED.base_values({}, Facts(ram_bytes=GB))
    assert largest_fit(COMPILED, base, "method", GB) is None
    assert largest_fit(COMPILED, {**base, "work": None}, "pool", GB) is None


@given(st.integers(64, 4 * 2**20), st.integers(1, 20_000), st.integers(16, 2**28), st.integers(64, 2**24))
def test_the_verdict_is_the_sum_and_the_nearest_is_tight(
    ram_mb: int, sessions: int, pool: int, work: int
) -> None:
    facts = Facts(ram_bytes=ram_mb * MB)
    values = {"sessions": sessions, "pool": pool, "work": work}
    verdict = judge(COMPILED, values, facts)
    assert verdict.total == sum(claim.bytes or 0 for claim in verdict.claims)
    assert verdict.fits is ((verdict.total or 0) <= (verdict.available or 0))
    for fit in verdict.nearest:
        assert judge(COMPILED, {**values, fit.parameter: fit.value}, facts).fits
