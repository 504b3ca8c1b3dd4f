"""Classes of parameters: what is at stake when one is changed.

The defaults are shipped per engine as data (``classes.yaml`` in the engine's folder); policy may change them
for a parameter. A parameter nobody classified is of class performance, the least guarded one.
"""

from __future__ import annotations

from enum import Enum


class ParameterClass(Enum):
    """What a wrong value costs."""

    DURABILITY = "durability"
    """Committed data can be lost in a crash."""
    DATA_INTEGRITY = "data integrity"
    """Data can become wrong, or be read as something else."""
    AVAILABILITY = "availability"
    """The instance can refuse to start, to connect or to answer."""
    SECURITY = "security"
    """Somebody can see or do what they must not, or do it unseen."""
    REPLICATION = "replication"
    """Standbys, archives or subscribers can fall behind or break."""
    COST = "cost"
    """Memory, disk or money is spent."""
    PERFORMANCE = "performance"
    """It is fast or slow."""
