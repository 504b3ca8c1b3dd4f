from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.shapes import writers
from tests.engines.shapes.writers import Rows

from setpoint.engines.shapes.tables import read_tables

NAMES = ("name", "setting", "unit", "short_desc")
SETTINGS = ("work_mem", "port", "shared_buffers", "DateStyle", "log_line_prefix", "a.custom_one", "x")


class Shape(NamedTuple):
    """How a shape is written and what it is able to carry: which characters, and nulls."""

    write: Callable[[tuple[str, ...], Rows], str]
    never: str = ""
    has_nulls: bool = False
    name: str = ""


SHAPES = {
    "psql aligned": Shape(writers.psql_aligned),
    "psql expanded": Shape(writers.psql_expanded),
    "psql unaligned": Shape(writers.psql_unaligned, never="|\n"),
    "csv": Shape(writers.comma_separated, has_nulls=True),
    "semicolons": Shape(writers.semicolons, name="csv"),
    "tsv": Shape(writers.mysql_batch, has_nulls=True),
    "copy text": Shape(writers.copy_text, has_nulls=True),
    "boxed": Shape(writers.mysql_box, has_nulls=True),
    "vertical": Shape(writers.mysql_vertical, never="\n", has_nulls=True),
    "xml": Shape(writers.mysql_xml, has_nulls=True),
    "html": Shape(writers.mysql_html, has_nulls=True),
    "json": Shape(writers.json_array, has_nulls=True),
    "json lines": Shape(writers.json_lines, has_nulls=True, name="json"),
    "json columns": Shape(writers.json_columns, has_nulls=True, name="json"),
    "fixed": Shape(writers.sqlcmd, never="\n", has_nulls=True),
    "list": Shape(writers.format_list, never="\n"),
}
TEXTS = st.text(alphabet="ab Z09.,;|\"'\\<>&+-=%/{}\n\té", max_size=12).map(str.strip)


@st.composite
def tables(draw: st.DrawFn, shape: Shape) -> Rows:
    """Rows of settings whose other cells hold what the shape is able to carry."""
    kept = TEXTS.map(lambda text: "".join(" " if one in shape.never + "\t" else one for one in text).strip())
    if shape.name == "" and shape.write in (writers.psql_aligned, writers.psql_expanded, writers.mysql_box):
        kept = kept.map(lambda text: "\n".join(part.rstrip() for part in text.split("\n")))
    cells = kept.filter(lambda text: text not in ("NULL", r"\N"))
    if shape.has_nulls:
        cells |= st.none()
    size = draw(st.integers(3, 8))
    return [(draw(st.sampled_from(SETTINGS)), *(draw(cells) for _ in NAMES[1:])) for _ in range(size)]


@pytest.mark.parametrize("kind", SHAPES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rows_written_in_a_shape_read_back_the_same(kind, data):
    shape = SHAPES[kind]
    rows = data.draw(tables(shape))
    text = shape.write(NAMES, rows)
    [table] = read_tables(text)
    assert table.shape == (shape.name or kind)
    assert table.columns == NAMES
    told = (
        [tuple(cell or "" for cell in row) for row in rows] if not table.has_nulls else list(map(tuple, rows))
    )
    assert [row.cells for row in table.rows] == told
    assert table.problems == ()


@pytest.mark.parametrize("kind", SHAPES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_table_between_prompts_and_counts_has_its_lines(kind, data):
    shape = SHAPES[kind]
    rows = [("port", *(["1"] * (len(NAMES) - 1))), ("work_mem", *(["2"] * (len(NAMES) - 1)))]
    before = data.draw(st.integers(0, 4))
    text = shape.write(NAMES, rows)
    lines = ["mysql> show variables;"] * before + [""] + text.split("\n")
    [table] = read_tables("\n".join(lines))
    shift = table.rows[0].line - read_tables(text)[0].rows[0].line
    assert shift == before + 1


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mutated_table_never_raises_and_no_row_lies_outside_the_text(data):
    shape = SHAPES[data.draw(st.sampled_from(sorted(SHAPES)))]
    text = shape.write(NAMES, data.draw(tables(shape)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 20))
        text = (
            text[:at] + data.draw(st.text(alphabet='|+-*[]{}<>",;\n\t :N日', max_size=6)) + text[at + cut :]
        )
    lines = text.count("\n") + 1
    for table in read_tables(text):
        places = [row.line for row in table.rows]
        assert places == sorted(places)
        assert all(1 <= place <= lines for place in places)
        assert all(1 <= problem.line <= lines for problem in table.problems)
