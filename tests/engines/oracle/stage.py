"""A database, how it is observed and changed, and what is asked of it: the stage of this folder's tests."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

from tests.engines.oracle.client import listen
from tests.engines.oracle.database import Database

from setpoint.config.drift import judge
from setpoint.config.layers import Layer, LayerKind
from setpoint.config.resolve import resolve
from setpoint.engines.conformance_stage import Steps
from setpoint.engines.oracle import ENGINE
from setpoint.engines.planner import make_plan
from setpoint.engines.port import Target
from setpoint.engines.session import Application, observe

AT = datetime(2026, 1, 2, tzinfo=UTC)


class Stage:
    """One database behind the seam; `set_up` makes another one than the plain one."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch
        self.set_up()

    def set_up(self, *, con=0, sid="", **words):
        self.database = Database(**words)
        self.listener = listen(self.monkeypatch, orcl=(self.database, con))
        address = f"host=db1 service=orcl user=setpoint{f' sid={sid}' if sid else ''}"
        self.target = Target(instance="ora", address=address, secret=lambda: "tiger", timeout_seconds=1.0)
        return self.database

    def connect(self, *, is_read_only=False):
        return ENGINE.connect(self.target, is_read_only=is_read_only)

    def look(self):
        with closing(self.connect(is_read_only=True)) as driver:
            return observe(ENGINE, driver, "ora", at=AT)

    def setting(self, name):
        return self.look()[0].settings[name]

    def plan(self, desired, *, releases=(), is_override=False):
        observation, catalog = self.look()
        if is_override:
            layer = Layer(LayerKind.OVERRIDE, "inc-1", desired, ends_at=AT + timedelta(hours=1))
        else:
            layer = Layer(LayerKind.INSTANCE, "ora", desired)
        resolved = resolve([layer], AT)
        return make_plan(ENGINE, resolved, observation, catalog, revision="r", releases=releases)

    def blocked(self, desired, **words):
        """Answer why a plan does not reach what is desired, by parameter."""
        return {each.parameter: each.why for each in self.plan(desired, **words).blocked}

    def statements(self, desired, **words):
        return [request.text for step in self.plan(desired, **words).steps for request in step.do]

    def application(self, driver, plan, restart=None):
        return Application(
            engine=ENGINE, driver=driver, plan=plan, journal=Steps(), now=lambda: AT, holder="ada",
            restart=restart,
        )  # fmt: skip

    def apply(self, desired, restart=None):
        with closing(self.connect()) as driver:
            return self.application(driver, self.plan(desired), restart).run()

    def drift(self, name, text):
        observation, catalog = self.look()
        return judge(name, text, observation.setting(name), catalog)
