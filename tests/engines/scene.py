"""The scene of every fault: an instance with a person's entry, and connections that fail when told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from setpoint.catalog import Catalog
from setpoint.config.layers import Layer, LayerKind
from setpoint.config.resolve import resolve
from setpoint.engines.planner import make_plan
from setpoint.engines.port import Release, Reply, Target
from setpoint.engines.session import Application, Verified, observe
from setpoint.engines.simulated import ENGINE
from setpoint.engines.simulated.driver import SimulatedDriver, keep, restart, server_at
from setpoint.engines.simulated.engine import SimulatedEngine
from setpoint.errors import StoreUnavailableError

AT = datetime(2026, 1, 1, tzinfo=UTC)
NO_TROUBLE: Mapping[str, Callable[[], object]] = {}
BEFORE = {"checkpoint_interval": "600"}
"""What a person had persisted before us."""


class Faulty(SimulatedDriver):
    """A connection on which something happens just before a call is passed on.

    `trouble` maps a request's text, ``lock`` or ``reconnect`` to what happens; an answer other than None
    keeps the call from the server.
    """

    def __init__(self, target: Target, trouble: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(target)
        self._trouble = trouble
        self.calls: list[str] = []

    def run(self, request):
        return Reply() if self._meets(request.text) else super().run(request)

    def lock(self, holder, *, is_preempting=False):
        self._meets("lock")
        super().lock(holder, is_preempting=is_preempting)

    def reconnect(self, timeout_seconds):
        self._meets("reconnect")
        super().reconnect(timeout_seconds)

    def forget(self, name: str) -> None:
        """List a parameter no more, as when the module that brings it is not loaded."""
        kept = tuple(parameter for parameter in self._catalog.parameters if parameter.name != name)
        data = msgspec.structs.replace(self._catalog.data, parameters=kept)
        self._catalog = Catalog(data, self._catalog.grammar)

    def _meets(self, call: str) -> bool:
        self.calls.append(call)
        return call in self._trouble and self._trouble[call]() is not None


class Late(SimulatedDriver):
    """A connection to a server that loads its files when it is looked at the third time after the signal."""

    _looks_left = 0

    def run(self, request):
        if request.text == "reload":
            self._signal, self._looks_left = request, 3
            return Reply()
        if request.is_read_only and self._looks_left:
            self._looks_left -= 1
            if not self._looks_left:
                super().run(self._signal)
        return super().run(request)


class Record:
    """A journal in memory, which fails at one entry if told so."""

    def __init__(self, failing: tuple[str, int] | None = None) -> None:
        self.entries: list[tuple[str, int]] = []
        self._failing = failing

    def intend(self, number, step):
        self._write(("intend", number))

    def done(self, number):
        self._write(("done", number))

    def check(self):
        pass

    def _write(self, entry: tuple[str, int]) -> None:
        if entry == self._failing:
            raise StoreUnavailableError("the disk of the store is full")
        self.entries.append(entry)


class Scene:
    """An instance with one entry of a person's, and an apply to it."""

    def __init__(self) -> None:
        self.target = Target(instance="shop", address=f"memory:{uuid4()}", secret=lambda: None)
        self.record = Record()
        self.change(persisted=BEFORE, running=BEFORE)
        self.running = dict(self.server.running)

    @property
    def server(self):
        return server_at(self.target.address)

    @property
    def is_as_before(self) -> bool:
        return (self.server.persisted, self.server.running) == (BEFORE, self.running)

    def change(self, *, is_up: bool = True, **texts: Mapping[str, str]) -> None:
        server = self.server
        server.is_up = is_up
        for place, changed in texts.items():
            getattr(server, place).update(changed)
        keep(self.target.address, server)

    def go_down(self) -> None:
        self.change(is_up=False)

    def restart(self) -> None:
        restart(self.target.address)

    def grace(self) -> SimulatedDriver:
        """Answer somebody else's connection."""
        return SimulatedDriver(self.target)

    def driver(self, trouble: Mapping[str, Callable[[], object]] = NO_TROUBLE) -> Faulty:
        return Faulty(self.target, trouble)

    def application(
        self,
        driver: SimulatedDriver,
        desired: Mapping[str, str],
        *,
        restart: Callable[[], None] | None = None,
        releases: Sequence[Release] = (),
        engine: SimulatedEngine = ENGINE,
    ) -> Application:
        observation, catalog = observe(ENGINE, driver, "shop", at=AT)
        resolved = resolve([Layer(LayerKind.INSTANCE, "shop", desired)], AT)
        plan = make_plan(ENGINE, resolved, observation, catalog, revision="r", releases=releases)
        return Application(
            engine=engine,
            driver=driver,
            plan=plan,
            journal=self.record,
            now=lambda: AT,
            holder="ada",
            restart=restart,
        )

    def apply(self, desired, trouble=NO_TROUBLE, **options) -> Verified:
        with closing(self.driver(trouble)) as driver:
            return self.application(driver, desired, **options).run()


class Mending(SimulatedEngine):
    """An engine whose server's files are within reach."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def rescue(self, plan, data_directory):
        self._scene.server.persisted.pop("cache_size")
        return "took cache_size out of the server's file"
