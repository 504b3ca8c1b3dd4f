"""How the tests reach their server, and how a person meddles with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from tests.engines.sqlserver.records import Option
from tests.engines.sqlserver.wire import PASSWORD, WireServer

from setpoint.catalog import Catalog
from setpoint.config.layers import Layer, LayerKind
from setpoint.config.observation import Observation
from setpoint.config.resolve import resolve
from setpoint.engines.plan import Plan, Step
from setpoint.engines.planner import make_plan
from setpoint.engines.port import Driver, Target
from setpoint.engines.session import Application, observe
from setpoint.engines.sqlserver import ENGINE

AT = datetime(2026, 1, 2, tzinfo=UTC)


def target_of(server: WireServer, *, user: str = "sa", timeout_seconds: float = 5.0) -> Target:
    address = server.address.replace("user=sa", f"user={user}")
    return Target(instance="ms", address=address, secret=lambda: PASSWORD, timeout_seconds=timeout_seconds)


def option(server: WireServer, name: str) -> Option:
    """Answer an option by our spelling of its name."""
    words = [
        each
        for each in server.estate.options.values()
        if "".join(filter(str.isalnum, each.name.lower().replace("%", "percent"))) == name.replace("_", "")
    ]
    assert len(words) == 1
    return words[0]


def meddle(server: WireServer, name: str, text: str | None) -> None:
    """Set an option the way a person would, and make it run where it can."""
    found = option(server, name)
    found.value = found.factory if text is None else int(text)
    if found.is_dynamic:
        found.in_use = found.value


class Kept:
    """A journal that only remembers."""

    def __init__(self) -> None:
        self.intended: list[int] = []

    def intend(self, number: int, step: Step) -> None:
        del step
        self.intended.append(number)

    def done(self, number: int) -> None:
        del number

    def check(self) -> None:
        """Nobody else is at work here."""


def look(server: WireServer, user: str = "sa") -> tuple[Observation, Catalog]:
    with closing(ENGINE.connect(target_of(server, user=user), is_read_only=True)) as driver:
        return observe(ENGINE, driver, "ms", at=AT)


def plan_for(server: WireServer, desired: dict[str, str], user: str = "sa") -> Plan:
    observation, catalog = look(server, user)
    layer = Layer(LayerKind.INSTANCE, "ms", desired)
    return make_plan(ENGINE, resolve([layer], AT), observation, catalog, revision="r")


def application(
    driver: Driver, plan: Plan, journal: Kept, restart: Callable[[], None] | None = None
) -> Application:
    return Application(
        engine=ENGINE,
        driver=driver,
        plan=plan,
        journal=journal,
        now=lambda: AT,
        holder="ada",
        restart=restart,
    )


def apply(server: WireServer, plan: Plan, user: str = "sa") -> Kept:
    journal = Kept()
    with closing(ENGINE.connect(target_of(server, user=user), is_read_only=False)) as driver:
        application(driver, plan, journal).run()
    return journal


def undo(server: WireServer, plan: Plan, numbers: list[int]) -> None:
    with closing(ENGINE.connect(target_of(server), is_read_only=False)) as driver:
        application(driver, plan, Kept()).undo(numbers)


def values(server: WireServer) -> dict[str, tuple[int, int]]:
    """Answer what is configured and what is in use, of every option."""
    return {each.name: (each.value, each.in_use) for each in server.estate.options.values()}
