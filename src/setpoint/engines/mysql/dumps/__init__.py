"""Dumps: reading the files of an instance nobody can log in to. Pure: documents in, dumps out."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.engines.document import DumpReader
    from setpoint.engines.mysql.dialect.option_groups import Kind


def readers(engine: str) -> Sequence[DumpReader]:
    """Answer who reads which kind of file."""
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dumps.answers import AnswerReader
    from setpoint.engines.mysql.dumps.exporter import ExporterReader
    from setpoint.engines.mysql.dumps.help_listing import HelpReader
    from setpoint.engines.mysql.dumps.innodb_status import InnodbStatusReader
    from setpoint.engines.mysql.dumps.kept import KeptReader
    from setpoint.engines.mysql.dumps.option_file import OptionFileReader
    from setpoint.engines.mysql.dumps.parameter_list import ParameterListReader
    from setpoint.engines.mysql.dumps.print_defaults import PrintDefaultsReader
    from setpoint.engines.mysql.dumps.system_variables import SystemVariablesReader
    from setpoint.engines.mysql.dumps.variables import VariablesReader

    kind, meanings = cast("Kind", engine), Meanings(engine)
    return (
        OptionFileReader(kind, meanings),
        PrintDefaultsReader(kind, meanings),
        HelpReader(kind, meanings),
        KeptReader(kind, meanings),
        ParameterListReader(kind, meanings),
        ExporterReader(kind, meanings),
        InnodbStatusReader(kind, meanings),
        SystemVariablesReader(kind, meanings),
        VariablesReader(kind, meanings),
        AnswerReader(kind, meanings),
    )
