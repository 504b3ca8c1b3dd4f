"""What a policy says of parameters, checked against catalogs: names, values of locks, formulas of limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.formula import compile_formula
from setpoint.config.variables import FACTS, Type, Variable, type_of
from setpoint.errors import InputError, InputErrors
from setpoint.policy.document_rules import SECTIONS
from setpoint.policy.document_values import near
from setpoint.policy.guardrail import compile_guardrail
from setpoint.policy.limits import names_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from setpoint.catalog import Catalog
    from setpoint.policy.rules import Guardrail, Limit, Lock, Policy
    from setpoint.policy.selector import Selector


def check_policy(policy: Policy, catalogs: Iterable[Catalog]) -> None:
    """Check what a policy says of parameters; raise `InputErrors` with all faults, placed by ``POLICY/RULE``.

    `catalogs` are all that the policy could meet: shipped ones of every engine, and those of live instances.
    A rule whose scope names engines is checked against theirs. At fault is a parameter or an engine that no
    catalog knows, a value that no catalog with the parameter takes, and a formula that fits none of the
    catalogs that have all its names.
    """
    known = tuple(catalogs)
    faults = list(_engine_faults(policy.scope, policy.name, known))
    here = _in_scope(known, policy.scope)
    faults += _name_faults(policy.classify, f"{policy.name}/classify", here)
    for field, _ in SECTIONS.values():
        for rule in getattr(policy, field):
            faults += _engine_faults(rule.scope, f"{policy.name}/{rule.id}", known)
    for lock in policy.locks:
        faults += _lock_faults(lock, f"{policy.name}/{lock.id}", _in_scope(here, lock.scope))
    for limit in policy.limits:
        faults += _limit_faults(limit, f"{policy.name}/{limit.id}", _in_scope(here, limit.scope))
    for rule in policy.guardrails:
        faults += _guardrail_faults(rule, f"{policy.name}/{rule.id}", _in_scope(here, rule.scope))
    if faults:
        raise InputErrors(faults)


def _in_scope(known: tuple[Catalog, ...], scope: Selector) -> tuple[Catalog, ...]:
    return tuple(each for each in known if not scope.engines or each.engine in scope.engines)


def _engine_faults(scope: Selector, place: str, known: tuple[Catalog, ...]) -> Iterator[InputError]:
    """A scope with a misspelt engine would fit nothing, and the rule would never speak."""
    engines = sorted({each.engine for each in known})
    for engine in scope.engines:
        if engine not in engines:
            yield InputError(f"no engine is called {engine!r}", where=place, next_step=near(engine, engines))


def _name_faults(names: Iterable[str], place: str, known: tuple[Catalog, ...]) -> Iterator[InputError]:
    for name in names:
        if known and not any(each.find(name) for each in known):
            yield _unknown(name, place, known)


def _unknown(name: str, place: str, known: tuple[Catalog, ...]) -> InputError:
    names = {parameter.name: None for each in known for parameter in each.parameters}
    return InputError(f"no parameter is called {name!r}", where=place, next_step=near(name, names))


def _lock_faults(lock: Lock, place: str, known: tuple[Catalog, ...]) -> Iterator[InputError]:
    yield from _name_faults(lock.parameters, place, known)
    if lock.value is None:
        return
    for name in lock.parameters:
        having = [each for each in known if each.find(name)]
        refusals = [fault for catalog in having if (fault := _refusal(catalog, name, lock.value)) is not None]
        if having and len(refusals) == len(having):
            yield InputError(refusals[-1].what, where=place, next_step=refusals[-1].next_step)


def _refusal(catalog: Catalog, name: str, value: str) -> InputError | None:
    try:
        catalog.parse(name, value)
    except InputError as refusal:
        return refusal
    return None


def _limit_faults(limit: Limit, place: str, known: tuple[Catalog, ...]) -> Iterator[InputError]:
    names = names_in(limit.must)
    if not names:
        yield InputError(
            f"{limit.must!r} says the same everywhere", where=place, next_step="name a parameter"
        )
        return
    if not known:
        return
    scopes = [(each, _formula_scope(names, each)) for each in known]
    unknown = [name for name in sorted(names) if not any(name in scope for _, scope in scopes)]
    for name in unknown:
        yield _unusable(name, place, known)
    if unknown:
        return
    fitting = [(each, scope) for each, scope in scopes if len(scope) == len(names)]
    if not fitting:
        what = f"no version has all of {', '.join(sorted(names))}"
        yield InputError(what, where=place, next_step="narrow the rule's scope, or split the formula")
        return
    refusals = [_misfit(limit.must, each, scope, place) for each, scope in fitting]
    if all(refusals):
        yield from refusals[-1]


def _guardrail_faults(rule: Guardrail, place: str, known: tuple[Catalog, ...]) -> Iterator[InputError]:
    yield from _name_faults(rule.parameters, place, known)
    try:
        compile_guardrail(rule.holds, place)
    except InputErrors as refused:
        yield from refused.faults


def _formula_scope(names: Iterable[str], catalog: Catalog) -> dict[str, Variable]:
    """Answer those of a formula's names that a catalog lets it use, as `judge_limit` takes them."""
    scope: dict[str, Variable] = {}
    for name in names:
        parameter = catalog.find(name)
        type_ = type_of(parameter, catalog.grammar) if parameter is not None else None
        if name in FACTS:
            scope[name] = FACTS[name]
        elif type_ is not None:
            scope[name] = Variable(name, type_, parameter.values if parameter is not None else ())
    return scope


def _unusable(name: str, place: str, known: tuple[Catalog, ...]) -> InputError:
    if any(each.find(name) is not None for each in known):
        return InputError(f"{name} is a list, which formulas cannot use", where=place)
    return _unknown(name, place, known)


def _misfit(
    formula: str, catalog: Catalog, scope: Mapping[str, Variable], place: str
) -> tuple[InputError, ...]:
    """Answer why a formula does not fit a catalog; nothing when it does."""
    try:
        compile_formula(formula, scope, catalog.grammar.units, expects=Type.BOOL, source=place)
    except InputErrors as refused:
        return refused.faults
    return ()
