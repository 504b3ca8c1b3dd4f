"""Harvesting a catalog from a running server: its options, and the configurations of one database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog.catalog import CatalogData
from setpoint.engines.plan import Request
from setpoint.engines.sqlserver.dialect import NAME
from setpoint.engines.sqlserver.observe.parameters import option_parameter, scoped_parameter
from setpoint.engines.sqlserver.observe.query import OPTIONS, scoped_sql
from setpoint.engines.sqlserver.observe.reply import OptionRow, ScopedRow

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from setpoint.catalog import Parameter, Version
    from setpoint.engines.port import Reply

EVIDENCE = "read from a running server"


def harvest(version: Version) -> Generator[Request, Reply, CatalogData]:
    """Ask a server for its whole catalog; it has no listing of its own besides its views."""
    options = yield Request(text=OPTIONS.strip())
    scoped = yield Request(text=scoped_sql(version).strip())
    rows = (OptionRow(*cells[1:]) for cells in options.rows)
    return live_data(version, rows, (ScopedRow(*cells[1:]) for cells in scoped.rows))


def live_data(version: Version, options: Iterable[OptionRow], scoped: Iterable[ScopedRow]) -> CatalogData:
    """Answer the catalog that rows of both views make, sorted by name."""
    made: list[Parameter] = [option_parameter(row) for row in options]
    made += [scoped_parameter(row) for row in scoped]
    return CatalogData(
        engine=NAME,
        version=str(version),
        evidence=EVIDENCE,
        source=f"sys.configurations and sys.database_scoped_configurations of SQL Server {version}",
        parameters=tuple(sorted(made, key=lambda parameter: parameter.name)),
    )
