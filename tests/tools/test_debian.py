from __future__ import annotations

import os
import platform
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="engines are pinned for x86_64 alone")

TOOLS = Path(__file__).parents[2] / "tools"

# A mirror in a folder: `apt-get install` brings what lies in the folder `mirror`, and `dpkg -x` unpacks it.
APT_GET = """#!/bin/sh
echo "$@" >> {folder}/apt.log
for word; do
  case "$word" in
    Dir::Cache=*) cache="${{word#*=}}";;
    Dir::Etc::sourcelist=*) cat "${{word#*=}}" > {folder}/sources.list;;
  esac
done
case "$*" in
  *install*) test -d {folder}/mirror || {{ echo 'E: Unable to locate package' >&2; exit 100; }}
             cp {folder}/mirror/*.deb "$cache/archives/";;
esac
"""
DPKG = """#!/bin/sh
tar -xf "$2" -C "$3"
"""
LOADER = """#!/bin/sh
case "$*" in
  *--list*) echo "	libused.so.1 => $2/libused.so.1 (0x1)";;
  *) echo "{says}";;
esac
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def programs(tmp_path):
    write_program(tmp_path / "programs" / "apt-get", APT_GET.format(folder=tmp_path))
    write_program(tmp_path / "programs" / "dpkg", DPKG)
    return tmp_path / "programs"


@pytest.fixture
def mirror(tmp_path):
    """Put a package of a server onto the mirror, which says this when it is asked for its version."""

    def put(says):
        files = tmp_path / "files"
        library = files / "lib" / "x86_64-linux-gnu"
        write_program(library / "ld-linux-x86-64.so.2", LOADER.format(says=says))
        for name in ("libused.so.1", "libunused.so.1", "libnss_files.so.2"):
            (library / name).touch()
        for name in ("mysqld", "mysql", "my_print_defaults", "needless"):
            write_program(files / "usr" / "bin" / name, "for the loader\n")
        for folder in ("mysql/charsets", "doc", "man"):
            (files / "usr" / "share" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror").mkdir(exist_ok=True)
        package = tmp_path / "mirror" / "server.deb"
        subprocess.run(["tar", "-cf", package, "-C", files, "."], check=True)

    return put


@pytest.fixture
def engines(tmp_path):
    return tmp_path / "cache" / "engines"


@pytest.fixture
def command(tmp_path, programs):
    """The tool's command and its environment, in which a mirror in a folder stands for Debian's."""
    environment = {
        **os.environ,
        "SETPOINT_CACHE": str(tmp_path / "cache"),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    return [sys.executable, str(TOOLS / "engines.py"), "fetch"], environment


@pytest.fixture
def fetch(command):
    def run(*names):
        words, environment = command
        return subprocess.run([*words, *names], env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def locate_archives():
    """The function that picks the mirror, in a process of its own: it reads the system's keyring."""

    def locate(folder, *suites):
        code = (
            "import sys; from pathlib import Path; from debian import locate_archives\n"
            "print(locate_archives(sys.argv[2:], Path(sys.argv[1])))"
        )
        return subprocess.run(
            [sys.executable, "-c", code, folder, *suites],
            cwd=TOOLS,
            capture_output=True,
            text=True,
            check=False,
        )

    return locate


SAYS = "mysqld  Ver 9.7.4-2 for Linux on x86_64"
needs_a_mirror = pytest.mark.skipif(
    not Path("/etc/debian_version").exists(), reason="no Debian, no mirror named"
)


@needs_a_mirror
def test_a_tree_holds_what_is_needed_under_the_version_it_tells(fetch, mirror, engines):
    mirror(SAYS)
    done = fetch("mysql-9.7", "--strict")
    tree = engines / "mysql-9.7.4"
    assert (done.returncode, done.stdout) == (0, f"mysql-9.7: {tree}\n")
    assert sorted(path.name for path in (tree / "bin").iterdir()) == ["my_print_defaults", "mysql", "mysqld"]
    libraries = {"ld-linux-x86-64.so.2", "libnss_files.so.2", "libused.so.1"}
    assert {path.name for path in (tree / "lib").iterdir()} == libraries
    assert [path.name for path in (tree / "share").iterdir()] == ["mysql"]
    assert [path.name for path in engines.iterdir()] == ["mysql-9.7.4"]


@needs_a_mirror
def test_what_is_there_is_left_alone(fetch, mirror, tmp_path):
    mirror(SAYS)
    fetch("mysql-9.7")
    (tmp_path / "apt.log").unlink()
    assert fetch("mysql-9.7", "--strict").stdout.rstrip().endswith("(was there)")
    assert not (tmp_path / "apt.log").exists()


@needs_a_mirror
def test_a_tree_that_does_not_run_is_made_anew(fetch, mirror, engines):
    mirror(SAYS)
    fetch("mysql-9.7")
    (engines / "mysql-9.7.4" / "lib" / "ld-linux-x86-64.so.2").write_text("#!/bin/sh\nexit 1\n")
    assert "was there" not in fetch("mysql-9.7", "--strict").stdout
    assert "was there" in fetch("mysql-9.7", "--strict").stdout


@needs_a_mirror
def test_a_suite_that_moved_on_is_absent_with_its_reason(fetch, mirror, engines):
    mirror(SAYS.replace("9.7.4", "9.8.0"))
    done = fetch("mysql-9.7")
    assert done.returncode == 0
    assert "absent" in done.stdout
    assert (engines / "mysql-9.7.absent").read_text() == "the suites sid hold mysql 9.8.0 now\n"
    assert [path.name for path in engines.iterdir()] == ["mysql-9.7.absent"]


@needs_a_mirror
def test_a_suite_that_cannot_be_resolved_is_absent_with_its_reason(fetch, engines):
    done = fetch("mysql-9.7")
    assert done.returncode == 0
    assert "Unable to locate package" in (engines / "mysql-9.7.absent").read_text()


@needs_a_mirror
def test_the_note_goes_once_it_can_be_had(fetch, mirror, engines):
    fetch("mysql-9.7")
    mirror(SAYS)
    fetch("mysql-9.7")
    assert not (engines / "mysql-9.7.absent").exists()


@needs_a_mirror
def test_a_package_that_lacks_a_program_is_absent(fetch, mirror, tmp_path):
    mirror(SAYS)
    assert "the packages hold no mariadbd" in fetch("mariadb-10.11").stdout


@needs_a_mirror
def test_two_fetches_at_once_download_once(command, mirror, tmp_path):
    mirror(SAYS)
    words, environment = command
    both = [
        subprocess.Popen([*words, "mysql-9.7"], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in both]
    assert sum("(was there)" in text for text in said) == 1
    assert (tmp_path / "apt.log").read_text().count("--download-only") == 1


@needs_a_mirror
def test_without_apt_it_is_absent(command, engines, tmp_path):
    (tmp_path / "empty").mkdir()
    words, environment = command
    subprocess.run([*words, "sysbench"], env={**environment, "PATH": str(tmp_path / "empty")}, check=True)
    assert (engines / "sysbench.absent").read_text() == "there is no apt-get to ask for Debian's packages\n"


def test_the_mirror_is_the_one_the_system_names(tmp_path, locate_archives):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("# deb http://commented.example bookworm main\n")
    (tmp_path / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\n# a comment\nURIs: http://mirror.example/debian\nSuites: stable stable-updates\n"
        "Components: main\n\n"
        "Types: deb\nURIs: http://mirror.example/security\nSuites: stable-security\nComponents: main\n"
    )
    done = locate_archives(tmp_path, "sid", "bullseye-security")
    expected = [
        ("http://mirror.example/debian", "sid"),
        ("http://mirror.example/security", "bullseye-security"),
    ]
    assert done.stdout == f"{expected}\n"


def test_the_older_format_is_read_and_other_vendors_are_passed_by(tmp_path, locate_archives):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "a.list").write_text("deb http://vendor.example/apt nodistro main\n")
    (tmp_path / "sources.list").write_text(
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian testing main contrib\n"
    )
    done = locate_archives(tmp_path, "trixie", "trixie-security")
    assert done.stdout == f"{[('http://mirror.example/debian', 'trixie')]}\n"


def test_a_system_of_another_kind_names_no_mirror(tmp_path, locate_archives):
    (tmp_path / "sources.list").write_text("deb http://archive.example/ubuntu jammy main\n")
    done = locate_archives(tmp_path, "sid")
    assert done.returncode != 0
    assert "name no mirror of Debian" in done.stderr
