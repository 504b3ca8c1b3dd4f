"""``setpoint demo``: the whole loop on a private server."""

from __future__ import annotations

import sys

import click

from setpoint.errors import SetpointError

_INTERRUPTED = 130
_LARGEST_SCALE = 1000


@click.command()
@click.option(
    "--scale",
    type=click.IntRange(10, _LARGEST_SCALE),
    default=None,
    help="Size of the data: 100 000 accounts, about 16 MB, each.  [default: 30; 12 with --quick]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 600),
    default=None,
    help="Length of each measured trial.  [default: 8; 2 with --quick]",
)
@click.option("--quick", is_flag=True, help="Under a minute: loads too short for advice or for a judgement.")
@click.option("--keep", is_flag=True, help="Keep store, data and logs, and say where.")
@click.option(
    "--json", "is_json", is_flag=True, help="One JSON document on standard output, words on the other."
)
def demo(*, scale: int | None, seconds: float | None, quick: bool, keep: bool, is_json: bool) -> None:
    """Play the whole loop on a private PostgreSQL, in about three minutes.

    Boots a server, loads data, observes, advises, plans, applies, verifies, measures before against after,
    finds drift, takes everything back and verifies the audit chain. Leaves nothing behind.

    Exit code 0: the whole loop held, whatever the gain. 1: a promise was broken. 3: it cannot run here.
    """
    import msgspec

    from setpoint.faces.demo.narration import Narrator
    from setpoint.faces.demo.play import play
    from setpoint.faces.demo.stage import Options

    chosen = (
        Options(scale=12, trial_seconds=2, pairs=2, evidence_seconds=5, is_kept=keep)
        if quick
        else Options(is_kept=keep)
    )
    given = {
        name: value for name, value in (("scale", scale), ("trial_seconds", seconds)) if value is not None
    }
    import dataclasses

    try:
        report = play(dataclasses.replace(chosen, **given), Narrator(sys.stderr if is_json else sys.stdout))
    except KeyboardInterrupt:
        click.echo("\ninterrupted: the servers are stopped" + ("" if keep else " and removed"), err=True)
        sys.exit(_INTERRUPTED)
    except SetpointError as fault:
        click.echo(f"setpoint demo: {fault}", err=True)
        sys.exit(fault.exit_code)
    if is_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report.as_data()), indent=2).decode())
    sys.exit(0 if report.is_whole else 1)
