"""Races: two who apply on one approval, two who approve, one who changes policy while another applies."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.attacks.scene import POLICY, SHOP
from tests.control.conftest import Simulated

from setpoint.control import admission
from setpoint.engines import session

APPLY = """
import sys
from datetime import datetime
from dataclasses import replace
from setpoint import Setpoint
from setpoint.errors import SetpointError

where, token, digest, now = sys.argv[1:]
with Setpoint.open(where, token=token) as opened:
    front = Setpoint(replace(opened._context, now=lambda: datetime.fromisoformat(now)))
    made = front.find_plan(digest)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        front.apply(made)
    except SetpointError as fault:
        print(f"refused: {fault}")
    else:
        print("applied")
"""


@pytest.fixture
def server(tmp_path) -> Simulated:
    return Simulated(f"file:{tmp_path / 'server.json'}")


def test_of_two_processes_that_apply_on_one_approval_one_does(town):
    made, change = town.approved(durable="off")
    words = [sys.executable, "-c", APPLY, town.founder.where]
    several = [
        subprocess.Popen(
            [*words, town.tokens[who], made.hash, town.clock().isoformat()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in ("olaf", "lin", "olaf")
    ]
    for each in several:
        assert each.stdout.readline() == "ready\n"
    for each in several:
        each.stdin.write("go\n")
        each.stdin.flush()
    told = sorted(each.communicate(timeout=60)[0].strip() for each in several)
    assert told[0] == "applied"
    assert all(text.startswith("refused: ") for text in told[1:]), told
    assert len(town.rows("apply.begin")) == 1
    assert len(town.rows("change.spent")) == 1
    assert town.olaf.governance.change(change.id)[0].state == "spent"
    refused = [row for row in town.rows() if row.action in ("gate.refused", "apply.refused")]
    assert len(refused) >= 2, "the losers left no audit row"


def test_an_approval_taken_back_between_the_gate_and_the_first_step_counts_no_more(town, monkeypatch):
    made, change = town.approved(durable="off")
    real = admission.admit_apply
    calls = []

    def admit(*given, **named):
        permit = real(*given, **named)
        calls.append(permit)
        if len(calls) == 2:  # the second is the one under the instance's lock
            town.otto.governance.reject(change.id, reason="wait")
        return permit

    monkeypatch.setattr(admission, "admit_apply", admit)
    with town.refused("used or changed a moment ago|is rejected"):
        town.olaf.apply(made)
    assert len(calls) == 2


def test_policy_made_stricter_between_the_gate_and_the_first_step_counts(town, monkeypatch):
    """What needs nobody by the old policy is not begun under a new one that locks it."""
    town.olaf.observe(SHOP)
    stricter = POLICY.replace("[page_cost]", "[page_cost, sort_memory]")
    made = town.wish(sort_memory="8MB")
    change = town.pola.governance.put_policy("safety", stricter, reason="decided")
    town.paul.governance.approve(change.id)
    real = admission.admit_apply
    calls = []

    def admit(*given, **named):
        permit = real(*given, **named)
        calls.append(permit)
        if len(calls) == 2:
            town.pola.governance.carry_out(change.id)
        return permit

    monkeypatch.setattr(admission, "admit_apply", admit)
    with town.refused("changed|policy refuses it"):
        town.olaf.apply(made)


def test_a_right_taken_away_between_the_gate_and_the_lock_counts(town, monkeypatch):
    from setpoint.policy.person import Grant, Role

    made, _ = town.approved(durable="off")
    real = session.Application.check

    def check(self):
        town.grant("olaf", Grant(role=Role.VIEWER))
        return real(self)

    monkeypatch.setattr(session.Application, "check", check)
    with town.refused("olaf may not apply"):
        town.olaf.apply(made)
