"""What can be set: values and units, versions, parameters, catalogs.

Knows the settings of no instance and the rules of no engine: an engine hands in its `Grammar` (how it writes
numbers, booleans, units and lists) and its catalogs as data.
"""

from __future__ import annotations

from setpoint.catalog.catalog import Catalog, CatalogData, CatalogDiff, ParameterChange, encode_catalog
from setpoint.catalog.comparison import Comparison, compare
from setpoint.catalog.grammar import Grammar
from setpoint.catalog.parameter import Context, Kind, Parameter, Value
from setpoint.catalog.succession import Succession, no_succession, read_succession
from setpoint.catalog.units import Dimension, Unit, UnitSystem
from setpoint.catalog.upgrade import Standing, Upgrade, check_upgrade
from setpoint.catalog.version import Version

__all__ = [
    "Catalog",
    "CatalogData",
    "CatalogDiff",
    "Comparison",
    "Context",
    "Dimension",
    "Grammar",
    "Kind",
    "Parameter",
    "ParameterChange",
    "Standing",
    "Succession",
    "Unit",
    "UnitSystem",
    "Upgrade",
    "Value",
    "Version",
    "check_upgrade",
    "compare",
    "encode_catalog",
    "no_succession",
    "read_succession",
]
