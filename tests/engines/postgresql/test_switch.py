"""pg_cron as a switch, asked without a server: what it says, and that no text escapes its quotes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from setpoint.config.override import LinkState
from setpoint.engines.order import Back, Order
from setpoint.engines.port import Reply
from setpoint.engines.postgresql import ENGINE
from setpoint.errors import InputError

SWITCH = ENGINE.switch()
WELL = {
    "home": "postgres",
    "database": "postgres",
    "is_standby": "false",
    "extension": "1.4-1",
    "may_use": "true",
    "is_idle": "false",
    "has_workers": "off",
    "version": "150018",
}


def order(*backs: Back) -> Order:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    made = backs or (Back(parameter="work_mem", ours="48MB", back=None),)
    return Order(
        override="o1",
        instance="pg",
        engine="postgresql",
        target="",
        backs=made,
        deadline=at,
        written_at=at,
    )


class Server:
    """Answers what a server with pg_cron would, as far as a switch asks."""

    def __init__(self, **ground: str | None) -> None:
        self.ground = WELL | ground
        self.texts: list[str] = []
        self.jobs: tuple[tuple[str | None, ...], ...] = ()

    def drive(self, questions):
        reply = None
        try:
            while True:
                request = questions.send(reply)
                self.texts.append(request.text)
                reply = self._reply(request.text)
        except StopIteration as end:
            return end.value

    def _reply(self, text: str) -> Reply:
        if "server_version_num" in text:
            return Reply(rows=(tuple(self.ground.values()),))
        return Reply(rows=self.jobs if text.lstrip().startswith("SELECT command") else ())


@pytest.mark.parametrize(
    ("ground", "state", "why"),
    [
        ({"is_standby": "true"}, LinkState.ABSENT, "a standby runs no jobs"),
        ({"extension": None, "home": None}, LinkState.ABSENT, "pg_cron is not loaded"),
        ({"extension": None, "home": "jobs"}, LinkState.ABSENT, "pg_cron has its jobs in jobs"),
        ({"extension": None}, LinkState.ABSENT, "its extension was not created"),
        ({"may_use": "false"}, LinkState.FAILED, "may not use the schema cron"),
        ({"is_idle": "true"}, LinkState.FAILED, "its scheduler does not run"),
        ({"has_workers": "on"}, LinkState.FAILED, "in background workers"),
        ({"has_workers": None}, LinkState.FAILED, "may not read how"),
    ],
)
def test_why_there_is_none_is_said_and_nothing_is_written(ground, state, why):
    server = Server(**ground)
    armed = server.drive(SWITCH.arm(order()))
    assert armed.state is state
    assert why in armed.detail
    assert len(server.texts) == 1


@pytest.mark.parametrize(
    ("job", "state", "why"),
    [
        (("SELECT 1", "t", None), LinkState.FAILED, "another than was ordered"),
        (("{command}", "f", None), LinkState.FAILED, "turned off"),
        (("{command}", "t", "connection\nfailed"), LinkState.FAILED, "connection failed"),
        (("{command}", "t", None), LinkState.ARMED, "setpoint:o1"),
    ],
)
def test_a_job_that_would_not_act_does_not_pass_for_one_that_would(job, state, why):
    from setpoint.engines.postgresql.dialect.cron import command

    server = Server()
    server.jobs = ((job[0].format(command=command(order(), 15)), *job[1:]),)
    armed = server.drive(SWITCH.look(order()))
    assert armed.state is state
    assert why in armed.detail


def test_what_was_scheduled_earlier_is_taken_away_before_it_is_armed_anew():
    server = Server()
    server.drive(SWITCH.arm(order()))
    assert "cron.unschedule" in server.texts[1]
    assert "cron.schedule" in server.texts[2]


def test_no_text_ends_the_block_it_stands_in():
    given = order(Back(parameter="log_line_prefix", ours="$setpoint$'; DROP", back="a\\'$setpoint_$"))
    server = Server()
    server.drive(SWITCH.arm(given))
    assert "DO $setpoint__$" in server.texts[2]


def test_what_cannot_be_put_back_is_refused_when_it_is_armed():
    with pytest.raises(InputError, match="line break"):
        Server().drive(SWITCH.arm(order(Back(parameter="log_line_prefix", ours="x", back="a\nb"))))
