"""A stand-in for an Oracle database: instances, a server parameter file, containers, locks and jobs.

Behaves as the manual says of ALTER SYSTEM and of the views; names, types and ranges of its parameters are
read from the shipped catalog's data. Queries are run as they are over tables of the views' columns, so a
column that a view does not have is an error here, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import setpoint.engines.oracle as package

BEGAN = "2026-01-01T00:00:00+00:00"
GRANULE = 16 << 20
_GRANULAR = re.compile(r"(.*_(cache|pool)_size|(sga|memory)_(target|max_size|max_target))$")
_SET = re.compile(
    r'ALTER SYSTEM SET "?(?P<name>[\w$#]+)"? = (?P<value>.*?)(?P<deferred> DEFERRED)?'
    r" SCOPE=(?P<scope>BOTH|MEMORY|SPFILE) SID='(?P<sid>[^']+)'",
    re.DOTALL,
)
_RESET = re.compile(r"ALTER SYSTEM RESET \"?(?P<name>[\w$#]+)\"? SCOPE=SPFILE SID='(?P<sid>[^']+)'")
_KILL = re.compile(r"ALTER SYSTEM KILL SESSION '(\d+),(\d+),@(\d+)' IMMEDIATE")
_LITERAL = re.compile(r"'((?:[^']|'')*)'(?:, )?")
_NUMBER = re.compile(r"(-?\d+)([KMGT]?)")
_POWERS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


class Fault(Exception):  # noqa: N818 - what a server says
    """An error of the server: its number and its words."""

    def __init__(self, code, words):
        super().__init__(words)
        self.code, self.words = code, words


@dataclass
class Spec:
    name: str
    type: int
    default: str | None
    start: str | None
    change: str
    low: float | None
    high: float | None
    words: tuple[str, ...]
    is_list: bool
    is_for_pdb: bool = True
    is_for_sid: bool = True


@dataclass
class Job:
    action: str
    at: datetime
    comments: str
    owner: Any
    is_enabled: bool = False
    failures: int = 0


@dataclass
class Instance:
    name: str
    number: int
    memory: dict[tuple[int, str], list[str | None]] = field(default_factory=dict)
    modified: set[tuple[int, str]] = field(default_factory=set)
    unset: set[str] = field(default_factory=set)


class Database:
    def __init__(self, *, version="19.24.0.0.0", sids=("orcl",), is_cdb=False, file="/dbs/spfileorcl.ora"):
        self.version, self.file, self.is_cdb = version, file, is_cdb
        self.specs = _specs(version.split(".")[0])
        self.entries: dict[tuple[int, str, str], list[str | None]] = {}
        self.parameter_file: dict[str, list[str]] = {}
        self.instances = {sid: Instance(sid, number) for number, sid in enumerate(sids, start=1)}
        self.containers = {1: "CDB$ROOT", 3: "SALES"} if is_cdb else {0: "ORCL"}
        self.role, self.open_mode = "PRIMARY", "READ WRITE"
        self.privileges = {"ALTER SYSTEM", "CREATE JOB"}
        self.unseen: set[str] = set()
        self.packages = {"DBMS_LOCK", "DBMS_SCHEDULER", "DBMS_APPLICATION_INFO"}
        self.users = {"SYS", "SETPOINT"}
        self.is_dba = False
        self.advice: dict[str, list[tuple[int, float]]] = {}
        self.statistics = {"user commits": 12_000, "user rollbacks": 10, "redo size": 5_000_000}
        self.jobs: dict[str, Job] = {}
        self.holder = None
        self.sessions: list = []
        self.adjusted: set[str] = set()
        self.tables: dict = {}
        self.is_up, self.state, self.log = True, 0, []
        self.start()

    @property
    def root(self):
        return 1 if self.is_cdb else 0

    def start(self):
        """Start all instances anew, from the file or from the client's parameter file."""
        for session in self.sessions:
            session.end(3113)
        self.sessions, self.holder = [], None
        for instance in self.instances.values():
            instance.memory, instance.modified, instance.unset = {}, set(), set()
            for name, spec in self.specs.items():
                items = self.entry(self.root, instance.name, name)
                if items is None:
                    instance.unset.add(name)
                    items = [spec.start]
                instance.memory[0, name] = [self.rounded(name, item) for item in items]
            instance.memory[0, "spfile"] = [self.file or None]
            for con, _, name in self.entries:
                if con > 1 and (own := self.entry(con, instance.name, name)) is not None:
                    instance.memory[con, name] = [self.rounded(name, item) for item in own]
        self.is_up = True
        self.state += 1

    def entry(self, con, sid, name):
        if not self.file and con <= 1:
            return self.parameter_file.get(name)
        return self.entries.get((con, sid, name)) or self.entries.get((con, "*", name))

    def rounded(self, name, text):
        if text and text.isdigit() and _GRANULAR.fullmatch(name):
            return str(-(-int(text) // GRANULE) * GRANULE)
        return text

    def meddle(self, name, text, *, con=0, sid="*"):
        """Change a parameter as a DBA would, or take its entry out and have the default run."""
        spec = self.specs[name]
        key = (con if con > 1 else self.root, sid, name)
        items = [spec.default] if text is None else [self.checked(spec, text)]
        if text is None:
            self.entries.pop(key, None)
        elif self.file:
            self.entries[key] = items
        self.remember(name, items, con if con > 1 else 0, sid)

    def remember(self, name, items, con, sid):
        for instance in self.instances.values():
            if sid in ("*", instance.name) and self.specs[name].change != "FALSE":
                instance.memory[con, name] = [self.rounded(name, item) for item in items]
                instance.modified.add((con, name))
        self.state += 1

    def run_jobs(self):
        """Carry out what the scheduler has to do by now."""
        for name, job in list(self.jobs.items()):
            if job.is_enabled and job.at <= datetime.now(UTC):
                try:
                    job.owner.block(job.action, {})
                except Fault:
                    job.failures += 1
                else:
                    self.jobs.pop(name, None)
        self.state += 1

    def alter(self, session, text):
        self.log.append(text)
        if "ALTER SYSTEM" not in self.privileges:
            raise Fault(1031, "insufficient privileges")
        if kill := _KILL.fullmatch(text):
            self.kill(int(kill[1]))
        elif found := _RESET.fullmatch(text):
            key = (session.con or self.root, found["sid"], found["name"].lower())
            if self.entries.pop(key, None) is None:
                raise Fault(32010, "cannot find entry to delete in SPFILE")
        elif found := _SET.fullmatch(text):
            self.set(session, found)
        else:
            raise Fault(2065, "illegal option for ALTER SYSTEM")
        self.state += 1

    def kill(self, sid):
        session = next((each for each in self.sessions if each.sid == sid), None)
        if session is None:
            raise Fault(30, "User session ID does not exist.")
        session.end(28)

    def set(self, session, found):
        name, scope, sid = found["name"].lower(), found["scope"], found["sid"]
        spec = self.specs.get(name)
        if spec is None:
            raise Fault(2065, "illegal option for ALTER SYSTEM")
        self.check_place(session, spec, found)
        items = [self.checked(spec, each) for each in _items(found["value"])]
        if len(items) > 1 and not spec.is_list:
            raise Fault(2065, "illegal option for ALTER SYSTEM")
        if scope != "MEMORY":
            self.entries[session.con or self.root, sid, name] = items
        if scope != "SPFILE":
            self.remember(name, items, session.con, sid)

    def check_place(self, session, spec, found):
        scope = found["scope"]
        if session.con and not spec.is_for_pdb:
            raise Fault(65040, "operation not allowed from within a pluggable database")
        if session.con and self.open_mode != "READ WRITE":
            raise Fault(16000, "database or pluggable database open for read-only access")
        if scope != "MEMORY" and not self.file:
            raise Fault(32001, "write to SPFILE requested but no SPFILE is in use")
        if scope != "SPFILE" and spec.change == "FALSE":
            raise Fault(2095, "specified initialization parameter cannot be modified")
        if scope != "SPFILE" and spec.change == "DEFERRED" and not found["deferred"]:
            raise Fault(2096, "specified initialization parameter is not modifiable with this option")
        if found["sid"] not in ("*", *self.instances):
            raise Fault(32009, "no such instance")

    def checked(self, spec, text):
        """Answer a text as the server keeps it; refuse what is of another type or out of range."""
        if spec.type == 1:
            if text.upper() not in ("TRUE", "FALSE"):
                raise Fault(922, "missing or invalid option")
            return text.upper()
        if spec.type in (3, 6):
            match = _NUMBER.fullmatch(text.upper())
            if match is None:
                raise Fault(2017, "integer value required")
            number = int(match[1]) << _POWERS[match[2]]
            if (spec.low is not None and number < spec.low) or (spec.high is not None and number > spec.high):
                raise Fault(68, f"invalid value {number} for parameter {spec.name}")
            return str(number)
        if spec.words and text and text.lower() not in [word.lower() for word in spec.words]:
            raise Fault(96, f"invalid value {text} for parameter {spec.name}")
        return text


def _items(text):
    """Split a statement's value: one bare word, or string literals with commas between."""
    if not text.startswith("'"):
        return [text]
    items = [match[1].replace("''", "'") for match in _LITERAL.finditer(text)]
    written = ", ".join("'" + item.replace("'", "''") + "'" for item in items)
    if written != text:
        raise Fault(1756, "quoted string not properly terminated")
    return items


def _specs(family):
    body = (Path(package.__file__).parent / "catalog" / f"{family}.json").read_text()
    specs = {row["name"]: _spec(row) for row in json.loads(body)["parameters"]}
    for name, default in (("spfile", None), ("__db_cache_size", None)):
        specs[name] = Spec(name, 2, default, default, "FALSE", None, None, (), is_list=False)
    specs["__db_cache_size"].type, specs["__db_cache_size"].start = 6, str(256 << 20)
    for name in ("sga_target", "sga_max_size", "processes", "memory_target", "db_cache_size"):
        specs[name].is_for_pdb = specs[name].is_for_sid = False
    specs["sga_target"].is_for_sid = specs["processes"].is_for_sid = True
    starts = {"sga_max_size": 4 << 30, "pga_aggregate_target": 512 << 20, "processes": 320}
    for name, start in starts.items():
        specs[name].start = str(start)
    return specs


def _spec(row):
    flags, kind, default = row.get("flags", ()), row["kind"], row.get("default")
    number = 6 if "big integer" in flags else 3
    type_number = {"bool": 1, "integer": number, "size": number, "duration": number}.get(kind, 2)
    text = _text(default)
    is_worked_out = text is None and row.get("build", "").startswith("the default is worked out")
    start = str(int(max(row.get("min") or 0, 8))) if is_worked_out and type_number in (3, 6) else text
    return Spec(
        row["name"], type_number, text, start, row["engine_context"], row.get("min"), row.get("max"),
        tuple(row.get("values", ())), is_list=kind == "list",
    )  # fmt: skip


def _text(default):
    if isinstance(default, bool):
        return "TRUE" if default else "FALSE"
    if isinstance(default, list):
        return default[0] if default else None
    return None if default in (None, "") else str(default)
