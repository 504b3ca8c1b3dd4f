"""Scripts: what sp_configure is told, in every way to call it, and what becomes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.sqlserver.dumps.reading import by_name, document_of, problems_of, read, read_all, values_of

TAIL = "\nRECONFIGURE;\n"


def one(line):
    dump = read(line + TAIL)
    (setting,) = dump.settings
    return setting, dump


@pytest.mark.parametrize(
    ("line", "name", "value", "unit"),
    [
        ("EXEC sp_configure 'max degree of parallelism', 8;", "max degree of parallelism", 8, None),
        ("exec SP_CONFIGURE N'max degree of parallelism',N'8'", "max degree of parallelism", 8, None),
        ("sp_configure 'clr enabled', 1", "clr enabled", True, None),
        ("EXECUTE sys.sp_configure 'Clr Enabled', 0", "clr enabled", False, None),
        ("EXEC master..sp_configure 'locks', 5000", "locks", 5000, None),
        ("EXEC [master].[sys].[sp_configure] 'locks', 5000", "locks", 5000, None),
        ("DECLARE @rc int; EXEC @rc = sp_configure 'locks', 5000", "locks", 5000, None),
        ("EXEC sp_configure @configname='locks', @configvalue=5000", "locks", 5000, None),
        ("EXEC sp_configure @configvalue = 5000, @configname = N'locks'", "locks", 5000, None),
        ("EXEC sp_configure 'max server memory (MB)', 4096", "max server memory (MB)", 4096 << 20, "B"),
        ("EXEC sp_configure 'max server memory', 4096", "max server memory (MB)", 4096 << 20, "B"),
        ("EXEC sp_configure 'MAX SERVER', 4096", "max server memory (MB)", 4096 << 20, "B"),
        ("EXEC sp_configure 'remote query timeout (s)', 60", "remote query timeout (s)", 60_000, "ms"),
        ("EXEC sp_configure 'query wait', -1", "query wait (s)", -1, None),
        ("EXEC sp_configure 'max worker threads', 0x200", "max worker threads", 512, None),
        ("DECLARE @m int = 8;\nEXEC sp_configure 'max deg', @m", "max degree of parallelism", 8, None),
        ("DECLARE @m int SET @m = 8 EXEC sp_configure 'max deg', @m", "max degree of parallelism", 8, None),
        ("/* a /* b */ c */ EXEC sp_configure 'locks', 5000 -- d", "locks", 5000, None),
        ("EXEC sp_configure 'xp_cmdshell', 1 RECONFIGURE WITH OVERRIDE", "xp_cmdshell", True, None),
    ],
)
def test_every_way_to_call_it_is_read(line, name, value, unit):
    setting, dump = one(line)
    assert (setting.name, setting.value, type(setting.value), setting.unit) == (
        name,
        value,
        type(value),
        unit,
    )
    assert dump.problems == ()


@pytest.mark.parametrize(
    "line",
    [
        "EXEC sp_configure 'fill factor (%)', 200",
        "EXEC sp_configure 'clr enabled', 2",
        "EXEC sp_configure 'locks', 'many'",
        "EXEC sp_configure 'locks', $(Locks)",
        "EXEC sp_configure 'locks', {{ locks }}",
        "EXEC sp_configure 'locks', <locks, int, 0>",
        "EXEC sp_configure 'locks', 1024 * 5",
        "EXEC sp_configure 'backup c', 1",
        "PRINT 'x' sp_configure 'clr enabled', 1",
    ],
)
def test_what_the_server_refuses_is_an_error_without_a_value(line):
    setting, dump = one(line)
    assert (setting.value, setting.line) == (None, 1)
    assert problems_of(dump) == [["error", 1]]


@pytest.mark.parametrize(
    "line",
    [
        "-- EXEC sp_configure 'locks', 5000",
        "/* EXEC sp_configure 'locks', 5000 */",
        "PRINT 'EXEC sp_configure ''locks'', 5000'",
        "EXEC sp_configure 'locks'",
        "EXEC sp_configure",
        "EXEC sp_help 'sp_configure', 5",
    ],
)
def test_what_sets_nothing_is_no_setting(line):
    assert read(f"EXEC sp_configure 'clr enabled', 1\nGO\n{line}{TAIL}").settings[1:] == ()


def test_a_variable_that_nobody_tells_leaves_the_value_open():
    setting, dump = one("DECLARE @m int = (SELECT 8) EXEC sp_configure 'max deg', @m")
    assert setting.value is None
    assert problems_of(dump) == [["warning", 1]]


def test_an_option_nobody_knows_is_kept_with_a_note():
    setting, dump = one("EXEC sp_configure 'nonesuch', 5")
    assert (setting.name, setting.value) == ("nonesuch", 5)
    assert problems_of(dump) == [["note", 1]]


def test_without_reconfigure_a_value_is_set_and_not_in_force():
    dump = read("EXEC sp_configure 'locks', 5000\nRECONFIGURE\nGO\nEXEC sp_configure 'clr enabled', 1\nGO\n")
    assert values_of(dump) == {"locks": 5000, "clr enabled": True}
    assert problems_of(dump) == [["warning", 4]]


def test_the_last_value_rules_and_the_others_are_notes():
    dump = read(f"sp_configure 'locks', 5000\nGO\nsp_configure 'LOCKS', 6000\n{TAIL}")
    assert [(each.name, each.value, each.line) for each in dump.settings] == [("locks", 6000, 3)]
    assert problems_of(dump) == [["note", 1]]


def test_what_stands_under_a_condition_is_a_warning():
    dump = read(
        "IF 1 = 1\nBEGIN\n  EXEC sp_configure 'locks', 5000\nEND\nEXEC sp_configure 'clr enabled', 1\n"
        f"IF @@VERSION LIKE '%2019%' EXEC sp_configure 'remote access', 0;{TAIL}"
    )
    assert problems_of(dump) == [["warning", 3], ["warning", 6]]


def test_a_database_says_what_it_says_for_itself():
    dump = read(
        "ALTER DATABASE SCOPED CONFIGURATION SET MAXDOP = 2\nGO\nUSE [my shop]\nGO\n"
        "ALTER DATABASE SCOPED CONFIGURATION SET MAXDOP = 4;\n"
        "ALTER DATABASE SCOPED CONFIGURATION FOR SECONDARY SET MAXDOP = PRIMARY;\n"
        "ALTER DATABASE SCOPED CONFIGURATION CLEAR PROCEDURE_CACHE;\n"
        "ALTER DATABASE SCOPED CONFIGURATION SET PARAMETER_SNIFFING = OFF\n"
    )
    assert [(each.name, each.value, each.scope, each.line) for each in dump.settings] == [
        ("scoped.maxdop", 2, "database:?", 1),
        ("scoped.maxdop", 4, "database:my shop", 5),
        ("scoped.parameter_sniffing", False, "database:my shop", 8),
    ]
    assert problems_of(dump) == [["warning", 0], ["warning", 6]]


def test_what_alter_server_configuration_sets_is_read():
    dump = read(
        "ALTER SERVER CONFIGURATION SET PROCESS AFFINITY CPU = 0 TO 3, 8;\n"
        "ALTER SERVER CONFIGURATION SET MEMORY_OPTIMIZED TEMPDB_METADATA = ON\n"
        "ALTER SERVER CONFIGURATION SET SOFTNUMA OFF;\n"
        "ALTER SERVER CONFIGURATION SET BUFFER POOL EXTENSION ON (FILENAME = 'F:\\x.bpe', SIZE = 64 GB);\n"
    )
    assert values_of(dump) == {
        "PROCESS AFFINITY CPU": "0 TO 3, 8",
        "tempdb metadata memory-optimized": True,
        "automatic soft-NUMA disabled": True,
        "BUFFER POOL EXTENSION": r"ON (FILENAME = F:\x.bpe, SIZE = 64 GB)",
    }


def test_what_alter_server_configuration_cannot_mean_has_no_value():
    dump = read("ALTER SERVER CONFIGURATION SET PROCESS AFFINITY CPU = '0 TO 3\n")
    assert values_of(dump) == {"PROCESS AFFINITY CPU": None}
    assert problems_of(dump) == [["error", 1]]
    strange = read(f"EXEC sp_configure 'locks', 5000\nALTER SERVER CONFIGURATION SET 'X' = 5;{TAIL}")
    assert values_of(strange) == {"locks": 5000}


def test_passwords_in_a_script_are_not_kept():
    dump = read(f"CREATE LOGIN x WITH PASSWORD = 'hunter2';\nEXEC sp_configure 'locks', 5000{TAIL}")
    assert "hunter2" not in repr(dump)


@pytest.mark.parametrize(
    "text",
    ["SELECT * FROM sys.configurations", "SET GLOBAL max_connections = 5;", "ALTER SYSTEM SET x = 5", ""],
)
def test_other_scripts_are_not_claimed(text):
    assert read_all(document_of(text)) == []


GAP = st.sampled_from([" ", "\n", "\t", " -- x\n", "/* y */", "\n\n"])


@given(st.lists(GAP, min_size=5, max_size=5), st.integers(min_value=5000, max_value=9999))
def test_blanks_and_comments_between_words_change_nothing(gaps, number):
    a, b, c, d, e = gaps
    setting, dump = one(f"EXEC{a}sp_configure{b}'locks'{c},{d}{number}{e};")
    assert (setting.name, setting.value) == ("locks", number)
    assert dump.problems == ()
    assert by_name(dump)["locks"].line == 1 + a.count("\n") + b.count("\n")
