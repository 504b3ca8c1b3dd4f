"""The program: its overview, shared options, exit codes, and that nothing can be smuggled to a terminal."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from setpoint.engines.simulated.driver import server_at
from setpoint.errors import InputError, InputErrors, UnreachableError
from setpoint.faces.cli.page import escape
from setpoint.faces.cli.program import PROGRAM, SECTIONS, error_text

HEAVY = ("alembic", "lark", "msgspec", "numpy", "psycopg", "rich", "sqlalchemy", "yaml")


def walk(command: click.Command, path: tuple[str, ...] = ()):
    """Answer every command with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from walk(found, (*path, name))


COMMANDS = {path: command for path, command in walk(PROGRAM) if path}
LEAVES = {path: each for path, each in COMMANDS.items() if not isinstance(each, click.Group)}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_has_a_help_text(path):
    command = COMMANDS[path]
    assert command.help, path
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, (path, parameter.name)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_verb_takes_json_and_store(path):
    options = {flag for parameter in LEAVES[path].params for flag in parameter.opts}
    assert "--json" in options
    assert path[0] == "demo" or "--store" in options


def test_the_overview_says_of_each_verb_what_the_verb_says_of_itself():
    for verbs in SECTIONS.values():
        for name, text in verbs.items():
            own = COMMANDS[(name,)].get_short_help_str(limit=200)
            assert text.split()[0] == own.split()[0], (name, text, own)


def test_the_overview_loads_no_heavy_package():
    code = f"""
import sys
from setpoint.faces.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
loaded = set(sys.modules) & {set(HEAVY)!r}
assert not loaded, loaded
"""
    ended = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    assert b"observe" in ended.stdout


def test_without_click_it_says_what_to_install():
    code = "import sys; sys.modules['click'] = None; from setpoint.faces.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode == 3
    assert b"pip install 'setpoint[cli]'" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_shared_options_stand_before_or_after_the_verb(cli, tmp_path):
    for words in (
        ["--json", "instance", "list"],
        ["instance", "--json", "list"],
        ["instance", "list", "--json"],
    ):
        assert json.loads(cli.good(*words)) == []
    other = str(tmp_path / "other.db")
    cli.good("init", "--store", other)
    cli.good("--store", other, "instance", "add", "a", "--engine", "simulated", "--target", "memory:a")
    assert cli.json("instance", "list") == []
    assert [each["instance"] for each in cli.json("instance", "list", "--store", other)] == ["a"]


def test_version(cli):
    assert cli.good("--version").startswith("setpoint ")


@pytest.mark.parametrize("words", [["bogus"], ["observe", "--bogus"], ["apply"], ["instance", "bogus"], []])
def test_bad_usage_ends_with_2_and_a_clean_stdout(cli, words):
    result = cli(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


def test_no_store_ends_with_3_and_says_what_makes_one(cli, tmp_path):
    result = cli("instance", "list", "--store", str(tmp_path / "none.db"))
    assert result.exit_code == 3
    assert "setpoint init" in result.stderr


def test_an_error_under_json_leaves_stdout_empty(cli):
    result = cli("instance", "show", "nobody", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nobody" in result.stderr


def test_faults_are_told_one_a_line_with_their_places_first():
    fault = InputErrors([InputError("bad", where="a.yaml:1:2"), InputError("worse", where="a.yaml:3:4")])
    assert error_text(fault).splitlines() == [
        "a.yaml:1:2: bad",
        "a.yaml:3:4: worse",
        "error: 2 faults, nothing was done",
    ]
    assert error_text(UnreachableError("gone", where="web")) == "error: web: gone"


def test_an_own_error_ends_with_70_and_keeps_its_text_to_itself(cli, monkeypatch):
    def fail(*_):
        message = "postgresql://me:hunter2@host"
        raise KeyError(message)

    monkeypatch.setattr("setpoint.faces.api.Setpoint.create", fail)
    result = cli("init")
    assert result.exit_code == 70
    assert "KeyError at test_program.py" in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("SETPOINT_DEBUG", "1")
    assert "Traceback" in cli("init").stderr


@pytest.mark.parametrize(
    ("package", "extra"), [("sqlalchemy", "store"), ("psycopg", "postgresql"), ("rich", "cli")]
)
def test_a_missing_package_is_answered_with_the_extra_that_brings_it(cli, monkeypatch, package, extra):
    def fail(*_):
        raise ModuleNotFoundError(name=package)

    monkeypatch.setattr("setpoint.faces.api.Setpoint.create", fail)
    result = cli("init")
    assert result.exit_code == 3
    assert f"pip install 'setpoint[{extra}]'" in result.stderr


def test_an_interruption_ends_with_130_and_says_how_things_stand(cli, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("setpoint.faces.api.Setpoint.create", interrupt)
    result = cli("init")
    assert result.exit_code == 130
    assert "interrupted: every write to the store is whole or not there" in result.stderr


def test_a_reader_that_goes_away_is_no_error(web):
    with web.start("catalog", "show", "postgresql", "18") as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_arguments_that_are_no_text_are_refused(cli):
    ended = subprocess.run(
        [sys.executable, "-c", "from setpoint.faces.cli import main; main()", "show", b"\xff"],
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 2
    assert b"not valid UTF-8" in ended.stderr


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "\x9b2J", "\u202eevil", "\u2028", "\U000e0001"])
def test_control_characters_are_written_out(text):
    assert escape(text).isprintable()
    assert escape("größe 日本 ✓") == "größe 日本 ✓"


def test_nothing_from_a_server_or_a_user_steers_a_terminal(cli):
    evil = "\x1b]0;owned\x07"
    cli.add("web", "--label", f"a={evil}", "--because", f"why {evil}")
    cli.good("observe", "web")
    running = {**server_at(cli.target("web")).running, "connection_greeting": evil}
    cli.change_server("web", running=running, persisted={"connection_greeting": evil})
    for words in (
        ["settings", "web", "--fresh", "--origin", "connection_greeting"],
        ["instance", "list"],
        ["instance", "show", "web"],
        ["history"],
        ["show"],
        ["show", "--yaml"],
        ["audit", "log"],
        ["settings", "web", "connection_greeting", "--json"],
    ):
        output = cli.good(*words)
        assert "\x1b" not in output, words
        assert "\x07" not in output, words
    usage = cli(f"bogus{evil}")
    assert "\x1b" not in usage.stderr


def test_completion_names_instances_and_prints_a_script_for_each_shell(web):
    for shell in ("bash", "zsh", "fish"):
        assert "_SETPOINT_COMPLETE" in web.good("completion", shell)
    asked = {"COMP_WORDS": "setpoint plan w", "COMP_CWORD": "2", "_SETPOINT_COMPLETE": "bash_complete"}
    code, out, _ = web.run(**asked)
    assert code == 0
    assert out.decode().split() == ["plain,web"]
    _, out, _ = web.run(**{**asked, "SETPOINT_STORE": "/nowhere/at/all.db"})
    assert out.strip() == b""
