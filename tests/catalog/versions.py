"""Two versions of an invented engine, and what it says of the names of its parameters."""

from __future__ import annotations

from tests.invented import InventedGrammar

from setpoint.catalog import Catalog, Context, Kind, Parameter, Succession, read_succession
from setpoint.catalog.catalog import CatalogData

GRAMMAR = InventedGrammar()

SUCCESSION = """
engine: invented
unknown: refused
out_of_range: clamped
source: invented
modules: [extra_]
entries:
  - names: {old_cache: cache, moved: moved_on}
    source: release notes
  - names: {kept: kept_on}
    fate: alias
    source: release notes
  - names: {days: seconds}
    carries_value: false
    note: multiply by 86400
    source: release notes
  - names: {idle: ""}
    fate: ignored
    refused_from: "3"
    note: take it out
    source: release notes
"""


def parameter(name: str, kind: Kind = Kind.INTEGER, **given) -> Parameter:
    return Parameter(**({"name": name, "kind": kind, "context": Context.IMMEDIATE, "default": 1} | given))


def catalog(version: str, *parameters: Parameter) -> Catalog:
    data = CatalogData(engine="invented", version=version, evidence="invented", parameters=parameters)
    return Catalog(data, GRAMMAR)


def succession(text: str = SUCCESSION) -> Succession:
    return read_succession(text, "invented/succession.yaml", GRAMMAR)


OLDER = catalog(
    "1",
    parameter("old_cache", Kind.SIZE, unit="kB", default=1024, min=64, max=4096),
    parameter("kept"),
    parameter("days", default=3),
    parameter("idle"),
    parameter("gone"),
    parameter("level", min=0, max=100),
    parameter("mode", Kind.ENUM, default="slow", values=("slow", "fast", "never")),
    parameter("buffer", Kind.SIZE, unit="kB", default=2048, min=1024, max=8192),
    parameter("eager"),
    parameter("late", context=Context.RESTART),
    parameter("toggles", Kind.FLAGS, default=("a", "b"), values=("a", "b", "c")),
    parameter("host_bound", default=4),
    parameter("release", Kind.STRING, context=Context.FIXED, default="1"),
    parameter("pace", default=5, extension="module"),
)
NEWER = catalog(
    "2",
    parameter("cache", Kind.SIZE, unit="MB", default=2, min=1, max=4),
    parameter("kept_on", default=2),
    parameter("seconds", default=3),
    parameter("level", min=10, max=50),
    parameter("mode", Kind.ENUM, default="fast", values=("slow", "fast")),
    parameter("buffer", Kind.SIZE, unit="MB", default=2, min=1, max=8),
    parameter("eager", context=Context.RESTART),
    parameter("late"),
    parameter("toggles", Kind.FLAGS, default=("b", "c"), values=("a", "b", "c")),
    parameter("host_bound", default=None, build="worked out from the host"),
    parameter("release", Kind.STRING, context=Context.FIXED, default="2"),
    parameter("fresh", evidence="hearsay"),
)
