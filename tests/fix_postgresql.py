"""Private PostgreSQL servers for tests.

``postgresql``              a running server of the newest major chosen; fresh for each test module
``postgresql_each``         the same for every major chosen: the test runs once per major
``postgres_server(major)``  one server per major for the whole run: read it, or leave it as it was
``start_postgresql(...)``   starts one for a single test: a major, and what ``PrivatePostgres`` takes
``postgresql_binaries``     the builds found, by major

``@pytest.mark.postgresql(">= 14")`` says which majors a test applies to. The environment variable
SETPOINT_TEST_MAJORS chooses the majors (default ``13,18``). A major that is not on this machine skips its
tests with the reason.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from setpoint.lab.binaries import Discovery, PostgresBinaries, cache_folder, find_binaries
from setpoint.lab.launch import PrivatePostgres

MAJORS = tuple(sorted(int(word) for word in os.environ.get("SETPOINT_TEST_MAJORS", "13,18").split(",")))
FIXTURES = {"postgresql", "postgresql_each", "postgres_server", "postgresql_binaries", "start_postgresql"}
COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_DISCOVERY = pytest.StashKey[Discovery]()

StartPostgres = Callable[..., PrivatePostgres]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_DISCOVERY] = find_binaries()


def pytest_report_header(config: pytest.Config) -> list[str]:
    found = config.stash[_DISCOVERY]
    lines = [f"{build}" for build in map(found.newest, MAJORS) if build]
    absent = [
        f"PostgreSQL {major}: {_why_absent(found, major)}" for major in MAJORS if not found.newest(major)
    ]
    return [*lines, *absent]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that needs a server."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("live")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once per chosen major that its marker admits."""
    if "postgresql_each" not in metafunc.fixturenames:
        return
    majors = [major for major in MAJORS if _applies(metafunc.definition, major)]
    metafunc.parametrize(
        "postgresql_each", majors, indirect=True, scope="module", ids=lambda major: f"pg{major}"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test on the newest server when its marker does not admit that one."""
    if "postgresql" in getattr(item, "fixturenames", ()) and not _applies(item, MAJORS[-1]):
        pytest.skip(f"does not apply to PostgreSQL {MAJORS[-1]}")


@pytest.fixture(scope="session")
def postgresql_binaries(pytestconfig: pytest.Config) -> dict[int, PostgresBinaries]:
    """The builds found on this machine: the newest of each chosen major."""
    found = pytestconfig.stash[_DISCOVERY]
    return {build.major: build for build in map(found.newest, MAJORS) if build}


@pytest.fixture(scope="session")
def _launch(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> StartPostgres:
    found = pytestconfig.stash[_DISCOVERY]
    templates = tmp_path_factory.mktemp("templates")

    def launch(major: int, **options: object) -> PrivatePostgres:
        build = found.newest(major)
        if build is None:
            pytest.skip(f"PostgreSQL {major} is not here: {_why_absent(found, major)}")
        return PrivatePostgres(build, **{"templates": templates, **options})

    return launch


@pytest.fixture(scope="session")
def postgres_server(_launch: StartPostgres) -> Iterator[Callable[[int], PrivatePostgres]]:
    """Return the shared server of a major, started at its first use."""
    running: dict[int, PrivatePostgres] = {}
    with ExitStack() as stack:

        def server(major: int) -> PrivatePostgres:
            if major not in running:
                running[major] = stack.enter_context(_launch(major))
            return running[major]

        yield server


@pytest.fixture
def start_postgresql(_launch: StartPostgres) -> Iterator[StartPostgres]:
    """Start a server for this test alone: a major, and what ``PrivatePostgres`` takes."""
    with ExitStack() as stack:

        def start(major: int = MAJORS[-1], **options: object) -> PrivatePostgres:
            return stack.enter_context(_launch(major, **options))

        yield start


@pytest.fixture(scope="module")
def postgresql(_launch: StartPostgres) -> Iterator[PrivatePostgres]:
    """Return a server of the newest chosen major, fresh for this module."""
    with _launch(MAJORS[-1]) as server:
        yield server


@pytest.fixture(scope="module")
def postgresql_each(request: pytest.FixtureRequest, _launch: StartPostgres) -> Iterator[PrivatePostgres]:
    """Return a server of each chosen major in turn, fresh for this module."""
    with _launch(request.param) as server:
        yield server


def _applies(node: pytest.Item | pytest.Collector, major: int) -> bool:
    """Judge every ``postgresql`` marker of a test against a major."""
    for marker in node.iter_markers("postgresql"):
        for clause in str(marker.args[0]).split(","):
            comparison, wanted = clause.split()
            if not COMPARISONS[comparison](major, int(wanted)):
                return False
    return True


def _why_absent(found: Discovery, major: int) -> str:
    """Say why a major is not here: what its fetch said, or what is wrong with its tree."""
    note = cache_folder() / "engines" / f"postgresql-{major}.absent"
    if note.is_file():
        return note.read_text(encoding="utf-8").strip()
    for place, reason in found.faults:
        if place.parent.name.startswith(f"postgresql-{major}"):
            return f"{place}: {reason}"
    return f"not fetched; run: python tools/engines.py fetch postgresql-{major}"


def skip_without_module(builds: dict[int, PostgresBinaries], major: int, module: str) -> None:
    """Skip a test that needs a loadable module which this build of a major does not bring."""
    build = builds.get(major)
    if build is not None and not any(build.bindir.parent.rglob(f"{module}.so")):
        pytest.skip(f"{build} brings no {module}")
