"""The stage of the conformance suite: the subject under test, and how it is looked at and changed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from setpoint.config.layers import Layer, LayerKind
from setpoint.config.resolve import resolve
from setpoint.engines.planner import make_plan
from setpoint.engines.session import Application, observe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from setpoint.catalog import Catalog, Version
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.plan import Plan, Request, Step
    from setpoint.engines.port import Driver, Engine, Release, Reply, Target

AT = datetime(2026, 1, 1, tzinfo=UTC)
"""The one moment at which everything on the stage happens."""
_HOLDER = "conformance"


@dataclass(frozen=True)
class Subject:
    """An engine and a server that the suite may change.

    `immediate`, `restart` and `normalised` name a parameter and a text for it: one that takes effect without
    a restart, one that needs it, and one whose text the engine rounds or clamps (None where the engine has
    none). `second` is another text for `immediate`, `bystander` a parameter that no test manages, `refused` a
    text the engine does not accept. `meddle` persists a text behind Setpoint's back and makes it run where it
    can (None: removes it). `standing` is the entry of `immediate` while nobody has set it: None, or where an
    engine writes the running value alone, that. `wait_for_switch` returns once a switch that is due has acted
    (None where the server has none, or one too slow to be waited for).
    """

    engine: Engine
    target: Target
    immediate: tuple[str, str]
    second: str
    restart: tuple[str, str]
    normalised: tuple[str, str] | None
    bystander: tuple[str, str]
    refused: tuple[str, str]
    do_restart: Callable[[], None]
    meddle: Callable[[str, str | None], None]
    wait_for_switch: Callable[[], None] | None = None
    standing: str | None = None


class Steps:
    """A journal that only remembers."""

    def __init__(self) -> None:
        self.intended: list[int] = []
        self.finished: list[int] = []

    def intend(self, number: int, step: Step) -> None:
        """Remember that a step begins."""
        del step
        self.intended.append(number)

    def done(self, number: int) -> None:
        """Remember that a step ended."""
        self.finished.append(number)

    def check(self) -> None:
        """Nobody else is at work here."""


def demand(truth: object, sentence: str) -> None:
    """Fail with a sentence unless it is true."""
    if not truth:
        raise AssertionError(sentence)


class Applied:
    """A change that is applied on entry and taken back on exit."""

    def __init__(
        self, subject: Subject, desired: Mapping[str, SettingText], restart: Callable[[], None] | None = None
    ) -> None:
        self._subject = subject
        self._desired = desired
        self._restart = restart
        self.journal = Steps()

    def __enter__(self) -> Self:
        self._plan = plan_for(self._subject, self._desired)
        with closing(self._subject.engine.connect(self._subject.target, is_read_only=False)) as driver:
            application_of(self._subject, driver, self._plan, self.journal, self._restart).run()
        return self

    def undo(self) -> None:
        """Take back the steps that were begun."""
        with closing(self._subject.engine.connect(self._subject.target, is_read_only=False)) as driver:
            application = application_of(self._subject, driver, self._plan, self.journal, self._restart)
            application.undo(self.journal.intended)

    def __exit__(self, *_: object) -> None:
        self.undo()


class Meddled:
    """A driver under whose hands somebody acts, once, right before something conditional is run."""

    def __init__(self, driver: Driver, meddle: Callable[[], None]) -> None:
        self._driver, self._meddle = driver, meddle
        self.has_meddled = False

    @property
    def version(self) -> Version:
        """The server's version."""
        return self._driver.version

    def run(self, request: Request) -> Reply:
        """Run a request, after the meddling where it is a conditional one."""
        if request.ahead and not self.has_meddled:
            self.has_meddled = True
            self._meddle()
        return self._driver.run(request)

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take the lock."""
        self._driver.lock(holder, is_preempting=is_preempting)

    def reconnect(self, timeout_seconds: float) -> None:
        """Connect anew."""
        self._driver.reconnect(timeout_seconds)

    def close(self) -> None:
        """End the connection."""
        self._driver.close()


def persisted_text(observation: Observation, name: str) -> SettingText:
    """Answer what an observation says is persisted for a parameter."""
    entry = observation.settings[name].entry
    return entry.text if entry is not None else None


def look(subject: Subject) -> tuple[Observation, Catalog]:
    """Observe the server under test."""
    with closing(subject.engine.connect(subject.target, is_read_only=True)) as driver:
        return observe(subject.engine, driver, subject.target.instance, at=AT)


def plan_for(subject: Subject, desired: Mapping[str, SettingText], releases: Sequence[Release] = ()) -> Plan:
    """Observe the server and plan what takes it to the desired texts."""
    observation, catalog = look(subject)
    layer = Layer(LayerKind.INSTANCE, subject.target.instance, desired)
    return make_plan(
        subject.engine, resolve([layer], AT), observation, catalog, revision="conformance", releases=releases
    )


def application_of(
    subject: Subject, driver: Driver, plan: Plan, journal: Steps, restart: Callable[[], None] | None
) -> Application:
    """Answer the application of a plan to the server under test."""
    return Application(
        engine=subject.engine,
        driver=driver,
        plan=plan,
        journal=journal,
        now=lambda: AT,
        holder=_HOLDER,
        restart=restart,
    )
