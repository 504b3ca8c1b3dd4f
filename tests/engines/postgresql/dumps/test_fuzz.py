"""Whatever a file holds: no fault, no setting that stands nowhere in it, no secret."""

from __future__ import annotations

import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.postgresql.dumps import test_other_kinds, test_query_output
from tests.engines.postgresql.dumps.reading import SAMPLES, document_of

from setpoint.engines.document import Document
from setpoint.engines.postgresql.dialect import conf
from setpoint.engines.postgresql.dumps import readers

OWN = [*test_query_output.SHAPES, test_query_output.DRDS, test_query_output.VIEW, test_other_kinds.SCRAPE]
OWN += [test_other_kinds.CONTROL, test_other_kinds.GLOBALS, "work_mem = '4MB' # a\ninclude 'b'\nx.y 1\n"]
PIECES = [
    "'",
    '"',
    "{",
    "}",
    "\\",
    "\n",
    "\t",
    "|",
    "+",
    "=",
    ";",
    ",",
    "#",
    "--",
    "(",
    ")",
    "[",
    "]",
    "$$",
    "/*",
]
PIECES += [
    "\0",
    "ü",
    "-1",
    "1e999",
    "9" * 40,
    "password=hunter2",
    "{{ x }}",
    "work_mem",
    "\\N",
    "NaN",
    "inf",
    "%",
]
CONF_PIECES = ["work_mem", "x.y", "1", "5MB", "'", "''", "'a'", "\\", " ", "\t", "=", "#", "-", ".", "1.5"]
CONF_PIECES += ["ü", ":", "\r"]
MOST_CHARACTERS = 3000


@cache
def texts():
    """Heads of the samples that are here, and our own."""
    folder = SAMPLES / "postgresql"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [*OWN, *(path.read_text(encoding="utf-8")[:MOST_CHARACTERS] for path in found)]


def mutated(rng, text):
    for _ in range(rng.randint(1, 6)):
        at, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        end = min(end, at + rng.choice([0, 1, 5, 200]))
        text = text[:at] + rng.choice(["", rng.choice(PIECES), text[at:end] * 2]) + text[end:]
    return text


def check(document: Document):
    lowered = document.text.lower()
    flat = lowered.replace(".", "_").replace("\\", "")
    for reader in readers():
        reader.recognise(document)
        for dump in reader.read(document, None):
            for setting in dump.settings:
                name = setting.name.lower()
                assert name in lowered or name.replace(".", "_") in flat or dump.kind == "pg_controldata"
                assert 0 < setting.line <= len(document.lines)
            assert all(0 <= problem.line <= len(document.lines) for problem in dump.problems)


def run(count, seed):
    rng = random.Random(seed)  # noqa: S311 - cases, no secrets
    for _ in range(count):
        check(document_of(mutated(rng, rng.choice(texts()))))


ANYTHING = st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("'\"{}|+-=\n\t;#\\"))


@given(st.text(alphabet=ANYTHING, max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_without_a_fault(text):
    check(document_of(text))


@given(
    st.lists(st.sampled_from([*PIECES, " ", "name", "setting", "ALTER SYSTEM SET", "jit", "on"]), max_size=40)
)
@settings(max_examples=200, deadline=None)
def test_any_heap_of_pieces_is_read_without_a_fault(pieces):
    check(document_of("".join(pieces)))


def test_mutated_files_are_read_without_a_fault():
    run(1000, seed=1)


@pytest.mark.slow
def test_many_mutated_files_are_read_without_a_fault():
    run(20_000, seed=2)


@given(st.lists(st.sampled_from(CONF_PIECES), max_size=8))
@settings(max_examples=500, deadline=None)
def test_the_short_way_through_a_line_says_what_its_tokens_say(pieces):
    line = "".join(pieces)
    assert conf._parse_line(line, 1) == conf._parse_tokens(line, 1)
