"""`waiver`, and what `drift`, `advise` and `compliance` say of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.faces.conftest import Cli

from setpoint.faces.cli.waiver import state
from setpoint.policy.selector import ALL
from setpoint.policy.waiver import Waiver

HERE = ("--scope", "instance=web", "--owner", "lin", "--because", "the night shift")


@pytest.fixture
def drifted(web) -> Cli:
    web.good("settings", "web", "sort_memory=16MB", "--because", "measured")
    return web


def add(cli, *words: str, until="30d"):
    return cli.json("waiver", "add", *HERE, "--until", until, *words)


def test_it_is_added_listed_shown_and_ended(web):
    made = add(web, "--parameter", "sort_memory")
    assert made["is_granted"]
    name = made["waiver"]["id"]
    (listed,) = web.json("waiver", "list")
    assert (listed["id"], listed["state"], listed["owner"]) == (name, "in force", "lin")
    shown = web.json("waiver", "show", name)
    assert (shown["reaches"], shown["reason"]) == (["web"], "the night shift")
    assert "the night shift" in web.good("waiver", "show", name)
    assert name in web.good("waiver", "list")
    ended = web.json("waiver", "end", name, "--because", "over")
    assert ended["state"] == "ended"
    assert web.json("waiver", "list") == []
    assert [each["id"] for each in web.json("waiver", "list", "--all")] == [name]
    assert "nothing is waived" in web.good("waiver", "list")
    assert web("waiver", "end", name, "--because", "over").exit_code == 1


def test_drift_shows_the_class_with_the_waiver_and_ends_with_0(drifted):
    assert drifted("drift", "web").exit_code == 1
    add(drifted, "--parameter", "sort_memory")
    text = drifted.good("drift", "web")
    assert "drifted" in text
    assert "waived until" in text
    assert "by lin: the night shift" in text
    assert "as it should be" in text
    (judged,) = drifted.json("drift", "web")
    (drift,) = [each for each in judged["drifts"] if each["parameter"] == "sort_memory"]
    assert (drift["class"], drift["is_deviation"], judged["is_deviating"]) == ("drifted", False, False)
    assert drift["accepted"].startswith("waived until")
    drifted.good("verify", "web")


def test_a_waiver_that_ends_soon_is_told_on_stderr_wherever_it_counts(drifted):
    add(drifted, "--parameter", "sort_memory", until="13d")
    verbs = (("drift", "web"), ("advise", "web"), ("compliance", "report"), ("waiver", "list"))
    for verb in verbs:
        result = drifted(*verb)
        assert "reminder: the waiver w" in result.stderr
        assert "of sort_memory on instance=web ends in 1" in result.stderr
        assert "reminder" not in result.stdout


def test_nothing_is_told_of_one_that_lasts_or_is_about_others(drifted):
    add(drifted, "--parameter", "sort_memory", until="15d")
    assert "reminder" not in drifted("drift", "web").stderr
    drifted.add("other")
    drifted.good("waiver", "add", *HERE, "--until", "3d", "--parameter", "durable")
    assert "reminder" not in drifted("drift", "other").stderr
    assert "reminder" in drifted("drift", "--all").stderr


@pytest.mark.parametrize("until", ["9999-12-31", "yesterday", "0d", "99999999999d", "2020-01-01", "1e400s"])
def test_an_end_that_is_none_is_refused(web, until):
    result = web("waiver", "add", *HERE, "--parameter", "sort_memory", "--until", until)
    assert result.exit_code == 2
    assert web.json("waiver", "list") == []


def test_a_day_counts_to_its_end_and_a_moment_as_it_is(web):
    day = (datetime.now(UTC) + timedelta(days=40)).date()
    made = add(web, "--parameter", "sort_memory", until=day.isoformat())
    assert made["waiver"]["ends_at"] == f"{day + timedelta(days=1)}T00:00:00Z"
    made = add(web, "--parameter", "durable", until=f"{day}T18:00+02:00")
    assert made["waiver"]["ends_at"] == f"{day}T16:00:00Z"


@pytest.mark.parametrize(
    "words",
    [
        ("--scope", "instance"),
        ("--scope", "colour=red"),
        ("--scope", "group=none"),
        ("--parameter", "none"),
        ("--rule", "none/none"),
        ("--owner", " "),
    ],
)
def test_bad_input_ends_with_2_and_writes_nothing(web, words):
    given = (
        dict(zip(HERE[::2], HERE[1::2], strict=True)) | {"--parameter": "sort_memory"} | {words[0]: words[1]}
    )
    state = web.state()
    flat = [word for pair in given.items() for word in pair]
    assert web("waiver", "add", *flat, "--until", "3d").exit_code == 2
    assert web.state() == state


HOSTILE = "\x1b[2J\x07\u202eevil\r\n=cmd()"


def test_free_text_steers_no_terminal(drifted):
    words = ("--scope", "instance=web", "--owner", HOSTILE, "--because", HOSTILE, "--until", "3d")
    made = drifted.json("waiver", "add", *words, "--parameter", "sort_memory")
    for verb in (
        ("waiver", "list"),
        ("waiver", "show", made["waiver"]["id"]),
        ("drift", "web"),
        ("audit", "log"),
    ):
        result = drifted(*verb)
        for char in ("\x1b", "\x07", "\u202e", "\r"):
            assert char not in result.stdout + result.stderr


def test_among_people_it_is_a_change_first_and_the_end_is_1(web, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(web.folder / "configuration"))
    monkeypatch.delenv("SETPOINT_TOKEN", raising=False)
    roles = ("--role", "administrator", "--role", "operator")
    web.good("person", "add", "lin", *roles, "--because", "begins")
    web.good("person", "add", "mara", "--role", "approver", "--because", "joins")
    mara = web.json("token", "issue", "mara", "--because", "joins")["text"]
    words = ("waiver", "add", "--parameter", "sort_memory", *HERE, "--until", "3d")
    asked = web(*words)
    assert asked.exit_code == 1
    assert "approvals are asked for first: waiver: 1 of approver or policy owner" in asked.stdout
    (change,) = web.json("change", "list")
    assert web.json("waiver", "list") == []
    monkeypatch.setenv("SETPOINT_TOKEN", mara)
    web.good("change", "approve", change["id"])
    monkeypatch.delenv("SETPOINT_TOKEN")
    web.good("change", "apply", change["id"])
    (listed,) = web.json("waiver", "list")
    assert (listed["state"], listed["change"]) == ("ends soon", change["id"])
    assert f"approved by change  {change['id']}" in web.good("waiver", "show", listed["id"])


def test_a_waiver_whose_time_has_not_come_or_is_over_says_so():
    at = datetime(2026, 6, 1, tzinfo=UTC)
    made = Waiver(
        id="w1",
        owner="lin",
        reason="r",
        scope=ALL,
        parameter="x",
        starts_at=at,
        ends_at=at + timedelta(days=30),
    )
    states = {days: state(made, at + timedelta(days=days)) for days in (-1, 0, 16, 30)}
    assert states == {-1: "not yet", 0: "in force", 16: "ends soon", 30: "ended"}
