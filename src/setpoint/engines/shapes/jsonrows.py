"""Rows in JSON: arrays of objects or of arrays, objects by name, one object a line, wrapped or not.

Elements are decoded one by one, so that each row has its line. Numbers stay as they are printed, what is
nested is a cell of JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

from setpoint.config.dump import Problem, Severity
from setpoint.engines.shapes.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"[\s,]*")
_COLON = re.compile(r"\s*:\s*")
_ROWS = ("rows", "items", "data", "results", "result", "settings", "values")
"""Under what name a wrapper holds its rows."""
_COLUMNS = ("columns", "column_names", "fields")
_NAMES = frozenset(("name", "variable_name", "variable", "parameter", "parameter_name", "displayname"))
"""An object with one of these is a row; else its own names are the names of what it holds."""


class _Printed(float):
    """A number with a point or an exponent, as it is printed."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


_DECODER = json.JSONDecoder(parse_float=_Printed)


@dataclass
class _Text:
    """A text of JSON and the line of each place; places are asked for in their order."""

    text: str
    line: int
    counted: int

    def line_of(self, place: int) -> int:
        self.line += self.text.count("\n", self.counted, place)
        self.counted = place
        return self.line

    def value(self, place: int) -> tuple[Any, int]:
        """Decode the value at a place; answer it and the place behind it. Raises ValueError."""
        try:
            return _DECODER.raw_decode(self.text, place)
        except RecursionError as fault:
            raise ValueError("nested too deeply") from fault

    def skip(self, place: int) -> int:
        space = _SPACE.match(self.text, place)
        return space.end() if space else place

    def elements(self, place: int) -> Iterator[tuple[int, Any]]:
        """Answer the elements of the array that begins at a place."""
        place = self.skip(place + 1)
        while self.text[place : place + 1] not in ("]", ""):
            value, end = self.value(place)
            yield place, value
            place = self.skip(end)

    def members(self, place: int) -> Iterator[tuple[int, str, Any, int]]:
        """Answer the names of the object that begins at a place: where, the name, its value and where."""
        at = self.skip(place + 1)
        while self.text[at : at + 1] not in ("}", ""):
            name, end = self.value(at)
            colon = _COLON.match(self.text, end)
            if colon is None:
                raise ValueError("no colon")
            value, after = self.value(colon.end())
            yield at, str(name), value, colon.end()
            at = self.skip(after)


def read_json(text: str, place: int, line: int) -> tuple[list[Table], int]:
    """Answer the tables of the JSON that begins at a place of a text, and the place behind it.

    Several values after one another are the rows of one table. What stands before a fault is read. Raises
    ValueError where it is no JSON.
    """
    source = _Text(text, line, place)
    try:
        first, end = source.value(place)
    except ValueError:
        return _salvaged(source, place), len(text)
    starts: list[tuple[int, Any]] = [(place, first)]
    while isinstance(first, dict) and text[(at := source.skip(end)) : at + 1] == "{":
        try:
            value, end = source.value(at)
        except ValueError:
            break
        starts.append((at, value))
    if len(starts) == 1:
        return _tables(source, place, first), end
    if all(_is_wrapper(value) for _, value in starts):
        return [table for start, value in starts for table in _tables(source, start, value)], end
    return _rows(source, iter(starts), ()), end


def _salvaged(source: _Text, place: int) -> list[Table]:
    """Read the rows before the fault of an array or object of rows. ValueError where there are none."""
    if source.text[place] == "[":
        tables = _rows(source, source.elements(place), ())
    else:
        members = source.members(place)
        tables = _rows(source, ((at, {"name": name, **value}) for at, name, value, _ in members), ())
    if not tables or not tables[0].columns:
        raise ValueError("no rows before the fault")
    return tables


def _tables(source: _Text, place: int, value: Any) -> list[Table]:
    if isinstance(value, list):
        elements = cast("list[Any]", value)
        if elements and all(_is_wrapper(element) for element in elements):
            return [table for at, inner in source.elements(place) for table in _tables(source, at, inner)]
        return _rows(source, source.elements(place), ())
    if not isinstance(value, dict) or not value:
        return []
    named = cast("dict[str, Any]", value)
    if _is_wrapper(named):
        return _unwrapped(source, place, named)
    if any(name.lower() in _NAMES for name in named):
        return _rows(source, iter([(place, named)]), ())
    return _by_name(source, place, named)


def _is_wrapper(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    named = cast("dict[str, Any]", value)
    return any(isinstance(named.get(name), list) for name in _ROWS) and not _NAMES.intersection(named)


def _unwrapped(source: _Text, place: int, named: dict[str, Any]) -> list[Table]:
    told = [named[name] for name in _COLUMNS if isinstance(named.get(name), list)]
    columns = tuple(map(_column, cast("list[Any]", told[0]))) if told else ()
    for _, name, value, at in source.members(place):
        if name in _ROWS and isinstance(value, list):
            inner = cast("list[Any]", value)
            if inner and all(map(_is_wrapper, inner)):
                return [table for start, one in source.elements(at) for table in _tables(source, start, one)]
            has_names = any(isinstance(one, dict) for one in inner)
            return _rows(source, source.elements(at), () if has_names else columns)
    return []


def _column(column: Any) -> str:
    if isinstance(column, dict):
        named = cast("dict[str, Any]", column)
        return str(named.get("name", named.get("Name", "")))
    return str(column)


def _by_name(source: _Text, place: int, named: dict[str, Any]) -> list[Table]:
    """Read an object whose names are those of settings: each value an object, or the value itself."""
    if not all(isinstance(value, dict) for value in named.values()):
        rows = [Row((name, _cell(value)), source.line_of(at)) for at, name, value, _ in source.members(place)]
        return [Table("json", ("name", "value"), tuple(rows), rows[0].line, has_nulls=True)]
    members = ((at, {"name": name, **value}) for at, name, value, _ in source.members(place))
    return _rows(source, members, ())


def _rows(source: _Text, values: Iterator[tuple[int, Any]], columns: tuple[str, ...]) -> list[Table]:
    """Read objects or arrays as rows; the columns are the objects' names in their first order."""
    places: dict[str, int] = {name: place for place, name in enumerate(columns)}
    rows: list[Row] = []
    problems: list[Problem] = []
    for at, value in _sound(values, source, problems):
        line = source.line_of(at)
        if isinstance(value, dict):
            rows.append(Row(_by_place(cast("dict[str, Any]", value), places), line))
        elif isinstance(value, list) and (not places or len(cast("list[Any]", value)) == len(places)):
            rows.append(Row(tuple(map(_cell, cast("list[Any]", value))), line))
        else:
            problems.append(_misfit(line))
    if not rows:
        return []
    return [Table("json", tuple(places), tuple(rows), rows[0].line, has_nulls=True, problems=tuple(problems))]


def _sound(
    values: Iterator[tuple[int, Any]], source: _Text, problems: list[Problem]
) -> Iterator[tuple[int, Any]]:
    """Answer the values up to a fault of the JSON, which is a problem."""
    try:
        yield from values
    except (ValueError, TypeError):
        problems.append(
            Problem(
                severity=Severity.ERROR,
                message="The JSON breaks off or is faulty behind this line; what follows was not read.",
                line=source.line,
            )
        )


def _by_place(value: dict[str, Any], places: dict[str, int]) -> tuple[str | None, ...]:
    if list(value) == list(places):
        return tuple(map(_cell, value.values()))
    for name in value:
        places.setdefault(name, len(places))
    return tuple(_cell(value.get(name)) for name in places)


def _misfit(line: int) -> Problem:
    return Problem(
        severity=Severity.ERROR, message="This value of the JSON is no row like those before.", line=line
    )


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Printed):
        return value.text
    return json.dumps(value, ensure_ascii=False)
