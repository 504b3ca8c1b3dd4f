"""Dumps: reading the files of an instance nobody can log in to. Pure: documents in, dumps out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.document import DumpReader


def readers() -> Sequence[DumpReader]:
    """Answer who reads which kind of file."""
    from setpoint.engines.postgresql.dumps.beside import BesideReader
    from setpoint.engines.postgresql.dumps.conf_file import ConfReader
    from setpoint.engines.postgresql.dumps.control_data import ControlDataReader
    from setpoint.engines.postgresql.dumps.exposition import ExpositionReader
    from setpoint.engines.postgresql.dumps.listing import ListingReader
    from setpoint.engines.postgresql.dumps.parameter_list import ParameterListReader
    from setpoint.engines.postgresql.dumps.query_output import QueryOutput
    from setpoint.engines.postgresql.dumps.script import ScriptReader
    from setpoint.engines.postgresql.dumps.version_text import VersionReader

    return (
        ConfReader(),
        QueryOutput(),
        ExpositionReader(),
        ScriptReader(),
        ListingReader(),
        ParameterListReader(),
        ControlDataReader(),
        VersionReader(),
        BesideReader(),
    )
