"""What windows_exporter and those that run queries expose of SQL Server: numbers, no settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.config.dump import Sample
from setpoint.engines.document import Likeness
from setpoint.engines.shapes.exposition import is_exposition, read_exposition
from setpoint.engines.sqlserver.dumps.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_METRIC = re.compile(r"^(?:windows_|wmi_)?(?:mssql|sqlserver)_\w+(?:\{|[ \t])", re.MULTILINE)
_HEAD = 400_000
_SURE = 95


class MetricsReader:
    """Reads a page of metrics."""

    kind = "metrics of an exporter"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by the names of the metrics."""
        head = document.text[:_HEAD]
        if document.is_binary or not ("mssql_" in head or "sqlserver_" in head) or not _METRIC.search(head):
            return None
        if not is_exposition(document.text):
            return None
        return Likeness(_SURE, "metrics of SQL Server")

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it."""
        collection = Collection(document.path, self.kind, version)
        told = read_exposition(document.text)
        collection.problems.extend(told.problems)
        collection.samples.extend(
            Sample(name=metric.name, value=metric.value, labels=metric.label_text, line=metric.line)
            for metric in told.metrics
        )
        return (collection.dump(),)
