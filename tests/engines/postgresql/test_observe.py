"""What replies come to: own values, origins, pending changes, facts."""

from __future__ import annotations

import pytest
from tests.engines.postgresql.replies import AT, AUTO, CONF, entry, observe, reply

from setpoint.catalog import Kind, Version
from setpoint.config.observation import OriginKind
from setpoint.engines.port import Reply
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.observe.origins import CHANGED_SINCE, NOT_READABLE, read_command_line
from setpoint.engines.postgresql.observe.parameters import in_base_units
from setpoint.errors import UnavailableError

FROM_FILE = {"source": "configuration file", "sourcefile": CONF, "sourceline": 1}


@pytest.mark.parametrize("major", [13, 14, 15, 16, 17, 18, 19])
def test_the_request_fits_the_version(major):
    request = ENGINE.observe(Version.parse(str(major)))
    assert request.is_read_only
    assert "/* setpoint:observe */" in request.text
    assert request.text.startswith("BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY")
    assert ("pg_stat_checkpointer" in request.text) == (major >= 17)
    assert ("has_parameter_privilege" in request.text) == (major >= 15)
    assert "pg_read_file" in request.text
    assert "DO $do$" not in request.fallbacks[0]


@pytest.mark.parametrize("rows", [(), (("no json",),), (("{}",),)])
def test_an_answer_that_is_none_is_said_to_be_so(rows):
    with pytest.raises(UnavailableError, match="not an observation"):
        ENGINE.read("pg", Reply(rows=rows), at=AT, version=Version.parse("18"))


def test_defaults_builds_environment_and_files():
    observation, catalog = observe(
        rows={
            "wal_buffers": {"setting": "512"},
            "config_file": {"setting": CONF, "source": "override"},
            "port": {"setting": "5433", "source": "environment variable"},
            "work_mem": {"setting": "8192", **FROM_FILE},
            "archive_command": {"setting": "(disabled)", "reset_val": ""},
        },
        files=[entry("work_mem", "8MB")],
    )
    in_force = {name: setting.in_force.kind for name, setting in observation.settings.items()}
    assert in_force["maintenance_work_mem"] is OriginKind.DEFAULT
    assert in_force["wal_buffers"] is OriginKind.BUILD
    assert in_force["config_file"] is OriginKind.BUILD
    assert in_force["port"] is OriginKind.ENVIRONMENT
    assert in_force["work_mem"] is OriginKind.FILE
    assert observation.settings["archive_command"].value == ""
    assert catalog.get("work_mem").kind is Kind.SIZE
    assert observation.catalog_hash
    assert observation.cost_ms == 7.5


def test_the_last_entry_counts_for_an_overridden_parameter():
    observation, _ = observe(
        rows={
            "work_mem": {"setting": "1024", "source": "user"},
            "enable_sort": {"setting": "off", "source": "database"},
        },
        files=[
            entry("work_mem", "8MB", 1),
            entry("Work_Mem", "9MB", 2),
            entry("work_mem", "junk", 3, error="bad"),
        ],
        overrides=[[None, "postgres", "work_mem=1MB"], ["postgres", None, "enable_sort=off"]],
    )
    assert observation.settings["work_mem"].value == "9216"
    assert observation.settings["work_mem"].in_force.line == 2
    assert observation.settings["enable_sort"].value == "on"
    assert observation.settings["enable_sort"].in_force.kind is OriginKind.DEFAULT
    assert observation.settings["enable_sort"].overrides[0].scope == "database postgres"


@pytest.mark.parametrize(
    ("name", "changes", "value"),
    [
        ("client_encoding", {"setting": "UTF8", "source": "client", "reset_val": "UTF8"}, "LATIN1"),
        ("max_stack_depth", {"setting": "4096", "source": "user"}, None),
        ("application_name", {"setting": "x", "source": "session", "reset_val": "setpoint"}, ""),
        ("statement_timeout", {"setting": "4000", "source": "session", "reset_val": "77"}, "77"),
        ("TimeZone", {"setting": "UTC", "source": "client"}, "GMT"),
    ],
)
def test_values_behind_a_session(name, changes, value):
    observation, _ = observe(rows={name: changes, "server_encoding": {"setting": "LATIN1"}})
    assert observation.settings[name].value == value
    assert observation.settings[name].is_inferred


def test_a_guarded_parameter_the_login_has_too_is_not_taken_from_it():
    observation, _ = observe(
        rows={"statement_timeout": {"setting": "4000", "source": "session", "reset_val": "77"}},
        overrides=[[None, "postgres", "statement_timeout=77"]],
    )
    assert observation.settings["statement_timeout"].value == "0"


def test_without_files_an_overridden_value_stays_unknown():
    observation, _ = observe(
        files=None,
        rows={
            "work_mem": {"setting": "1", "source": "user"},
            "jit": {"setting": "on", "source": "configuration file"},
        },
        hidden=("data_directory", "server_version"),
        server={"is_superuser": False, "may_read_activity": False, "may_reload": False},
    )
    assert observation.settings["work_mem"].value is None
    assert observation.settings["work_mem"].in_force is None
    assert observation.settings["jit"].in_force.text == "on"
    assert observation.settings["jit"].in_force.fault == ""
    assert len(observation.unseen) == 4
    assert "work_mem" in observation.unseen[-1]
    assert observation.alterable == ()
    assert observation.facts.version == ""


def test_rights_on_parameters():
    observation, _ = observe(rows={"work_mem": {"is_alterable": True}}, server={"is_superuser": False})
    assert observation.alterable == ("work_mem",)
    observation, _ = observe(13, server={"is_superuser": False})
    assert observation.alterable == ()


def test_the_command_line_wins_over_files_and_overrides():
    opts = (
        '/usr/bin/postgres "-D" "/srv/pg/data" "-c" "work_mem=7MB" "--max-connections=55" "-p" "5999" "-F"\n'
    )
    observation, _ = observe(
        host={"opts": opts},
        files=[entry("work_mem", "8MB"), entry("max_connections", "99", 2)],
        rows={
            "work_mem": {"setting": "1024", "source": "user"},
            "max_connections": {"setting": "55", "source": "command line", "pending_restart": True},
        },
    )
    assert observation.settings["work_mem"].value == "7168"
    assert observation.settings["work_mem"].in_force.kind is OriginKind.COMMAND_LINE
    assert observation.settings["max_connections"].in_force.text == "55"
    assert observation.settings["max_connections"].pending is None


def test_the_command_line_is_known_from_the_source_alone():
    observation, _ = observe(rows={"port": {"setting": "5999", "source": "command line"}})
    assert observation.settings["port"].in_force.text == "5999"


@pytest.mark.parametrize(
    ("opts", "settings"),
    [
        (None, {}),
        ("/bin/postgres\n", {}),
        ('/bin/postgres "-D" "/x"', {}),
        (
            '/bin/postgres "-c" "a.b=c d" "-cshared_buffers=1GB" "--ssl"',
            {"a.b": "c d", "shared_buffers": "1GB", "ssl": "on"},
        ),
        (
            '/bin/postgres "-N" "20" "-h" "" "-B99" "-S" "64" "-i"',
            {"max_connections": "20", "listen_addresses": "*", "shared_buffers": "99", "work_mem": "64"},
        ),
        (
            '/bin/postgres "stray" "-l" "-O" "-P" "-s" "-p"',
            {
                "ssl": "on",
                "allow_system_table_mods": "on",
                "ignore_system_indexes": "on",
                "log_statement_stats": "on",
                "port": "",
            },
        ),
        ('/bin/postgres "-c" "log_line_prefix=%m "x"y"', {"log_line_prefix": '%m "x"y'}),
    ],
)
def test_command_lines(opts, settings):
    assert read_command_line(opts) == settings


def test_a_file_edited_and_not_loaded_is_told_apart():
    observation, _ = observe(
        rows={
            "work_mem": {"setting": "4096", **FROM_FILE},
            "random_page_cost": {"setting": "2", **FROM_FILE, "sourceline": 9},
        },
        files=[entry("work_mem", "8MB"), entry("random_page_cost", "2.0", 12)],
    )
    setting = observation.settings["work_mem"]
    assert setting.value == "4096"
    assert (setting.in_force.text, setting.in_force.fault) == ("4096", CHANGED_SINCE)
    assert observation.settings["random_page_cost"].in_force.line == 12


def test_a_persisted_entry_loaded_before_is_not_persisted_any_more():
    observation, _ = observe(
        rows={"work_mem": {"setting": "9216", **FROM_FILE, "sourcefile": AUTO, "sourceline": 3}}, files=[]
    )
    assert observation.settings["work_mem"].entry is None
    assert observation.settings["work_mem"].in_force.file == AUTO
    blind, _ = observe(rows={"work_mem": {"setting": "9216", **FROM_FILE, "sourcefile": AUTO}}, files=None)
    assert blind.settings["work_mem"].entry.text == "9216"


def test_what_waits_for_a_restart():
    running = {"setting": "100", **FROM_FILE}
    observation, _ = observe(
        rows={"max_connections": {**running, "pending_restart": True}},
        files=[
            entry("max_connections", "100"),
            entry("max_connections", "200", 3, AUTO, applied=False, error="no"),
        ],
    )
    assert observation.settings["max_connections"].pending == "200"
    assert observation.settings["max_connections"].in_force.file == CONF
    assert observation.file_faults == ()
    observation, _ = observe(rows={"max_connections": {**running, "pending_restart": True}}, files=None)
    assert observation.settings["max_connections"].pending == NOT_READABLE
    observation, _ = observe(rows={"max_connections": {"setting": "200", **FROM_FILE}}, files=[])
    assert observation.settings["max_connections"].pending == "100"
    observation, _ = observe(rows={"max_connections": running}, files=[])
    assert observation.settings["max_connections"].pending is None
    bad = [entry("max_connections", "many", error="setting could not be applied")]
    observation, _ = observe(rows={"max_connections": running}, files=bad)
    assert observation.settings["max_connections"].pending is None
    assert observation.file_faults[0].message == "max_connections cannot be 'many'"


def test_a_broken_file_does_not_hide_what_is_persisted():
    observation, _ = observe(
        rows={
            "work_mem": {"setting": "9216", **FROM_FILE, "sourcefile": AUTO, "sourceline": 2},
            "max_connections": {"setting": "100", "pending_restart": True},
        },
        files=[entry("jit", "on", applied=False), [CONF, 7, None, None, False, "syntax error"]],
        host={"auto_conf": "# head\nwork_mem = '9MB'\nmax_connections = '150'\n"},
    )
    assert observation.settings["work_mem"].entry.text == "9MB"
    assert observation.settings["work_mem"].in_force.text == "9MB"
    assert observation.settings["max_connections"].pending == "150"
    assert [(fault.line, fault.message) for fault in observation.file_faults] == [(7, "syntax error")]


def test_faults_of_no_file_are_not_faults():
    observation, _ = observe(files=[[None, 0, None, None, False, "parameter cannot be changed"]])
    assert observation.file_faults == ()


def test_unknown_names_are_kept_and_shown():
    observation, catalog = observe(
        files=[entry("my.own", "x"), entry("typo", "1", 2, error="unrecognized configuration parameter")],
        overrides=[["shop", "app", "other.one=2"], [None, None, "work_mem=1MB"]],
    )
    assert observation.settings["my.own"].origins[0].text == "x"
    assert observation.settings["other.one"].overrides[0].scope == "role app in database shop"
    assert observation.settings["work_mem"].overrides[0].kind is OriginKind.GLOBAL
    assert catalog.find("typo") is None
    assert observation.file_faults[0].message == "unrecognized configuration parameter: typo"


def test_a_session_older_than_the_last_load_takes_login_time_values_from_files():
    options = {
        "rows": {"log_disconnections": {"setting": "off"}},
        "files": [entry("log_disconnections", "on")],
    }
    fresh, _ = observe(**options)
    assert fresh.settings["log_disconnections"].value == "off"
    old, _ = observe(**options, server={"session_began_at": "2025-12-31T00:00:00+00:00"})
    assert old.settings["log_disconnections"].value == "on"
    assert old.settings["log_disconnections"].is_inferred
    default, _ = observe(server={"session_began_at": "2025-12-31T00:00:00+00:00"})
    assert default.settings["log_disconnections"].value == "off"


def test_metrics_are_missing_or_known():
    observation, _ = observe(
        metrics={"txn.commit": 5, "repl.lag_s": None},
        statements={"stmt.calls": 9, "stmt.plan_seconds": None},
        resets=["2026-01-01T00:10:00+00:00", None, "2026-01-01T00:20:00.5+05:30"],
    )
    assert observation.metrics == {"stmt.calls": 9.0, "txn.commit": 5.0}
    assert observation.metrics_since.isoformat() == "2026-01-01T00:10:00+00:00"
    bare, _ = observe()
    assert bare.metrics_since.isoformat() == "2026-01-01T00:00:00+00:00"


MEMINFO = "MemTotal:       8000000 kB\nMemFree: 1 kB\n"


@pytest.mark.parametrize(
    ("host", "ram", "vcpu", "is_container"),
    [
        ({}, None, None, False),
        ({"meminfo": MEMINFO, "cpu_online": "0-3,8\n"}, 8_192_000_000, 5.0, False),
        ({"meminfo": MEMINFO, "memory_limits": ["max\n", None, "4000000000\n"]}, 4_000_000_000, None, True),
        ({"meminfo": MEMINFO, "memory_limits": ["9223372036854771712\n"]}, 8_192_000_000, None, False),
        ({"memory_limits": ["1000\n"], "container": ""}, 1000, None, True),
        ({"cpu_online": "0-7", "cpu_limits": ["max 100000\n", "150000 100000\n", None]}, None, 1.5, True),
        (
            {"cpu_online": "0-7", "cpu_quota": "-1\n", "cpu_period": "100000\n", "container": ""},
            None,
            8.0,
            True,
        ),
        ({"cpu_online": "0", "cpu_quota": "50000\n", "cpu_period": "100000\n"}, None, 0.5, True),
        ({"cpu_online": "0", "cpu_quota": "50000\n", "cpu_period": "0\n"}, None, 1.0, False),
        ({"meminfo": "nothing"}, None, None, False),
    ],
)
def test_hosts_and_their_limits(host, ram, vcpu, is_container):
    facts = observe(host=host)[0].facts
    assert (facts.ram_bytes, facts.vcpu, facts.is_container) == (ram, vcpu, is_container)


@pytest.mark.parametrize(
    ("roles", "names", "service"),
    [
        (["rds_superuser", "rdsadmin"], (), "Amazon RDS"),
        (["azure_pg_admin"], (), "Azure Database for PostgreSQL"),
        ([], ("cloudsql.enable_pgaudit",), "Google Cloud SQL"),
        ([], ("pg_trgm.similarity_threshold",), None),
        (["unheard_of"], (), None),
    ],
)
def test_managed_services_are_known_by_their_signs(roles, names, service):
    added = [
        {
            "name": name,
            "context": "user",
            "vartype": "bool",
            "source": "default",
            "category": "",
            "short_desc": "",
            "setting": "on",
            "boot_val": "on",
            "pending_restart": False,
        }
        for name in names
    ]
    facts = observe(server={"service_roles": roles, "is_superuser": False}, added=added)[0].facts
    assert facts.is_managed_service == (service is not None)
    assert facts.sources.get("is_managed_service") == service
    assert not observe(server={"service_roles": roles}, added=added)[0].facts.is_managed_service


def test_facts_of_the_server():
    facts = observe(server={"is_standby": True, "is_data_estimated": True, "data_bytes": 5})[0].facts
    assert (facts.role, facts.data_bytes, facts.uptime_seconds) == ("standby", 5, 3600.0)
    assert facts.sources["data_bytes"] == "relpages of the database"
    assert observe(server={"data_bytes": None})[0].facts.data_bytes is None


def test_special_characters_survive():
    observation, _ = observe(files=[entry("log_line_prefix", "<&>\r\"'é")])
    assert observation.settings["log_line_prefix"].origins[1].text == "<&>\r\"'é"


def test_two_readings_are_equal():
    first = ENGINE.read("pg", reply(), at=AT, version=Version.parse("18"))[0]
    assert first == ENGINE.read("pg", reply(), at=AT, version=Version.parse("18"))[0]


def test_base_units_are_written_as_the_view_shows_them():
    _, catalog = observe()
    shown = {
        "work_mem": ("1MB", "1024"),
        "jit": ("of", "off"),
        "wal_compression": ("yes", "pglz"),
        "random_page_cost": ("2.0", "2"),
        "vacuum_cost_delay": ("1500us", "1.5"),
        "log_file_mode": ("0640", "0640"),
        "search_path": ("a, b", "a, b"),
        "max_connections": ("junk", "junk"),
    }
    for name, (text, expected) in shown.items():
        assert in_base_units(catalog.get(name), text) == expected
    assert in_base_units(catalog.get("jit"), None) is None
