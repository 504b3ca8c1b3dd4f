"""The PostgreSQL engine, tied to the port."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from setpoint.engines.postgresql import apply, observe
from setpoint.engines.postgresql.dialect import GRAMMAR, ConfRewriter, PostgresGrammar

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
    "shared buffers": "shared_buffers",
    "wal buffers": "if(wal_buffers < 0, min(shared_buffers / 32, 16MB), wal_buffers)",
    "backends": "max_connections * (work_mem * hash_mem_multiplier + 4MB)",
    "parallel workers": "max_parallel_workers * work_mem * hash_mem_multiplier",
    "autovacuum": "autovacuum_max_workers"
    " * if(autovacuum_work_mem < 0, maintenance_work_mem, autovacuum_work_mem)",
    "maintenance": "maintenance_work_mem",
}
"""What spends memory. 4 MB is a backend's own floor (caches, stack).

`temp_buffers` is left out: it is taken only by sessions that use temporary tables.
"""


class PostgresEngine:
    """The `Engine` port for PostgreSQL 13 and later."""

    name = "postgresql"
    grammar: PostgresGrammar = GRAMMAR
    data = Path(__file__).parent
    listing_arguments: tuple[str, ...] = ("--describe-config",)

    def family(self, version: Version) -> str:
        """Answer the major version: parameters change with it, and hardly ever within it."""
        return str(version.major)

    def harvest(self, version: Version, describe_config: str) -> Generator[Request, Reply, CatalogData]:
        """Ask a running server for its catalog, loadable modules included."""
        return observe.harvest(version, describe_config)

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
        """Ask for one parameter's entry in postgresql.auto.conf."""
        return observe.entry(parameter)

    def unless_moved(self, request: Request, parameter: str, entry: SettingText) -> Request:
        """Make a writing request conditional on that entry."""
        return observe.unless_moved(request, parameter, entry)

    def read_entry(self, parameter: str, reply: Reply) -> SettingText:
        """Answer that entry."""
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
        """Answer the step that makes run what is persisted."""
        return apply.reloading()

    def switch(self) -> Switch | None:
        """Answer pg_cron, where an instance has it."""
        from setpoint.engines.postgresql.switch import CronSwitch

        return CronSwitch()

    def server_of(self, address: str) -> str:
        """Answer host and port."""
        from setpoint.engines.postgresql.driver import server_of

        return server_of(address)

    def connect(self, target: Target, *, is_read_only: bool) -> Driver:
        """Connect; raise `UnreachableError`. The database client is loaded here, at first use."""
        from setpoint.engines.postgresql.driver import PostgresDriver

        return PostgresDriver(target, is_read_only=is_read_only)

    def rules(self) -> Sequence[Any]:
        """Answer the tuning rules."""
        from setpoint.engines.postgresql.rules import RULES

        return RULES

    def native(self) -> Native | None:
        """Answer who writes scripts for psql."""
        from setpoint.engines.postgresql.native import PsqlClient

        return PsqlClient()

    def rewriter(self, version: Version) -> Rewriter | None:
        """Answer who rewrites configuration files; all versions read them alike."""
        del version
        return ConfRewriter()

    def validator(self) -> Validator | None:
        """Answer how ``postgres`` is asked about its files."""
        from setpoint.engines.postgresql.validation import VALIDATOR

        return VALIDATOR

    def dump_readers(self) -> Sequence[DumpReader]:
        """Answer who reads which kind of file."""
        from setpoint.engines.postgresql.dumps import readers

        return readers()

    def rescue(self, plan: Plan, data_directory: str) -> str:
        """Put the entries a plan persisted back in the files of a server that does not start."""
        from setpoint.engines.postgresql.rescue import rescue

        return rescue(plan, data_directory)


ENGINE = PostgresEngine()
