"""Tables in XML and HTML, as the clients of MySQL, MariaDB, PostgreSQL and Oracle write them.

Nothing here expands an entity of the document's own: the handful that the languages define is undone in each
cell, and XML that declares a document type is refused.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from setpoint.config.dump import Problem, Severity
from setpoint.engines.shapes.headers import is_header
from setpoint.engines.shapes.reading import Reading, misfit
from setpoint.engines.shapes.table import Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OPENING = re.compile(r"\s*<(?:\?xml|!DOCTYPE|html|resultset|mysqldump|mysql|table|rows?)\b", re.IGNORECASE)
_TABLE = re.compile(r"<table\b[^<>]*>", re.IGNORECASE)
_ROW = re.compile(r"<tr\b[^<>]*>", re.IGNORECASE)
_CELL = re.compile(r"<t([hd])\b[^<>]*>([^<]*)", re.IGNORECASE)
_BREAK = re.compile(r"<br ?/?>\n?", re.IGNORECASE)
_INLINE = re.compile(r"</?(?:b|i|em|strong|span|p|font|code|tt|pre)\b[^<>]*>", re.IGNORECASE)
_XML_ROW = re.compile(r"<row\b([^<>]*)>")
_FIELD = re.compile(r"<([A-Za-z_][\w.-]*)\b([^<>]*)>([^<]*)")
_EXPANDED = re.compile(r"</th>\s*<td\b", re.IGNORECASE)
"""A cell with its name in front: psql's expanded shape."""
_HtmlRow = tuple[int, list[tuple[str, str]]]
"""A row's line and its cells: ``h`` for a heading or ``d``, and the text."""
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")


def read_markup(lines: Sequence[str], at: int) -> list[Reading]:
    """Answer the tables in the markup that begins at an index, none where it is no markup of tables.

    They take all lines up to the last closing tag; each row has the line of its opening tag.
    """
    if not _OPENING.match(lines[at]):
        return []
    text = "\n".join(lines[at:])
    end = at + text.count("\n", 0, text.rfind(">") + 1) + 1
    if _XML_ROW.search(text):
        table = _refused(at) if "<!DOCTYPE" in text or "<!ENTITY" in text else _xml(text, at)
        return [Reading(table, at, end)] if table else []
    tables = list(_html(text, at))
    return [
        Reading(table, at if not place else table.line - 1, end if place + 1 == len(tables) else table.line)
        for place, table in enumerate(tables)
    ]


def _refused(at: int) -> Table:
    problem = Problem(
        severity=Severity.ERROR,
        message="This XML declares a document type, which no database client writes, and was not read. "
        "Take the declaration out if the file is to be trusted.",
        line=at + 1,
    )
    return Table("xml", (), (), at + 1, problems=(problem,))


def _xml(text: str, at: int) -> Table | None:
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    for line, attributes, chunk in _pieces(_XML_ROW, text, at):
        cells = dict(_fields(chunk)) or dict(_attributes(attributes))
        columns = columns or tuple(cells)
        extra = tuple(name for name in cells if name not in columns) if len(cells) > len(columns) else ()
        columns += extra
        rows.append(Row(tuple(map(cells.get, columns)), line))
    return Table("xml", columns, tuple(rows), at + 1, has_nulls=True) if columns else None


def _fields(chunk: str) -> Iterator[tuple[str, str | None]]:
    """Answer a row's cells: ``<field name="...">`` or an element of the column's name."""
    for tag, attributes, text in _FIELD.findall(chunk):
        name = str(tag)
        is_null = False
        if attributes:
            told = dict(_attributes(attributes))
            name = told.get("name", name)
            is_null = told.get("xsi:nil") == "true"
        yield name, None if is_null else _plain(text)


def _attributes(text: str) -> Iterator[tuple[str, str]]:
    for name, double, single in _ATTRIBUTE.findall(text):
        yield name, _plain(double or single)


def _html(text: str, at: int) -> Iterator[Table]:
    for line, _, chunk in _pieces(_TABLE, text, at):
        rows = [(row_line, _CELL.findall(_bare(row))) for row_line, _, row in _pieces(_ROW, chunk, line - 1)]
        rows = [row for row in rows if row[1]]
        if rows:
            yield _html_records(rows, line) if _EXPANDED.search(chunk) else _html_rows(rows, line)


def _html_rows(rows: list[_HtmlRow], line: int) -> Table:
    columns: tuple[str, ...] = ()
    first = _texts(rows[0])
    if rows[0][1][0][0] in "hH" or is_header(first, ()):
        columns, rows = tuple(first), rows[1:]
    read = tuple(
        Row(tuple(None if cell == "NULL" else cell for cell in cells), row[0])
        for row in rows
        if (cells := tuple(_texts(row))) != columns
    )
    return Table("html", columns, read, line, has_nulls=any(None in row.cells for row in read))


def _texts(row: _HtmlRow) -> list[str]:
    return [_plain(cell).strip() for _, cell in row[1]]


def _html_records(rows: list[_HtmlRow], line: int) -> Table:
    records: list[tuple[int, list[str], list[str]]] = []
    for row in rows:
        cells = _texts(row)
        if len(cells) == 1 or not records:
            records.append((row[0], [], []))
        if len(cells) > 1:
            records[-1][1].append(cells[0])
            records[-1][2].append(cells[1])
    records = [record for record in records if record[1]]
    columns = records[0][1] if records else []
    read = tuple(Row(tuple(cells), row_line) for row_line, names, cells in records if names == columns)
    problems = tuple(
        misfit(row_line, "its record has other names than the first one")
        for row_line, names, _ in records
        if names != columns
    )
    return Table("html", tuple(columns), read, line, problems=problems)


def _bare(row: str) -> str:
    """Take away what only lays out: line breaks become line ends, letters in bold are letters."""
    if "<br" in row or "<BR" in row:
        row = _BREAK.sub("\n", row)
    return _INLINE.sub("", row)


def _pieces(opening: re.Pattern[str], text: str, at: int) -> Iterator[tuple[int, str, str]]:
    """Answer for each opening tag its line, its attributes and what follows up to the next one."""
    found = list(opening.finditer(text))
    line, counted = at + 1, 0
    for place, tag in enumerate(found):
        line += text.count("\n", counted, tag.start())
        counted = tag.start()
        end = found[place + 1].start() if place + 1 < len(found) else len(text)
        yield line, tag[1] if opening.groups else "", text[tag.end() : end]


def _plain(text: str) -> str:
    return unescape(text).replace("\xa0", " ") if "&" in text else text
