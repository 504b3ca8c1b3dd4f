"""What oracledb_exporter and its relatives expose: numbers, no settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.config.dump import Sample
from setpoint.engines.document import Likeness
from setpoint.engines.oracle.dumps.collection import Collection
from setpoint.engines.shapes.exposition import is_exposition, read_exposition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_METRIC = re.compile(r"^(?:oracledb|oracle)_\w+(?:\{|[ \t])", re.MULTILINE)
_HEAD = 400_000
_SURE = 95


class MetricsReader:
    """Reads a page of metrics."""

    kind = "metrics of an exporter"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by the names of the metrics."""
        head = document.text[:_HEAD]
        if document.is_binary or "oracle" not in head or _METRIC.search(head) is None:
            return None
        if not is_exposition(document.text):
            return None
        return Likeness(_SURE, "metrics of Oracle")

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
