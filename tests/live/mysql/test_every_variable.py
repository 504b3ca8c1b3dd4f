"""Every variable that can be changed while the server runs is changed, read back, and taken back.

A value is chosen from what the live catalog says of it. What a server does not let be changed all the same,
the catalog says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from tests.live.mysql.scene import target_of

from setpoint.catalog import Catalog, Context, Kind, Parameter
from setpoint.config.drift import DriftClass
from setpoint.config.layers import Layer, LayerKind
from setpoint.config.observation import Observation
from setpoint.config.resolve import resolve
from setpoint.engines.conformance_stage import Steps
from setpoint.engines.planner import make_plan
from setpoint.engines.readback import is_same_state
from setpoint.engines.registry import get_engine
from setpoint.engines.session import Application, observe
from setpoint.errors import SetpointError

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(900)]
AT = datetime(2026, 1, 1, tzinfo=UTC)
TOLD = tuple(
    f"blocked: {why}"
    for why in ("the server runs", "no Galera provider is loaded", "innodb_buffer_pool_size_auto_min (")
)
"""What a plan says of variables that this very server would not take, or not take back."""
WORDS = {
    "character_set_server": "latin1",
    "character_set_client": "latin1",
    "character_set_connection": "latin1",
    "character_set_results": "latin1",
    "collation_server": "latin1_swedish_ci",
    "init_connect": "SET @a = 'it''s'",
    "default_storage_engine": "MyISAM",
    "time_zone": "+01:00",
    "default_week_format": "1",
}


def another(parameter: Parameter, text: str, catalog: Catalog) -> str | None:
    """Answer a value in range that is not this one, None where the catalog cannot tell of any."""
    if parameter.kind is Kind.BOOL:
        return "OFF" if catalog.parse(parameter.name, text) else "ON"
    if parameter.kind is Kind.ENUM:
        return next((word for word in parameter.values if word.lower() != text.lower()), None)
    if parameter.kind is Kind.FLAGS:
        return ",".join(flagged(parameter, [item for item in text.split(",") if item]))
    if parameter.kind is Kind.SWITCHES:
        flag, _, state = text.partition(",")[0].partition("=")
        return f"{flag}={'off' if state == 'on' else 'on'}" if state in ("on", "off") else None
    if parameter.is_numeric:
        return next(numbers(parameter, float(text) if not parameter.is_integral else int(text)), None)
    return WORDS.get(parameter.name)


def flagged(parameter: Parameter, items: list[str]) -> list[str]:
    if len(items) > 1:
        return items[:-1]
    plain = [word for word in parameter.values if word.lower() not in parameter.aliases]
    return [*items, next(word for word in plain if word not in items)]


def numbers(parameter: Parameter, value: float) -> Iterator[str]:
    step = max(parameter.multiple, 1)
    for candidate in (value + step, value - step, value * 2):
        low = parameter.min is None or candidate >= parameter.min
        if low and (parameter.max is None or candidate <= parameter.max):
            yield str(candidate)


class Bench:
    """One server, and one variable at a time."""

    def __init__(self, server) -> None:
        self.engine = get_engine(server.binaries.kind)
        self.target = target_of(server, has_agent=False)

    def look(self) -> tuple[Observation, Catalog]:
        with closing(self.engine.connect(self.target, is_read_only=True)) as driver:
            return observe(self.engine, driver, "db", at=AT)

    def change(self, name: str, text: str) -> str:
        """Apply, verify and undo; answer what went otherwise than it should, or nothing."""
        before, catalog = self.look()
        layer = Layer(LayerKind.INSTANCE, "db", {name: text})
        plan = make_plan(self.engine, resolve([layer], AT), before, catalog, revision="r")
        if plan.blocked:
            return f"blocked: {plan.blocked[0].why}"
        with closing(self.engine.connect(self.target, is_read_only=False)) as driver:
            journal = Steps()
            application = Application(self.engine, driver, plan, journal, lambda: AT, "test")
            try:
                verified = application.run()
            except SetpointError as fault:
                return f"refused: {fault}"
            seen = {drift.drift_class for drift in verified.drifts}
            if not seen <= {DriftClass.IN_SYNC, DriftClass.NORMALISED}:
                return f"reads back {seen}: {verified.drifts}"
            Application(self.engine, driver, plan, journal, lambda: AT, "test").undo(journal.intended)
        after, _ = self.look()
        changed = sorted(
            other
            for other in before.settings
            if not is_same_state(other, before.settings[other], after.settings[other], catalog)
        )
        return f"left behind: {changed}" if changed else ""


def test_every_dynamic_variable_ends_where_it_began(mysql_family_each):
    bench = Bench(mysql_family_each)
    observation, catalog = bench.look()
    dynamic = [
        p for p in catalog.parameters if p.context in (Context.IMMEDIATE, Context.RECONNECT) and not p.build
    ]
    tried = 0
    faults: dict[str, str] = {}
    for parameter in dynamic:
        text = another(parameter, observation.settings[parameter.name].value or "", catalog)
        if text is None:
            continue
        tried += 1
        said = bench.change(parameter.name, text)
        if said and not said.startswith(TOLD):
            faults[f"{parameter.name}={text}"] = said
    assert not faults, "\n".join(f"{name}: {said}" for name, said in faults.items())
    assert tried > 300, f"only {tried} of {len(dynamic)} could be tried"
