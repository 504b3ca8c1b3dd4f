"""Option files as the servers read them: lines, includes, groups, names, and who wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.engines.mysql.dialect.option_files import parse_option_file, resolve
from setpoint.engines.mysql.dialect.option_fragment import parse_fragment, render_fragment, with_entries
from setpoint.engines.mysql.dialect.option_groups import read_groups, understand
from setpoint.errors import InputError, TamperedError

VALUE = st.text(alphabet=st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=60)
NAME = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
NAMES = frozenset({"max_connections", "max_connect_errors", "slow_query_log", "skip_name_resolve", "log_bin"})


@pytest.mark.parametrize(
    ("line", "name", "text"),
    [
        ("a=1#c", "a", "1"),
        ("a = 1 2 # c", "a", "1 2"),
        ("a=1;c", "a", "1;c"),
        ("c='x#y'#z", "c", "x#y"),
        ('d="a\'#b"', "d", "a'#b"),
        ("e=it's #5", "e", "it's #5"),
        ("f=a\\'b#c", "f", "a'b#c"),
        ("g='a\\'#b'#c", "g", "a'#b"),
        ("h='x", "h", "'x"),
        ("h='x\"", "h", "'x\""),
        ("h='a' 'b'", "h", "a' 'b"),
        ("h=''", "h", ""),
        ("h=", "h", ""),
        ("h='", "h", "'"),
        ("h=' x '", "h", " x "),
        (r"i=\b|\t|\n|\r|\\|\s|\"|\'|\q|\0|x" + "\\", "i", "\b|\t|\n|\r|\\| |\"|'|\\q|\\0|x\\"),
        (r"j='\s\x" + "\\'", "j", " \\x\\"),
        ("flag", "flag", None),
        ("flag # c", "flag", None),
        ("fl ag=1", "fl ag", "1"),
        ("b='x'\r", "b", "x"),
        ("\x0ba=1\x0c", "a", "1"),
        ("ä=ü", "ä", "ü"),
    ],
)
def test_a_line_is_read_as_the_servers_read_it(line, name, text):
    (entry,) = parse_option_file(f"# head\n[ mysqld ]\n;c\n{line}\n", "f", "mysql").entries
    assert (entry.name, entry.text, entry.line, entry.group) == (name, text, 4, " mysqld")


def test_a_character_that_ends_in_a_blank_byte_loses_it_without_quotes():
    plain, quoted = parse_option_file('[mysqld]\na=voilà\nb="voilà"', "f", "mysql").entries
    assert (plain.text, quoted.text) == ("voil\ufffd", "voilà")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a=1\n[mysqld]\nb=1", 1, "before any group"),
        ("\ufeff[mysqld]\nb=1", 1, "byte order mark"),
        ("[mysqld\nb=1", 1, "bracket"),
        ("[mysqld]\n!include\nb=1", 2, "without a path"),
        ("[mysqld]\n!includedir \nb=1", 2, "without a path"),
    ],
)
def test_some_faults_end_a_file(text, line, words):
    parsed = parse_option_file(text, "f", "mariadb")
    assert [(fault.line, words in fault.message, fault.is_end) for fault in parsed.faults] == [
        (line, True, True)
    ]
    assert not parsed.entries
    resolution = resolve({"/f": text, "/g": "[mysqld]\nc=1"}, "mariadb", (10, 11), ["/f", "/g"])
    assert resolution.faults[0].message.endswith("the server does not start")
    assert not resolution.places


@pytest.mark.parametrize("line", ["=5", "!foo bar", "!includes x", "a=1\0b"])
def test_other_faults_cost_one_line(line):
    parsed = parse_option_file(f"[mysqld]\n{line}\nb=1\n", "f", "mysql")
    assert [(fault.line, fault.is_end) for fault in parsed.faults] == [(2, False)]
    assert [entry.name for entry in parsed.entries] == ["b"]


def test_a_long_line_is_whole_for_mysql_alone():
    text = f"[mysqld]\na={'x' * 4093}\n"
    assert not parse_option_file(text, "f", "mysql").faults
    long = parse_option_file(text, "f", "mariadb")
    assert not long.entries
    assert "4094" in long.faults[0].message
    assert not parse_option_file(text.replace("x\n", "\n"), "f", "mariadb").faults


def test_a_comment_behind_an_include_is_part_of_the_path_for_mariadb():
    text = "!include /a.cnf # why"
    assert parse_option_file(text, "f", "mysql").directives[0].path == "/a.cnf"
    assert parse_option_file(text, "f", "mariadb").directives[0].path == "/a.cnf # why"


def test_each_version_reads_its_own_groups():
    assert read_groups("mysql", (9, 7, 4)) == {"mysqld", "server", "mysqld-9.7", "mysql_cluster"}
    assert "mariadb-11" in read_groups("mariadb", (11, 8))
    assert "mariadb-10" not in read_groups("mariadb", (10, 11))
    assert {"mysqld", "mysqld2"} <= read_groups("mysql", (8, 4), suffix="2")


@pytest.mark.parametrize(
    ("kind", "written", "text", "name", "value"),
    [
        ("mysql", "slow-query_log", None, "slow_query_log", "ON"),
        ("mysql", "skip-slow-query-log", None, "slow_query_log", "OFF"),
        ("mysql", "skip-slow-query-log", "0", "slow_query_log", "ON"),
        ("mysql", "skip-slow-query-log", "OFF", "slow_query_log", "OFF"),
        ("mysql", "disable_slow_query_log", "1", "slow_query_log", "OFF"),
        ("mysql", "enable_slow_query_log", "OFF", "slow_query_log", "ON"),
        ("mysql", "enable_slow_query_log", "0", "slow_query_log", "OFF"),
        ("mysql", "skip-enable-slow_query_log", None, "slow_query_log", "ON"),
        ("mysql", "skip-loose-slow_query_log", "0", "slow_query_log", "0"),
        ("mysql", "loose-skip-log-bin", None, "log_bin", "OFF"),
        ("mysql", "skip_name_resolve", None, "skip_name_resolve", "ON"),
        ("mysql", "skip_name_resolve", "0", "skip_name_resolve", "ON"),
        ("mariadb", "skip_name_resolve", "0", "skip_name_resolve", "0"),
        ("mysql", "skip-skip-name-resolve", None, "skip_name_resolve", "OFF"),
        ("mariadb", "LOOSE_Max-Connections", "7", "max_connections", "7"),
        ("mariadb", "max_connecti", "7", "max_connections", "7"),
    ],
)
@pytest.mark.parametrize("names", [NAMES, frozenset()], ids=["with names", "without"])
def test_names_and_their_prefixes(kind, written, text, name, value, names):
    option = understand(written, kind, names)
    if written == "max_connecti" and not names:
        assert option.name == written
        return
    assert (option.name, option.mean(text, kind)) == (name, value)
    assert option.is_known is (True if names else None)


@pytest.mark.parametrize("written", ["MAX_CONNECTIONS", "max_connectio", "LOOSE_max_connections", "nosuch"])
def test_mysql_knows_full_names_in_small_letters_only(written):
    assert understand(written, "mysql", NAMES).is_known is False


def test_an_ambiguous_abbreviation_gives_no_value():
    text = "[mysqld]\nmax_connect=7\nloose-nosuch=1\n"
    resolution = resolve({"/f": text}, "mariadb", (10, 5), ["/f"], names=NAMES)
    (place,) = resolution.places["max_connect"]
    assert place.fault == "may mean max_connect_errors, max_connections"
    assert not resolution.winning("max_connect")
    assert [(found.written, found.option.is_loose) for found in resolution.unknown] == [
        ("max_connect", False),
        ("loose-nosuch", True),
    ]


def test_the_last_line_wins_over_all_groups_and_files():
    files = {
        "/etc/my.cnf": "[mysqld-9.7]\na=1\n[mysqld]\na=2\n!includedir /etc/d/\n[client]\na=9\n",
        "/etc/d/9.cnf": "[server]\na=4\n[mysqld-8.0]\na=5\n",
        "/etc/d/10.cnf": "[mysqld]\na=3\nmaximum_a=8\n",
        "/etc/d/z.ini": "[mysqld]\na=7\n",
        "/etc/d/sub/z.cnf": "[mysqld]\na=7\n",
    }
    resolution = resolve(files, "mysql", (9, 7, 4), ["/etc/my.cnf", "/root/.my.cnf"])
    assert [place.text for place in resolution.places["a"]] == ["1", "2", "3", "8", "4", "5"]
    (winner,) = resolution.winning("a")
    assert (winner.file, winner.line, winner.value) == ("/etc/d/9.cnf", 2, "4")
    assert resolution.places["a"][-1].fault == "group mysqld-8.0 is not read by MySQL 9.7"
    assert not resolution.faults


def test_lines_of_some_options_add_up():
    text = "[mysqld]\nreplicate-do-db=a\nreplicate_do_db=b\n"
    resolution = resolve({"/f": text}, "mysql", (8, 0), ["/f"])
    assert [place.value for place in resolution.winning("replicate_do_db")] == ["a", "b"]


@pytest.mark.parametrize(
    ("directive", "words"),
    [
        ("!include /gone.cnf", "no such file"),
        ("!include sub/a.cnf", "not followed"),
        ("!include ~/a.cnf", "not followed"),
        ("!include /shut.cnf", "not read"),
    ],
)
def test_an_include_that_cannot_be_had_is_told_and_the_rest_is_read(directive, words):
    files = {"/f": f"[mysqld]\n{directive}\nb=1\n", "/shut.cnf": None}
    resolution = resolve(files, "mariadb", (10, 11), ["/f"])
    assert words in resolution.faults[0].message
    assert resolution.winning("b")[0].text == "1"


def test_a_folder_that_cannot_be_listed_ends_the_file():
    files = {
        "/f": "[mysqld]\na=1\n!include /g\nd=1\n",
        "/g": "[mysqld]\nb=1\n!includedir /d\nc=1\n",
        "/d": None,
    }
    resolution = resolve(files, "mysql", (9, 7), ["/f"])
    assert list(resolution.places) == ["a", "b", "d"]
    assert "cannot be listed" in resolution.faults[0].message


def test_includes_end_ten_deep():
    resolution = resolve({"/f": "[mysqld]\na=1\n!include /f\nb=1\n"}, "mysql", (9, 7), ["/f"])
    assert (len(resolution.places["a"]), len(resolution.places["b"])) == (11, 11)
    assert [fault.line for fault in resolution.faults] == [3]


def test_files_that_include_each_other_in_a_circle_come_to_an_end():
    files = {f"/d/{number}.cnf": "[mysqld]\na=1\n!includedir /d\n" for number in range(9)}
    resolution = resolve(files, "mysql", (9, 7), ["/d/0.cnf"])
    assert any("too many includes" in fault.message for fault in resolution.faults)


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(0, 99)), max_size=20))
def test_what_is_later_in_reading_order_wins(lines):
    texts = ["", "", ""]
    for file, name, value in lines:
        texts[file] += f"[mysqld]\n{name}={value}\n"
    files = {f"/{number}": text for number, text in enumerate(texts)}
    files["/0"] += "!include /2\n"
    expected = {name: str(value) for _, name, value in sorted(lines, key=lambda line: [0, 2, 1][line[0]])}
    resolution = resolve(files, "mariadb", (11, 8), ["/0", "/1"])
    assert {name: resolution.winning(name)[0].text for name in resolution.places} == expected


@given(st.dictionaries(NAME, VALUE, max_size=5))
def test_entries_survive_a_fragment(entries):
    text = render_fragment(entries, header="by hand\nno")
    read = parse_option_file(text, "f", "mariadb")
    assert {entry.name: entry.text for entry in read.entries} == entries
    assert not read.faults
    assert parse_fragment(text).entries == entries
    assert not parse_fragment(text).fault


@given(st.dictionaries(NAME, VALUE, max_size=4), st.dictionaries(NAME, st.none() | VALUE, max_size=4))
def test_changes_replace_add_and_drop(entries, changes):
    changed = with_entries(with_entries(None, dict(entries)), changes)
    merged = {**entries, **changes}
    assert parse_fragment(changed).entries == {key: text for key, text in merged.items() if text is not None}


def test_a_name_is_one_entry_however_it_is_written():
    text = with_entries(with_entries(None, {"max-connections": "7"}), {"Max_Connections": "8"})
    assert parse_fragment(text).entries == {"max_connections": "8"}


@given(st.data())
def test_any_edit_by_hand_is_noticed(data):
    text = render_fragment({"max_connections": "151"})
    at = data.draw(st.integers(0, len(text) - 1))
    edited = (
        text[:at] + data.draw(st.sampled_from("x9 \n").filter(lambda new: new != text[at])) + text[at + 1 :]
    )
    assert parse_fragment(edited).fault
    with pytest.raises(TamperedError):
        with_entries(edited, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("a b", "1"), ("a=b", "1"), ("", "1"), ("[x]", "1"), ("a", "1\n2"), ("a", "\0"), ("a", "x" * 4100)],
)
def test_what_would_not_be_one_line_is_refused(name, value):
    with pytest.raises(InputError):
        render_fragment({name: value})
