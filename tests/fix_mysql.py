"""Private servers of MariaDB and MySQL for tests.

``mariadb``, ``mysql``    a running server of the newest series chosen; fresh for each test module
``mariadb_each``          the same for every MariaDB chosen: the test runs once per series
``mysql_each``            the same for every MySQL chosen
``mysql_family_each``     the same for every MariaDB and MySQL chosen
``start_mariadb(...)``    starts one for a single test: a series as text, and what ``PrivateMysql`` takes
``start_mysql(...)``      the same with MySQL
``mariadb_pair``          a primary and its running replica, for a single test; ``.primary``, ``.replica``
``mysql_pair``            the same with MySQL
``sysbench``              where sysbench lies

The environment variables SETPOINT_TEST_MARIADB (default ``10.11``) and SETPOINT_TEST_MYSQL (default none)
choose the series, as in ``10.5,10.11``. A series that is not on this machine skips its tests with the
reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from setpoint.lab.binaries import cache_folder
from setpoint.lab.mysql_binaries import PRODUCTS, Kind, MysqlBinaries, MysqlDiscovery, find_mysql
from setpoint.lab.mysql_replica import follow, replication_settings
from setpoint.lab.mysql_server import PrivateMysql
from setpoint.lab.sysbench import SysbenchBinary, find_sysbench


def _chosen(variable: str, default: str) -> list[str]:
    """Read a list of series such as ``10.5,10.11``, oldest first."""
    words = filter(None, os.environ.get(variable, default).split(","))
    return sorted(words, key=lambda word: [*map(int, word.split("."))])


SERIES: dict[Kind, list[str]] = {
    "mariadb": _chosen("SETPOINT_TEST_MARIADB", "10.11"),
    "mysql": _chosen("SETPOINT_TEST_MYSQL", ""),
}
FAMILY: list[tuple[Kind, str]] = [(kind, series) for kind in SERIES for series in SERIES[kind]]
EACH: dict[str, list[tuple[Kind, str]]] = {
    "mariadb_each": [pair for pair in FAMILY if pair[0] == "mariadb"],
    "mysql_each": [pair for pair in FAMILY if pair[0] == "mysql"],
    "mysql_family_each": FAMILY,
}
FIXTURES = {*EACH, "mariadb", "mysql", "start_mariadb", "start_mysql", "mariadb_pair", "mysql_pair"}
_DISCOVERY = pytest.StashKey[MysqlDiscovery]()

StartMysql = Callable[..., PrivateMysql]


class Pair(NamedTuple):
    """A primary and the replica that follows it."""

    primary: PrivateMysql
    replica: PrivateMysql


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_DISCOVERY] = find_mysql()


def pytest_report_header(config: pytest.Config) -> list[str]:
    found = config.stash[_DISCOVERY]
    lines: list[str] = []
    for kind, series in FAMILY:
        build = _newest(found, kind, series)
        lines.append(
            str(build) if build else f"{PRODUCTS[kind]} {series}: {_why_absent(found, kind, series)}"
        )
    program = find_sysbench()
    return [*lines, str(program) if program else f"sysbench: {_why_no_sysbench()}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that needs a server."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("live")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once per chosen series; with none chosen it is skipped."""
    for name, pairs in EACH.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, pairs, indirect=True, scope="module", ids="-".join)


@pytest.fixture(scope="session")
def _launch_mysql(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> StartMysql:
    found = pytestconfig.stash[_DISCOVERY]
    templates = tmp_path_factory.mktemp("mysql-templates")

    def launch(kind: Kind, series: str | None = None, **options: object) -> PrivateMysql:
        if series is None and not SERIES[kind]:
            pytest.skip(f"no {PRODUCTS[kind]} was chosen through SETPOINT_TEST_{kind.upper()}")
        wanted = series or SERIES[kind][-1]
        build = _newest(found, kind, wanted)
        if build is None:
            pytest.skip(f"{PRODUCTS[kind]} {wanted} is not here: {_why_absent(found, kind, wanted)}")
        return PrivateMysql(build, **{"templates": templates, **options})

    return launch


@pytest.fixture(scope="module")
def mariadb(_launch_mysql: StartMysql) -> Iterator[PrivateMysql]:
    """Return a server of the newest chosen MariaDB, fresh for this module."""
    with _launch_mysql("mariadb") as server:
        yield server


@pytest.fixture(scope="module")
def mysql(_launch_mysql: StartMysql) -> Iterator[PrivateMysql]:
    """Return a server of the newest chosen MySQL, fresh for this module."""
    with _launch_mysql("mysql") as server:
        yield server


@pytest.fixture(scope="module")
def mariadb_each(request: pytest.FixtureRequest, _launch_mysql: StartMysql) -> Iterator[PrivateMysql]:
    """Return a server of each chosen MariaDB in turn, fresh for this module."""
    with _launch_mysql(*request.param) as server:
        yield server


@pytest.fixture(scope="module")
def mysql_each(request: pytest.FixtureRequest, _launch_mysql: StartMysql) -> Iterator[PrivateMysql]:
    """Return a server of each chosen MySQL in turn, fresh for this module."""
    with _launch_mysql(*request.param) as server:
        yield server


@pytest.fixture(scope="module")
def mysql_family_each(request: pytest.FixtureRequest, _launch_mysql: StartMysql) -> Iterator[PrivateMysql]:
    """Return a server of each chosen MariaDB and MySQL in turn, fresh for this module."""
    with _launch_mysql(*request.param) as server:
        yield server


@pytest.fixture
def start_mariadb(_launch_mysql: StartMysql) -> Iterator[StartMysql]:
    """Start a MariaDB for this test alone: a series as text, and what ``PrivateMysql`` takes."""
    with ExitStack() as stack:
        yield lambda series=None, **options: stack.enter_context(_launch_mysql("mariadb", series, **options))


@pytest.fixture
def start_mysql(_launch_mysql: StartMysql) -> Iterator[StartMysql]:
    """Start a MySQL for this test alone: a series as text, and what ``PrivateMysql`` takes."""
    with ExitStack() as stack:
        yield lambda series=None, **options: stack.enter_context(_launch_mysql("mysql", series, **options))


@pytest.fixture
def mariadb_pair(start_mariadb: StartMysql) -> Pair:
    """Return two servers of the newest chosen MariaDB, one replicating from the other."""
    return _make_pair("mariadb", start_mariadb)


@pytest.fixture
def mysql_pair(start_mysql: StartMysql) -> Pair:
    """Return two servers of the newest chosen MySQL, one replicating from the other."""
    return _make_pair("mysql", start_mysql)


@pytest.fixture(scope="session")
def sysbench() -> SysbenchBinary:
    """Where sysbench lies on this machine."""
    found = find_sysbench()
    if found is None:
        pytest.skip(f"sysbench is not here: {_why_no_sysbench()}")
    return found


def _make_pair(kind: Kind, start: StartMysql) -> Pair:
    primary, replica = (start(conf=replication_settings(kind, number)) for number in (1, 2))
    follow(replica, primary)
    return Pair(primary, replica)


def _newest(found: MysqlDiscovery, kind: Kind, series: str) -> MysqlBinaries | None:
    major, minor = map(int, series.split("."))
    return found.newest(kind, (major, minor))


def _why_absent(found: MysqlDiscovery, kind: Kind, series: str) -> str:
    """Say why a series is not here: what its fetch said, or what is wrong with its tree."""
    name = f"{kind}-{series}"
    note = cache_folder() / "engines" / f"{name}.absent"
    if note.is_file():
        return note.read_text(encoding="utf-8").strip()
    for place, reason in found.faults:
        if place.name.startswith(f"{name}."):
            return f"{place}: {reason}"
    return f"not fetched; run: python tools/engines.py fetch {name}"


def _why_no_sysbench() -> str:
    note = cache_folder() / "engines" / "sysbench.absent"
    if note.is_file():
        return note.read_text(encoding="utf-8").strip()
    return "not fetched; run: python tools/engines.py fetch sysbench"
