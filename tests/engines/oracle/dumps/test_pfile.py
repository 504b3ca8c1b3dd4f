"""Text parameter files: quoting, lists, continuation, who is meant, what is included and what is in force."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.oracle.dumps.reading import (
    Folder,
    by_name,
    document_of,
    problems_of,
    read,
    read_all,
    values_of,
)

HEAD = "*.db_block_size=8192\n"


def one(line, **rest):
    return read(HEAD + line, **rest).settings[-1]


@pytest.mark.parametrize(
    ("line", "value", "unit"),
    [
        ("*.sga_target=1g", 1 << 30, "B"),
        ("*.sga_target = 512M # a comment", 512 << 20, "B"),
        ("*.SGA_TARGET=1T", 1 << 40, "B"),
        ("*.processes='300'", 300, None),
        ("*.open_cursors=1k", 1024, None),
        ("*.undo_retention=900", 900_000, "ms"),
        ("*.lock_sga=TRUE", True, None),
        ("*.audit_trail='db','extended'", "db_extended", None),
        ("*.audit_trail='DB, EXTENDED'", "db_extended", None),
        (r"*.audit_file_dest='C:\oracle\admin\x\adump'", r"C:\oracle\admin\x\adump", None),
        (r"audit_file_dest = C:\oracle\admin", r"C:\oracle\admin", None),
        (r"*.db_domain=a\#b", "a#b", None),
        ("*.db_domain='it''s'", "it's", None),
        ('*.db_domain="say ""no"""', 'say "no"', None),
        ("*.dispatchers=(PROTOCOL=TCP)(SERVICE=x)", "(PROTOCOL=TCP)(SERVICE=x)", None),
        ('*.local_listener="(ADDRESS=\\\n  (HOST=a))"', "(ADDRESS=(HOST=a))", None),
        ("*.control_files=('/a',\n  '/b')", "/a, /b", None),
        ("*.control_files='/a' # first\n ,'/b'", "/a, /b", None),
        ("*.control_files=(/a, /b)", "/a, /b", None),
        ("*.control_files=\n'/a',\n'/b'", "/a, /b", None),
        ("*._optimizer_cost_model=choose", "choose", None),
        ("*._smm_max_size=5", 5, None),
        ("*.compatible='19.0.0'", "19.0.0", None),
    ],
)
def test_a_value_means_what_the_server_makes_of_it(line, value, unit):
    found = one(line)
    assert (found.value, type(found.value), found.unit) == (value, type(value), unit)


@pytest.mark.parametrize(
    "line",
    [
        "*.processes=many",
        "*.processes=PROCESSES",
        "*.sga_target=12X",
        "*.sga_target={{ sga }}",
        "*.audit_file_dest='<ORACLE_BASE>/admin/x'",
        "*.audit_file_dest=${ORACLE_BASE}/x",
        "*.db_name=&db_name",
        "*.db_create_file_dest=@datadir@",
        "*.lock_sga=maybe",
        "*.open_cursors=-5",
        "*.processes=1,2",
        "*.log_archive_dest_1=LOCATION=/arch",
        "*.db_domain='open",
        "*.db_domain=",
        "*.dispatchers=(PROTOCOL=TCP",
        "*.dispatchers=PROTOCOL)",
    ],
)
def test_what_the_server_refuses_is_an_error_in_its_line(line):
    dump = read(HEAD + line)
    found = dump.settings[-1]
    assert (found.line, found.value) == (2, None)
    assert ["error", 2] in problems_of(dump)


def test_a_value_not_understood_is_kept_as_it_stands():
    assert one("*.log_archive_dest_1=LOCATION=/arch").raw == "LOCATION=/arch"


def test_formats_with_percent_signs_are_no_placeholders():
    assert one("*.log_archive_format='arch_%t_%s_%r.arc'").value == "arch_%t_%s_%r.arc"


def test_several_entries_may_stand_in_one_line():
    assert values_of(read("PROCESSES = 100 CPU_COUNT = 1 OPEN_CURSORS = 10 SGA_TARGET = 1G")) == {
        "processes": 100,
        "cpu_count": 1,
        "open_cursors": 10,
        "sga_target": 1 << 30,
    }


def test_the_last_entry_rules_and_the_others_are_notes():
    dump = read("*.processes=100\n*.db_block_size=8192\n*.processes=200")
    assert [(each.name, each.value, each.line) for each in dump.settings] == [
        ("db_block_size", 8192, 2),
        ("processes", 200, 3),
    ]
    (note,) = dump.problems
    assert (note.severity.value, note.line) == ("note", 1)
    assert "line 3" in note.message


def test_an_entry_of_an_instance_and_that_of_all_stand_side_by_side():
    dump = read("*.open_cursors=300\norcl1.open_cursors=400\nORCL1.open_cursors=500\nopen_cursors=310")
    assert [(each.scope, each.value) for each in dump.settings] == [("sid:ORCL1", 500), ("instance", 310)]
    assert problems_of(dump) == [["note", 1], ["note", 2]]


def test_entries_of_a_list_add_up_while_they_follow_one_another():
    events = read(f"{HEAD}*.event='10046 a'\n# c\n*.event='10053 b'\n")
    assert [each.value for each in events.settings][1:] == ["10046 a", "10053 b"]
    apart = read(f"*.event='10046 a'\n{HEAD}*.event='10053 b'\n")
    assert [each.value for each in apart.settings][1:] == ["10053 b"]
    assert problems_of(apart) == [["note", 1]]


def test_what_the_server_tuned_itself_is_no_setting():
    dump = read("orcl.__sga_target=5\n*.db_name='x'\n")
    assert values_of(dump) == {"db_name": "x"}
    assert problems_of(dump) == [["note", 1]]


def test_a_name_nobody_knows_is_kept_with_a_note():
    dump = read(f"{HEAD}*.nonesuch=5\n*.ifile_=TRUE")
    assert values_of(dump) == {"db_block_size": 8192, "nonesuch": 5, "ifile_": True}
    assert problems_of(dump) == [["note", 2], ["note", 3]]


def test_a_line_that_is_no_entry_is_an_error_and_no_setting():
    dump = read(f"{HEAD}hello there\n*.processes=5 oops\n*.sga_target=1G")
    assert ["error", 2] in problems_of(dump)
    assert by_name(dump)["sga_target"].value == 1 << 30


def test_a_secret_is_neither_kept_nor_told():
    dump = read(f"{HEAD}*.some_password='hunter2'\n*.fal_server='x/y password=hunter3'")
    assert dump.redacted == ("some_password", "fal_server")
    assert by_name(dump)["some_password"].raw is None
    assert "hunter" not in repr(dump)


def test_what_only_sounds_like_a_secret_is_kept():
    dump = read("*.remote_login_passwordfile='EXCLUSIVE'\n*.wallet_root='/w'")
    assert values_of(dump) == {"remote_login_passwordfile": "EXCLUSIVE", "wallet_root": "/w"}
    assert dump.redacted == ()


def test_an_included_file_is_read_in_its_place():
    shelf = Folder({"sub/more.ora": "*.processes=77\n*.open_cursors=5\n"})
    text = "*.processes=1\nifile=sub/more.ora\n*.open_cursors=6\n*.db_block_size=8192\n"
    first, second = read_all(document_of(text, path="conf/init.ora", shelf=shelf))
    assert (first.path, second.path) == ("conf/init.ora", "conf/sub/more.ora")
    assert values_of(first) == {"ifile": "sub/more.ora", "open_cursors": 6, "db_block_size": 8192}
    assert values_of(second) == {"processes": 77}
    assert problems_of(first) == [["note", 1]]
    assert "conf/sub/more.ora" in first.problems[0].message
    assert problems_of(second) == [["note", 2]]


@pytest.mark.parametrize("path", ["/etc/x.ora", r"C:\x.ora", "?/dbs/x.ora", "$ORACLE_HOME/x.ora", "+DATA/x"])
def test_a_file_of_another_host_is_not_followed(path):
    dump = read(f"{HEAD}ifile='{path}'")
    assert ["warning", 2] in problems_of(dump)
    assert not dump.has_errors


def test_a_missing_file_and_a_circle_are_errors():
    assert problems_of(read(f"{HEAD}ifile=gone.ora")) == [["error", 2]]
    dumps = read_all(
        document_of(f"{HEAD}ifile=a.ora", shelf=Folder({"a.ora": "ifile=b.ora", "b.ora": "ifile=a.ora"}))
    )
    assert [problems_of(dump) for dump in dumps] == [[], [], [["error", 1]]]


def test_a_chain_of_files_ends_where_the_server_ends_it():
    shelf = Folder({f"{n}.ora": f"ifile={n + 1}.ora" for n in range(9)})
    dumps = read_all(document_of(f"{HEAD}ifile=0.ora", shelf=shelf))
    assert len(dumps) == 4
    assert problems_of(dumps[-1]) == [["error", 1]]


def test_a_named_spfile_is_a_warning_that_the_rest_is_elsewhere():
    dump = read("*.db_name='x'\nspfile='+DATA/x/spfilex.ora'")
    assert problems_of(dump) == [["warning", 2]]


@pytest.mark.parametrize(
    "text",
    [
        "[mysqld]\nport=3306\nopen_cursors=5",
        "LISTENER = (DESCRIPTION_LIST = (DESCRIPTION = (ADDRESS = (PROTOCOL = TCP))))",
        "max_connections = 100\nshared_buffers = 1GB",
        "processes=5",
        '{"sga_target": 5, "open_cursors": 3}',
        "",
    ],
)
def test_other_files_are_not_claimed(text):
    assert read_all(document_of(text)) == []


@pytest.mark.parametrize(
    "body",
    [
        b"C\"\0\0\0\x01*.db_name='x'\n*.sga_target=1G\n\0\0\0C\"\0\0*.control_f\0\x01\x02iles=\0",
        b"}|{z\norcl.__db_cache_size=1\n*.audit_file_dest='/u0\n1'\n",
    ],
)
def test_a_server_parameter_file_is_refused_with_advice(body):
    from setpoint.engines.document import Document

    (dump,) = read_all(Document.of("spfile.ora", body))
    assert (dump.kind, dump.settings) == ("spfile", ())
    assert dump.has_errors
    assert "CREATE PFILE" in dump.problems[0].message


NAMES = st.sampled_from(["db_domain", "db_name", "log_archive_format", "audit_file_dest", "undo_tablespace"])
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="{<$&@%"), max_size=40
)


@given(st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=8))
def test_a_quoted_text_is_read_back_as_it_was(entries):
    quoted = [(name, text.replace('"', '""')) for name, text in entries]
    dump = read(HEAD + "".join(f'*.{name}="{text}"\n' for name, text in quoted))
    assert values_of(dump) == {"db_block_size": 8192, **dict(entries)}


@given(st.lists(st.tuples(NAMES, TEXTS), min_size=1, max_size=8))
def test_items_of_a_list_are_read_back_however_the_lines_break(entries):
    items = [text for _, text in entries]
    quoted = ",\n  ".join('"' + text.replace('"', '""') + '"' for text in items)
    assert one(f"*.service_names={quoted}\n").value == ", ".join(items)
