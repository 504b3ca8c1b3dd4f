"""SQL*Plus as far as scripts here need it: commands, bind variables and blocks, against the stand-in.

Blocks are run by the reader of PL/SQL of these tests. The one kind that it cannot read, which fetches any
query's rows through DBMS_SQL, is carried out here by what its texts say.
"""

from __future__ import annotations

import json
import re
import time
from hashlib import sha256

from tests.engines.oracle import client
from tests.engines.oracle.client import Connection
from tests.engines.oracle.database import Fault
from tests.engines.oracle.plsql import Reader

_LINE_CHARACTERS = 2499
_COMMANDS = ("SET ", "VARIABLE ", "WHENEVER ", "ALTER SESSION ", "--", "EXIT")
_PIECE = re.compile(
    r"UNISTR\('(?P<unistr>[\\0-9A-F]+)'\)|CHR\((?P<chr>\d+)\)|'(?P<text>(?:[^']|'')*)'|text_(?!\w)"
)
_ANY = re.sub(r"P<[a-z]+>", ":", _PIECE.pattern)
_JOINED = re.compile(rf"(?:{_ANY})(?: \|\| (?:{_ANY}))*")
_LESSER = {942, 1031, 1039, 1219, 1720, 41900}


class Sqlplus:
    """One client over a database of the stand-in; `seconds` is what time it is over there."""

    def __init__(self, database, monkeypatch, *, con=0):
        self.database, self.con, self.seconds = database, con, time.time()
        plain = client.fill
        monkeypatch.setattr(client, "fill", lambda session: self.fill(plain(session), session))
        database.packages |= {"DBMS_CRYPTO"}
        database.tables.clear()

    def fill(self, tables, session):
        context = {"CON_NAME": session.database.containers[session.con or session.database.root]}
        context |= {"CON_ID": str(session.con or session.database.root), "SESSION_USER": 'ÄDA"\\'}
        context |= {"ISDBA": str(session.database.is_dba).upper()}
        tables.execute("ALTER TABLE v$database ADD COLUMN dbid DEFAULT 4711")
        tables.execute("ALTER TABLE v$instance ADD COLUMN version DEFAULT '19.0.0.0.0'")
        tables.create_function("sys_context", 2, lambda _, name: context[name])
        tables.create_function("asciistr", 1, _asciistr)
        tables.create_function("unistr", 1, _unistr)
        tables.create_function("sys_extract_utc", 1, lambda _: self.seconds / 86400)
        tables.create_function("to_date", 2, lambda *_: 0)
        return tables

    def run(self, script):
        """Answer what a script prints; each run is a session of its own."""
        assert script.isascii()
        assert script.endswith("EXIT\n")
        self.session = Connection(self.database, next(iter(self.database.instances.values())), self.con)
        self.binds, self.printed, block = {}, [], []
        for line in script.splitlines():
            assert len(line) <= _LINE_CHARACTERS
            assert not line.endswith("-")
            if block or line.startswith("DECLARE"):
                assert line == "/" or line[:1] not in ("/", ".", "#", "@")
                block.append(line)
                if line == "/":
                    self.block("\n".join(block[:-1]))
                    block = []
            else:
                assert line.startswith(_COMMANDS), line
                if line.startswith("VARIABLE "):
                    self.binds[line.split()[1]] = None
        assert not block
        return "\n".join([*self.printed, ""])

    def block(self, text):
        try:
            if "DBMS_SQL.PARSE" in text:
                self.ask(text)
            else:
                Script(text, self.session, self.binds, self.printed).run()
                self.database.state += 1
        except Fault as fault:
            self.printed += ["DECLARE", "*", "ERROR at line 1:", f"ORA-{fault.code:05}: {fault.words}"]

    def ask(self, text):
        """Carry out the block that fetches rows; its texts stand in it one after the other."""
        if self.binds["setpoint_state"] == "refused":
            return
        frame = re.search(r"PUT_LINE\('(@setpoint answer \d+)'\)", text)[1]
        seal = re.search(r"all_ := '([^']*)' \|\| all_;", text)[1]
        number = frame.split()[-1]
        try:
            rows = self.rows(text)
        except Fault as fault:
            if self.binds["setpoint_state"] == "go":
                self.binds["setpoint_state"] = "refused"
                why = json.dumps({"why": f"ORA-{fault.code:05}: {fault.words}"})
                self.printed.append(f"@setpoint refused {'base' if fault.code == 20731 else 'right'} {why}")
            return
        told = ["[" + ",".join(_json(cell) for cell in row) + "]" for row in rows]
        whole = ["[", *told[:1], *(f",{line}" for line in told[1:]), "]"] if rows is not None else ["[]"]
        lines = [line[at : at + 1000] for line in whole for at in range(0, len(line), 1000)]
        digest = sha256((seal + "\n".join(lines)).encode()).hexdigest()
        self.printed += [frame, *lines, f"@setpoint seal {number} {digest}"]

    def rows(self, text):
        """Run the texts that stand in a block until one of them is permitted."""
        parts = re.split(r"(?m)^ *text_ := '';$", text)[1:]
        for number, part in enumerate(parts):
            reader = Script("", self.session, self.binds, self.printed)
            reader.variables["text_"] = ""
            for line in re.findall(r"(?m)^ *(text_ := text_ \|\| .*);$", part):
                reader.simple(line)
            statement = reader.variables["text_"].strip()
            try:
                if not statement.upper().startswith("SELECT"):
                    execute(statement, self.session)
                    return []
                found = self.session.rows(statement, {})[1]
                return [[None if cell in (None, "") else str(cell) for cell in row] for row in found]
            except Fault as fault:
                if fault.code not in _LESSER or number == len(parts) - 1:
                    raise
        raise AssertionError


class Script(Reader):
    """A block of a script."""

    def __init__(self, text, session, binds, printed):
        super().__init__(text, session, binds)
        self.printed = printed

    def handled(self, fault):
        self.variables["sqlerrm"] = f"ORA-{getattr(fault, 'code', 0):05}: {fault}"
        if fault is not None and not isinstance(fault, Fault):
            raise fault
        return super().handled(fault)

    def assign(self, name, expression):
        if name == "text_":
            self.variables[name] = self.joined(expression)
        elif name.startswith(":"):
            self.binds[name[1:]] = self.value(expression)
        else:
            super().assign(name, expression)

    def joined(self, expression):
        """Put a text together; the session would take what stands in it for its own words."""
        assert _JOINED.fullmatch(expression), expression
        made = ""
        for match in _PIECE.finditer(expression):
            if match["unistr"] is not None:
                units = match["unistr"].replace("\\", "")
                made += bytes.fromhex(units).decode("utf-16-be", "surrogatepass")
            elif match["chr"] is not None:
                made += chr(int(match["chr"]))
            elif match["text"] is not None:
                made += match["text"].replace("''", "'")
            else:
                made += self.variables["text_"]
        return made

    def simple(self, text):
        if text == "NULL":
            return
        if said := re.fullmatch(r"DBMS_OUTPUT\.PUT_LINE\((.*)\)", text, re.DOTALL):
            self.printed.append(self.value(said[1]))
        elif into := re.fullmatch(r"EXECUTE IMMEDIATE text_ INTO (\w+)", text):
            found = self.session.rows(self.variables["text_"], {})[1]
            self.variables[into[1]] = found[0][0]
        elif text.startswith("EXECUTE IMMEDIATE") and text.endswith("USING OUT seal_"):
            if "DBMS_CRYPTO" not in self.session.database.packages:
                raise Fault(6550, "PLS-00201: identifier 'DBMS_CRYPTO' must be declared")
        elif text == "EXECUTE IMMEDIATE text_":
            execute(str(self.variables["text_"]).strip(), self.session)
        else:
            super().simple(text)


def execute(text, session):
    """Run a statement or a block."""
    if text.startswith(("BEGIN", "DECLARE")):
        session.block(text, {})
    else:
        session.statement(text)


def _json(cell):
    return "null" if cell is None else json.dumps(cell)


def _asciistr(text):
    if text is None:
        return None
    units = text.encode("utf-16-be").hex().upper()
    codes = [int(units[at : at + 4], 16) for at in range(0, len(units), 4)]
    return "".join(chr(code) if code < 128 and code != 92 else f"\\{code:04X}" for code in codes)


def _unistr(text):
    return re.sub(r"\\([0-9A-F]{4})", lambda match: chr(int(match[1], 16)), text)
