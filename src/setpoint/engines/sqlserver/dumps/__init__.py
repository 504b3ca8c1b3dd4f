"""Dumps: reading the files of an instance nobody can log in to. Pure: documents in, dumps out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.document import DumpReader


def readers() -> Sequence[DumpReader]:
    """Answer who reads which kind of file."""
    from setpoint.engines.sqlserver.dumps.configuration import ConfigurationReader
    from setpoint.engines.sqlserver.dumps.metrics import MetricsReader
    from setpoint.engines.sqlserver.dumps.scoped import ScopedReader
    from setpoint.engines.sqlserver.dumps.script import ScriptReader

    return ConfigurationReader(), ScriptReader(), ScopedReader(), MetricsReader()
