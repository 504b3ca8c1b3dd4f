"""Answers read back: a line holds a JSON string, and that a composite value as the server writes it."""

from __future__ import annotations

import re

import msgspec

from setpoint.errors import InputError

_FIELD = re.compile(r'(?P<quoted>"(?:[^"\\]|""|\\.)*+")|(?P<plain>[^",()\\ \t\n\r\f\v]*+)', re.DOTALL)
_ESCAPED = re.compile(r'""|\\(.)', re.DOTALL)


def read_rows(answer: str) -> tuple[tuple[str | None, ...], ...]:
    """Answer the rows, each a tuple of texts and None; raise `InputError` naming the line that is no row."""
    return tuple(_read_row(line, at) for at, line in enumerate(answer.split("\n"), start=1) if line)


def _read_row(line: str, at: int) -> tuple[str | None, ...]:
    try:
        record = msgspec.json.decode(line, type=str)
    except msgspec.DecodeError:
        raise _unreadable(at) from None
    if not (record.startswith("(") and record.endswith(")")):
        raise _unreadable(at)
    cells: list[str | None] = []
    place, last = 1, len(record) - 1
    while True:
        field = _FIELD.match(record, place, last)
        if field is None:
            raise _unreadable(at)
        cells.append(_cell(field))
        place = field.end()
        if place == last:
            return tuple(cells)
        if record[place] != ",":
            raise _unreadable(at)
        place += 1


def _cell(field: re.Match[str]) -> str | None:
    quoted = field["quoted"]
    if quoted is None:
        return field["plain"] or None
    return _ESCAPED.sub(lambda found: found[1] or '"', quoted[1:-1])


def _unreadable(at: int) -> InputError:
    return InputError(f"line {at} of an answer is no row", next_step="run the script once more")
