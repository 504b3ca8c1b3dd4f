"""Random configuration files: the importer and a real server agree on every value and every refusal."""

from __future__ import annotations

import random
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from setpoint.catalog import Context, Kind
from setpoint.config.dump import Severity
from setpoint.engines.document import Document
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.postgresql.dialect import knowledge, quote_conf
from setpoint.engines.postgresql.dumps.conf_file import ConfReader
from setpoint.engines.postgresql.dumps.typed import told
from setpoint.engines.registry import shipped_catalog

# Judged by what this machine is, or by rules over several parameters, or printed otherwise by the server.
NOT_HERE = {"config_file", "data_directory", "external_pid_file", "hba_file", "ident_file", "huge_page_size"}
NOT_HERE |= {"effective_io_concurrency", "maintenance_io_concurrency", "max_stack_depth", "port", "ssl"}
NOT_HERE |= {"bonjour", "dynamic_shared_memory_type", "shared_memory_type", "io_method", "wal_sync_method"}
NOT_HERE |= {"huge_pages", "syslog_facility", "role", "seed", "is_superuser", "session_authorization"}
NOT_HERE |= {"io_max_combine_limit", "io_combine_limit", "event_source", "debug_io_direct", "jit_provider"}
NOT_HERE |= {
    "backend_flush_after",
    "bgwriter_flush_after",
    "checkpoint_flush_after",
    "wal_writer_flush_after",
}
NOT_HERE |= {"recovery_target_timeline", "transaction_deferrable", "transaction_isolation"}
NOT_HERE |= {"transaction_read_only"}
# With these the server would keep its faults to itself.
NOT_HERE |= {"log_min_messages", "log_error_verbosity", "client_min_messages"}
# The server bounds the sum of these, each at its own turn, which no single line tells.
SUMMED = {"max_connections", "max_worker_processes", "max_wal_senders", "autovacuum_max_workers"}
STRINGS = ["log_line_prefix", "cluster_name", "archive_command", "log_filename", "krb_server_keyfile"]
STRINGS += ["bonjour_name", "syslog_ident", "archive_cleanup_command", "primary_slot_name", "recovery_target"]
TEXTS = [
    "",
    "plain",
    "it's",
    'say "no"',
    "a # b",
    "back\\slash",
    "tab\there",
    "ü",
    "%m [%p] ",
    "a=b;c",
    "x" * 70,
]
NUMERIC = {Kind.INTEGER, Kind.FLOAT, Kind.SIZE, Kind.DURATION}
BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[-._:/]\w+)*|-?\d+[A-Za-z]*|-?\d+\.\d+")
SAID = re.compile(r"(?:LOG|FATAL|ERROR): +(.*)")
NAMED = re.compile(r'parameter "([^"]+)"')
PLACED = re.compile(r'in file "([^"]+)" line (\d+)')


class Files:
    """A folder that the server may read, made afresh for each case."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder

    def write(self, files):
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True, mode=0o755)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o644)
        (self.folder / "conf.d").mkdir(exist_ok=True, mode=0o755)

    def ask(self, name):
        """Answer what `postgres -C` prints of a parameter, or the faults it finds in the files."""
        program = str(self.server.binaries.bindir / "postgres")
        conf = f"config_file={self.folder / 'postgresql.conf'}"
        command = [*self.server.privileges.prefix, program, "-D", str(self.server.data_dir), "-c", conf, "-C"]
        environment = self.server.binaries.environment()
        answer = subprocess.run(
            [*command, name], capture_output=True, text=True, check=False, env=environment, timeout=60
        )
        if answer.returncode == 0:
            return answer.stdout.removesuffix("\n"), []
        return None, SAID.findall(answer.stderr)

    # The shelf of the importer.

    def read(self, path):
        place = self.folder / path
        return place.read_text(encoding="utf-8") if place.is_file() else None

    def names(self, folder):
        place = self.folder / folder
        return tuple(sorted(each.name for each in place.iterdir())) if place.is_dir() else None


@pytest.fixture(params=["newest", "oldest"])
def files(request, postgres_server, postgresql_binaries):
    majors = sorted(postgresql_binaries)
    if not majors:
        pytest.skip("no PostgreSQL is here")
    server = postgres_server(majors[-1] if request.param == "newest" else majors[0])
    with tempfile.TemporaryDirectory(prefix="sp-conf-") as folder:
        Path(folder).chmod(0o755)
        yield Files(server, Path(folder))


def number_text(rng, parameter):
    most = 1000 if parameter.max is None or parameter.name in SUMMED else parameter.max
    low, high = max(parameter.min or 0, -1e300), min(most, 1e300)
    number = rng.choice(
        [low, high, rng.uniform(low, high), rng.uniform(low, min(high, low + 1000)), high * 2 + 1]
    )
    if parameter.is_integral or rng.random() < 0.5:
        number = int(number)
    text = repr(number)
    unit = parameter.unit_of(ENGINE.grammar)
    if rng.random() < 0.4:
        words = [each.name for each in ENGINE.grammar.units.of(unit.dimension)] if unit else ["kB"]
        amount = rng.choice([rng.randint(0, 2000), round(rng.uniform(0, 50), 2), 1, 64])
        text = f"{amount}{rng.choice(['', '', ' '])}{rng.choice(words)}"
    return rng.choice(
        [text] * 12 + [text + "kb", hex(abs(int(number))), "", "one", f" {text} ", "1e2", "010", "-1"]
    )


def sane_text_of(rng, parameter):
    """Answer a text that is likely to be taken."""
    if parameter.kind is Kind.BOOL:
        return rng.choice(["on", "off", "true", "no", "1", "0", "Tr", "f"])
    if parameter.kind is Kind.ENUM:
        return rng.choice(parameter.values)
    if parameter.kind not in NUMERIC:
        return rng.choice(TEXTS)
    low = max(parameter.min or 0, 0)
    high = min(parameter.max or 1000, max(low * 4, low + 1000))
    number = rng.uniform(low, high)
    return str(int(number) if parameter.is_integral else round(number, 3))


def text_of(rng, parameter):
    if parameter.kind is Kind.BOOL:
        good = ["on", "off", "true", "false", "yes", "no", "1", "0", "ON", "Tr", "f", "y", "of"]
        return rng.choice(good * 3 + ["o", "2", "", "maybe", " on", "01"])
    if parameter.kind is Kind.ENUM:
        good = [*parameter.values, *parameter.aliases]
        return rng.choice(good * 3 + [rng.choice(good).upper(), "nonsense", "", f"{good[0]} "])
    if parameter.kind in NUMERIC:
        return number_text(rng, parameter)
    return rng.choice(TEXTS)


def line_of(rng, name, text):
    is_bare = BARE.fullmatch(text) is not None and rng.random() < 0.6
    value = text if is_bare else quote_conf(text)
    if not is_bare and rng.random() < 0.2:
        value = value.replace("a", "\\141").replace("''", "\\'")
    spelt = rng.choice([name, name, name.upper(), name.title()])
    between = rng.choice([" = ", "=", " ", "\t=  "])
    return f"{rng.choice(['', '', '  '])}{spelt}{between}{value}{rng.choice(['', '', ' # why', '   '])}"


def random_files(rng, parameters):
    parts = {"postgresql.conf": [], "conf.d/10.conf": [], "conf.d/20.conf": [], "extra.conf": []}
    is_sane = rng.random() < 0.6
    write = sane_text_of if is_sane else text_of
    for _ in range(rng.randint(1, 7)):
        parameter = rng.choice(parameters)
        for _ in range(rng.choice([1, 1, 1, 2])):
            place = rng.choice(list(parts))
            parts[place].append(line_of(rng, parameter.name, write(rng, parameter)))
    head = parts["postgresql.conf"]
    head.insert(rng.randint(0, len(head)), rng.choice(["include_dir 'conf.d'", "include_dir = conf.d"]))
    head.insert(
        rng.randint(0, len(head)), rng.choice(["include 'extra.conf'", "include_if_exists = 'extra.conf'"])
    )
    head.append(rng.choice(["include_if_exists 'absent.conf'", "# nothing", "", "my_app.flag = 'x'"]))
    if not is_sane and rng.random() < 0.3:
        bad = [
            "include 'absent.conf'",
            "no_such_name = 1",
            "work_mem = ",
            "a b c",
            "work_mem = 'open",
            "jit on on",
        ]
        head.append(rng.choice(bad))
    return {name: "\n".join(lines) + "\n" for name, lines in parts.items()}


def parameters_of(catalog):
    return [
        each
        for each in catalog.core
        if each.name not in NOT_HERE
        and each.context is not Context.FIXED
        and (each.kind in NUMERIC or each.kind in {Kind.BOOL, Kind.ENUM} or each.name in STRINGS)
        and "DEVELOPER" not in each.category.upper()
    ]


def compare(files, written, catalog, version):
    """Compare one case; answer what was accepted and what was refused."""
    files.write(written)
    text = written["postgresql.conf"]
    dumps = ConfReader().read(Document("postgresql.conf", text, shelf=files), version)
    settings = {each.name.lower(): each for dump in dumps for each in dump.settings}
    errors = [p for dump in dumps for p in dump.problems if p.severity is Severity.ERROR]
    _, said = files.ask("work_mem")
    if said:
        assert errors, (written, said)
        placed = [(Path(path).name, int(line)) for path, line in PLACED.findall("\n".join(said))]
        if placed:
            found = {(Path(dump.path).name, p.line) for dump in dumps for p in dump.problems}
            assert set(placed) <= found, (written, said, errors)
            return 0, len(placed)
        refused = {name.lower() for each in said for name in NAMED.findall(each)}
        ours = {problem.message.partition(":")[0].lower() for problem in errors}
        assert {name for name, each in settings.items() if each.value is None} <= ours
        assert refused == ours or not refused, (written, said, errors)
        return 0, len(refused)
    assert not errors, (written, errors)
    for name, setting in settings.items():
        if name in knowledge.NORMALISED or name in knowledge.SHOWN_OTHERWISE or "." in name:
            continue
        shown, _ = files.ask(name)
        parameter = catalog.get(name)
        meant = told(name, shown, version)
        is_same = meant.value == pytest.approx(setting.value, rel=1e-5) if parameter.is_numeric else None
        assert is_same or meant.value == setting.value, (name, setting, shown)
    return len(settings), 0


def run(files, count, seed):
    version = files.server.binaries.version
    catalog = shipped_catalog(ENGINE, str(version[0]))
    rng = random.Random(seed)  # noqa: S311 - cases, no secrets
    parameters = parameters_of(catalog)
    accepted = refused = 0
    for _ in range(count):
        taken, left = compare(files, random_files(rng, parameters), catalog, ".".join(map(str, version)))
        accepted, refused = accepted + taken, refused + left
    return accepted, refused


def test_random_files_mean_what_the_server_makes_of_them(files):
    accepted, refused = run(files, 30, seed=1)
    assert accepted > 20
    assert refused > 5


@pytest.mark.slow
def test_three_hundred_random_files_mean_what_the_server_makes_of_them(files):
    accepted, refused = run(files, 300, seed=2)
    assert accepted > 300
    assert refused > 50
