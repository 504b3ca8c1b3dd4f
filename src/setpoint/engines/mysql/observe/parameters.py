"""Parameters: a row of the server's own tables, and what a catalog already knows, as one typed parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.catalog import Context, Kind, Parameter
from setpoint.engines.mysql.dialect import knowledge
from setpoint.engines.mysql.dialect.categories import category_of
from setpoint.engines.mysql.dialect.contexts import DYNAMIC, FILE_ONLY, FIXED, PERSIST_ONLY
from setpoint.engines.mysql.dialect.grammar import GRAMMAR

if TYPE_CHECKING:
    from setpoint.catalog import Value
    from setpoint.engines.mysql.observe.reply import VariableRow

_KINDS = {
    "boolean": Kind.BOOL,
    "enum": Kind.ENUM,
    "enumeration": Kind.ENUM,
    "set": Kind.FLAGS,
    "flagset": Kind.SWITCHES,
    "integer": Kind.INTEGER,
    "int": Kind.INTEGER,
    "int unsigned": Kind.INTEGER,
    "bigint": Kind.INTEGER,
    "bigint unsigned": Kind.INTEGER,
    "double": Kind.FLOAT,
    "numeric": Kind.FLOAT,
}
_WORDS = frozenset({Kind.ENUM, Kind.FLAGS, Kind.SWITCHES})
_UNLIMITED = 2**64


def read_parameter(row: VariableRow, known: Parameter | None) -> Parameter:
    """Answer the parameter; what the row does not tell is what the catalog knows."""
    name = row.name.lower()
    kind = _kind(name, row.data_type, known)
    unit = knowledge.unit_of(name) if kind in (Kind.INTEGER, Kind.FLOAT) else None
    values = _values(row, kind, known)
    engine_context = _engine_context(name, row, known)
    low, high = _bounds(row, kind)
    draft = Parameter(
        name=name,
        kind=_measured(kind, unit),
        context=_context(row.scope, engine_context, known),
        engine_context=engine_context,
        unit=unit,
        min=low,
        max=high,
        multiple=_multiple(row.block, kind, known) or knowledge.MULTIPLES.get(name, 0),
        values=values,
        aliases=_aliases(kind, values, known),
        is_integral=kind is not Kind.FLOAT,
        folds_case=kind is Kind.STRING and known is not None and known.folds_case,
        category=category_of(name),
        build=_build(name, known),
        extension=known.extension if known is not None else name.partition(".")[0] if "." in name else "",
    )
    return msgspec.structs.replace(draft, default=_default(row, draft, known))


def _build(name: str, known: Parameter | None) -> str:
    if name in knowledge.ORDERS:
        return "an order to the server, not a setting"
    return knowledge.NOT_FREE.get(name) or (known.build if known is not None else "")


def _kind(name: str, data_type: str | None, known: Parameter | None) -> Kind:
    if name in knowledge.SWITCHES:
        return Kind.SWITCHES
    if data_type is not None:
        return _KINDS.get(data_type.lower(), Kind.STRING)
    if known is None:
        return Kind.STRING
    return {Kind.SIZE: Kind.INTEGER, Kind.DURATION: Kind.INTEGER if known.is_integral else Kind.FLOAT}.get(
        known.kind, known.kind
    )


def _measured(kind: Kind, unit: str | None) -> Kind:
    if unit is None:
        return kind
    return Kind.SIZE if unit == "B" else Kind.DURATION


def _values(row: VariableRow, kind: Kind, known: Parameter | None) -> tuple[str, ...]:
    if kind not in _WORDS:
        return ()
    if row.words:
        return tuple(word for word in row.words.split(",") if word and word != "default")
    if kind is Kind.SWITCHES:
        return tuple(item.partition("=")[0] for item in (row.value or "").split(",") if "=" in item)
    if known is not None and known.values:
        return known.values
    return knowledge.WORDS.get(row.name.lower(), ())


def _aliases(kind: Kind, values: tuple[str, ...], known: Parameter | None) -> dict[str, str]:
    """Answer the further words: an enum takes the number of a word, and more where it is on or off.

    A word of a set may stand for several.
    """
    if kind is not Kind.ENUM:
        return dict(known.aliases) if known is not None and kind is Kind.FLAGS else {}
    aliases = {str(number): word for number, word in enumerate(values)}
    on, off = next((v for v in values if v == "ON"), ""), next((v for v in values if v == "OFF"), "")
    if on and off:
        aliases |= {"true": on, "false": off}
    return {word: value for word, value in aliases.items() if word not in {v.lower() for v in values}}


def _engine_context(name: str, row: VariableRow, known: Parameter | None) -> str:
    if (
        knowledge.FIXED.match(name)
        or name in knowledge.ORDERS
        or (row.is_read_only == "YES" and row.has_option is None)
    ):
        return FIXED
    if row.is_read_only is not None:
        is_for_all = row.is_read_only == "NO" and name not in knowledge.OF_SESSIONS
        return DYNAMIC if is_for_all else FIXED if row.has_option is None else FILE_ONLY
    if known is not None:
        return known.engine_context
    return DYNAMIC


def _context(scope: str | None, engine_context: str, known: Parameter | None) -> Context:
    if engine_context == FIXED:
        return Context.FIXED
    if engine_context in (PERSIST_ONLY, FILE_ONLY):
        return Context.RESTART
    if scope is None:
        return known.context if known is not None else Context.IMMEDIATE
    return Context.RECONNECT if scope.upper() == "SESSION" else Context.IMMEDIATE


def _bounds(row: VariableRow, kind: Kind) -> tuple[int | float | None, int | float | None]:
    """Answer the bounds, which servers do not hold their own defaults to: what runs is taken, too."""
    low, high = (_bound(text, kind) for text in (row.low, row.high))
    if low is not None and high is not None and high <= low:
        return None, None
    seen = [
        number for number in (_bound(text, kind) for text in (row.value, row.default)) if number is not None
    ]
    return (
        None if low is None else min([low, *seen]),
        None if high is None else max([high, *seen]),
    )


def _bound(text: str | None, kind: Kind) -> int | float | None:
    """Read a bound; a double's bounds of a whole type's range say nothing."""
    if text is None or kind not in (Kind.INTEGER, Kind.FLOAT):
        return None
    try:
        number = int(text) if kind is Kind.INTEGER else float(text)
    except ValueError:
        return None
    return number if abs(number) < _UNLIMITED else None


def _multiple(block: str | None, kind: Kind, known: Parameter | None) -> int:
    if block is None:
        return known.multiple if known is not None else 0
    return int(block) if kind is Kind.INTEGER and int(block) > 1 else 0


def _default(row: VariableRow, draft: Parameter, known: Parameter | None) -> Value | None:
    if row.default is None:
        return known.default if known is not None else None
    try:
        return draft.read(row.default, GRAMMAR)
    except ValueError:
        return None
