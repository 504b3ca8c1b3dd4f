"""Writers of rows in the shapes of clients, for round trips; each as the client would write them."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Sequence

Rows = Sequence[Sequence[str | None]]


def psql_aligned(names: Sequence[str], rows: Rows) -> str:
    """psql's aligned shape with border 1: a cell of several lines is marked with a plus sign."""
    widths = _widths(names, rows)
    head = "|".join(f" {name.center(width)} " for name, width in zip(names, widths, strict=True))
    rule = "+".join("-" * (width + 2) for width in widths)
    body = "".join(f"{line}\n" for row in rows for line in _aligned_lines(row, widths))
    return f"{head}\n{rule}\n{body}({len(rows)} row{'s' * (len(rows) != 1)})\n\n"


def _aligned_lines(row: Sequence[str | None], widths: Sequence[int]) -> list[str]:
    parts = [(cell or "").split("\n") for cell in row]
    lines: list[str] = []
    for at in range(max(map(len, parts))):
        cells: list[str] = []
        for part, width in zip(parts, widths, strict=True):
            text = part[at] if at < len(part) else ""
            cells.append(f" {text.ljust(width)}{'+' if at + 1 < len(part) else ' '}")
        lines.append("|".join(cells))
    return lines


def psql_expanded(names: Sequence[str], rows: Rows) -> str:
    """psql's expanded shape."""
    wide = max(map(len, names))
    deep = max((len(part) for row in rows for cell in row for part in (cell or "").split("\n")), default=0)
    lines: list[str] = []
    for number, row in enumerate(rows, 1):
        lines.append(f"-[ RECORD {number} ]".ljust(wide + 1, "-") + "+" + "-" * (deep + 1))
        for name, cell in zip(names, row, strict=True):
            parts = (cell or "").split("\n")
            for at, part in enumerate(parts):
                mark = "+" if at + 1 < len(parts) else ""
                lines.append(
                    f"{(name if not at else '').ljust(wide)} | {part.ljust(deep) if mark else part}{mark}"
                )
    return "\n".join(lines) + "\n\n"


def psql_unaligned(names: Sequence[str], rows: Rows) -> str:
    """psql's unaligned shape."""
    return (
        "\n".join("|".join(cell or "" for cell in row) for row in [names, *rows]) + f"\n({len(rows)} rows)\n"
    )


def comma_separated(names: Sequence[str], rows: Rows) -> str:
    """CSV of COPY: an empty text is quoted, a null is nothing at all."""
    return "".join(",".join(map(_quoted, row)) + "\n" for row in [names, *rows])


def _quoted(cell: str | None) -> str:
    if cell is None:
        return ""
    if cell == "" or set(cell) & set('",\n') or cell.strip() != cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def semicolons(names: Sequence[str], rows: Rows) -> str:
    """CSV as spreadsheets write it where the comma is the decimal mark."""
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\n").writerows([names, *rows])
    return out.getvalue()


def mysql_batch(names: Sequence[str], rows: Rows) -> str:
    """The batch output of the MySQL clients."""
    table = str.maketrans({"\n": r"\n", "\t": r"\t", "\\": r"\\", "\0": r"\0"})
    return "".join(
        "\t".join("NULL" if cell is None else cell.translate(table) for cell in row) + "\n"
        for row in [names, *rows]
    )


def copy_text(names: Sequence[str], rows: Rows) -> str:
    """COPY inside a dump of PostgreSQL."""
    table = str.maketrans({"\n": r"\n", "\t": r"\t", "\\": r"\\"})
    body = "".join(
        "\t".join(r"\N" if cell is None else cell.translate(table) for cell in row) + "\n" for row in rows
    )
    return f"COPY public.settings ({', '.join(names)}) FROM stdin;\n{body}\\.\n\n"


def mysql_box(names: Sequence[str], rows: Rows) -> str:
    """The box of the MySQL clients: line ends stand in it as they are."""
    told = [[("NULL" if cell is None else cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [names, *told]) for at in range(len(names))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [
        "|" + "|".join(f" {cell.ljust(width)} " for cell, width in zip(row, widths, strict=True)) + "|"
        for row in [names, *told]
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule]) + f"\n{len(rows)} rows in set (0.00 sec)\n\n"


def mysql_vertical(names: Sequence[str], rows: Rows) -> str:
    """The vertical output of the MySQL clients."""
    wide = max(map(len, names))
    stars = "*" * 27
    return "".join(
        f"{stars} {number}. row {stars}\n"
        + "".join(
            f"{name.rjust(wide)}: {'NULL' if cell is None else cell}\n"
            for name, cell in zip(names, row, strict=True)
        )
        for number, row in enumerate(rows, 1)
    )


def mysql_xml(names: Sequence[str], rows: Rows) -> str:
    """The XML of the MySQL clients."""
    body = "".join(
        "  <row>\n"
        + "".join(
            f'\t<field name="{name}" xsi:nil="true" />\n'
            if cell is None
            else f'\t<field name="{name}">{html.escape(cell)}</field>\n'
            for name, cell in zip(names, row, strict=True)
        )
        + "  </row>\n\n"
        for row in rows
    )
    return f'<?xml version="1.0"?>\n\n<resultset statement="select 1\n">\n{body}</resultset>\n'


def mysql_html(names: Sequence[str], rows: Rows) -> str:
    """The HTML of the MySQL clients, all in one line."""
    head = "<TR>" + "".join(f"<TH>{name}</TH>" for name in names) + "</TR>"
    body = "".join(
        "<TR>"
        + "".join(f"<TD>{'NULL' if cell is None else html.escape(cell, quote=False)}</TD>" for cell in row)
        + "</TR>"
        for row in rows
    )
    return f"<TABLE BORDER=1>{head}{body}</TABLE>"


def json_array(names: Sequence[str], rows: Rows) -> str:
    """An array of objects, one a line."""
    return "[" + ",\n ".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows) + "]\n"


def json_lines(names: Sequence[str], rows: Rows) -> str:
    """One object a line."""
    return "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)


def json_columns(names: Sequence[str], rows: Rows) -> str:
    """Columns, and rows as arrays."""
    return json.dumps({"columns": list(names), "rows": [list(row) for row in rows]}, indent=1)


def sqlcmd(names: Sequence[str], rows: Rows) -> str:
    """Columns as wide as their types under dashes: wider than what stands in them."""
    told = [[("NULL" if cell is None else cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [names, *told]) + 1 for at in range(len(names))]
    lines = [
        " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [names, *told]
    ]
    rule = " ".join("-" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]]) + f"\n\n({len(rows)} rows affected)\n"


def format_list(names: Sequence[str], rows: Rows) -> str:
    """Format-List of PowerShell."""
    wide = max(map(len, names))
    return (
        "\n"
        + "\n".join(
            "".join(f"{name.ljust(wide)} : {cell or ''}\n" for name, cell in zip(names, row, strict=True))
            for row in rows
        )
        + "\n"
    )


def _widths(names: Sequence[str], rows: Rows) -> list[int]:
    return [
        max(len(part) for row in [names, *rows] for part in (row[at] or "").split("\n"))
        for at in range(len(names))
    ]
