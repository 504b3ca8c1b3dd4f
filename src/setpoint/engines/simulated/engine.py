"""The simulated engine, tied to the port."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from setpoint.engines.simulated import apply, observe
from setpoint.engines.simulated.dialect import GRAMMAR, NAME, SimulatedGrammar
from setpoint.engines.simulated.order import order
from setpoint.engines.simulated.rules import RULES
from setpoint.engines.simulated.switch import SimulatedSwitch
from setpoint.errors import NotPermittedError

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog, Version
    from setpoint.catalog.catalog import CatalogData
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.document import DumpReader
    from setpoint.engines.native import Native
    from setpoint.engines.plan import Plan, Request, Step
    from setpoint.engines.port import Driver, Release, Reply, StepsMade, Switch, Target
    from setpoint.engines.rewriting import Rewriter
    from setpoint.engines.validation import Validator
    from setpoint.policy.waves import MemberOrder


class SimulatedEngine:
    """The `Engine` port for the simulated server."""

    name = NAME
    grammar: SimulatedGrammar = GRAMMAR
    data = Path(__file__).parent
    listing_arguments: tuple[str, ...] = ()

    def family(self, version: Version) -> str:
        """Answer the major version."""
        return str(version.major)

    def harvest(self, version: Version, describe_config: str) -> Generator[Request, Reply, CatalogData]:
        """Ask the server for its catalog; it has no listing of its own."""
        del version, describe_config
        return observe.harvest()

    def claims(self) -> Mapping[str, str]:
        """Answer what spends memory."""
        return {"page cache": "cache_size", "sorts": "max_connections * sort_memory"}

    def observe(self, version: Version) -> Request:
        """Answer the one request of an observation."""
        return observe.observe(version)

    def read(
        self, instance: str, reply: Reply, *, at: datetime, version: Version
    ) -> tuple[Observation, Catalog]:
        """Turn the reply into an observation and the live catalog."""
        return observe.read(instance, reply, at=at, version=version)

    def entry(self, parameter: str) -> Request:
        """Ask for one parameter's entry."""
        return observe.entry(parameter)

    def unless_moved(self, request: Request, parameter: str, entry: SettingText) -> Request:
        """Make a writing request conditional on that entry."""
        return observe.unless_moved(request, parameter, entry)

    def read_entry(self, parameter: str, reply: Reply) -> SettingText:
        """Answer that entry."""
        del parameter
        return observe.read_entry(reply)

    def steps(
        self,
        desired: Mapping[str, SettingText],
        releases: Sequence[Release],
        observation: Observation,
        catalog: Catalog,
        reasons: Mapping[str, str],
        passing: Collection[str] = (),
    ) -> StepsMade:
        """Answer the steps from observed to desired; it has one place to write alone."""
        del passing
        return apply.steps(desired, releases, observation, catalog, reasons)

    def order(self, parameter: str, *, is_growing: bool) -> MemberOrder:
        """Answer which members of a replication group go first."""
        return order(parameter, is_growing=is_growing)

    def reloading(self) -> Step:
        """Answer the step that makes run what is persisted."""
        return apply.reloading()

    def switch(self) -> Switch | None:
        """Answer the server's own scheduler."""
        return SimulatedSwitch()

    def server_of(self, address: str) -> str:
        """Answer the address: it has one form only."""
        return address.strip()

    def connect(self, target: Target, *, is_read_only: bool) -> Driver:
        """Connect; the simulated server makes no difference between readers and writers."""
        from setpoint.engines.simulated.driver import SimulatedDriver

        del is_read_only
        return SimulatedDriver(target)

    def rules(self) -> Sequence[Any]:
        """Answer no rules."""
        return RULES

    def native(self) -> Native | None:
        """Answer who writes its scripts."""
        from setpoint.engines.simulated.native import SimulatedNative

        return SimulatedNative()

    def rewriter(self, version: Version) -> Rewriter | None:
        """Answer None: it has no option file."""
        del version

    def validator(self) -> Validator | None:
        """Answer None: no program of it tells what it thinks of a file."""
        return None

    def dump_readers(self) -> Sequence[DumpReader]:
        """Answer nothing: a simulated instance leaves no files behind."""
        return ()

    def rescue(self, plan: Plan, data_directory: str) -> str:
        """Refuse: a simulated server has no files to mend."""
        raise NotPermittedError(
            f"{plan.instance} has no files in {data_directory or 'reach'}", where=plan.instance
        )


ENGINE = SimulatedEngine()
