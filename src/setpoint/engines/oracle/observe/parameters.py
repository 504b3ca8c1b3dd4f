"""One row of V$SYSTEM_PARAMETER as a parameter: what the server tells, and what only the facts know.

The server's word wins: type, when a change takes effect, default, accepted words. Units, categories and
ranges come from the facts of the shipped catalog; a range that the server's own value contradicts is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Context, Kind, Parameter
from setpoint.engines.oracle.dialect import GRAMMAR, knowledge
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.catalog import Value
    from setpoint.engines.oracle.observe.reply import ParameterRow

_BOOL, _NUMBERS, _BIG = "1", frozenset({"3", "6"}), "6"
_CONTEXTS = {
    "IMMEDIATE": Context.IMMEDIATE,
    "DEFERRED": Context.RECONNECT,
    "FALSE": Context.RESTART,
}
_TRUE = "TRUE"
_UNDOCUMENTED = "diagnostics / undocumented"
"""What no fact names is set to find or to get round a fault, and can bring one."""


def read_parameter(row: ParameterRow, family: str) -> Parameter:
    """Answer the parameter a row describes."""
    fact = knowledge.fact(family, row.name)
    kind, unit = _kind(row, fact), None
    if fact is not None and kind in (Kind.SIZE, Kind.DURATION):
        unit = fact.unit
    elif kind is Kind.SIZE:
        unit = "B"
    parameter = Parameter(
        name=row.name,
        kind=kind,
        context=_context(row),
        engine_context=row.system_change,
        unit=unit,
        values=_words(row, fact, kind),
        aliases=_aliases(fact, kind),
        is_quoted_list=kind is Kind.LIST,
        category=fact.category if fact is not None else _UNDOCUMENTED,
        description=row.description or "",
        flags=_flags(row),
    )
    return _with_range(parameter, row, fact)


def text_of(parameter: Parameter, text: str | None) -> str | None:
    """Answer a value's text: the server keeps an empty string as NULL; of a number that means unset."""
    if text is not None:
        return text
    return "" if parameter.kind in (Kind.STRING, Kind.LIST, Kind.ENUM) else None


def _kind(row: ParameterRow, fact: Parameter | None) -> Kind:
    if row.type_number == _BOOL:
        return Kind.BOOL
    if row.type_number in _NUMBERS:
        if fact is not None and fact.kind in (Kind.SIZE, Kind.DURATION):
            return fact.kind
        return Kind.SIZE if row.type_number == _BIG else Kind.INTEGER
    if row.is_list or row.name in knowledge.LISTS:
        return Kind.LIST
    has_words = bool(row.words) or (fact is not None and fact.kind is Kind.ENUM)
    return Kind.ENUM if has_words and row.name not in knowledge.OPEN_ENUMS else Kind.STRING


def _context(row: ParameterRow) -> Context:
    if knowledge.is_auto_tuned(row.name) or row.name in knowledge.SESSION_ONLY | knowledge.FIXED:
        return Context.FIXED
    return _CONTEXTS.get(row.system_change, Context.FIXED)


def _words(row: ParameterRow, fact: Parameter | None, kind: Kind) -> tuple[str, ...]:
    """Answer the words an enum takes; what runs is one of them, whatever the list says."""
    if kind is not Kind.ENUM:
        return ()
    words = row.words or (fact.values if fact is not None else ())
    known = {word.lower() for word in (*words, *(_aliases(fact, kind)))}
    spoken = (row.value, row.default_value, *row.entries.values())
    more = dict.fromkeys(word for word in spoken if word and word.lower() not in known)
    return (*words, *more)


def _aliases(fact: Parameter | None, kind: Kind) -> dict[str, str]:
    """Answer the further words; an enum that nobody set is the empty word."""
    if kind is not Kind.ENUM:
        return {}
    return {**(fact.aliases if fact is not None and fact.kind is Kind.ENUM else {}), "": ""}


def _flags(row: ParameterRow) -> tuple[str, ...]:
    told = {
        knowledge.BIG: row.type_number == _BIG,
        knowledge.BASIC: row.basic == _TRUE,
        knowledge.PDB: row.pdb_change == _TRUE,
        knowledge.SID: row.instance_change == _TRUE,
        knowledge.SESSION: row.session_change == _TRUE,
        knowledge.DEPRECATED: row.deprecated == _TRUE,
        knowledge.NOT_SYSTEM: row.name in knowledge.SESSION_ONLY,
    }
    return tuple(flag for flag, is_told in told.items() if is_told)


def _with_range(parameter: Parameter, row: ParameterRow, fact: Parameter | None) -> Parameter:
    from msgspec.structs import replace

    default = _value(parameter, row.default_value)
    running = _value(parameter, row.value)
    low, high, build = (fact.min, fact.max, fact.build) if fact is not None else (None, None, "")
    numbers = [each for each in (default, running) if isinstance(each, (int, float))]
    is_believed = parameter.is_numeric and all(
        (low is None or low <= each) and (high is None or each <= high) for each in numbers
    )
    if not is_believed:
        low = high = None
    return replace(parameter, default=default, min=low, max=high, build=build)


def _value(parameter: Parameter, text: str | None) -> Value | None:
    """Read a text of the server's, None where it is none of the parameter's type (``NONE``)."""
    plain = text_of(parameter, text)
    try:
        return None if plain is None else parameter.parse(plain, GRAMMAR)
    except InputError:
        return None
