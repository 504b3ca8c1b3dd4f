"""The one joint memory budget: what the settings may claim against what the host has for them.

An engine says which parameters spend what, as formulas in bytes (its claims); templates, plans and rules
all ask here. The claims are what may be used at the same time in the worst case that the limits allow, not
what is in use now.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from setpoint.catalog import Dimension, Unit, UnitSystem
from setpoint.config.formula import Answer, Formula, compile_formula
from setpoint.config.variables import FACTS, Type, Variable, fact_values, parameter_variables, show, to_base
from setpoint.errors import InputError, InputErrors, OverBudgetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from setpoint.catalog import Catalog, Parameter, Value
    from setpoint.config.configuration import SettingText
    from setpoint.config.facts import Facts
    from setpoint.config.variables import Primitive

OS_RESERVE = "clamp(ram / 16, 64MB, 4GB)"
"""What the operating system and its own programs keep: a sixteenth, at least 64 MB, at most 4 GB. A rule of
thumb: kernel tables grow with memory but programs do not, and the page cache gives way under pressure."""

_UNITS = UnitSystem((Unit("GB", Dimension.BYTES, 1 << 30), Unit("MB", Dimension.BYTES, 1 << 20)))
"""The units of that rule, whatever an engine's are."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One use of memory: its label, its formula, and the bytes it may take (None: an input is not known)."""

    label: str
    formula: str
    bytes: int | None
    explanation: str


@dataclass(frozen=True, slots=True)
class Fit:
    """The largest value of one parameter, in its own unit, for which everything fits."""

    parameter: str
    value: int
    text: str


@dataclass(frozen=True)
class Claims:
    """An engine's claims, compiled against one catalog; make them with `compile_claims`."""

    catalog: Catalog
    formulas: Mapping[str, Formula]
    reserve: Formula

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters that claims depend on, by name."""
        return {name: self.catalog.get(name) for name in sorted(self.names - FACTS.keys())}

    @cached_property
    def names(self) -> frozenset[str]:
        """Every fact and parameter in them."""
        return frozenset(name for formula in self.formulas.values() for name in formula.names)

    def total_bytes(self, base: Mapping[str, Primitive | None]) -> int:
        """Add up the claims; every name in them must be known."""
        return _total([formula.evaluate(base) for formula in self.formulas.values()])

    def base_values(self, values: Mapping[str, Value], facts: Facts) -> dict[str, Primitive | None]:
        """Answer the facts, and the claims' parameters in bytes, with defaults for those not given."""
        grammar = self.catalog.grammar
        base = fact_values(facts)
        for name, parameter in self.parameters.items():
            base[name] = to_base(values.get(name, parameter.default), parameter, grammar)
        return base


@dataclass(frozen=True)
class BudgetVerdict:
    """What the settings may claim against what there is, in bytes; None where it cannot be told.

    `fits` is None when the budget cannot be judged; `unknown` then names what is missing.
    """

    claims: tuple[Claim, ...]
    ram: int | None
    os_reserve: int | None
    neighbours: int
    total: int | None
    available: int | None
    unknown: tuple[str, ...]
    assumptions: tuple[str, ...]
    compiled: Claims
    base: Mapping[str, Primitive | None]

    @property
    def fits(self) -> bool | None:
        """Whether the claims fit; None when that cannot be told."""
        if self.total is None or self.available is None:
            return None
        return self.total <= self.available

    @property
    def is_over(self) -> bool:
        """Whether the claims are known not to fit."""
        return self.fits is False

    @cached_property
    def nearest(self) -> tuple[Fit, ...]:
        """For each parameter that could settle it alone, the largest value that fits."""
        if not self.is_over:
            return ()
        fits = (
            largest_fit(self.compiled, self.base, name, self.available or 0)
            for name in self.compiled.parameters
        )
        return tuple(fit for fit in fits if fit is not None)

    def explain(self) -> str:
        """Say what goes to whom, a line each, and the verdict last."""
        units = self.compiled.catalog.grammar.units
        lines = [f"{claim.label}: {claim.explanation}" for claim in self.claims]
        if self.ram is None or self.available is None or self.total is None:
            missing = ", ".join(self.unknown)
            return "\n".join(
                [*lines, f"cannot be judged: {missing} is not known; declare it as a fact of the instance"]
            )
        lines.append(f"kept for the operating system: {_sized(self.os_reserve or 0, units)}")
        if self.neighbours:
            lines.append(f"promised to neighbours: {_sized(self.neighbours, units)}")
        lines.extend(self.assumptions)
        total, available = _sized(self.total, units), _sized(self.available, units)
        word = "fits" if self.fits else "does not fit"
        lines.append(f"{total} of {available} ({_sized(self.ram, units)} in all): {word}")
        if self.nearest:
            near = ", or ".join(f"{fit.parameter} at most {fit.text}" for fit in self.nearest)
            lines.append(f"would fit with {near}")
        return "\n".join(lines)

    def require(self) -> None:
        """Raise `OverBudgetError` with the nearest that fits; return when they fit or nobody can tell."""
        if not self.is_over:
            return
        units = self.compiled.catalog.grammar.units
        largest = sorted(self.claims, key=lambda claim: -(claim.bytes or 0))[:2]
        parts = " and ".join(f"{_sized(claim.bytes or 0, units)} for {claim.label}" for claim in largest)
        message = (
            f"the settings may use {_sized(self.total or 0, units)} of memory, {parts} above all; "
            f"{_sized(self.available or 0, units)} are there for them"
        )
        near = ", or ".join(f"{fit.parameter} at most {fit.text}" for fit in self.nearest)
        raise OverBudgetError(
            message, next_step=f"would fit with {near}" if near else "no single setting can settle it"
        )


def compile_claims(claims: Mapping[str, str], catalog: Catalog) -> Claims:
    """Compile an engine's claims, a formula in bytes by label; raise `InputErrors` with all their faults."""
    scope: dict[str, Variable] = {**parameter_variables(catalog), **FACTS}
    units = catalog.grammar.units
    faults: list[InputError] = []
    formulas: dict[str, Formula] = {}
    for label, text in claims.items():
        try:
            formulas[label] = compile_formula(
                text, scope, units, expects=Type.BYTES, source=f"claim {label!r}"
            )
        except InputErrors as found:
            faults.extend(found.faults)
    if faults:
        raise InputErrors(faults)
    return Claims(catalog, formulas, compile_formula(OS_RESERVE, FACTS, _UNITS, expects=Type.BYTES))


def typed_values(texts: Mapping[str, SettingText], catalog: Catalog) -> dict[str, Value]:
    """Read settings' texts by a catalog, by the catalog's names, for `judge` and for filling templates.

    What the catalog does not know, what it cannot read and what is None is left out: telling the user about
    faulty settings is not a budget's business.
    """
    typed: dict[str, Value] = {}
    for name, text in texts.items():
        parameter = catalog.find(name)
        if parameter is not None and text is not None:
            try:
                typed[parameter.name] = parameter.parse(text, catalog.grammar)
            except InputError:
                continue
    return typed


def judge(claims: Claims, values: Mapping[str, Value], facts: Facts) -> BudgetVerdict:
    """Weigh settings against a host.

    `values` are typed values by parameter name, in each parameter's own unit; one that is missing counts
    with the catalog's default. Memory that neighbours take is counted when it is declared; when it is not,
    the verdict says so.
    """
    return judge_base(claims, claims.base_values(values, facts))


def judge_base(claims: Claims, base: Mapping[str, Primitive | None]) -> BudgetVerdict:
    """Weigh values that are facts and base amounts already (see `Claims.base_values`)."""
    answers = {label: formula.evaluate(base) for label, formula in claims.formulas.items()}
    ram, neighbours = base.get("ram"), base.get("neighbours")
    reserve = claims.reserve.evaluate(base).value
    missing = dict.fromkeys(answer.unknown for answer in answers.values() if answer.unknown)
    if ram is None:
        missing["ram"] = None
    return BudgetVerdict(
        claims=tuple(_claim(label, answer) for label, answer in answers.items()),
        ram=None if ram is None else int(ram),
        os_reserve=None if reserve is None else int(reserve),
        neighbours=int(neighbours or 0),
        total=None if any(answer.unknown for answer in answers.values()) else _total(answers.values()),
        available=None
        if ram is None or reserve is None
        else max(0, int(ram) - int(reserve) - int(neighbours or 0)),
        unknown=tuple(missing),
        assumptions=()
        if neighbours is not None
        else ("no memory of other programs on the host is declared: none is counted",),
        compiled=claims,
        base=base,
    )


def largest_fit(
    claims: Claims, base: Mapping[str, Primitive | None], name: str, available_bytes: int
) -> Fit | None:
    """Answer the largest value of a numeric parameter for which all claims fit, None when none does.

    Rests on claims growing with their parameters, which holds for memory; the answer itself is always
    checked.
    """
    parameter = claims.parameters.get(name)
    if parameter is None or not parameter.is_numeric or parameter.max is None:
        return None
    unit = parameter.unit_of(claims.catalog.grammar)
    factor = unit.factor if unit else 1
    # Special values below zero mean "as another parameter says", which is no amount.
    low, high = max(0, round(parameter.min or 0)), int(parameter.max)

    def is_fitting(value: int) -> bool:
        tried = {**base, name: value * factor}
        try:
            return claims.total_bytes(tried) <= available_bytes
        except InputErrors:  # beyond all magnitude
            return False

    if any(base.get(other) is None for other in claims.names if other != name) or not is_fitting(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_fitting(middle) else (low, middle - 1)
    return Fit(name, low, parameter.format(low, claims.catalog.grammar))


def _sized(amount: int, units: UnitSystem) -> str:
    return show(amount, Type.BYTES, units)


def _claim(label: str, answer: Answer) -> Claim:
    amount = None if answer.value is None else int(answer.value)
    return Claim(label, answer.formula.text, amount, answer.explanation)


def _total(answers: Iterable[Answer]) -> int:
    return sum(max(0, int(answer.value or 0)) for answer in answers)
