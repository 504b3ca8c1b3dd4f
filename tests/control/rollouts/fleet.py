"""A fleet of simulated instances under load, and a controller that is polled as time goes by."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from setpoint.config.configuration import Configuration, Group, Instance
from setpoint.control.configure import commit
from setpoint.control.context import Context
from setpoint.control.rollouts import rows as rollout_rows
from setpoint.control.rollouts.controller import RolloutController
from setpoint.control.rollouts.drafting import RolloutWish
from setpoint.control.rollouts.starting import start
from setpoint.control.watch import observe
from setpoint.engines.simulated.load import Load, put_load
from setpoint.engines.simulated.server import forget, server_at, set_clock
from setpoint.policy.rollout import Amount, RolloutRules
from setpoint.policy.selector import parse_selector
from setpoint.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from setpoint.policy.rollout import Rollout, RolloutTarget


class Fleet:
    """A store of one user, simulated instances in it, and a clock that only goes when somebody waits."""

    def __init__(
        self, folder: Path, names: Iterable[str], *, groups: dict[str, list[str]] | None = None
    ) -> None:
        self.at = datetime(2026, 3, 2, 9, tzinfo=UTC)
        self.store = Store.create(str(folder / "store.db"))
        self.context = Context(
            self.store, "ada", lambda _: None, now=lambda: self.at, wait=self.wait, moment=lambda: None
        )
        self.key = uuid4().hex
        self.groups = groups or {}
        self.controller = RolloutController("worker-1")
        self.loads: dict[str, Load] = {}
        instances = {name: self._instance(name, number) for number, name in enumerate(names)}
        held = {group: Group(engine="simulated") for group in self.groups}
        made = Configuration(groups=held, instances=instances)
        commit(self.context, lambda _: made, reason="registered")
        for name in instances:
            observe(self.context, name)

    def _instance(self, name: str, number: int) -> Instance:
        address = self.address(name)
        set_clock(address, lambda: self.at)
        group = next((group for group, members in self.groups.items() if name in members), "")
        is_standby = bool(group) and self.groups[group][0] != name
        self.loads[name] = Load(
            f"{name}", lambda: self.at, role="standby" if is_standby else "primary",
            lag_seconds=0.0 if is_standby else None,
        )  # fmt: skip
        put_load(address, self.loads[name])
        return Instance(engine="simulated", target=address, group=group, labels={"dc": f"dc{number % 3}"})

    def address(self, name: str) -> str:
        return f"memory:{self.key}/{name}"

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def running(self, name: str, parameter: str) -> str:
        return server_at(self.address(name)).running[parameter]

    def take_down(self, name: str, *, is_down: bool = True) -> None:
        server_at(self.address(name)).is_up = not is_down

    def start(self, text: str = "all", settings: dict[str, str] | None = None, **rules: object) -> Rollout:
        return start(self.context, wish(text, settings, **rules))

    def rollout(self, id_: str) -> Rollout:
        return self.store.rollouts.get(id_).value

    def targets(self, id_: str) -> dict[str, RolloutTarget]:
        return rollout_rows.read_rows(self.context, id_).targets

    def states(self, id_: str) -> Counter[str]:
        return Counter(each.state.value for each in self.targets(id_).values())

    def run(self, id_: str, *, polls: int = 4000, until: str = "") -> Rollout:
        """Poll until the rollout is over, or some target is in a state; the clock goes on in between."""
        for _ in range(polls):
            pause = self.controller.poll(self.context)
            found = self.rollout(id_)
            if not found.is_open or (until and until in self.states(id_)):
                return found
            self.wait(max(pause, 10.0))
        message = f"not over: {self.states(id_)} {self.rollout(id_)}"
        raise AssertionError(message)

    def as_actor(self, name: str) -> Context:
        return replace(self.context, actor=name)

    def actions(self, id_: str) -> list[str]:
        rows = self.store.audit.rows(subject=f"rollout:{id_}")
        return [row.action for row in rows]

    def close(self) -> None:
        self.store.close()
        for name in self.loads:
            forget(self.address(name))


def wish(text: str = "all", settings: dict[str, str] | None = None, **rules: object) -> RolloutWish:
    named: dict[str, object] = {
        "canary": Amount(count=2),
        "waves": (Amount(share=0.5), Amount(share=1.0)),
        "soak_seconds": 60.0,
        "baseline_seconds": 60.0,
        "sample_seconds": 10.0,
        **rules,
    }
    return RolloutWish(
        selector=parse_selector(text),
        settings=settings if settings is not None else {"checkpoint_interval": "600"},
        because="it is time",
        rules=RolloutRules(**named),  # type: ignore[arg-type]
    )
