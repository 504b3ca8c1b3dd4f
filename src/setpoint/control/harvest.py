"""Harvesting: a running server's whole catalog, as the data that is shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.port import Target
from setpoint.engines.session import drive

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.catalog.catalog import CatalogData
    from setpoint.engines.port import Engine


def harvest(
    engine: Engine,
    address: str,
    *,
    secret: Callable[[], str | None],
    describe_config: str,
    timeout_seconds: float,
) -> CatalogData:
    """Ask a running server for its whole catalog; raise `UnreachableError`, `NotPermittedError`."""
    target = Target(instance="harvest", address=address, secret=secret, timeout_seconds=timeout_seconds)
    driver = engine.connect(target, is_read_only=False)
    try:
        return drive(engine.harvest(driver.version, describe_config), driver)
    finally:
        driver.close()
