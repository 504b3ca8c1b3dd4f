"""Setpoint: the control plane for database configuration.

``from setpoint import Setpoint`` is the library's front; everything else is imported from its room. Importing
this module loads no driver, no store and no event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.errors import SetpointError

if TYPE_CHECKING:
    from setpoint.faces.api import Setpoint

__all__ = ["Setpoint", "SetpointError", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Load the front on first use (PEP 562), so that ``import setpoint`` stays cheap."""
    if name == "Setpoint":
        from setpoint.faces.api import Setpoint

        return Setpoint
    message = f"module 'setpoint' has no attribute {name!r}"
    raise AttributeError(message)
