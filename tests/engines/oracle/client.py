"""The client's side of the stand-in: connections, cursors and errors as oracledb has them."""

from __future__ import annotations

import re
import sqlite3

import oracledb
from oracledb import errors
from tests.engines.oracle.database import Fault, Job
from tests.engines.oracle.plsql import BlockError, Reader
from tests.engines.oracle.views import fill

_LISTED = re.compile(r"LISTAGG\((.*?), ', '\) WITHIN GROUP \(ORDER BY ordinal\)")
_DICTIONARY = re.compile(r"\b(session_privs|all_users|user_scheduler_jobs)\b")
_VIEWS = re.compile(r"\bg?v\$\w+")


def error(code, words):
    """Make the error oracledb raises for what a server says."""
    made = errors._Error(f"ORA-{code:05}: {words}", code=code)
    return made.exc_type(made)


def client_error(code, words):
    """Make the error oracledb raises by itself."""
    made = errors._Error(f"DPY-{code}: {words}")
    return made.exc_type(made)


class Connection:
    """One session, as `oracledb.connect` answers it."""

    call_timeout = 0

    def __init__(self, database, instance, con=0, serial=1):
        self.database, self.instance, self.con = database, instance, con
        self.sid, self.serial = 100 + serial, serial
        self.client_info, self.ended = None, 0
        self.deferred = {
            name: self.running(name)[0] for name, spec in database.specs.items() if spec.change == "DEFERRED"
        }
        self.key = (instance.name, con, tuple(self.deferred.items()))
        self.hangs = False
        database.sessions.append(self)

    @property
    def version(self):
        return self.database.version

    def running(self, name):
        memory = self.instance.memory
        return memory.get((self.con, name)) or memory[0, name]

    def cursor(self):
        return Cursor(self)

    def close(self):
        if self.ended:
            raise client_error(1001, "not connected to database")
        self.end(1012)

    def end(self, code):
        self.ended = code
        if self.database.holder is self:
            self.database.holder = None
        if self in self.database.sessions:
            self.database.sessions = [each for each in self.database.sessions if each is not self]

    # -------------------------------------------------------------------------------- what is run

    def execute(self, text, binds):
        if self.ended:
            raise error(self.ended, "the session is no more")
        if self.hangs:
            raise client_error(4024, f"call timeout of {self.call_timeout} ms exceeded")
        try:
            if text.strip().upper().startswith(("BEGIN", "DECLARE")):
                return None, self.block(text, binds)
            if text.strip().upper().startswith("SELECT"):
                return self.rows(text, binds)
            return None, self.statement(text)
        except Fault as fault:
            raise error(fault.code, fault.words) from None
        except (BlockError, sqlite3.Error) as fault:
            raise error(6550, f"{fault} in {text[:200]}") from fault

    def statement(self, text):
        if not text.startswith("ALTER SYSTEM"):
            raise Fault(900, "invalid SQL statement")
        self.database.alter(self, text)
        return []

    def block(self, text, binds):
        if self.database.open_mode == "MOUNTED":
            raise Fault(6553, "PLS-213: package STANDARD not accessible")
        Reader(text, self, binds).run()
        self.database.state += 1
        return []

    def rows(self, text, binds):
        if self.database.open_mode == "MOUNTED" and _DICTIONARY.search(text):
            raise Fault(1219, "database or pluggable database not open")
        hidden = {view.lower() for view in _VIEWS.findall(text.lower())} & self.database.unseen
        if hidden:
            raise Fault(942, "table or view does not exist")
        state, tables = self.database.tables.get(self.key, (-1, None))
        if tables is None or state != self.database.state:
            tables = fill(self)
            self.database.tables[self.key] = self.database.state, tables
        plain = _LISTED.sub(r"group_concat(\1, ', ')", text.replace("serial#", "serial_no"))
        plain = plain.replace("SYSTIMESTAMP", "'SYSTIMESTAMP'")
        # To a server an empty string is NULL, and joining it to another changes nothing.
        plain = plain.replace("ELSE MAX(value) END", "ELSE coalesce(MAX(value), char()) END")
        found = tables.execute(plain, binds)
        return found.description, found.fetchall()

    def call(self, name, positional, named):
        package, _, procedure = name.partition(".")
        if name == "RAISE_APPLICATION_ERROR":
            raise Fault(-positional[0], positional[1])
        if package not in self.database.packages:
            raise Fault(6550, f"PLS-00201: identifier '{package}' must be declared")
        return getattr(self, procedure.lower())(*positional, **named)

    # -------------------------------------------------------------------------------- packages

    def set_module(self, module, action):
        assert len(module.encode()) <= 48
        assert len(action.encode()) <= 32

    def set_client_info(self, text):
        assert len(text.encode()) <= 64
        self.client_info = text

    def request(self, *, id, lockmode, timeout, release_on_commit):  # noqa: A002 - the package's own word
        assert (lockmode, timeout, bool(release_on_commit)) == (6, 0, False)
        assert 0 <= id <= 1_073_741_823
        if self.database.holder is None:
            self.database.holder = self
            return 0
        return 4 if self.database.holder is self else 1

    def release(self, *, id):  # noqa: A002 - as above
        if self.database.holder is self:
            self.database.holder = None
        return 0

    def create_job(self, *, job_name, job_type, job_action, start_date, enabled, auto_drop, comments):
        from datetime import datetime

        if "CREATE JOB" not in self.database.privileges:
            raise Fault(27486, "insufficient privileges")
        assert (job_type, bool(enabled), bool(auto_drop)) == ("PLSQL_BLOCK", False, True)
        assert len(job_action) <= 4000
        if job_name in self.database.jobs:
            raise Fault(27477, f"{job_name} already exists")
        self.database.jobs[job_name] = Job(job_action, datetime.fromisoformat(start_date), comments, self)

    def set_attribute(self, name, attribute, value):
        assert (attribute, bool(value)) == ("restart_on_failure", True)
        assert name in self.database.jobs

    def enable(self, name):
        self.database.jobs[name].is_enabled = True

    def drop_job(self, *, job_name, force):
        assert force
        del self.database.jobs[job_name]


class Cursor:
    """A cursor; `description` is None where there are no rows to fetch."""

    prefetchrows = arraysize = 0
    description = None

    def __init__(self, connection):
        self.connection, self.found = connection, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute(self, text, binds=None):
        self.description, self.found = self.connection.execute(text, binds or {})

    def fetchall(self):
        return self.found

    def var(self, kind):
        assert kind is int
        return Variable()


class Variable:
    """A bind that a block writes to."""

    value = None

    def getvalue(self):
        return self.value


class Listener:
    """Answers `oracledb.connect` for databases by service, and remembers what it was asked."""

    def __init__(self, **services):
        self.services, self.asked = services, []
        self.password = "tiger"

    def connect(self, **login):
        self.asked.append(login)
        if login.get("password") != self.password:
            raise error(1017, "invalid username/password; logon denied")
        service = login.get("service_name") or login["dsn"]
        if service not in self.services:
            raise error(12514, "listener does not currently know of service")
        database, con = self.services[service]
        if not database.is_up:
            raise error(1034, "ORACLE not available")
        names = list(database.instances)
        name = login.get("instance_name") or names[0]
        if name not in names:
            raise error(12521, "listener does not currently know of instance requested")
        return Connection(database, database.instances[name], con, serial=len(self.asked))


def listen(monkeypatch, **services):
    """Have oracledb connect to these databases."""
    listener = Listener(**services)
    monkeypatch.setattr(oracledb, "connect", listener.connect)
    return listener
