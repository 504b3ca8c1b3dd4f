"""Every sample file gives what stands in `golden.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.engines.postgresql.dumps.reading import SAMPLES, by_name, problems_of, read_all

from setpoint.engines.document import Document
from setpoint.engines.postgresql.dumps import readers

GOLDEN = yaml.safe_load(Path(__file__).with_name("golden.yaml").read_text(encoding="utf-8"))
FOLDER = SAMPLES / "postgresql"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the sample files are not beside this checkout")


def test_every_sample_has_its_golden_answer():
    assert sorted(GOLDEN) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_sample_says_what_it_says(name):
    wanted = GOLDEN[name]
    (dump,) = read_all(Document.of(name, (FOLDER / name).read_bytes()))
    assert (dump.engine, dump.kind, dump.version) == ("postgresql", wanted["kind"], wanted.get("version"))
    assert dump.is_complete is wanted.get("complete", False)
    assert len(dump.settings) == wanted.get("settings", 0)
    assert len(dump.samples) == wanted.get("samples", 0)
    assert len(dump.offered) == wanted.get("offered", 0)
    assert dump.redacted == tuple(wanted.get("redacted", ()))
    assert problems_of(dump) == wanted.get("problems", [])
    settings = by_name(dump)
    for each, (value, unit, *place) in wanted.get("chosen", {}).items():
        found = settings[each]
        assert (found.value, type(found.value), found.unit) == (value, type(value), unit), each
        assert not place or [found.scope, found.source.value] == place, each


def test_every_setting_stands_on_its_line():
    for name in GOLDEN:
        text = (FOLDER / name).read_text(encoding="utf-8")
        for dump in read_all(Document.of(name, text.encode())):
            lines = text.split("\n")
            for setting in dump.settings:
                flat = setting.name.lower().replace(".", "_")
                assert flat in lines[setting.line - 1].lower().replace(".", "_")


def test_samples_of_other_products_are_not_claimed():
    others = [path for path in SAMPLES.rglob("*") if path.is_file() and path.parent != FOLDER]
    assert others
    for path in others:
        document = Document.of(path.name, path.read_bytes())
        assert [reader.kind for reader in readers() if reader.recognise(document)] == [], path.name
