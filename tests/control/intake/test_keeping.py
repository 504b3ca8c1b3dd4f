"""What files say of an instance becomes what is known of it, and no more than they say."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from setpoint.config.configuration import Instance
from setpoint.config.drift import DriftClass
from setpoint.config.dump import Dump, DumpSetting, Problem, Severity, Source
from setpoint.config.observation import OriginKind
from setpoint.errors import InputError, InputErrors, NotFoundError

BANK = "bank"
THEN = datetime(2026, 1, 2, tzinfo=UTC)
KB, MB = 1 << 10, 1 << 20


@pytest.fixture
def bank(setpoint):
    setpoint.add_instance(BANK, Instance(engine="postgresql"), reason="air-gapped")
    return setpoint


def setting(name, raw, value=None, **fields):
    return DumpSetting(name=name, raw=raw, value=raw if value is None else value, line=1, **fields)


def dump(*settings, path="a.txt", version: str | None = "16", **fields):
    fields = {"engine": "postgresql", "kind": "pg_settings", **fields}
    return Dump(path=path, version=version, settings=settings, **fields)


def running(*settings, **fields):
    return dump(*settings, is_running=True, **fields)


def written(*settings, path="postgresql.conf", **fields):
    return dump(*settings, path=path, kind="postgresql.conf", **fields)


def keep(setpoint, *dumps, at=THEN):
    return setpoint.intake.keep(BANK, list(dumps), written_at=at)


def drift_of(setpoint, **settings):
    setpoint.change_settings(f"instance:{BANK}", settings, reason="wanted")
    return {each.parameter: each for each in setpoint.drift(BANK)[1]}


def test_what_runs_comes_from_the_dump_and_where_it_stands_from_the_option_file(bank):
    seen = keep(
        bank,
        running(setting("work_mem", "4096", 4 * MB, unit="B")),
        written(setting("work_mem", "4MB", 4 * MB, unit="B"), setting("jit", "off", value=False)),
    )
    assert seen.settings["work_mem"].value == "4096"
    assert [(each.kind, each.file, each.is_in_force) for each in seen.settings["work_mem"].origins] == [
        (OriginKind.FILE, "postgresql.conf", False),
        (OriginKind.FILE, "", True),
    ]
    assert not seen.settings["work_mem"].is_inferred
    assert seen.settings["jit"].value == "off"
    assert seen.settings["jit"].is_inferred
    assert seen.came_by == "a.txt, postgresql.conf"


def test_of_many_files_the_first_few_are_named(bank):
    seen = keep(bank, *(dump(setting("jit", "off"), path=f"{number}.txt") for number in range(5)))
    assert seen.came_by == "0.txt, 1.txt, 2.txt and 2 more"


def test_what_waits_for_a_restart_runs_as_the_file_says_and_is_pending(bank):
    waiting = setting("shared_buffers", "2GB", 2048 * MB, unit="B", running=128 * MB)
    seen = keep(bank, running(waiting))
    kept = seen.settings["shared_buffers"]
    assert (kept.value, kept.pending) == (str(128 * MB // (8 * KB)), "2GB")


def test_an_exporters_number_is_kept_as_the_server_shows_it(bank):
    seen = keep(
        bank,
        running(
            setting("shared_buffers", "1.34217728e+08", 128 * MB, unit="B"),
            setting("log_file_mode", "600", 0o600),
            setting("jit", "1", value=True),
        ),
    )
    assert {name: each.value for name, each in seen.settings.items()} == {
        "shared_buffers": "16384",
        "log_file_mode": "0600",
        "jit": "1",
    }


def test_values_of_databases_roles_and_clients_are_not_the_instances(bank):
    seen = keep(
        bank,
        dump(
            setting("jit", "off", scope="role:lin", source=Source.ROLE),
            setting("work_mem", "1MB", scope="database:app", source=Source.DATABASE),
            setting("port", "5433", scope="client"),
            setting("statement_timeout", "5s", scope="session"),
        ),
    )
    assert set(seen.settings) == {"jit", "work_mem"}
    assert {each.value for each in seen.settings.values()} == {None}
    assert seen.settings["jit"].origins[0].scope == "role lin"


def test_a_secret_is_known_to_be_set_and_its_value_is_not(bank):
    hidden = DumpSetting(name="primary_conninfo", raw=None, value=None, line=3)
    seen = keep(bank, dump(hidden, redacted=("primary_conninfo",)))
    assert seen.settings["primary_conninfo"].value is None


def test_errors_of_the_files_are_faults_of_its_files(bank):
    problems = (
        Problem(severity=Severity.ERROR, line=3, message="no unit"),
        Problem(severity=Severity.NOTE, line=4, message="twice"),
    )
    seen = keep(bank, written(setting("jit", "off"), problems=problems))
    assert [(each.file, each.line, each.message) for each in seen.file_faults] == [
        ("postgresql.conf", 3, "no unit")
    ]


@pytest.mark.parametrize(
    ("fields", "is_partial"),
    [
        ({}, True),
        ({"is_complete": True}, True),
        ({"is_running": True}, True),
        ({"is_complete": True, "is_running": True}, False),
    ],
)
def test_only_a_whole_dump_of_what_runs_tells_everything(bank, fields, is_partial):
    assert keep(bank, dump(setting("jit", "off"), **fields)).is_partial is is_partial


def test_what_no_file_says_is_unknown_and_never_the_default(bank):
    keep(bank, running(setting("work_mem", "4096", 4 * MB, unit="B")), at=bank.now())
    found = drift_of(bank, work_mem="4MB", jit="on")
    assert found["jit"].drift_class is DriftClass.UNKNOWN
    assert found["work_mem"].drift_class is DriftClass.IN_SYNC


def test_what_files_say_otherwise_is_drift(bank):
    keep(bank, running(setting("work_mem", "8192", 8 * MB, unit="B")), at=bank.now())
    assert drift_of(bank, work_mem="4MB")["work_mem"].drift_class is DriftClass.DRIFTED


def test_an_instance_told_by_old_files_is_stale(bank):
    keep(bank, running(setting("work_mem", "4096", 4 * MB, unit="B")))
    assert drift_of(bank, work_mem="4MB")["work_mem"].drift_class is DriftClass.STALE


def test_files_of_another_engine_are_refused_all_at_once(bank):
    with pytest.raises(InputErrors) as caught:
        keep(
            bank,
            dump(setting("jit", "off")),
            dump(setting("port", "1"), path="my.cnf", engine="mysql", version=None),
            Dump(path="nginx.conf", engine=None, kind="nginx"),
        )
    assert "my.cnf: this is a file of mysql, and bank is of postgresql" in str(caught.value)
    assert "nginx.conf: this is a file of nginx" in str(caught.value)
    assert len(caught.value.faults) == 2
    with pytest.raises(NotFoundError):
        bank.last_seen(BANK)


def test_files_of_different_versions_are_refused_with_their_names(bank):
    with pytest.raises(InputErrors, match=r"a\.txt of 16\.4, b\.txt of 15\.1"):
        keep(bank, dump(setting("jit", "off"), version="16.4"), dump(path="b.txt", version="15.1"))


def test_files_of_one_family_are_of_its_latest_version(bank):
    seen = keep(bank, dump(setting("jit", "off"), version="16"), dump(path="b.txt", version="16.4"))
    assert seen.facts.version == "16.4"


def test_files_that_tell_no_version_are_of_the_known_one(bank):
    with pytest.raises(InputError, match="no file tells the version"):
        keep(bank, dump(setting("jit", "off"), version=None))
    keep(bank, dump(setting("jit", "off")))
    later = THEN + timedelta(days=1)
    assert keep(bank, dump(setting("jit", "on"), version=None), at=later).facts.version == "16"


def test_files_without_a_setting_are_refused(bank):
    with pytest.raises(InputError, match="hold no setting"):
        keep(bank, dump())


def test_what_is_older_than_what_is_known_is_refused(bank):
    keep(bank, dump(setting("jit", "off")))
    with pytest.raises(InputError, match="seen later"):
        keep(bank, dump(setting("jit", "on")), at=THEN - timedelta(seconds=1))
    assert bank.last_seen(BANK)[0].settings["jit"].value == "off"


def test_what_is_from_the_future_is_refused(bank):
    with pytest.raises(InputError, match="from the future"):
        keep(bank, dump(setting("jit", "off")), at=datetime.now(UTC) + timedelta(hours=1))


def test_an_instance_that_nobody_registered_has_no_files(setpoint):
    with pytest.raises(NotFoundError, match=BANK):
        keep(setpoint, dump(setting("jit", "off")))


def test_the_files_own_time_counts_where_nobody_says_another(bank, tmp_path):
    paths = [tmp_path / name for name in ("a.txt", "b.txt")]
    for number, path in enumerate(paths):
        path.write_text("")
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    dumps = [dump(setting("jit", "off"), path=str(path)) for path in paths]
    seen = bank.intake.keep(BANK, dumps)
    assert seen.at == datetime.fromtimestamp(1_700_000_001, UTC)


def test_a_file_from_a_host_whose_clock_is_ahead_was_written_now(bank, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("")
    ahead = datetime.now(UTC).timestamp() + 10_000
    os.utime(path, (ahead, ahead))
    seen = bank.intake.keep(BANK, [dump(setting("jit", "off"), path=str(path))])
    assert seen.at <= datetime.now(UTC)


def test_what_was_kept_before_stays_in_the_history(bank):
    for number in range(3):
        keep(bank, dump(setting("jit", "off")), at=THEN + timedelta(days=number))
    times = [seen.at for seen in bank._context.store.snapshots.history(BANK)]
    assert all(earlier != later for earlier, later in pairwise(sorted(times)))
    assert bank.last_seen(BANK)[0].at == THEN + timedelta(days=2)
