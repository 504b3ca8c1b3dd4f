"""A SQL Server as its manual describes it: options, RECONFIGURE, application locks, rights, and an Agent."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from pysqlbridge.information_schema import CONFIGURATIONS
from tests.engines.sqlserver.machine import Aborted, Batch, Table
from tests.engines.sqlserver.records import Job, Option, Session
from tests.engines.sqlserver.tsql import Node, SqlError

ZONE = timezone(timedelta(hours=2))
ADMIN = frozenset(
    {"sysadmin", "ALTER SETTINGS", "VIEW SERVER STATE", "ALTER ANY CONNECTION", "scoped", "msdb"}
)
SCOPED = {
    "MAXDOP": "0", "LEGACY_CARDINALITY_ESTIMATION": "0", "PARAMETER_SNIFFING": "1", "ELEVATE_ONLINE": "OFF",
    "PAUSED_RESUMABLE_INDEX_ABORT_DURATION_MINUTES": "1440",
}  # fmt: skip


@dataclass
class Estate:
    """One server. `fuse` counts statements down; at zero the batch is cut off, as if its session was lost."""

    options: dict[str, Option] = field(default_factory=dict)
    scoped: dict[str, str] = field(default_factory=lambda: dict(SCOPED))
    sessions: dict[int, Session] = field(default_factory=dict)
    locks: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    version: str = "16.0.4135.4"
    edition: int = 3
    is_agent_running: bool = True
    roles: tuple[str, ...] = ()
    shift: timedelta = timedelta()
    fuse: int | None = None
    is_refusing_all: bool = False
    cpus: int = 8
    turn: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        for number, name, value, low, high, in_use, said, dynamic, advanced in CONFIGURATIONS:
            option = Option(number, name, value, low, high, in_use, said, dynamic, advanced, value)
            self.options[name.lower()] = option
        self.option("min server memory (MB)").in_use = 16
        self.option("Agent XPs").value = self.option("Agent XPs").in_use = 1

    def option(self, name: str) -> Option:
        return self.options[name.lower()]

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def pass_time(self, seconds: float) -> None:
        self.shift += timedelta(seconds=seconds)

    def answer(self, session: Session, text: str) -> list[Table]:
        """Run a batch of a session and answer its result sets."""
        with self.turn:
            if session.is_dead:
                raise Aborted
            batch = self.batch(session)
            batch.run(text)
            return batch.answers

    def batch(self, session: Session) -> Batch:
        return Batch(
            run_procedure=lambda name, named, plain: self.procedure(session, name, named, plain),
            run_statement=lambda node, values: self.statement(session, node, values),
            views=lambda name: self.view(session, name),
            functions=self.functions(session),
            globals={
                "@@max_connections": 32_767,
                "@@spid": session.number,
                "@@trancount": session.transactions,
            },
            tick=self.tick,
        )

    def tick(self) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                raise Aborted

    def restart(self) -> None:
        with self.turn:
            for option in self.options.values():
                option.in_use = self._effective(option)
            for session in list(self.sessions.values()):
                self.end(session)

    def end(self, session: Session) -> None:
        """End a session: its locks go with it."""
        session.is_dead = True
        self.sessions.pop(session.number, None)
        self.locks = {name: number for name, number in self.locks.items() if number != session.number}

    def statement(self, session: Session, node: Node, values: list[Any]) -> None:
        words = [token.word for token in node.tokens]
        if node.verb == "RECONFIGURE":
            self.reconfigure(session, is_overriding=words == ["WITH", "OVERRIDE"])
        elif node.verb == "KILL":
            self.kill(session, int(words[0]))
        elif node.verb == "ALTER":
            self.set_scoped(session, words)
        elif node.verb == "SET" and words[0] == "CONTEXT_INFO":
            session.context = str(values[0])
        elif node.verb == "BEGIN":
            session.transactions += 1
        elif node.verb in ("ROLLBACK", "COMMIT"):
            session.transactions = 0
        elif node.verb == "WAITFOR":
            self.shift += timedelta(seconds=1)

    def reconfigure(self, session: Session, *, is_overriding: bool) -> None:
        self.demand(
            session, "ALTER SETTINGS", 5812, "You do not have permission to run the RECONFIGURE statement."
        )
        if session.transactions:
            raise SqlError(574, "CONFIG statement cannot be used inside a user transaction.")
        interval = self.option("recovery interval (min)")
        if interval.value > 60 and interval.value != interval.in_use and not is_overriding:
            raise SqlError(5807, "Recovery intervals above 60 minutes not recommended. Use WITH OVERRIDE.")
        if self.option("allow updates").value:
            raise SqlError(5808, "Ad hoc update to system catalogs is not supported.")
        if self.option("min server memory (MB)").value > self.option("max server memory (MB)").value:
            raise SqlError(
                5817, "Minimum server memory value is greater than the maximum server memory value."
            )
        for option in self.options.values():
            if option.is_dynamic:
                option.in_use = self._effective(option)

    def _effective(self, option: Option) -> int:
        return max(option.value, 16) if option.name == "min server memory (MB)" else option.value

    def kill(self, session: Session, number: int) -> None:
        self.demand(
            session, "ALTER ANY CONNECTION", 6102, "User does not have permission to use the KILL statement."
        )
        if number not in self.sessions:
            raise SqlError(6106, f"Process ID {number} is not an active process ID.")
        self.end(self.sessions[number])

    def set_scoped(self, session: Session, words: list[str]) -> None:
        self.demand(session, "scoped", 15247, "User does not have permission to perform this action.")
        assert words[:4] == ["DATABASE", "SCOPED", "CONFIGURATION", "SET"]
        name, value = words[4], words[6]
        if name not in self.scoped:
            raise SqlError(102, f"Incorrect syntax near '{name}'.")
        self.scoped[name] = {"ON": "1", "OFF": "0"}.get(value, value) if self.scoped[name] in "01" else value

    def demand(self, session: Session, right: str, number: int, message: str) -> None:
        if right not in session.rights:
            raise SqlError(number, message, 14)

    def procedure(self, session: Session, name: str, named: dict[str, Any], plain: list[Any]) -> Any:
        known = {
            "sp_configure": self.configure,
            "sp_getapplock": self.get_lock,
            "sp_releaseapplock": self.release_lock,
            "msdb.dbo.sp_add_job": self.add_job,
            "msdb.dbo.sp_add_jobstep": self.add_step,
            "msdb.dbo.sp_add_jobschedule": self.add_schedule,
            "msdb.dbo.sp_add_jobserver": self.add_server,
            "msdb.dbo.sp_delete_job": self.delete_job,
        }
        short = name.removeprefix("master.").removeprefix("sys.")
        if short not in known:
            raise SqlError(2812, f"Could not find stored procedure '{name}'.")
        if short.startswith("msdb."):
            self.demand(session, "msdb", 229, f"The EXECUTE permission was denied on the object '{short}'.")
        return known[short](session, named, plain)

    def configure(self, session: Session, named: dict[str, Any], plain: list[Any]) -> None:
        name = str(named.get("@configname", plain[0] if plain else "")).lower()
        value: Any = named.get("@configvalue", plain[1] if len(plain) > 1 else None)
        option = self.options.get(name)
        is_hidden = option is not None and option.is_advanced
        if option is None or (is_hidden and not self.option("show advanced options").in_use):
            raise SqlError(
                15123, f"The configuration option '{name}' does not exist, or it may be an advanced option."
            )
        self.demand(session, "ALTER SETTINGS", 15247, "User does not have permission to perform this action.")
        if value != option.factory and not option.minimum <= value <= option.maximum:
            raise SqlError(15129, f"'{value}' is not a valid value for configuration option '{option.name}'.")
        option.value = value

    def get_lock(self, session: Session, named: dict[str, Any], _plain: list[Any]) -> int:
        holder = self.locks.setdefault(named["@resource"], session.number)
        return 0 if holder == session.number else -1

    def release_lock(self, session: Session, named: dict[str, Any], _plain: list[Any]) -> int:
        if self.locks.get(named["@resource"]) != session.number:
            raise SqlError(1223, "Cannot release the application lock because it is not currently held.")
        return self.locks.pop(named["@resource"]) * 0

    def add_job(self, _session: Session, named: dict[str, Any], _plain: list[Any]) -> None:
        if named["@job_name"] in self.jobs:
            raise SqlError(14261, "The specified @name already exists.")
        self.jobs[named["@job_name"]] = Job(named["@job_name"], named["@delete_level"])

    def add_step(self, _session: Session, named: dict[str, Any], _plain: list[Any]) -> None:
        self.jobs[named["@job_name"]].steps.append(named)

    def add_schedule(self, _session: Session, named: dict[str, Any], _plain: list[Any]) -> None:
        self.jobs[named["@job_name"]].schedules.append(named)

    def add_server(self, _session: Session, named: dict[str, Any], _plain: list[Any]) -> None:
        self.jobs[named["@job_name"]].servers.append(named["@server_name"])

    def delete_job(self, _session: Session, named: dict[str, Any], _plain: list[Any]) -> None:
        if self.jobs.pop(named["@job_name"], None) is None:
            raise SqlError(14262, "The specified @job_name does not exist.")

    def run_due_jobs(self, *, is_starting: bool = False) -> None:
        """Let the Agent run what is due; where it is just starting, also what waits for that."""
        local = self.now().astimezone(ZONE)
        for job in list(self.jobs.values()):
            if not job.servers or not self.is_agent_running:
                continue
            if any(_is_due(each, local, is_starting=is_starting) for each in job.schedules):
                self.run_job(job)

    def run_job(self, job: Job) -> None:
        session = Session(0, "agent", ADMIN)
        try:
            for step in job.steps:
                self.answer(session, step["@command"])
        except SqlError as fault:
            job.failures.append(fault.message)
        else:
            if job.delete_level == 1:
                del self.jobs[job.name]

    def functions(self, session: Session) -> dict[str, Any]:
        return {
            "SERVERPROPERTY": (1, self.property),
            "DB_NAME": (0, lambda: "shop"),
            "IS_SRVROLEMEMBER": (1, lambda role: int(role in session.rights)),
            "HAS_PERMS_BY_NAME": (3, lambda *words: self.has_right(session, *words)),
            "OBJECT_ID": (1, lambda _: 1 if self.edition != 5 else None),
            "SYSUTCDATETIME": (0, lambda: self.now().replace(tzinfo=None).isoformat(timespec="milliseconds")),
            "SYSDATETIMEOFFSET": (0, lambda: self.now().astimezone(ZONE).isoformat()),
        }

    def property(self, name: str) -> Any:
        return {
            "ProductVersion": self.version,
            "Edition": "Developer Edition (64-bit)",
            "EngineEdition": self.edition,
        }[name]

    def has_right(self, session: Session, _securable: Any, kind: Any, right: str) -> int | None:
        if right == "VIEW SERVER PERFORMANCE STATE" and self.version < "16":
            return None
        known = {"DATABASE": "scoped", "OBJECT": "msdb"}.get(kind, right)
        return int(known.replace("PERFORMANCE ", "") in session.rights)

    def view(self, session: Session, name: str) -> Table:
        if self.is_refusing_all and name != "sys.configurations":
            raise SqlError(229, f"The SELECT permission was denied on the object '{name}'.", 14)
        if name.startswith("sys.dm_") and "VIEW SERVER STATE" not in session.rights:
            if not name.startswith("sys.dm_exec_"):
                raise SqlError(300, "VIEW SERVER STATE permission was denied on object 'server'.", 14)
            own = session.number
            return self._views(name, [each for each in self.sessions.values() if each.number == own])
        return self._views(name, list(self.sessions.values()))

    def _views(self, name: str, sessions: list[Session]) -> Table:
        if name == "sys.configurations":
            columns = (
                "configuration_id", "name", "value", "minimum", "maximum", "value_in_use", "description",
                "is_dynamic", "is_advanced",
            )  # fmt: skip
            return columns, [
                (
                    o.number,
                    o.name,
                    o.value,
                    o.minimum,
                    o.maximum,
                    o.in_use,
                    o.description,
                    int(o.is_dynamic),
                    int(o.is_advanced),
                )
                for o in self.options.values()
            ]
        if name == "sys.database_scoped_configurations":
            columns = ("name", "value", "value_for_secondary", "is_value_default")
            return columns, [(n, v, None, int(v == SCOPED[n])) for n, v in self.scoped.items()]
        if name == "sys.dm_exec_sessions":
            columns = (
                "session_id", "status", "open_transaction_count", "is_user_process", "context_info",
                "program_name",
            )  # fmt: skip
            rows = [(s.number, "running", s.transactions, 1, s.context, "setpoint") for s in sessions]
            agent = (
                [(9, "sleeping", 0, 0, None, "SQLAgent - Generic Refresher")] if self.is_agent_running else []
            )
            return columns, [*rows, *agent]
        if name == "sys.dm_tran_locks":
            columns = ("request_session_id", "resource_type", "request_status", "resource_description")
            return columns, [
                (number, "APPLICATION", "GRANT", f"0:[{resource}]:(8c5a6f5b)")
                for resource, number in self.locks.items()
            ]
        return self._fixed(name)

    def _fixed(self, name: str) -> Table:
        started = "2026-01-01T08:00:00.120"
        known: dict[str, Table] = {
            "sys.dm_os_sys_info": (
                ("cpu_count", "physical_memory_kb", "sqlserver_start_time", "container_type_desc"),
                [(self.cpus, 16 * 2**20, started, "NONE")],
            ),
            "sys.dm_os_host_info": (("host_platform",), [("Linux",)]),
            "sys.master_files": (("size", "type"), [(1000, 0), (500, 0), (7, 1)]),
            "sys.database_files": (("size", "type"), [(100, 0)]),
            "sys.dm_exec_requests": (("session_id", "wait_type"), []),
            "sys.dm_hadr_availability_replica_states": (
                ("role_desc", "is_local"),
                [(role, 1) for role in self.roles],
            ),
            "sys.dm_os_performance_counters": (
                ("object_name", "counter_name", "instance_name", "cntr_value"),
                [
                    ("SQLServer:Databases", "Transactions/sec   ", "_Total   ", 4711),
                    ("SQLServer:Databases", "Transactions/sec   ", "shop", 47),
                    ("SQLServer:Buffer Manager", "Page reads/sec", "", 12),
                    ("SQLServer:Buffer Node", "Page reads/sec", "", 99),
                ],
            ),
            "sys.dm_io_virtual_file_stats": (
                ("num_of_bytes_read", "num_of_bytes_written", "io_stall_read_ms", "io_stall_write_ms"),
                [(1000, 2000, 1500, 250), (24, 48, 500, 250)],
            ),
            "msdb.dbo.sysjobs": (
                ("job_id", "name", "enabled"),
                [(name, name, 1) for name in self.jobs],
            ),
            "msdb.dbo.sysjobsteps": (
                ("job_id", "command"),
                [(job.name, step["@command"]) for job in self.jobs.values() for step in job.steps],
            ),
            "msdb.dbo.sysjobschedules": (
                ("job_id",),
                [(job.name,) for job in self.jobs.values() for _ in job.schedules],
            ),
            "msdb.dbo.sysjobhistory": (
                ("job_id", "message", "run_status", "step_id"),
                [(job.name, said, 0, 1) for job in self.jobs.values() for said in job.failures],
            ),
        }
        if name not in known:
            raise SqlError(208, f"Invalid object name '{name}'.")
        return known[name]


def _is_due(schedule: dict[str, Any], local: datetime, *, is_starting: bool) -> bool:
    if schedule["@freq_type"] == 64:
        return is_starting
    text = f"{schedule['@active_start_date']}{schedule['@active_start_time']:06d}"
    return local >= datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=ZONE)
