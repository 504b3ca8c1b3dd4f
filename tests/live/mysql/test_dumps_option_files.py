"""The importer and the servers agree on option files: on every value taken, and on every refusal.

MariaDB prints the values it takes (``--help --verbose``), and its exit code lies: it is 0 where a plugin
refuses an option and is left out. MySQL has ``--validate-config``, and prints its values besides.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from setpoint.catalog import Kind as ValueKind
from setpoint.catalog import Parameter
from setpoint.engines.document import Document
from setpoint.engines.meanings import Meanings
from setpoint.engines.mysql.dumps import readers
from setpoint.engines.mysql.dumps.running import leniently
from setpoint.lab.mysql_binaries import MysqlBinaries, find_mysql

FEW, MANY = 30, 300
_ROW = re.compile(r"(\S+)\s*(.*)")
_HOSTS = re.compile(
    r"dir|path|file$|character|collation|lc_|plugin|ssl|tls|socket|basename|version|init_|wsrep|time_zone|host"
    r"|bind|log_error|innodb_data|secure|ft_|_format$|session_track_system|_skip_err|open_files|log_warnings"
    r"|^port$|table_open_cache|lower_case_table|back_log|retry_err|max_relay_log_size|thread_cache_size"
    r"|optimizer_trace|server_memory|server_id_bits|compression_algorithms|segment_reserve|max_connections"
    r"|write_ahead_size|caching_sha2|log_writer_threads|autoinc_lock|metadata_locks|slave_trans|admin|report"
    r"|row_event_max|thread_handling|log_bin$|ignore_builtin"
    r"|session_mem_used|max_tmp_total|buffer_pool_size_max|thread_pool_size|table_definition_cache|host_cache|debug"
)
"""Variables whose value the host or another variable decides, or whose text its catalog does not know."""
_REFUSED = re.compile(r"\[ERROR\]")
_OF_THIS_HOST = re.compile(r"Aborting|secure-file-priv|realpath|Stopped processing")


@pytest.fixture(scope="module", params=["mariadb-10.11", "mysql-9.7"])
def build(request):
    kind, _, series = request.param.partition("-")
    major, minor = map(int, series.split("."))
    found = find_mysql().newest(kind, (major, minor))
    if found is None:
        pytest.skip(f"{request.param} is not here")
    return found


def tell(build: MysqlBinaries, folder: Path, text: str) -> tuple[Mapping[str, str], list[str]]:
    """Answer the values a server takes from an option file, and why it refuses it."""
    file = folder / "my.cnf"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o644)
    server = [*build.program("mariadbd", "mysqld"), f"--defaults-file={file}"]
    refusals: list[str] = []
    if build.kind == "mysql":
        options = ["--validate-config", "--secure-file-priv=NULL", "--user=root", f"--datadir={folder}/none"]
        refusals = _blame(_run([*server, *options], build).stderr)
    done = _run([*server, "--verbose", "--help"], build)
    if build.kind == "mariadb":
        refusals = _blame(done.stderr) + ([f"exit code {done.returncode}"] if done.returncode else [])
    rows = done.stdout.partition("\nVariables (--variable-name=value)")[2].splitlines()[2:]
    values = [_ROW.fullmatch(row) for row in rows[: rows.index("")]] if "" in rows else []
    return {found[1].replace("-", "_").lower(): found[2] for found in values if found}, refusals


def _run(command: list[str], build: MysqlBinaries) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        errors="replace",
        env=build.environment(),
    )


def _blame(said: str) -> list[str]:
    return [line for line in said.splitlines() if _REFUSED.search(line) and not _OF_THIS_HOST.search(line)]


class Writer:
    """Writes option files with what people write, and with mistakes."""

    def __init__(self, seed: int, parameters: list[Parameter]) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a choice, no secret
        self.parameters = parameters

    def file(self) -> str:
        count = self.chance.randint(1, 6)
        lines = ["[mysqld]", *(self.line(each) for each in self.chance.sample(self.parameters, count))]
        if self.chance.random() < 0.2:
            lines.append(lines[-1])
        if self.chance.random() < 0.06:
            lines.append("no_such_thing = 1")
        if self.chance.random() < 0.1:
            lines += ["[client]", "port = none", "[mysqld-5.7]", "foo"]
        return "\n".join(lines) + "\n"

    def line(self, parameter: Parameter) -> str:
        name = parameter.name.lower()
        text = self.text(parameter)
        name = name.replace("_", "-") if self.chance.random() < 0.5 else name
        if parameter.kind is ValueKind.BOOL and self.chance.random() < 0.1:
            return f"skip-{name}"
        if self.chance.random() < 0.1:
            name = self.chance.choice(("loose-", "loose_")) + name
        if text is None:
            return name
        text = self.chance.choice((text, text, text, f'"{text}"', f"'{text}'", f"{text}  # so"))
        return f"{name}{self.chance.choice(('=', ' = ', ' ='))}{text}"

    def text(self, parameter: Parameter) -> str | None:
        is_odd = self.chance.random() < 0.08
        if parameter.kind is ValueKind.BOOL:
            odd, plain = ("yes", "2", "", "maybe"), ("ON", "off", "1", "0", "TRUE", "false", None)
        elif parameter.kind is ValueKind.FLOAT or not parameter.is_integral:
            odd, plain = ("abc", "1K", "5 s", "nan"), ("0.5", "1e1", "3", "99.9", "1000.25", "-1")
        elif parameter.is_numeric:
            odd = ("16MB", "abc", "0x10", "1.5", "", "-1", "9" * 20, "1 M", None, "10s", "5kb", "17E")
            plain = self._numbers(parameter)
        elif parameter.kind is ValueKind.ENUM:
            word = self.chance.choice(parameter.values)
            odd, plain = ("foo", "99"), (word, word.lower(), str(parameter.values.index(word)))
        elif parameter.kind is ValueKind.FLAGS:
            some = self.chance.sample(parameter.values, min(len(parameter.values), 2))
            odd, plain = ("foo", "9" * 15, "a,b"), (",".join(some), some[0].lower())
        else:
            odd = ("foo=on", "mrr", "x=on,x=off")
            plain = tuple(f"{flag}={state}" for flag in parameter.values[:6] for state in ("on", "off"))
        return self.chance.choice(odd if is_odd else plain)

    def _numbers(self, parameter: Parameter) -> tuple[str, ...]:
        low = int(parameter.min or 0)
        high = min(int(parameter.max if parameter.max is not None else 1 << 40), 1 << 50)
        between = self.chance.randint(low, max(low, min(high, 100_000)))
        return (str(low), str(high), str(high + 1), str(between), f"{between % 64 + 1}k", f"{between % 9}M")


def chosen(meanings: Meanings, version: str, offered: Mapping[str, str]) -> list[Parameter]:
    catalog = meanings.shipped(version)
    assert catalog is not None
    typed = [
        each for each in catalog.parameters if each.is_numeric or each.kind is ValueKind.BOOL or each.values
    ]
    return [each for each in typed if each.name.lower() in offered and not _HOSTS.search(each.name)]


def compare(build: MysqlBinaries, folder: Path, count: int, seed: int) -> list[str]:
    meanings = Meanings(build.kind)
    version = ".".join(map(str, build.version))
    offered, _ = tell(build, folder, "[mysqld]\n")
    reader = next(each for each in readers(build.kind) if each.kind == "my.cnf")
    writer = Writer(seed, chosen(meanings, version, offered))
    faults: list[str] = []
    for _ in range(count):
        text = writer.file()
        values, refusals = tell(build, folder, text)
        (dump,) = reader.read(Document.of("my.cnf", text.encode()), version)
        errors = [problem.message for problem in dump.problems if problem.severity.value == "error"]
        if bool(errors) != bool(refusals):
            faults.append(f"{text}\nthe server: {refusals}\nthe importer: {errors}")
        for setting in () if refusals else dump.settings:
            parameter = meanings.parameter(setting.name, version)
            if setting.scope != "instance" or setting.value is None or parameter is None:
                continue
            shown = leniently(parameter, values[setting.name].replace("(No default value)", "")).value
            if not is_same(parameter, setting.value, shown):
                faults.append(f"{setting.name} = {setting.raw}: {setting.value!r}, the server has {shown!r}")
    return faults


def is_same(parameter: Parameter, ours: object, shown: object) -> bool:
    if isinstance(ours, (int, float)) and isinstance(shown, (int, float)):
        return ours == pytest.approx(shown, rel=1e-5)
    if parameter.kind in {ValueKind.FLAGS, ValueKind.SWITCHES}:
        return set(str(ours).lower().split(",")) - {""} <= set(str(shown).lower().split(","))
    return ours == shown


def test_a_few_option_files_are_taken_as_the_server_takes_them(build, tmp_path):
    assert compare(build, tmp_path, FEW, seed=1) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_many_option_files_are_taken_as_the_server_takes_them(build, tmp_path, seed):
    assert compare(build, tmp_path, MANY // 3, seed=seed) == []


def test_includes_are_read_in_the_servers_own_order(build, tmp_path):
    folder = tmp_path / "conf.d"
    folder.mkdir()
    for name, number in (("b.cnf", 300), ("a.cnf", 200), ("z.txt", 900)):
        (folder / name).write_text(f"[mysqld]\nback_log={number}\n", encoding="utf-8")
        (folder / name).chmod(0o644)
    values, _ = tell(build, tmp_path, f"[mysqld]\nback_log=100\n!includedir {folder}\n")
    assert values["back_log"] == "300"
    shutil.rmtree(folder)
    _, refusals = tell(build, tmp_path, f"[mysqld]\nback_log=100\n!includedir {folder}\n")
    values, others = tell(build, tmp_path, f"[mysqld]\nback_log=100\n!include {tmp_path}/none.cnf\n")
    assert (bool(refusals) or not values, others, values["back_log"]) == (True, [], "100")
