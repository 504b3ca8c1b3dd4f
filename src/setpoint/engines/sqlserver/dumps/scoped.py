"""sys.database_scoped_configurations as a table: what databases say for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.dump import DumpSetting, Source
from setpoint.engines.document import Likeness
from setpoint.engines.sqlserver.dialect import PREFIX, find_scoped
from setpoint.engines.sqlserver.dumps.collection import Collection, database_scope
from setpoint.engines.sqlserver.dumps.option import mean_running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document
    from setpoint.engines.shapes.table import Table

_DATABASES = ("database_name", "database", "db_name", "db", "dbname")
_SECONDARY, _IS_DEFAULT = "value_for_secondary", "is_value_default"
_NULLS = frozenset({"", "null"})
_OFTEN = ("maxdop", "legacy_cardinality_estimation", "parameter_sniffing", "query_optimizer_hotfixes")
"""Those that every version has, so that a list of them names one at least."""
_HEAD = 50_000
_SURE, _LIKELY, _SOME = 97, 60, 2


class ScopedReader:
    """Reads that view."""

    kind = "sys.database_scoped_configurations"

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by its columns and the names under them."""
        head = document.text[:_HEAD].lower()
        if document.is_binary or "name" not in head or "value" not in head:
            return None
        if not any(word in head for word in _OFTEN):
            return None
        for table in document.tables:
            known = _count(table)
            if known and (table.has(_SECONDARY) or table.has(_IS_DEFAULT)):
                return Likeness(_SURE, "columns of sys.database_scoped_configurations")
            if known >= _SOME:
                return Likeness(_LIKELY, f"{known} database-scoped configurations with values")
        return None

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Read it."""
        collection = Collection(document.path, self.kind, version)
        settings = [each for table in document.tables if _count(table) for each in _read(table, collection)]
        collection.take_last(settings)
        if any(setting.scope == database_scope("") for setting in settings):
            collection.warn("the file does not tell which database this is")
        return (collection.dump(),)


def _count(table: Table) -> int:
    index = table.index("name")
    if index is None or not table.has("value"):
        return 0
    names = [row.cells[index] or "" for row in table.rows if index < len(row.cells)]
    return sum(find_scoped(name.strip()) is not None for name in names)


def _read(table: Table, collection: Collection) -> Iterator[DumpSetting]:
    for line, row in table.dicts():
        name, raw = (row["name"] or "").strip(), row["value"]
        if not name or set(name) <= {"-"}:
            continue
        database = next((cell for key in _DATABASES if (cell := row.get(key))), "").strip()
        if (row.get(_SECONDARY) or "").strip().lower() not in _NULLS:
            collection.warn(f"{name} has another value for secondaries; it is not taken in", line)
        is_default = (row.get(_IS_DEFAULT) or "").strip().lower() in {"1", "true"}
        full = PREFIX + name.lower()
        meaning = mean_running(full, raw or "")
        yield DumpSetting(
            name=full,
            raw=raw,
            value=meaning.value,
            unit=meaning.unit,
            line=line,
            scope=database_scope(database),
            source=Source.DEFAULT if is_default else Source.DATABASE,
        )
