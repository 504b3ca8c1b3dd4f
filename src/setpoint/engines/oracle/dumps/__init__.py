"""Dumps: reading the files of an instance nobody can log in to. Pure: documents in, dumps out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.document import DumpReader


def readers() -> Sequence[DumpReader]:
    """Answer who reads which kind of file."""
    from setpoint.engines.oracle.dumps.alert import AlertReader
    from setpoint.engines.oracle.dumps.load import StatisticsReader
    from setpoint.engines.oracle.dumps.metrics import MetricsReader
    from setpoint.engines.oracle.dumps.pfile import PfileReader
    from setpoint.engines.oracle.dumps.report import ReportReader
    from setpoint.engines.oracle.dumps.show import ShowReader
    from setpoint.engines.oracle.dumps.spfile import SpfileReader
    from setpoint.engines.oracle.dumps.views import ViewReader

    return (
        PfileReader(),
        SpfileReader(),
        ShowReader(),
        ViewReader(),
        ReportReader(),
        AlertReader(),
        StatisticsReader(),
        MetricsReader(),
    )
