"""Parameters out of pg_settings: one row becomes one typed parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Dimension, Kind, Parameter, Value
from setpoint.engines.postgresql.dialect import knowledge
from setpoint.engines.postgresql.dialect.grammar import GRAMMAR
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.engines.postgresql.observe.reply import SettingRow

_PLAIN_KINDS = {"bool": Kind.BOOL, "enum": Kind.ENUM}
_UNIT_KINDS = {Dimension.BYTES: Kind.SIZE, Dimension.MICROSECONDS: Kind.DURATION}
_JSONLOG = 15
_MODULES = {"pltclu": "pltcl"}
"""Modules that use a second prefix besides their own name."""


def read_parameter(row: SettingRow, major: int) -> Parameter:
    """Answer the parameter a row describes.

    Its default is the built-in one, whatever this host or cluster made of it.
    """
    kind = _kind_of(row)
    values, aliases = tuple(row.enumvals or ()), dict[str, str]()
    if kind is Kind.FLAGS:
        values = _flags_of(row.name, major)
        aliases = knowledge.enum_aliases(row.name, values, major)
    elif kind is Kind.ENUM:
        aliases = knowledge.enum_aliases(row.name, values, major)
    folded = row.name.lower()
    prefix = row.name.partition(".")[0] if "." in row.name else ""
    return Parameter(
        name=row.name,
        kind=kind,
        context=knowledge.CONTEXTS[row.context],
        engine_context=row.context,
        unit=row.unit,
        default=_default_of(row, kind),
        min=_number(row.min_val, row.vartype),
        max=_number(row.max_val, row.vartype),
        values=values,
        aliases=aliases,
        is_integral=row.vartype != "real",
        radix=8 if folded in knowledge.OCTAL else 10,
        folds_case=folded in knowledge.FOLDS_CASE,
        is_quoted_list=knowledge.is_quoted_list(row.name, major),
        category=row.category,
        description=" ".join(filter(None, (row.short_desc, row.extra_desc))),
        flags=row.flags or (),
        build=knowledge.BUILD.get(folded, ""),
        extension=_MODULES.get(prefix, prefix),
    )


def is_same_text(parameter: Parameter, left: str | None, right: str | None) -> bool:
    """Tell whether two texts are one value of the parameter.

    Unreadable ones compare as they stand, null is empty.
    """
    left, right = left or "", right or ""
    if left == right:
        return True
    try:
        return parameter.is_same(parameter.parse(left, GRAMMAR), parameter.parse(right, GRAMMAR))
    except InputError:
        return left == right


def in_base_units(parameter: Parameter, text: str | None) -> str | None:
    """Write a text the way pg_settings shows the value.

    A plain number in the base unit, ``on`` or ``off``, the listed word.
    """
    if text is None:
        return None
    try:
        value = parameter.parse(text, GRAMMAR)
    except InputError:
        return text
    if isinstance(value, (str, tuple)) and parameter.kind is not Kind.ENUM:
        return text
    if parameter.radix == 8:  # noqa: PLR2004 - file modes
        return parameter.format(value, GRAMMAR)
    return _plain(value)


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return GRAMMAR.write_bool(value=value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _kind_of(row: SettingRow) -> Kind:
    folded = row.name.lower()
    if row.vartype in _PLAIN_KINDS:
        return _PLAIN_KINDS[row.vartype]
    if row.vartype == "string":
        if folded in knowledge.FLAG_SETS or folded == "log_connections":
            return Kind.FLAGS
        return Kind.LIST if folded in knowledge.LISTS else Kind.STRING
    unit = GRAMMAR.units.find(row.unit) if row.unit else None
    if unit is not None:
        return _UNIT_KINDS[unit.dimension]
    return Kind.FLOAT if row.vartype == "real" else Kind.INTEGER


def _flags_of(name: str, major: int) -> tuple[str, ...]:
    if name == "log_connections":
        return knowledge.LOG_CONNECTIONS_FLAGS
    words = knowledge.FLAG_SETS[name]
    return tuple(word for word in words if word != "jsonlog" or major >= _JSONLOG)


def _default_of(row: SettingRow, kind: Kind) -> Value | None:
    text = row.boot_val
    if text is None:
        return None
    if kind is Kind.BOOL:
        return GRAMMAR.read_bool(text)
    if kind in (Kind.LIST, Kind.FLAGS):
        return GRAMMAR.read_list(text)
    if kind in (Kind.STRING, Kind.ENUM):
        return text
    return _number(text, row.vartype)


def _number(text: str | None, vartype: str) -> int | float | None:
    if text is None:
        return None
    return float(text) if vartype == "real" else int(text)
