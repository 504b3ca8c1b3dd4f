"""What observations and catalogs of this engine carry besides the values, and how it is read out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.observation import OriginKind
from setpoint.engines.sqlserver.dialect.scoped import PREFIX

if TYPE_CHECKING:
    from setpoint.catalog import Parameter
    from setpoint.config.observation import ObservedSetting

ADVANCED = "advanced"
"""The flag of an option that sp_configure hides unless advanced options are shown."""


def engine_context(vendor_name: str) -> str:
    """Say how an option is set, which keeps the vendor's spelling of its name."""
    return f"sp_configure '{vendor_name}'"


def vendor_name(parameter: Parameter) -> str:
    """Answer the name under which the server knows a parameter."""
    if parameter.name.startswith(PREFIX):
        return parameter.name.removeprefix(PREFIX).upper()
    return parameter.engine_context.partition("'")[2].removesuffix("'")


def is_advanced(parameter: Parameter) -> bool:
    """Tell whether sp_configure hides an option unless advanced options are shown."""
    return ADVANCED in parameter.flags


def is_unreconfigured(setting: ObservedSetting) -> bool:
    """Tell whether a configured value waits for RECONFIGURE: what runs is then an entry with a fault."""
    origin = setting.in_force
    return origin is not None and origin.kind is OriginKind.RUNTIME and bool(origin.fault)
