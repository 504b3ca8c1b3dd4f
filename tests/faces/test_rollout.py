"""`rollout` on the command line, from the dry run to taking it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from setpoint.control.rollouts.controller import RolloutController
from setpoint.engines.simulated.driver import server_at
from setpoint.faces.api import Setpoint

WHY = ("--because", "it is time")
QUICK = ("--soak", "1s", "--baseline", "1s", "--canary", "1", "--waves", "100%")


@pytest.fixture
def fleet(cli):
    """Three instances in two places, each observed once."""
    for number in range(3):
        cli.add(f"web-{number}", "--label", f"dc=d{number % 2}")
        cli.good("observe", f"web-{number}")
    return cli


class Worker:
    """Carries on what there is to carry on, by a clock that runs ahead."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.at = datetime.now(UTC)

    def __call__(self):
        with Setpoint.open(self.fleet.store) as setpoint:
            controller = RolloutController("worker")
            context = replace(setpoint._context, now=lambda: self.at)
            for _ in range(20):
                self.at += timedelta(seconds=20)
                controller.poll(context)


@pytest.fixture
def work(fleet):
    return Worker(fleet)


def test_a_dry_run_shows_the_waves_and_writes_nothing(fleet):
    before = fleet.state()
    words = ("rollout", "start", "all", "checkpoint_interval=600", *WHY, *QUICK, "--dry-run")
    shown = fleet.json(*words)
    assert [len(wave) for wave in shown["waves"]] == [1, 2]
    assert shown["settings"] == {"checkpoint_interval": "600"}
    page = fleet.good(*words)
    assert "0 canary" in page
    assert "3 instances, nothing written" in page
    assert fleet.state() == before
    assert fleet.json("rollout", "list", "--all") == []


def test_it_is_started_carried_on_and_taken_back(fleet, work):
    made = fleet.json("rollout", "start", "all", "checkpoint_interval=600", *WHY, *QUICK)
    assert (made["state"], made["size"]) == ("running", 3)
    assert [each["id"] for each in fleet.json("rollout", "list")] == [made["id"]]
    work()
    done = fleet.json("rollout", "show", made["id"])
    assert done["state"] == "done"
    assert {each["state"] for each in done["targets"]} == {"kept"}
    assert server_at(fleet.target("web-1")).running["checkpoint_interval"] == "600"
    page = fleet.good("rollout", "show", made["id"][:6])
    assert "####################" in page
    assert "100%" in page
    assert fleet.json("rollout", "list") == []
    fleet.good("rollout", "take-back", made["id"], "--wave", "1", *WHY)
    work()
    shown = fleet.json("rollout", "show", made["id"], code=1)
    assert [each["states"] for each in shown["waves"]] == [{"kept": 1}, {"taken back": 2}]
    fleet.good("rollout", "take-back", made["id"], *WHY)
    work()
    assert fleet.json("rollout", "show", made["id"], code=1)["state"] == "taken back"
    assert server_at(fleet.target("web-1")).running["checkpoint_interval"] == "300"
    assert "taken back" in fleet("rollout", "show", made["id"]).stdout


def test_it_is_paused_resumed_and_halted(fleet, work):
    made = fleet.json("rollout", "start", "label.dc=d0", "checkpoint_interval=600", *WHY, *QUICK)
    assert made["size"] == 2
    assert fleet.json("rollout", "pause", made["id"], *WHY)["state"] == "paused"
    work()
    assert fleet.json("rollout", "show", made["id"])["waves"][0]["states"] == {"waiting": 1}
    assert fleet.json("rollout", "resume", made["id"], *WHY)["state"] == "running"
    assert fleet.json("rollout", "halt", made["id"], *WHY)["state"] == "halted"
    assert "it is halted" in fleet("rollout", "pause", made["id"], *WHY).output
    work()
    page = fleet("rollout", "show", made["id"])
    assert page.exit_code == 1
    assert "the rollout was halted" in page.stdout


def test_amounts_are_read_as_people_write_them(fleet):
    words = ("--canary", "50%", "--waves", "100%", "--tolerance", "2.5%", "--budget", "1")
    shown = fleet.json(
        "rollout", "start", "all", "checkpoint_interval=600", *WHY, *words,
        "--site-label", "dc", "--site-limit", "1", "--unknown", "hold", "--may-restart", "--dry-run",
    )  # fmt: skip
    rules = shown["rules"]
    assert (rules["canary"], rules["tolerance"], rules["failures"]) == ("50%", 0.025, "1")
    assert (rules["site_label"], rules["site_at_once"], rules["unknown"]) == ("dc", 1, "hold")


def test_what_is_refused_ends_with_one(fleet):
    fleet.good("settings", "web-0", "page_cost=5", *WHY)
    result = fleet("rollout", "start", "all", "checkpoint_interval=600", *WHY)
    assert result.exit_code == 1
    assert "web-0 has other differences pending: page_cost" in result.output
