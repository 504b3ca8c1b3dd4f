"""The command line against stores and simulated servers of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from setpoint.engines.simulated.driver import keep, server_at
from setpoint.faces.api import Setpoint
from setpoint.faces.cli.program import PROGRAM


@dataclass
class Cli:
    """Runs verbs in this process, or the whole program in one of its own."""

    folder: Path

    @property
    def store(self) -> str:
        return str(self.folder / "setpoint.db")

    def __call__(self, *words: str, input: str | bytes | None = None) -> Result:  # noqa: A002 - click's word
        environment = {"SETPOINT_STORE": self.store, "SETPOINT_ACTOR": "tester"}
        return CliRunner().invoke(PROGRAM, words, env=environment, input=input)

    def good(self, *words: str, input: str | bytes | None = None) -> str:  # noqa: A002 - click's word
        result = self(*words, input=input)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str, code: int = 0):
        result = self(*words, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", "from setpoint.faces.cli import main; main()", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "SETPOINT_STORE": self.store, "SETPOINT_ACTOR": "tester", **environment},
        )

    def run(self, *words: str, **environment: str) -> tuple[int, bytes, str]:
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err.decode()

    def target(self, name: str) -> str:
        return f"file:{self.folder / name}.json"

    def add(self, name: str, *words: str) -> None:
        self.good("instance", "add", name, "--engine", "simulated", "--target", self.target(name), *words)

    def change_server(self, name: str, **fields: object) -> None:
        """Change what a simulated server is behind Setpoint's back."""
        server = server_at(self.target(name))
        for field, value in fields.items():
            setattr(server, field, value)
        keep(self.target(name), server)

    def restart_command(self, name: str, before: str = "", after: str = "") -> str:
        load = "from setpoint.engines.simulated.driver import restart"
        code = f"{before}\n{load}\nrestart({self.target(name)!r})\n{after}"
        script = self.folder / f"restart-{name}.py"
        script.write_text(code)
        return f"{sys.executable} {script}"

    def state(self) -> tuple[str, int]:
        """Answer the head and how many rows of the audit log are no refusals: equal when nothing was done."""
        with Setpoint.open(self.store) as setpoint:
            revisions = setpoint.history(limit=1)
            done = [row for row in setpoint.audit_rows() if row.action != "gate.refused"]
            return revisions[0].id if revisions else "", len(done)


@pytest.fixture
def cli(tmp_path) -> Cli:
    """Give a command line with an empty store."""
    made = Cli(tmp_path)
    made.good("init")
    return made


@pytest.fixture
def web(cli) -> Cli:
    """Give a command line with one observed instance, `web`, that can be restarted."""
    cli.add("web", "--ram", "16GB", "--restart-command", cli.restart_command("web"))
    cli.good("observe", "web")
    return cli
