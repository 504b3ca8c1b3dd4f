"""Harvesting: a running server's whole catalog, as the data that is shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

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


def write_catalog(data: CatalogData) -> bytes:
    """Write a catalog with one parameter per line, so that two of them can be compared line by line."""
    head = msgspec.structs.asdict(data)
    parameters = sorted(data.parameters, key=lambda parameter: (bool(parameter.extension), parameter.name))
    del head["parameters"]
    lines = b",\n".join(msgspec.json.encode(parameter) for parameter in parameters)
    return msgspec.json.encode(head)[:-1] + b',"parameters":[\n' + lines + b"\n]}\n"
