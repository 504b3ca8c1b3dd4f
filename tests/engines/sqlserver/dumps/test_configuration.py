"""Tables of options, however they are printed: what is configured, and what runs."""

from __future__ import annotations

import json

import pytest
from tests.engines.sqlserver.dumps.reading import document_of, problems_of, read, read_all, values_of

ROWS = [
    ("access check cache bucket count", 0, 65536, 0, 0),
    ("max server memory (MB)", 128, 2147483647, 61320, 50000),
    ("query wait (s)", -1, 2147483647, -1, -1),
    ("recovery interval (min)", 0, 32767, 5, 0),
    ("xp_cmdshell", 0, 1, 1, 0),
]
COLUMNS = ("name", "minimum", "maximum", "config_value", "run_value")
WANTED = [
    ("access check cache bucket count", 0, None, 0),
    ("max server memory (MB)", 61320 << 20, "B", 50000 << 20),
    ("query wait (s)", -1, None, -1),
    ("recovery interval (min)", 300_000, "ms", 0),
    ("xp_cmdshell", True, None, False),
]


def joined(separator, *, is_ruled=False):
    rule = [separator.join("-" * len(name) for name in COLUMNS)] if is_ruled else []
    return "\n".join([separator.join(COLUMNS), *rule, *(separator.join(map(str, row)) for row in ROWS), ""])


def fixed():
    widths = (35, 11, 11, 12, 11)
    head = " ".join(name.ljust(width) for name, width in zip(COLUMNS, widths, strict=True))
    rule = " ".join("-" * width for width in widths)
    rows = [
        " ".join(
            [row[0].ljust(35), *(str(cell).rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in ROWS
    ]
    return "\n".join([head, rule, *rows, "", "(5 rows affected)", ""])


def bare():
    return "".join("\t".join(map(str, row)) + "\n" for row in ROWS)


def as_json():
    return json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in ROWS], indent=1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(fixed(), id="sqlcmd"),
        pytest.param(joined(" ", is_ruled=True) + "\n(5 rows affected)\n", id="sqlcmd -W"),
        pytest.param(joined(",", is_ruled=True) + "\n(5 rows affected)\n", id="sqlcmd -W -s,"),
        pytest.param(joined("\t"), id="a grid with its header"),
        pytest.param(bare(), id="a grid without its header"),
        pytest.param(joined(","), id="CSV"),
        pytest.param(joined(";"), id="CSV of Excel"),
        pytest.param(as_json(), id="JSON"),
    ],
)
def test_sp_configure_is_read_in_every_shape(text):
    dump = read(text)
    assert (dump.engine, dump.kind, dump.is_complete) == ("sqlserver", "sp_configure", False)
    assert [(each.name, each.value, each.unit, each.running) for each in dump.settings] == WANTED
    assert [each.raw for each in dump.settings] == ["0", "61320", "-1", "5", "1"]
    assert not dump.has_errors


def test_each_setting_has_its_line():
    assert [each.line for each in read(fixed()).settings] == [3, 4, 5, 6, 7]


def test_an_option_nobody_knows_is_read_by_its_bounds():
    dump = read(joined(",") + "future switch,0,1,1,0\nfuture number,0,9,7,7\n")
    assert [(each.value, each.running) for each in dump.settings[-2:]] == [(True, False), (7, 7)]


def test_sys_configurations_is_read():
    dump = read(
        "configuration_id,name,value,minimum,maximum,value_in_use,description,is_dynamic,is_advanced\n"
        '101,recovery interval (min),5,0,32767,0,"Maximum recovery interval, in minutes",1,1\n'
        "16390,xp_cmdshell,0,0,1,1,Enable or disable command shell,1,1\n"
    )
    assert dump.kind == "sys.configurations"
    assert [(each.name, each.value, each.running) for each in dump.settings] == [
        ("recovery interval (min)", 300_000, 0),
        ("xp_cmdshell", False, True),
    ]


def test_the_version_of_the_server_is_told_where_it_stands():
    dump = read(f"Microsoft SQL Server 2019 (RTM-CU18) (KB5017593) - 15.0.4261.1 (X64)\n\n{fixed()}")
    assert dump.version == "15.0.4261.1"
    assert len(dump.settings) == 5


def test_dbatools_prints_lists_with_names_of_its_own():
    dump = read(
        "\nComputerName    : SQL01\nSqlInstance     : SQL01\nName            : MaxServerMemory\n"
        "DisplayName     : max server memory (MB)\nMinValue        : 128\nMaxValue        : 2147483647\n"
        "ConfiguredValue : 61320\nRunningValue    : 50000\n\n"
        "ComputerName    : SQL01\nSqlInstance     : SQL01\nName            : XPCmdShellEnabled\n"
        "DisplayName     : xp_cmdshell\nMinValue        : 0\nMaxValue        : 1\n"
        "ConfiguredValue : 1\nRunningValue    : 0\n\n"
    )
    assert dump.kind == "dbatools Get-DbaSpConfigure"
    assert [(each.name, each.value, each.running) for each in dump.settings] == [
        ("max server memory (MB)", 61320 << 20, 50000 << 20),
        ("xp_cmdshell", True, False),
    ]


def test_names_cut_by_powershell_are_settings_only_where_one_option_is_meant():
    dump = read(
        "DisplayName            RunValue ConfigValue\n"
        "-----------            -------- -----------\n"
        "max server memory...      61320       61320\n"
        "cost threshold for...         5          50\n"
        "max...                        1           2\n"
    )
    assert values_of(dump) == {"max server memory (MB)": 61320 << 20, "cost threshold for parallelism": 50}
    assert problems_of(dump) == [["warning", 5]]


def test_rows_of_another_instance_are_left_out():
    dump = read(
        "SqlInstance,DisplayName,ConfiguredValue,RunningValue\nA,locks,0,0\nA,xp_cmdshell,0,0\nB,locks,5000,0\n"
    )
    assert values_of(dump) == {"locks": 0, "xp_cmdshell": False}
    assert problems_of(dump) == [["warning", 4]]


def test_database_scoped_configurations_are_those_of_a_database():
    dump = read(
        "configuration_id,name,value,value_for_secondary,is_value_default\n1,MAXDOP,4,,0\n"
        "2,LEGACY_CARDINALITY_ESTIMATION,1,NULL,0\n3,PARAMETER_SNIFFING,1,0,1\n"
    )
    assert [(each.name, each.value, each.scope, each.source.value) for each in dump.settings] == [
        ("scoped.maxdop", 4, "database:?", "database"),
        ("scoped.legacy_cardinality_estimation", True, "database:?", "database"),
        ("scoped.parameter_sniffing", True, "database:?", "default"),
    ]
    assert problems_of(dump) == [["warning", 0], ["warning", 4]]


def test_a_column_tells_whose_a_configuration_is():
    dump = read("database_name,name,value,is_value_default\nshop,MAXDOP,4,0\ncrm,MAXDOP,8,0\n")
    assert [(each.scope, each.value) for each in dump.settings] == [("database:shop", 4), ("database:crm", 8)]


def test_metrics_of_an_exporter_are_samples():
    dump = read(
        "# TYPE windows_mssql_x gauge\n"
        'windows_mssql_bufman_page_life_expectancy_seconds{mssql_instance="MSSQLSERVER"} 42\n'
        "windows_os_info 1\n"
    )
    assert dump.settings == ()
    assert [(each.name, each.value, each.labels) for each in dump.samples] == [
        ("windows_mssql_bufman_page_life_expectancy_seconds", 42, "mssql_instance=MSSQLSERVER"),
        ("windows_os_info", 1, ""),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "name,value\nmax_connections,5\n",
        "DisplayName RunValue\n----------- --------\nsomething      5\n",
        "hello",
    ],
)
def test_tables_of_others_are_not_claimed(text):
    assert read_all(document_of(text)) == []


def test_names_and_values_alone_are_options_where_two_of_them_are():
    dump = read("name,value\nmax server memory (MB),4096\nclr enabled,1\n")
    assert values_of(dump) == {"max server memory (MB)": 4096 << 20, "clr enabled": True}
    assert {each.running for each in dump.settings} == {None}
    assert dump.is_running is True
    assert read_all(document_of("name,value\nclr enabled,1\nfoo,2\n")) == []
