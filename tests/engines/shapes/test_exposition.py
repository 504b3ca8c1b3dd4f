from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.engines.shapes.exposition import is_exposition, read_exposition

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"
TEXT = """\
# HELP pg_settings_work_mem_bytes Server Parameter: work_mem\\nin bytes
# TYPE pg_settings_work_mem_bytes gauge
pg_settings_work_mem_bytes{server="[::1]:5432",path="C:\\\\a \\"b\\"\\n}"} 4.194304e+06
# TYPE up untyped
# a word of the exporter
up 1 1395066363000

nothing{} NaN
bound +Inf
requests_total{code="200",} 3 # {trace_id="x"} 0.5
# EOF
"""


def test_samples_have_names_labels_values_and_lines():
    told = read_exposition(TEXT)
    memory, up, nothing, bound, requests = told.metrics
    assert memory[:4] == (
        "pg_settings_work_mem_bytes",
        (("server", "[::1]:5432"), ("path", 'C:\\a "b"\n}')),
        4194304.0,
        3,
    )
    assert (up.name, up.value, up.timestamp, up.line) == ("up", 1.0, 1395066363000.0, 6)
    assert math.isnan(nothing.value)
    assert bound.value == math.inf
    assert (requests.label_text, requests.value, requests.line) == ("code=200", 3.0, 10)
    assert told.types == {"pg_settings_work_mem_bytes": "gauge", "up": "untyped"}
    assert told.helps == {"pg_settings_work_mem_bytes": "Server Parameter: work_mem\nin bytes"}
    assert told.problems == []


def test_a_name_that_needs_quotes_stands_inside_the_braces():
    [plain, labelled] = read_exposition('{"my.metric"} 1\n{"my.metric", a="b"} 2\n').metrics
    assert (plain.name, plain.labels) == ("my.metric", ())
    assert (labelled.name, labelled.labels, labelled.value) == ("my.metric", (("a", "b"),), 2.0)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("9up 1", 1),
        ("up", 3),
        ("up one", 4),
        ("up 1_000", 4),
        ("up 1 2 3", 5),
        ('up{a="b} 1', 4),
        ("up{a=b} 1", 4),
        ('up{a="b",c=} 1', 10),
        ('up{a="b"} x', 11),
        ('up{a="b"', 9),
        ("# TYPE up speed", 11),
    ],
)
def test_a_faulty_line_is_a_problem_with_its_place_and_the_others_are_read(line, column):
    told = read_exposition(f"before 1\n{line}\nafter 2\n")
    assert [metric.name for metric in told.metrics] == ["before", "after"]
    assert [(problem.line, problem.column) for problem in told.problems] == [(2, column)]


@settings(max_examples=200, deadline=None)
@given(
    st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,20}", fullmatch=True),
    st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), st.text(max_size=12), max_size=4),
    st.floats(),
)
def test_a_written_sample_reads_back_the_same(name, labels, value):
    table = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
    inside = ",".join(f'{label}="{text.translate(table)}"' for label, text in labels.items())
    told = read_exposition(f"{name}{{{inside}}} {value!r}\n")
    [metric] = told.metrics
    assert (metric.name, dict(metric.labels), told.problems) == (name, labels, [])
    assert metric.value == value or (math.isnan(value) and math.isnan(metric.value))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab_{}="\\,#1.e+ \n\t}', max_size=60))
def test_no_text_raises_and_every_line_is_a_sample_a_comment_or_a_problem(text):
    told = read_exposition(text)
    lines = text.split("\n")
    places = [metric.line for metric in told.metrics] + [problem.line for problem in told.problems]
    due = [at for at, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    assert [at for at in sorted(places) if not lines[at - 1].startswith("#")] == due
    assert all(1 <= problem.column <= len(lines[problem.line - 1]) + 1 for problem in told.problems)


@pytest.mark.parametrize(
    ("name", "count", "types"),
    [
        ("postgresql/pg15_postgres_exporter_0.11.1.prom", 505, 345),
        ("cockroachdb/cockroach_metrics.prom", 2142, 405),
        ("cassandra/cassandra_jmx_metrics.prom", 284, 59),
    ],
)
def test_a_sample_is_read_whole(name, count, types):
    if not SAMPLES.is_dir():
        pytest.skip("the samples are not beside this checkout")
    text = (SAMPLES / name).read_text(encoding="utf-8")
    told = read_exposition(text)
    assert is_exposition(text)
    assert (len(told.metrics), len(told.types), told.problems) == (count, types, [])


@pytest.mark.parametrize(
    "text", ["", "port 3306\nsocket /tmp/s\n", "# a\nwork_mem = 4MB\n", "name,value\na,1\n"]
)
def test_what_is_no_exposition_is_told(text):
    assert not is_exposition(text)
