"""Every sample file gives what stands in `golden.yaml`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from tests.engines.oracle.dumps.reading import SAMPLES, problems_of, read_all

from setpoint.engines.document import Document
from setpoint.engines.oracle.dumps import readers

GOLDEN = yaml.safe_load(Path(__file__).with_name("golden.yaml").read_text(encoding="utf-8"))
FOLDER = SAMPLES / "oracle"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the sample files are not beside this checkout")


def test_every_sample_has_its_golden_answer():
    assert sorted(GOLDEN) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_sample_says_what_it_says(name):
    wanted = GOLDEN[name]
    (dump,) = read_all(Document.of(name, (FOLDER / name).read_bytes()))
    assert (dump.engine, dump.kind, dump.version) == ("oracle", wanted["kind"], wanted.get("version"))
    assert dump.is_complete is False
    assert len(dump.settings) == wanted.get("settings", 0)
    assert len(dump.samples) == wanted.get("samples", 0)
    assert dump.redacted == ()
    told = Counter(problem.severity.value for problem in dump.problems)
    assert dict(told) == wanted.get("severities", {})
    for problem in wanted.get("problems", []):
        assert problem in problems_of(dump)
    settings = {(setting.name, setting.scope): setting for setting in dump.settings}
    for each, (value, unit, line, *more) in wanted.get("chosen", {}).items():
        name_, _, scope = each.partition(" @ ")
        found = settings[name_, scope or "instance"]
        assert (found.value, type(found.value)) == (value, type(value)), each
        assert (found.unit, found.line) == (unit, line), each
        assert [found.running] == (more or [None]), each


def test_every_setting_stands_on_its_line():
    for name in GOLDEN:
        document = Document.of(name, (FOLDER / name).read_bytes())
        for dump in read_all(document):
            for setting in dump.settings:
                # The longest name of a sample wraps onto the next line.
                assert setting.name[:36].lower() in document.lines[setting.line - 1].lower()


def test_samples_of_other_products_are_not_claimed():
    others = [path for path in SAMPLES.rglob("*") if path.is_file() and path.parent != FOLDER]
    assert others
    for path in others:
        document = Document.of(path.name, path.read_bytes())
        assert [reader.kind for reader in readers() if reader.recognise(document)] == [], path.name
