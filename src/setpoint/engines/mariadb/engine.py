"""The MariaDB engine: MySQL's, but for how it is asked and that it keeps nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from setpoint.engines.mariadb import observe
from setpoint.engines.mariadb.harvest import harvest
from setpoint.engines.mysql.engine import CLAIMS as SHARED_CLAIMS
from setpoint.engines.mysql.engine import MysqlEngine
from setpoint.engines.mysql.observe import entry as entries

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from setpoint.catalog import Version
    from setpoint.catalog.catalog import CatalogData
    from setpoint.config.configuration import SettingText
    from setpoint.engines.mysql.dialect.option_groups import Kind
    from setpoint.engines.native import Native
    from setpoint.engines.plan import Request
    from setpoint.engines.port import Reply, Switch


CLAIMS: Mapping[str, str] = {
    **SHARED_CLAIMS,
    "Aria's page cache": "aria_pagecache_buffer_size",
    "query cache": "query_cache_size",
    "temporary tables": "max(1, max_connections / 10) * min(tmp_table_size, max_heap_table_size)",
    "server": "64MB",
    "performance schema": "if(performance_schema, 88MB + max_connections * 50kB, 0MB)",
}
"""What spends memory.

Sources: the manual's "Aria Storage Engine" (internal temporary tables on disk pass through its cache) and
"Query Cache", and own measurements of private memory beyond the buffers: 22 MB on 10.5, 29 MB on 10.11, 43 MB
on 11.8, up to 60 MB with a hundred sessions; with performance_schema 93 MB more for 151 connections, 135 MB
for 1000.
"""


class MariadbEngine(MysqlEngine):
    """The `Engine` port for MariaDB 10.5 and later."""

    name = "mariadb"
    data = Path(__file__).parent
    kind: ClassVar[Kind] = "mariadb"

    def keeps(self, version: str) -> bool:
        """Answer that it keeps nothing: what SET GLOBAL sets runs until a restart."""
        del version
        return False

    def claims(self) -> Mapping[str, str]:
        """Answer what spends memory."""
        return CLAIMS

    def harvest(self, version: Version, describe_config: str) -> Generator[Request, Reply, CatalogData]:
        """Ask a running server for its catalog, which it tells without being tried."""
        del describe_config
        return harvest(version, self._flavour(version))

    def observe(self, version: Version) -> Request:
        """Answer the one request of an observation."""
        return observe.observe(version)

    def entry(self, parameter: str) -> Request:
        """Ask for what runs of a variable."""
        return entries.entry(observe.entry_of(parameter))

    def unless_moved(self, request: Request, parameter: str, entry: SettingText) -> Request:
        """Make a writing request conditional on what runs."""
        return entries.unless_moved(request, observe.current(parameter), entry)

    def switch(self) -> Switch | None:
        """Answer a one-shot event, where the scheduler runs."""
        from setpoint.engines.mariadb.switch import MariadbEventSwitch

        return MariadbEventSwitch()

    def native(self) -> Native | None:
        """Answer who writes scripts for ``mariadb``."""
        from setpoint.engines.mariadb.native import MariadbNative
        from setpoint.engines.mariadb.switch import MariadbEventSwitch

        return MariadbNative(observe.entry_of, MariadbEventSwitch())

    def rules(self) -> Sequence[Any]:
        """Answer the tuning rules."""
        from setpoint.engines.mariadb.rules import RULES

        return RULES


ENGINE = MariadbEngine()
