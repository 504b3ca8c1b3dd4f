"""Harvesting a catalog from a running server: what an observation reads, without what a host decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from setpoint.engines.oracle.observe.query import observe
from setpoint.engines.oracle.observe.reading import read_catalog
from setpoint.engines.oracle.observe.reply import decode_answer

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.catalog import Version
    from setpoint.catalog.catalog import CatalogData
    from setpoint.engines.plan import Request
    from setpoint.engines.port import Reply


def harvest(version: Version) -> Generator[Request, Reply, CatalogData]:
    """Ask a server for its whole catalog.

    Hidden parameters are left out: a server lists them only where somebody set them.
    """
    reply = yield observe()
    data = read_catalog(decode_answer(reply), version)
    kept = tuple(each for each in data.parameters if not each.name.startswith("_"))
    return replace(data, source=f"V$SYSTEM_PARAMETER of Oracle Database {version}", parameters=kept)
