"""What the real ``mariadbd`` and ``mysqld`` programs say of option files."""

from __future__ import annotations

import pytest

from setpoint.config.dump import Severity
from setpoint.control.intake import programs
from setpoint.control.intake.validating import read_validated

pytestmark = pytest.mark.live

FAULTY = """\
[client]
password = hunter2
[mysqld]
user = mysql
datadir = /var/lib/elsewhere
plugin-load-add = nix.so
log-error = /nowhere/x.err
log-bin = /nowhere/bin
sql_mode = abc
binlog_format = hunter2
max_connections = 9999999
innodb_flush_log_at_trx_commit = 9
innodb_io_capacity = abc
port = 123456
loose-nonsense = 1
max_allowed_packet
report_password = hunter2
"""


@pytest.fixture(params=[("mariadb", "10.5"), ("mariadb", "10.11"), ("mariadb", "11.8"), ("mysql", "9.7")])
def product(request):
    engine, series = request.param
    found = programs.choose(engine, series)
    if found is None or ".".join(map(str, found.version[:2])) != series:
        pytest.skip(f"{engine} {series} is not here")
    return engine, series


def read(folder, text, product, **beside):
    path = folder / "my.cnf"
    path.write_text(text)
    for name, part in beside.items():
        (folder / f"{name}.cnf").write_text(part)
    return list(read_validated([str(path)], engine=product[0], version=product[1]))


def lines(dump, severity):
    return [each.line for each in dump.problems if each.severity is severity]


def test_the_server_refuses_what_the_importer_refuses(product, tmp_path):
    (dump,) = read(tmp_path, FAULTY, product)
    assert lines(dump, Severity.ERROR) == [9, 10, 13, 16]
    assert "refuses 4 lines of it" in dump.problems[0].message
    assert not [each for each in dump.problems if "refuses this:" in each.message]
    assert not [each for each in dump.problems if "takes this line" in each.message]
    assert "hunter2" not in dump.problems[0].message
    assert [path.name for path in tmp_path.iterdir()] == ["my.cnf"]


def test_the_server_takes_what_the_importer_takes(product, tmp_path):
    text = (
        "[mysqld]\nmax_connections = 300\nskip-name-resolve\n!include b.cnf\n[mysqldump]\nquick\nnonsense\n"
    )
    main, part = read(
        tmp_path, text, product, b="[server]\ninnodb_buffer_pool_size = 64M\ntmpdir = /nowhere\n"
    )
    assert main.problems[0].message.endswith("takes it")
    assert not lines(main, Severity.WARNING) + lines(part, Severity.WARNING)


def test_a_value_that_only_the_server_can_judge_is_told_at_its_line(product, tmp_path):
    (dump,) = read(tmp_path, "[mysqld]\nport = 3306\ncharacter_set_server = klingon\n", product)
    assert 3 in lines(dump, Severity.WARNING)


def test_nothing_that_a_file_names_is_written_or_loaded(product, tmp_path):
    beyond = tmp_path / "beyond"
    beyond.mkdir()
    names = ["log_bin", "log_bin_index", "log_error", "general_log_file", "slow_query_log_file", "pid_file"]
    names += ["relay_log", "innodb_data_home_dir", "tmpdir", "datadir", "plugin_dir", "init_file", "socket"]
    lines_ = [f"{name} = {beyond}/{name}" for name in names]
    lines_ += ["general_log", "slow_query_log", "plugin_load = evil.so", "log_bin = ../bin"]
    read(tmp_path, "[mysqld]\n" + "\n".join(lines_) + "\n", product)
    assert not list(beyond.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beyond", "my.cnf"]
