"""Both engines' shipped catalogs, claims and templates, for tests that need them and no server."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from setpoint.config.budget import Claims, compile_claims
from setpoint.engines.registry import get_engine, shipped_catalog, shipped_versions, template_texts
from setpoint.templates import Library

if TYPE_CHECKING:
    from setpoint.catalog import Catalog

ENGINES = ("mariadb", "mysql")
MAIN = {"mariadb": "10.11", "mysql": "9.7"}
"""The version of each engine that cases are written for."""
ALL = tuple((engine, version) for engine in ENGINES for version in shipped_versions(get_engine(engine)))


@cache
def catalog(engine: str, version: str) -> Catalog:
    return shipped_catalog(get_engine(engine), version)


@cache
def claims(engine: str, version: str) -> Claims:
    return compile_claims(get_engine(engine).claims(), catalog(engine, version))


@cache
def library(engine: str) -> Library:
    return Library.read(dict(template_texts(get_engine(engine))))
