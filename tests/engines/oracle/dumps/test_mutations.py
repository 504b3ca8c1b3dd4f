"""Whatever a file holds, reading it neither fails nor invents a setting."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engines.oracle.dumps.reading import document_of
from tests.engines.oracle.dumps.test_report import AWR_HTML, STATSPACK
from tests.engines.oracle.dumps.test_views import ALERT

from setpoint.engines.oracle.dumps import readers

PFILE = r"""# c
orcl.__db_cache_size=5
*.control_files='C:\a.ctl',
   'C:\b.ctl'#x
*.db_block_size=8192 *.processes=5
*.event="10046 a"
*.dispatchers=(PROTOCOL=TCP) (SERVICE=x)
orcl1.sga_target=2G
ifile=x.ora
*.local_listener="(A=\
(B=c))"
"""
SHOW = """SQL> show parameter control
NAME                                 TYPE        VALUE
------------------------------------ ----------- ------------------------------
control_files                        string      /u01/app/oracle/oradata/orcl/c
                                                 ontrol01.ctl
inmemory_trickle_repopulate_servers_ integer     1
percent
sga_target                           big integer 2G
"""
VIEW = (
    '"SID","NAME","VALUE","ISSPECIFIED"\n"*","control_files","/a","TRUE"\n"*","control_files","/b","TRUE"\n'
)
STACKED = "NAME\n----------\nVALUE\n----------\nprocesses\n150\n\nsga_target\n5\n\nopen_cursors\n\n\n"
SEEDS = [PFILE, SHOW, VIEW, STACKED, ALERT, STATSPACK, AWR_HTML, 'oracledb_up{a="b"} 1\n']
PIECES = [
    "'",
    '"',
    "#",
    "\n",
    "\\\n",
    "(",
    ")",
    "=",
    ",",
    "\t",
    "-",
    "\0",
    "*.",
    "----- ---",
    "\f",
    "9" * 30,
    "%x%",
]
PIECES += [
    "{{ x }}",
    "<a>",
    "1e400",
    "ü",
    "\x1b",
    "NAME",
    "SQL>",
    "K",
    "  ",
    "DB/Inst:",
    "}|{z",
    'C"',
    "&nbsp;",
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
                assert 1 <= found.line <= len(document.lines)
                # Names wrap and are cut: where one begins, its first letters stand.
                assert found.name[:3] in document.lines[found.line - 1].lower()
                assert found.value is None or isinstance(found.value, (bool, int, float, str))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_without_fault(text):
    document = document_of(text)
    for reader in readers():
        reader.recognise(document)
        reader.read(document, "19")
