"""What the real ``postgres`` programs say of configuration files."""

from __future__ import annotations

import pytest

from setpoint.config.dump import Severity
from setpoint.control.intake import programs
from setpoint.control.intake.validating import read_validated

pytestmark = pytest.mark.live

FAULTY = """\
shared_buffers = 1GB
work_mem = 4QB
max_connections = abc
lc_messages = 'xx_YY'
foo = 1
x.y = 2
include '/etc/x.conf'
include_dir 'gone'
autovacuum_naptime = 0.5min
max_stack_depth = 900MB
log_min_messages = panic
log_destination = 'syslog'
data_directory = '/var/lib/elsewhere'
port = 99999
primary_conninfo = 'password=hunter2'
jit = 'hunter2'
"""


@pytest.fixture(params=[13, 14, 15, 16, 17, 18])
def version(request):
    found = programs.choose("postgresql", str(request.param))
    if found is None or found.version[0] != request.param:
        pytest.skip(f"PostgreSQL {request.param} is not here")
    return str(request.param)


def read(folder, text, version, **beside):
    path = folder / "postgresql.conf"
    path.write_text(text)
    for name, part in beside.items():
        (folder / f"{name}.conf").write_text(part)
    return list(read_validated([str(path)], version=version))


def lines(dump, severity):
    return [each.line for each in dump.problems if each.severity is severity]


def test_the_server_refuses_what_the_importer_refuses(version, tmp_path):
    (dump,) = read(tmp_path, FAULTY, version)
    assert lines(dump, Severity.ERROR) == [2, 3, 5, 8, 9, 14, 16]
    assert lines(dump, Severity.WARNING) == [7]
    local = [each for each in dump.problems if "this machine, which" in each.message]
    assert [each.line for each in local] == [4, 10]
    assert "refuses 7 lines of it" in dump.problems[0].message
    assert "hunter2" not in "".join(each.message for each in dump.problems if "PostgreSQL" in each.message)


def test_the_server_takes_what_the_importer_takes(version, tmp_path):
    text = "shared_buffers = 1GB\ninclude 'b.conf'\ndata_directory = '/nowhere'\nlog_min_messages = panic\n"
    main, part = read(tmp_path, text, version, b="work_mem = '8 MB'\nautovacuum = of\n")
    assert main.problems[0].message.endswith("takes it")
    assert not lines(main, Severity.WARNING) + lines(part, Severity.WARNING)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.conf", "postgresql.conf"]


def test_what_alter_system_wrote_beside_the_file_is_asked_about_too(version, tmp_path):
    (tmp_path / "postgresql.auto.conf").write_text("work_mem = 'lots'\n")
    main, auto = read(tmp_path, "jit = on\nshared_buffers = 1GB\n", version)
    assert lines(auto, Severity.ERROR) == [1]
    assert "refuses 1 line of it" in main.problems[0].message
