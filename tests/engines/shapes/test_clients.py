"""What the real clients print of the same rows, each file under the name of its client and shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.engines.shapes.table import Table
from setpoint.engines.shapes.tables import read_tables

CLIENTS = Path(__file__).parent / "clients"
NAMES = ("name", "number", "some text", "nothing")
ROWS = [
    ("a", "1", "one\ntwo", None),
    ("b|c", "-20", "x  + y +", ""),
    ("日本", "300", 'é "q" <&>', "\\"),
    ("d", "4", "a longer text, with a comma; and more", "NULLY"),
]
PLAIN = {"psql_unaligned.txt": [("a", "1", "one two", None), ("bc", *ROWS[1][1:]), *ROWS[2:]]}
"""Where a bar or a line end in a cell could not be told from those between cells."""
HEADLESS = {"psql_copy", "psql_csv_untitled", "mariadb_box_untitled", "mariadb_batch_untitled"}


def only_table(text: str) -> Table:
    [table] = read_tables(text)
    return table


@pytest.mark.parametrize("path", sorted(CLIENTS.iterdir()), ids=lambda path: path.stem)
def test_what_a_client_prints_reads_as_the_rows_it_was_asked_for(path):
    table = only_table(path.read_text(encoding="utf-8"))
    rows = [
        tuple("" if cell is None and not table.has_nulls else cell for cell in row)
        for row in PLAIN.get(path.name, ROWS)
    ]
    assert [row.cells for row in table.rows] == rows
    assert table.problems == ()
    assert table.columns in ((), NAMES, tuple(name.replace(" ", "_x0020_") for name in NAMES))
    assert (table.columns == ()) == (path.stem in HEADLESS)


@pytest.mark.parametrize("path", sorted(CLIENTS.iterdir()), ids=lambda path: path.stem)
def test_each_row_says_the_line_it_begins_in(path):
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    table = only_table(text)
    assert table.line <= table.rows[0].line
    if text.count("\n") < len(ROWS) or "xml" in path.stem or path.stem.startswith("psql_html"):
        return
    for row, first in zip(table.rows, ("a", "b", "日本", "d"), strict=True):
        assert first in lines[row.line - 1]
