"""The MySQL engine, tied to the port."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from setpoint.catalog import Version
from setpoint.catalog.catalog import CatalogData
from setpoint.engines.mysql import apply
from setpoint.engines.mysql.dialect.address import server_of
from setpoint.engines.mysql.dialect.grammar import GRAMMAR, MysqlGrammar
from setpoint.engines.mysql.observe import entry as entries
from setpoint.engines.mysql.observe import harvest, query, reading
from setpoint.engines.mysql.observe.reading import Flavour
from setpoint.engines.mysql.rescue import rescue

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence
    from datetime import datetime

    from setpoint.catalog import Catalog, Parameter
    from setpoint.config.configuration import SettingText
    from setpoint.config.observation import Observation
    from setpoint.engines.document import DumpReader
    from setpoint.engines.mysql.dialect.option_groups import Kind
    from setpoint.engines.native import Native
    from setpoint.engines.plan import Plan, Request, Step
    from setpoint.engines.port import Driver, Release, Reply, StepsMade, Switch, Target
    from setpoint.engines.rewriting import Rewriter
    from setpoint.engines.validation import Validator
    from setpoint.policy.waves import MemberOrder

_KEEPS_SINCE = (8,)
"""SET PERSIST came with 8.0."""

CLAIMS: Mapping[str, str] = {
    "buffer pool": "innodb_buffer_pool_size * 1.1",
    "log buffer": "innodb_log_buffer_size",
    "key buffer": "key_buffer_size",
    "server": "160MB",
    "performance schema": "if(performance_schema, 240MB, 0MB)",
    "sessions": "max_connections * (thread_stack + net_buffer_length + sort_buffer_size + join_buffer_size"
    " + read_buffer_size + read_rnd_buffer_size + binlog_cache_size + binlog_stmt_cache_size)",
    "temporary tables": "max(1, max_connections / 10) * tmp_table_size",
}
"""What spends memory. Source: the manual's "How MySQL Uses Memory", and own measurements.

InnoDB's pool has control blocks of about a tenth of its pages besides. A session can take each of its buffers
once. Of ten sessions one is taken to hold an internal temporary table at its largest: a rule of thumb, as all
of them at once would claim more than most hosts have, and none would be too little. (With the TempTable
engine `tmp_table_size` alone bounds one, with the MEMORY engine a lesser `max_heap_table_size`, too.) What
the server takes for itself was measured on 9.7 at its defaults, idle and with a hundred sessions, as private
memory beyond its buffers: 150 to 160 MB, and 230 MB more with performance_schema (170 MB where it keeps 400
tables open).
"""


class MysqlEngine:
    """The `Engine` port for MySQL 5.7 and later."""

    name = "mysql"
    grammar: MysqlGrammar = GRAMMAR
    data = Path(__file__).parent
    listing_arguments: tuple[str, ...] = ("--no-defaults", "--verbose", "--help")
    kind: ClassVar[Kind] = "mysql"

    def family(self, version: Version) -> str:
        """Answer the release series, such as ``8.4``."""
        return ".".join(map(str, version.parts[:2]))

    def harvest(self, version: Version, describe_config: str) -> Generator[Request, Reply, CatalogData]:
        """Ask a running server for its catalog; what needs a restart is tried out on it."""
        return harvest.harvest(version, describe_config, self._known(version), self._flavour(version))

    def claims(self) -> Mapping[str, str]:
        """Answer what spends memory."""
        return CLAIMS

    def observe(self, version: Version) -> Request:
        """Answer the one request of an observation."""
        return query.observe(version)

    def read(
        self, instance: str, reply: Reply, *, at: datetime, version: Version
    ) -> tuple[Observation, Catalog]:
        """Turn the reply into an observation and the live catalog."""
        known, flavour = self._known(version), self._flavour(version)
        return reading.read(instance, reply, known, flavour, at=at, version=version)

    def entry(self, parameter: str) -> Request:
        """Ask for what the server keeps for one variable."""
        return entries.entry(entries.kept(parameter))

    def unless_moved(self, request: Request, parameter: str, entry: SettingText) -> Request:
        """Make a writing request conditional on that entry."""
        return entries.unless_moved(request, entries.kept(parameter), entry)

    def read_entry(self, parameter: str, reply: Reply) -> SettingText:
        """Answer that entry."""
        return entries.read_entry(parameter, reply)

    def steps(
        self,
        desired: Mapping[str, SettingText],
        releases: Sequence[Release],
        observation: Observation,
        catalog: Catalog,
        reasons: Mapping[str, str],
        passing: Collection[str] = (),
    ) -> StepsMade:
        """Answer the steps from observed to desired."""
        keeps = self.keeps(observation.facts.version)
        return apply.steps(desired, releases, observation, catalog, reasons, passing, keeps=keeps)

    def order(self, parameter: str, *, is_growing: bool) -> MemberOrder:
        """Answer which members of a replication group go first."""
        return apply.order(parameter, is_growing=is_growing)

    def reloading(self) -> Step:
        """Answer a step that does nothing: files are read at a start alone."""
        return apply.reloading()

    def switch(self) -> Switch | None:
        """Answer a one-shot event, where the scheduler runs."""
        from setpoint.engines.mysql.switch import EventSwitch

        return EventSwitch()

    def server_of(self, address: str) -> str:
        """Answer host and port, or the socket."""
        return server_of(address)

    def connect(self, target: Target, *, is_read_only: bool) -> Driver:
        """Connect; raise `UnreachableError`. The database client is loaded here, at first use."""
        from setpoint.engines.mysql.driver import MysqlDriver

        return MysqlDriver(target, is_read_only=is_read_only)

    def rules(self) -> Sequence[Any]:
        """Answer the tuning rules."""
        from setpoint.engines.mysql.rules import RULES

        return RULES

    def keeps(self, version: str) -> bool:
        """Tell whether a version keeps values itself (SET PERSIST)."""
        return Version.parse(version).parts >= _KEEPS_SINCE

    def _flavour(self, version: Version) -> Flavour:
        return Flavour(self.name, self.kind, keeps=self.keeps(str(version)))

    def _known(self, version: Version) -> Mapping[str, Parameter]:
        return _shipped_parameters(self.data / "catalog", version.parts[:2])

    def native(self) -> Native | None:
        """Answer who writes scripts for ``mysql``."""
        from setpoint.engines.mysql.native import MysqlNative
        from setpoint.engines.mysql.switch import EventSwitch

        return MysqlNative(entries.kept, EventSwitch())

    def rewriter(self, version: Version) -> Rewriter | None:
        """Answer who rewrites option files."""
        from setpoint.engines.mysql.dialect.option_writing import OptionRewriter
        from setpoint.engines.mysql.dumps.option_names import option_names

        names = option_names(self.name, self._known(version).keys())
        return OptionRewriter(self.kind, version.parts, names)

    def validator(self) -> Validator | None:
        """Answer how the server's program is asked about its option files."""
        from setpoint.engines.mysql.validation import OptionFileValidator

        return OptionFileValidator(self.kind)

    def dump_readers(self) -> Sequence[DumpReader]:
        """Answer who reads which kind of file."""
        from setpoint.engines.mysql.dumps import readers

        return readers(self.name)

    def rescue(self, plan: Plan, data_directory: str) -> str:
        """Take a plan's entries out of the file in which a server that does not start keeps them."""
        return rescue(plan, data_directory)


@cache
def _shipped_parameters(folder: Path, series: tuple[int, ...]) -> Mapping[str, Parameter]:
    """Answer the parameters of the shipped catalog of that series, else of the nearest before it."""
    shipped = {Version.parse(path.stem).parts: path for path in folder.glob("*.json")}
    if not shipped:
        return {}
    nearest = max((parts for parts in shipped if parts <= series), default=min(shipped))
    data = msgspec.json.decode(shipped[nearest].read_bytes(), type=CatalogData)
    return {parameter.name: parameter for parameter in data.parameters}


ENGINE = MysqlEngine()
