"""The Oracle engine, tied to the port."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from setpoint.engines.oracle import apply, observe
from setpoint.engines.oracle.dialect import GRAMMAR, OracleGrammar
from setpoint.engines.oracle.dialect.knowledge import NAME
from setpoint.engines.plan import StepKind
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

_CLAIMS: Mapping[str, str] = {
    "memory target": "memory_target",
    "SGA": "if(memory_target > 0B, 0B, if(sga_target > 0B, sga_target, sga_max_size))",
    "PGA": "if(memory_target > 0B, 0B,"
    " if(pga_aggregate_limit > 0B, pga_aggregate_limit, 2 * pga_aggregate_target))",
}
"""What spends memory: one target for all where it is set, else the shared memory and what sessions may take
at most. Without a limit of their own they may go beyond their target; twice is the server's own default.
"""


class OracleEngine:
    """The `Engine` port for Oracle Database 19c and later."""

    name = NAME
    grammar: OracleGrammar = GRAMMAR
    data = Path(__file__).parent
    listing_arguments: tuple[str, ...] = ()

    def family(self, version: Version) -> str:
        """Answer the release's first number: parameters come with a release."""
        return str(version.major)

    def harvest(self, version: Version, describe_config: str) -> Generator[Request, Reply, CatalogData]:
        """Ask a running server for its catalog; its programs have no listing of their own."""
        del describe_config
        return observe.harvest(version)

    def claims(self) -> Mapping[str, str]:
        """Answer what spends memory."""
        return _CLAIMS

    def observe(self, version: Version) -> Request:
        """Answer the one request of an observation, the same for all versions."""
        del version
        return observe.observe()

    def read(
        self, instance: str, reply: Reply, *, at: datetime, version: Version
    ) -> tuple[Observation, Catalog]:
        """Turn the reply into an observation and the live catalog."""
        return observe.read(instance, reply, at=at, version=version)

    def entry(self, parameter: str) -> Request:
        """Ask for what stands for one parameter: its entry in the file or, without a file, what runs."""
        return observe.entry(parameter)

    def unless_moved(self, request: Request, parameter: str, entry: SettingText) -> Request:
        """Make a writing request conditional on that."""
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
        """Answer the steps from observed to desired.

        What is passing is written where all the rest is: a value in memory alone, over an entry in the file,
        would be hidden from whoever compares entries.
        """
        del passing
        return apply.steps(desired, releases, observation, catalog, reasons)

    def order(self, parameter: str, *, is_growing: bool) -> MemberOrder:
        """Answer which members of a replication group go first."""
        return apply.order(parameter, is_growing=is_growing)

    def reloading(self) -> Step:
        """Answer a step that does nothing: the server has nothing to load."""
        return apply.reloading()

    def switch(self) -> Switch | None:
        """Answer the scheduler's job."""
        from setpoint.engines.oracle.switch import SchedulerSwitch

        return SchedulerSwitch()

    def server_of(self, address: str) -> str:
        """Answer host, port, service and, where it is named, the instance."""
        from setpoint.engines.oracle.dialect.address import server_of

        return server_of(address)

    def connect(self, target: Target, *, is_read_only: bool) -> Driver:
        """Connect; raise `UnreachableError`. The database client is loaded here, at first use."""
        from setpoint.engines.oracle.driver import OracleDriver

        return OracleDriver(target, is_read_only=is_read_only)

    def rules(self) -> Sequence[Any]:
        """Answer the tuning rules."""
        from setpoint.engines.oracle.rules import RULES

        return RULES

    def native(self) -> Native | None:
        """Answer who writes scripts for SQL*Plus; not verified on an engine."""
        from setpoint.engines.oracle.native import SqlplusClient

        return SqlplusClient()

    def rewriter(self, version: Version) -> Rewriter | None:
        """Answer None: the server writes its parameter file itself."""
        del version

    def validator(self) -> Validator | None:
        """Answer None: no program of it tells what it thinks of a file."""
        return None

    def dump_readers(self) -> Sequence[DumpReader]:
        """Answer who reads which kind of file."""
        from setpoint.engines.oracle.dumps import readers

        return readers()

    def rescue(self, plan: Plan, data_directory: str) -> str:
        """Refuse: the server parameter file is binary, and only the server's own programs write it."""
        del data_directory
        before = [
            f"take out {step.parameter}"
            if step.prior is None or step.prior.persisted is None
            else f"write {step.parameter}={_words(step.prior.persisted)}"
            for step in plan.steps
            if step.kind in (StepKind.SET, StepKind.RESET)
        ]
        message = f"the server parameter file of {plan.instance} is written by the server alone"
        raise NotPermittedError(
            message,
            where=plan.instance,
            next_step="in SQL*Plus: CREATE PFILE='setpoint.ora' FROM SPFILE; in that file "
            f"{'; '.join(before)}; then STARTUP PFILE and CREATE SPFILE FROM PFILE, with its name",
        )


def _words(text: SettingText) -> str:
    return GRAMMAR.write_list(text) if isinstance(text, tuple) else text or ""


ENGINE = OracleEngine()
