"""Filling: facts and inputs in, settings out that the engine accepts and the host's memory can hold.

A template is prepared once per catalog (its formulas are compiled) and filled many times. What rests on an
unknown fact is left out with a note, never guessed. A template's own settings are worked out from the
engine's defaults and from each other, never from what is set now, so filling again after applying changes
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Version
from setpoint.config.budget import Claims, judge_base, largest_fit
from setpoint.config.formula import Formula, compile_formula
from setpoint.config.variables import (
    FACTS,
    Type,
    Variable,
    fact_values,
    from_base,
    parameter_variables,
    show,
    to_base,
    type_of,
)
from setpoint.errors import InputError, InputErrors, OverBudgetError
from setpoint.templates.filled import Filled, FilledSetting, LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from setpoint.catalog import Catalog, Parameter, Value
    from setpoint.config.facts import Facts
    from setpoint.config.variables import Primitive
    from setpoint.templates.template import Template, TemplateSetting

LARGEST_FIT = "largest_fit"
"""In a setting's formula: the largest value of this very parameter that the memory budget can hold, with
everything that stands before it in the template filled and all else as it is."""

_MOST_CONNECTIONS = 2**18
_MB = 2**20


@dataclass(frozen=True, slots=True)
class _PreparedSetting:
    setting: TemplateSetting
    parameter: Parameter | None
    when: Formula | None
    formula: Formula | None


@dataclass(frozen=True)
class Prepared:
    """A template compiled against one catalog and one engine's claims; make it with `prepare`."""

    template: Template
    claims: Claims
    settings: tuple[_PreparedSetting, ...]
    inputs: Mapping[str, Formula]
    names: tuple[str, ...]
    """The parameters that its formulas and the claims ask for."""

    def fill(
        self,
        facts: Facts,
        *,
        inputs: Mapping[str, str] | None = None,
        current: Mapping[str, Value] | None = None,
    ) -> Filled:
        """Fill the template for a host.

        `inputs` are texts by input name. `current` are typed values of parameters that the template does
        not decide (observed, or set by other layers); those missing count with the catalog's defaults.
        Raises `InputErrors` for inputs that cannot be used, and `OverBudgetError` with the nearest that
        fits when the host's memory cannot hold the settings.
        """
        given = self._given(inputs or {})
        filled = self._filled(facts, given, current or {})
        if filled.verdict.is_over:
            self._refuse(filled, facts, given, current or {})
        return filled

    def _filled(
        self, facts: Facts, given: Mapping[str, Primitive | None], current: Mapping[str, Value]
    ) -> Filled:
        run = _Run(self, {**self._starting(facts, current), **given})
        for prepared in self.settings:
            run.take(prepared)
        left_out = tuple(
            LeftOut(parameter=name, why=why) for name, why in run.left_out.items() if name not in run.settings
        )
        return Filled(
            self.template, tuple(run.settings.values()), left_out, judge_base(self.claims, run.values)
        )

    def _given(self, inputs: Mapping[str, str]) -> dict[str, Primitive | None]:
        faults: list[InputError] = []
        given: dict[str, Primitive | None] = {
            name: formula.evaluate({}).value for name, formula in self.inputs.items()
        }
        for name, text in inputs.items():
            try:
                given[name] = (
                    _constant(text, self._input_type(name), self.claims.catalog, f"input {name!r}")
                    .evaluate({})
                    .value
                )
            except InputErrors as refused:
                faults.extend(refused.faults)
            except InputError as refused:
                faults.append(refused)
        if faults:
            raise InputErrors(faults)
        return given

    def _input_type(self, name: str) -> Type:
        for known in self.template.inputs:
            if known.name == name:
                return known.type
        there = ", ".join(known.name for known in self.template.inputs)
        message = f"template {self.template} has no input {name!r}"
        raise InputError(message, next_step=f"it takes {there}" if there else "it takes none")

    def _starting(self, facts: Facts, current: Mapping[str, Value]) -> dict[str, Primitive | None]:
        catalog = self.claims.catalog
        own = {prepared.parameter.name for prepared in self.settings if prepared.parameter is not None}
        values = fact_values(facts)
        for name in self.names:
            parameter = catalog.get(name)
            value = parameter.default if name in own else current.get(name, parameter.default)
            values[name] = to_base(value, parameter, catalog.grammar)
        return values

    def _refuse(
        self,
        filled: Filled,
        facts: Facts,
        given: Mapping[str, Primitive | None],
        current: Mapping[str, Value],
    ) -> None:
        """Raise the refusal, with the nearest host or number of connections that would fit."""

        def is_fitting(**changes: int) -> bool:
            changed = msgspec.structs.replace(facts, **changes)
            return not self._filled(changed, given, current).verdict.is_over

        units = self.claims.catalog.grammar.units
        most = _last_true(
            0, facts.connections or _MOST_CONNECTIONS, lambda count: is_fitting(connections=count)
        )
        near = [f"at most {most} connections"] if most else []
        short_mb = ram_mb = max(1, (facts.ram_bytes or 0) // _MB)
        while not is_fitting(ram_bytes=ram_mb * _MB):
            short_mb, ram_mb = ram_mb, 2 * ram_mb
        steps = range(short_mb, ram_mb, max(1, short_mb // 8))
        enough_mb = next((mb for mb in steps if is_fitting(ram_bytes=mb * _MB)), ram_mb)
        near.append(f"at least {show(enough_mb * _MB, Type.BYTES, units)} of memory")
        try:
            filled.verdict.require()
        except OverBudgetError as refusal:
            message = f"template {self.template}: {refusal.what}"
            raise OverBudgetError(message, next_step=f"it fits with {', or '.join(near)}") from None


class _Run:
    """One filling under way: values in base units, what is set so far, what is left out and why."""

    def __init__(self, prepared: Prepared, values: dict[str, Primitive | None]) -> None:
        self.claims = prepared.claims
        self.catalog = prepared.claims.catalog
        self.values = values
        self.settings: dict[str, FilledSetting] = {}
        self.left_out: dict[str, str] = {}
        self.available = judge_base(prepared.claims, values).available

    def take(self, prepared: _PreparedSetting) -> None:
        """Take one setting, or note why not."""
        setting, parameter = prepared.setting, prepared.parameter
        name = parameter.name if parameter else setting.parameter
        if name in self.settings:
            return
        if parameter is None:
            self.left_out.setdefault(
                name, f"{self.catalog.engine} {self.catalog.version} has no such parameter"
            )
            return
        if prepared.when is not None:
            condition = prepared.when.evaluate(self.values)
            if not condition.value:
                why = f"{condition.unknown} is not known" if condition.unknown else condition.explanation
                self.left_out.setdefault(name, why)
                return
        if prepared.formula is None:
            self._set(prepared, parameter, setting.value or "", f"always {setting.value}", {})
        else:
            self._work_out(prepared, parameter, prepared.formula)

    def _work_out(self, prepared: _PreparedSetting, parameter: Parameter, formula: Formula) -> None:
        values = self.values
        if LARGEST_FIT in formula.names:
            values = {**values, LARGEST_FIT: self._largest_fit(parameter)}
        answer = formula.evaluate(values)
        if answer.value is None:
            unknown = "ram" if answer.unknown == LARGEST_FIT else answer.unknown
            self.left_out.setdefault(parameter.name, f"{unknown} is not known")
            return
        value = from_base(answer.value, parameter, self.catalog.grammar)
        inputs = {given.name: given.text for given in answer.inputs}
        self._set(
            prepared, parameter, parameter.format(value, self.catalog.grammar), answer.explanation, inputs
        )

    def _largest_fit(self, parameter: Parameter) -> Primitive | None:
        """Answer the most that fits, or the least there is, which the final judgement will refuse."""
        if self.available is None:
            return None
        fit = largest_fit(self.claims, self.values, parameter.name, self.available)
        return to_base(fit.value if fit else round(parameter.min or 0), parameter, self.catalog.grammar)

    def _set(
        self, prepared: _PreparedSetting, parameter: Parameter, text: str, why: str, inputs: dict[str, str]
    ) -> None:
        grammar = self.catalog.grammar
        try:
            read = parameter.parse(text, grammar)
        except InputError as refused:
            # A word this build does not know, or a value beyond what it takes: never forced on the server.
            self.left_out.setdefault(parameter.name, f"this server does not take {text}: {refused.what}")
            return
        self.values[parameter.name] = to_base(read, parameter, grammar)
        self.settings[parameter.name] = FilledSetting(
            parameter=parameter.name,
            text=text,
            reason=prepared.setting.reason,
            source=prepared.setting.source,
            explanation=why,
            inputs=inputs,
        )


def _last_true(low: int, high: int, is_so: Callable[[int], bool]) -> int:
    """Answer the last number below `high` for which it is so, `low` when there is none."""
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_so(middle) else (low, middle)
    return low


def prepare(template: Template, claims: Claims) -> Prepared:
    """Compile a template against the claims' catalog; raise `InputErrors` with every fault."""
    catalog = claims.catalog
    version = Version.parse(catalog.version)
    faults: list[InputError] = []
    scope: dict[str, Variable] = {**parameter_variables(catalog), **FACTS}
    scope.update({given.name: Variable(given.name, given.type) for given in template.inputs})
    inputs: dict[str, Formula] = {}
    for given in template.inputs:
        try:
            inputs[given.name] = _constant(
                given.default, given.type, catalog, f"{template.source} input {given.name!r}"
            )
        except InputErrors as refused:
            faults.extend(refused.faults)
    settings: list[_PreparedSetting] = []
    for setting in template.settings:
        if setting.is_for(version):
            try:
                settings.append(_prepare_setting(setting, catalog, scope, template.source))
            except InputErrors as refused:
                faults.extend(refused.faults)
    if faults:
        raise InputErrors(faults)
    formulas = [formula for each in settings for formula in (each.when, each.formula) if formula is not None]
    known = {name for formula in formulas for name in formula.names} | set(claims.parameters)
    names = tuple(sorted(known - FACTS.keys() - inputs.keys() - {LARGEST_FIT}))
    return Prepared(template, claims, tuple(settings), inputs, names)


def fill(
    template: Template,
    facts: Facts,
    claims: Claims,
    *,
    inputs: Mapping[str, str] | None = None,
    current: Mapping[str, Value] | None = None,
) -> Filled:
    """Prepare and fill in one step; see `prepare` and `Prepared.fill`. For many instances prepare once."""
    return prepare(template, claims).fill(facts, inputs=inputs, current=current)


def _prepare_setting(
    setting: TemplateSetting, catalog: Catalog, scope: Mapping[str, Variable], source: str
) -> _PreparedSetting:
    parameter = catalog.find(setting.parameter)
    if parameter is None:
        return _PreparedSetting(setting, None, None, None)
    units, where = catalog.grammar.units, f"{source}:{setting.line} {setting.parameter}"
    when = formula = None
    if setting.when:
        when = compile_formula(setting.when, scope, units, expects=Type.BOOL, source=f"{where} when")
    if setting.formula:
        type_ = type_of(parameter, catalog.grammar)
        if type_ is None:
            fault = InputError(
                f"{parameter.name} is a list, which no formula makes", where=where, next_step="give a value"
            )
            raise InputErrors([fault])
        own_scope = {**scope, LARGEST_FIT: Variable(LARGEST_FIT, type_)}
        formula = compile_formula(setting.formula, own_scope, units, expects=type_, source=where)
    return _PreparedSetting(setting, parameter, when, formula)


def _constant(text: str, type_: Type, catalog: Catalog, source: str) -> Formula:
    written = f"'{text}'" if type_ is Type.TEXT else text
    return compile_formula(written, {}, catalog.grammar.units, expects=type_, source=source)
