"""`notify`: channels on the command line, as people and programs see them."""

from __future__ import annotations

import json

import pytest

from setpoint.control.notices import NoticeController
from setpoint.faces.api import Setpoint

WHY = ("--because", "who is on call wants to know")


@pytest.fixture
def file(cli):
    return cli.folder / "notices.jsonl"


def test_a_channel_is_added_tried_listed_and_removed(cli, file):
    made = cli.json("notify", "add", "ops", "file", str(file), "--events", "override.*, rollout.halted", *WHY)
    assert (made["name"], made["events"], made["behind"]) == ("ops", ["override.*", "rollout.halted"], 0)
    sent = cli.json("notify", "test", "ops")
    assert json.loads(file.read_text())["id"] == sent["notice"]["id"]
    (found,) = cli.json("notify", "list")
    assert (found["to"], found["failing_since"]) == (str(file), None)
    assert "well" in cli.good("notify", "list")
    cli.good("notify", "remove", "ops", *WHY)
    assert cli.json("notify", "list") == []
    assert "no channels" in cli.good("notify", "list")


def test_a_channel_that_fails_is_shown_with_what_keeps_it(cli, file):
    cli.good("notify", "add", "ops", "file", str(file.parent / "none" / "x"), *WHY)
    cli.good("notify", "add", "watch", "log", *WHY)
    with Setpoint.open(cli.store) as setpoint:
        context = setpoint._context
        context.store.audit.append("lin", "override.overdue", "shop", {}, context.now())
        controller = NoticeController(patience_seconds=30)
        controller.poll(context)
        controller.stop()
    shown = cli.good("notify", "list")
    assert "FAILING since" in shown
    assert "1 notice" in shown
    assert "No such file" in shown
    assert cli("notify", "test", "ops").exit_code == 3


def test_a_webhooks_path_and_secret_are_never_shown(cli):
    place = "https://example.org/hunter2?key=hunter2"
    told = cli.good("notify", "add", "ops", "webhook", place, "--secret", "env:HOOK", *WHY)
    told += cli.good("notify", "list") + cli.good("notify", "list", "--json") + cli.good("audit", "log")
    assert "https://example.org" in told
    assert "hunter2" not in told
    refused = cli("notify", "add", "two", "webhook", place, "--secret", "hunter2", *WHY)
    assert refused.exit_code == 2
    assert "hunter2" not in refused.output


def test_a_channel_that_is_not_there_is_told(cli):
    assert cli("notify", "test", "ops").exit_code == 2
    assert cli("notify", "remove", "ops", *WHY).exit_code == 2
