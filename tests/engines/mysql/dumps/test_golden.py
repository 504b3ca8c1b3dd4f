"""Every sample file gives what stands in `golden.yaml`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from tests.engines.mysql.dumps.reading import READERS, SAMPLES, problems_of, read_all

from setpoint.engines.document import Document

GOLDEN = yaml.safe_load(Path(__file__).with_name("golden.yaml").read_text(encoding="utf-8"))
FOLDERS = (SAMPLES / "mysql", SAMPLES / "mariadb")

pytestmark = pytest.mark.skipif(
    not FOLDERS[0].is_dir(), reason="the sample files are not beside this checkout"
)


def sample(name: str) -> Document:
    return Document.of(f"samples/{name}", (SAMPLES / name).read_bytes())


def test_every_sample_has_its_golden_answer():
    found = sorted(f"{folder.name}/{path.name}" for folder in FOLDERS for path in folder.iterdir())
    assert sorted(GOLDEN) == found


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_sample_says_what_it_says(name):
    wanted = GOLDEN[name]
    (dump,) = read_all(sample(name))
    assert (dump.engine, dump.kind, dump.version) == (
        name.partition("/")[0],
        wanted["kind"],
        wanted.get("version"),
    )
    assert dump.is_complete is wanted.get("complete", False)
    assert len(dump.settings) == wanted.get("settings", 0)
    assert len(dump.samples) == wanted.get("samples", 0)
    assert len(dump.offered) == wanted.get("offered", 0)
    assert list(dump.redacted) == wanted.get("redacted", [])
    told = Counter(problem.severity.value for problem in dump.problems)
    assert dict(told) == wanted.get("severities", {})
    for problem in wanted.get("problems", []):
        assert problem in problems_of(dump)
    settings = {(setting.name, setting.scope): setting for setting in dump.settings}
    for each, (value, unit, line) in wanted.get("chosen", {}).items():
        name_, _, scope = each.partition(" @ ")
        found = settings[name_, scope or "instance"]
        assert (found.value, type(found.value)) == (value, type(value)), each
        assert (found.unit, found.line) == (unit, line), each
    samples = {each.name: each for each in dump.samples}
    for each, (value, rate) in wanted.get("counted", {}).items():
        assert samples[each].value == value, each
        assert samples[each].per_second == (None if rate is None else pytest.approx(rate, rel=1e-3)), each


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_every_setting_stands_on_its_line(name):
    document = sample(name)
    (dump,) = read_all(document)
    for setting in dump.settings:
        lines = "\n".join(document.lines[setting.line - 1 : setting.line + 1])
        assert setting.name in lines.lower().replace("-", "_"), setting.name


def test_samples_of_other_products_are_not_claimed():
    others = [path for path in SAMPLES.rglob("*") if path.is_file() and path.parent not in FOLDERS]
    assert others
    for path in others:
        document = Document.of(path.name, path.read_bytes())
        assert [reader.kind for reader in READERS if reader.recognise(document)] == [], path.name
