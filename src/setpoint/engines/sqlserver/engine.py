"""The SQL Server engine, tied to the port."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from setpoint.engines.sqlserver import apply, observe
from setpoint.engines.sqlserver.dialect import GRAMMAR, NAME, SqlServerGrammar, server_of
from setpoint.engines.sqlserver.dialect.knowledge import YEARS
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

_THREADS = (
    "if(max_worker_threads > 0, max_worker_threads, "
    "512 + 16 * max(vcpu - 4, 0) + 16 * max(vcpu - 64, 0)) * 2MB"
)
_CLAIMS: Mapping[str, str] = {
    "server memory": "if(max_server_memory_mb >= ram, "
    f"max(ram - clamp(ram / 16, 64MB, 4GB) - ({_THREADS}), 0MB), max_server_memory_mb)",
    "worker threads": _THREADS,
}
"""What spends memory. The stack of a worker thread (2 MB on 64 bit) is not in ``max server memory``.

A limit beyond the host's memory is none; the server then takes what the others leave and gives way to them.
How many threads there are by default is the manual's table for 64 bit ("max worker threads").
"""


class SqlServerEngine:
    """The `Engine` port for SQL Server 2016 and later, and its services in Azure."""

    name = NAME
    grammar: SqlServerGrammar = GRAMMAR
    data = Path(__file__).parent
    listing_arguments: tuple[str, ...] = ()

    def family(self, version: Version) -> str:
        """Answer the year of a major version; a year stands for itself."""
        return YEARS.get(version.major, str(version.major))

    def harvest(self, version: Version, describe_config: str) -> Generator[Request, Reply, CatalogData]:
        """Ask a running server for its catalog; the server's binary has no listing of its own."""
        del describe_config
        return observe.harvest(version)

    def claims(self) -> Mapping[str, str]:
        """Answer what spends memory."""
        return _CLAIMS

    def observe(self, version: Version) -> Request:
        """Answer the one request of an observation."""
        return observe.observe(version)

    def read(
        self, instance: str, reply: Reply, *, at: datetime, version: Version
    ) -> tuple[Observation, Catalog]:
        """Turn the reply into an observation and the live catalog."""
        return observe.read(instance, reply, at=at, version=version)

    def entry(self, parameter: str) -> Request:
        """Ask for one parameter's configured value."""
        return observe.entry(parameter)

    def unless_moved(self, request: Request, parameter: str, entry: SettingText) -> Request:
        """Make a writing request conditional on that value."""
        return observe.unless_moved(request, parameter, entry)

    def read_entry(self, parameter: str, reply: Reply) -> SettingText:
        """Answer that value."""
        return observe.read_entry(parameter, reply)

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
        return apply.order(parameter, is_growing=is_growing)

    def reloading(self) -> Step:
        """Answer the step that makes configured values run."""
        return apply.reloading()

    def switch(self) -> Switch | None:
        """Answer SQL Server Agent, where an instance has it."""
        from setpoint.engines.sqlserver.switch import AgentSwitch

        return AgentSwitch()

    def server_of(self, address: str) -> str:
        """Answer host and port, or host and instance."""
        return server_of(address)

    def connect(self, target: Target, *, is_read_only: bool) -> Driver:
        """Connect; raise `UnreachableError`. The database client is loaded here, at first use."""
        from setpoint.engines.sqlserver.driver import SqlServerDriver

        return SqlServerDriver(target, is_read_only=is_read_only)

    def rules(self) -> Sequence[Any]:
        """Answer the tuning rules."""
        from setpoint.engines.sqlserver.rules import RULES

        return RULES

    def native(self) -> Native | None:
        """Answer who writes scripts for sqlcmd; not verified on an engine."""
        from setpoint.engines.sqlserver.native import SqlcmdClient

        return SqlcmdClient()

    def rewriter(self, version: Version) -> Rewriter | None:
        """Answer None: it has no option file."""
        del version

    def validator(self) -> Validator | None:
        """Answer None: no program of it tells what it thinks of a file."""
        return None

    def dump_readers(self) -> Sequence[DumpReader]:
        """Answer who reads which kind of file."""
        from setpoint.engines.sqlserver.dumps import readers

        return readers()

    def rescue(self, plan: Plan, data_directory: str) -> str:
        """Say how a person gets a server up again: its configuration is inside it, in no file of text."""
        del data_directory
        entries = [
            f"sp_configure '{step.parameter}' = {step.prior.persisted}"
            for step in plan.steps
            if step.parameter and step.prior is not None
        ]
        message = f"the options of {plan.instance} are kept inside the server, out of reach while it is down"
        raise NotPermittedError(
            message,
            where=plan.instance,
            next_step=f"start it with -f (minimal configuration), put back {', '.join(entries)}, restart it",
        )


ENGINE = SqlServerEngine()
