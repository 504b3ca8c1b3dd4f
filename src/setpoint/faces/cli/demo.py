"""`demo`: the whole loop on a private server."""

from __future__ import annotations

import dataclasses
import sys

import click

from setpoint.errors import InputError
from setpoint.faces.cli.frame import Frame, verb
from setpoint.faces.cli.page import Answer
from setpoint.faces.demo.casts import DEFAULT, MODULES, choose_cast

_LARGEST_SCALE = 1000


@verb("demo")
@click.option(
    "--engine",
    type=click.Choice([*MODULES]),
    default=DEFAULT,
    show_default=True,
    help="What it is played with.",
)
@click.option(
    "--scale",
    type=click.IntRange(10, _LARGEST_SCALE),
    help="Size of the data: so many times 100 000 accounts of pgbench, or 70 000 rows of sysbench; about "
    "16 MB each.  [default: 30; 12 with --quick]",
)
@click.option(
    "--seconds",
    type=click.IntRange(1, 600),
    help="Length of each measured trial.  [default: 7; 2 with --quick]",
)
@click.option("--quick", is_flag=True, help="Under a minute: loads too short for advice or for a judgement.")
@click.option("--keep", is_flag=True, help="Keep store, data and logs, and say where.")
@click.pass_obj
def demo(
    frame: Frame, *, engine: str, scale: int | None, seconds: int | None, quick: bool, keep: bool
) -> Answer:
    """Show the whole loop on a private server.

    Boots PostgreSQL or MariaDB, loads data, observes, advises, plans, applies, verifies, measures before
    against after, finds drift, lets an emergency override end although its worker is killed, takes everything
    back, lets one change wait for a second person's approval and verifies the audit chain; about three
    minutes. Leaves nothing behind. With --json the story goes to stderr.

    Exit code 0: the whole loop held, whatever the gain. 1: a promise was broken. 3: it cannot run here.
    """
    from setpoint.faces.demo.narration import Narrator
    from setpoint.faces.demo.play import play
    from setpoint.faces.demo.stage import QUICK, Options

    if frame.store:
        raise InputError("the demonstration makes a store of its own", next_step="leave --store out")
    frame.standing = (
        "the servers are stopped" if keep else "the servers are stopped and everything is removed"
    )
    options = dataclasses.replace(QUICK if quick else Options(), is_kept=keep)
    options = dataclasses.replace(
        options, scale=scale or options.scale, trial_seconds=seconds or options.trial_seconds
    )
    report = play(choose_cast(engine), options, Narrator(sys.stderr if frame.is_json else sys.stdout))
    return Answer(report.as_data(), [], exit_code=0 if report.is_whole else 1)
