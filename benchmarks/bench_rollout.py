"""A rollout over a thousand simulated instances, in waves; twice with a regression, which must halt it.

Time is made up: the servers' load, the soak and the waits go by a clock that only moves when somebody waits.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from figures import Figures

from setpoint.config.configuration import Configuration, Instance
from setpoint.control.configure import commit
from setpoint.control.context import Context
from setpoint.control.rollouts import rows
from setpoint.control.rollouts.controller import RolloutController
from setpoint.control.rollouts.drafting import RolloutWish
from setpoint.control.rollouts.starting import start
from setpoint.control.watch import observe
from setpoint.engines.simulated.load import Load, put_load
from setpoint.engines.simulated.server import server_at, set_clock
from setpoint.policy.rollout import Amount, Rollout, RolloutRules
from setpoint.policy.selector import ALL
from setpoint.store import Store

INSTANCES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
CANARIES = 10
STEP_SECONDS = 10.0
MOST_POLLS = 5_000
HARMFUL = ({"page_cost": "12"}, {"sort_memory": "512kB"})
HARMLESS = {"checkpoint_interval": "600"}
RULES = RolloutRules(
    canary=Amount(count=CANARIES),
    waves=(Amount(share=0.1), Amount(share=0.5), Amount(share=1.0)),
    soak_seconds=120.0,
    baseline_seconds=60.0,
    sample_seconds=10.0,
    at_once=100,
)


class Stage:
    """A store, the instances, and the clock."""

    def __init__(self, folder: Path) -> None:
        self.at = datetime(2026, 3, 2, 9, tzinfo=UTC)
        self.store = Store.create(str(folder / "store.db"))
        self.context = Context(
            self.store, "ada", lambda _: None, now=lambda: self.at, wait=self.wait, moment=lambda: None
        )
        self.names = [f"i{number:04}" for number in range(INSTANCES)]
        for name in self.names:
            set_clock(f"memory:{name}", lambda: self.at)
            put_load(f"memory:{name}", Load(name, lambda: self.at))
        instances = {name: Instance(engine="simulated", target=f"memory:{name}") for name in self.names}
        commit(self.context, lambda _: Configuration(instances=instances), reason="registered")
        for name in self.names:
            observe(self.context, name)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)

    def roll_out(self, settings: dict[str, str]) -> Rollout:
        """Start a rollout and poll until it is over."""
        made = start(self.context, RolloutWish(selector=ALL, settings=settings, because="so", rules=RULES))
        controller = RolloutController("bench")
        for _ in range(MOST_POLLS):
            controller.poll(self.context)
            found = self.store.rollouts.get(made.id).value
            if not found.is_open:
                return found
            self.wait(STEP_SECONDS)
        raise SystemExit(f"not over: {found}")

    def count(self, made: Rollout, state: str) -> int:
        """Answer how many targets are in a state."""
        targets = rows.read_rows(self.context, made.id).targets.values()
        return sum(each.state.value == state for each in targets)

    def running(self, parameter: str) -> set[str]:
        """Answer the values of a parameter that run anywhere."""
        return {server_at(f"memory:{name}").running[parameter] for name in self.names}


def halts(figures: Figures, stage: Stage, settings: dict[str, str]) -> None:
    """Roll a regression out, and see that it stops in the canary and takes back what it should."""
    before = {name: stage.running(name) for name in settings}
    begun = time.process_time()
    made = stage.roll_out(settings)
    taken = time.process_time() - begun
    what = ", ".join(f"{name}={text}" for name, text in settings.items())
    is_halted = made.state.value == "halted"
    figures.add(f"{what}: wave it halted in", float(made.wave if is_halted else made.waves), "", target=0)
    touched = INSTANCES - stage.count(made, "skipped")
    figures.add("... instances touched", float(touched), "", target=CANARIES)
    figures.add("... of these not taken back", float(touched - stage.count(made, "taken back")), "", target=0)
    is_left = any(stage.running(name) != values for name, values in before.items())
    figures.add("... instances that run it still", float(is_left), "", target=0)
    figures.add("... CPU", taken, "s")
    print(f"    {made.why}")


def reaches_all(figures: Figures, stage: Stage) -> None:
    """Roll something harmless out to everybody."""
    begun = time.process_time()
    made = stage.roll_out(dict(HARMLESS))
    figures.add("harmless: instances not kept", float(INSTANCES - stage.count(made, "kept")), "", target=0)
    figures.add("... CPU", time.process_time() - begun, "s")
    print("\n".join(f"    {each}" for each in (made.state.value, made.why, *made.judged)))


if __name__ == "__main__":
    found = Figures(f"A rollout over {INSTANCES} simulated instances")
    with tempfile.TemporaryDirectory() as name:
        own = Stage(Path(name))
        for each in HARMFUL:
            halts(found, own, dict(each))
        reaches_all(found, own)
    found.end()
