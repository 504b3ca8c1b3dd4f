"""Examples in the pages do what the pages say."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.config.fleet_document import read_fleet, write_fleet

HOWTO = Path(__file__).parents[2] / "docs" / "howto"


def blocks(page: str, language: str) -> list[str]:
    text = (HOWTO / page).read_text("utf-8")
    return [
        textwrap.dedent(block)
        for block in re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    ]


def test_the_fleet_of_the_recipe_is_read_and_round_trips():
    (document,) = blocks("fleet-from-yaml.md", "yaml")
    fleet = read_fleet(document, "fleet.yaml")
    assert fleet.instance("checkout-1").settings == {"jit": None}
    assert read_fleet(write_fleet(fleet), "again.yaml") == fleet


def check_with_the_recipe(export: str) -> subprocess.CompletedProcess[str]:
    (program,) = blocks("audit-evidence.md", "python")
    return subprocess.run(
        [sys.executable, "-c", program], input=export, capture_output=True, text=True, check=False
    )


def test_the_recipe_for_auditors_accepts_a_whole_log_and_finds_an_edit(tmp_path):
    with Setpoint.create(str(tmp_path / "store.db"), actor="tester") as setpoint:
        for name in ("one", "two"):
            instance = Instance(engine="simulated", target=f"memory:{name}")
            setpoint.add_instance(name, instance, reason='a reason with "quotes", ü and a number')
        lines = list(setpoint.audit_lines())
    whole = check_with_the_recipe("\n".join(lines))
    assert (whole.returncode, whole.stderr) == (0, "")
    edited = check_with_the_recipe("\n".join(line.replace("tester", "nobody") for line in lines))
    assert "row 1 was edited" in edited.stderr
    shortened = check_with_the_recipe("\n".join([*lines[:-2], lines[-1]]))
    assert "the end is missing" in shortened.stderr


def test_the_recipe_for_programs_runs(tmp_path, monkeypatch, capsys):
    """Run it against the simulated engine, the view's part while the store is open."""
    monkeypatch.chdir(tmp_path)
    program, view = blocks("from-python.md", "python")
    program = program.replace('"postgresql"', '"simulated"').replace("work_mem", "sort_memory")
    program = re.sub(r'target="[^"]+"', 'target="memory:recipe"', program)
    view = textwrap.indent(view.replace("work_mem", "sort_memory"), "    ")
    exec(compile(program + view, "from-python.md", "exec"), {})  # noqa: S102 - the example itself is under test
    assert capsys.readouterr().out.splitlines() == [
        "sort_memory 16MB in sync",
        "16MB from instance shop",
    ]
