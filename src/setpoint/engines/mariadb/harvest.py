"""Harvesting MariaDB's catalog: it tells all of it, and nothing has to be tried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mariadb.observe import statement
from setpoint.engines.mysql.observe.harvest import catalog_of, with_compounds, without_host
from setpoint.engines.mysql.observe.parameters import read_parameter
from setpoint.engines.mysql.observe.reading import is_global
from setpoint.engines.mysql.observe.reply import decode_answer
from setpoint.engines.plan import Request

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.catalog import Version
    from setpoint.catalog.catalog import CatalogData
    from setpoint.engines.mysql.observe.reading import Flavour
    from setpoint.engines.port import Reply


def harvest(version: Version, flavour: Flavour) -> Generator[Request, Reply, CatalogData]:
    """Ask a server for its whole catalog."""
    answer = decode_answer((yield Request(text=statement(version, is_full=False))))
    rows = sorted((row for row in answer.variables if is_global(row)), key=lambda row: row.name.lower())
    parameters = [without_host(read_parameter(row, None)) for row in rows]
    for number, parameter in enumerate(parameters):
        parameters[number] = yield from with_compounds(parameter)
    return catalog_of(answer, version, flavour, parameters)
