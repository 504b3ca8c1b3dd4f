"""The engine's shipped catalogs and claims, for tests that need them and no server."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from setpoint.config.budget import Claims, compile_claims
from setpoint.engines.registry import get_engine, shipped_catalog, template_texts
from setpoint.templates import Library

if TYPE_CHECKING:
    from setpoint.catalog import Catalog

VERSIONS = ("13", "14", "15", "16", "17", "18")


@cache
def catalog(version: str) -> Catalog:
    return shipped_catalog(get_engine("postgresql"), version)


@cache
def claims(version: str) -> Claims:
    return compile_claims(get_engine("postgresql").claims(), catalog(version))


@cache
def library() -> Library:
    return Library.read(dict(template_texts(get_engine("postgresql"))))
