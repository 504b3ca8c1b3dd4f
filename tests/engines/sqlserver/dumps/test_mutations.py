"""Whatever a file holds, reading it neither fails nor invents a setting."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.sqlserver.dumps.reading import document_of
from tests.engines.sqlserver.dumps.test_configuration import as_json, bare, fixed, joined

from setpoint.engines.sqlserver.dialect.grammar import fold
from setpoint.engines.sqlserver.dumps import readers

SCRIPT = """DECLARE @m int = 8
EXEC sp_configure 'show advanced options', 1; RECONFIGURE WITH OVERRIDE
GO
IF 1 = 1 BEGIN EXEC sys.sp_configure @configname = N'max server memory (MB)', @configvalue = @m END
sp_configure 'xp_cmdshell', -1
USE [shop] ALTER DATABASE SCOPED CONFIGURATION SET MAXDOP = 4
ALTER SERVER CONFIGURATION SET PROCESS AFFINITY CPU = 0 TO 3 /* x */ -- y
"""
SMO = """DisplayName                       RunValue ConfigValue Diff
-----------                       -------- ----------- ----
cost threshold for parallelism           5          50 * difference *
max server memo...                   61320       61320 same
"""
SCOPED = "configuration_id,name,value,value_for_secondary,is_value_default\n1,MAXDOP,4,,0\n"
METRICS = '# TYPE mssql_x gauge\nmssql_x{a="b"} 5\n'
SEEDS = [SCRIPT, SMO, SCOPED, METRICS, fixed(), bare(), as_json(), joined(" ", is_ruled=True), joined(",")]
PIECES = [
    "'",
    '"',
    "/*",
    "*/",
    "--",
    "\n",
    "GO\n",
    "[",
    "]",
    "(",
    "@m",
    "=",
    ",",
    ";",
    "EXEC ",
    "IF ",
    "\t",
    "-",
    "\0",
]
PIECES += [
    "sp_configure",
    "$(x)",
    "{{ x }}",
    "<a>",
    "...",
    "9" * 30,
    "0x",
    "1e400",
    "ü",
    "\x1b",
    "BEGIN ",
    "END ",
]


@st.composite
def texts(draw):
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(min_value=1, max_value=6))):
        start = draw(st.integers(min_value=0, max_value=len(text)))
        end = draw(st.integers(min_value=start, max_value=min(len(text), start + 30)))
        piece = draw(st.sampled_from([*PIECES, text[start:end] * 2]))
        text = text[:start] + piece + text[end:]
    return text


@settings(max_examples=400, deadline=None)
@given(texts())
def test_a_mutated_file_is_read_without_fault_or_invention(text):
    document = document_of(text)
    for reader in readers():
        reader.recognise(document)
        for dump in reader.read(document, None):
            for found in dump.settings:
                words = fold(found.name).removeprefix("scoped.")[:12]
                assert 1 <= found.line <= len(document.lines)
                assert words[:5] in fold("".join(document.lines[found.line - 1 :])) or "soft" in words
                assert found.value is None or isinstance(found.value, (bool, int, float, str))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_without_fault(text):
    document = document_of(text)
    for reader in readers():
        reader.recognise(document)
        reader.read(document, "16")
