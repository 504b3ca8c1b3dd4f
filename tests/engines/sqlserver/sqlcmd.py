"""sqlcmd as far as scripts here need it: batches between GO, and what PRINT says, against the estate.

It fills in ``$(x)`` where it is not told otherwise, as the real one does, and it knows GO and commands only
at the beginning of a line. Statements are run by the reader of T-SQL of these tests; what that does not know
(FOR JSON, HASHBYTES and so on) is added here as the manual has it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

from tests.engines.sqlserver import tsql
from tests.engines.sqlserver.estate import Estate
from tests.engines.sqlserver.machine import FUNCTIONS, Batch, Table
from tests.engines.sqlserver.records import Session
from tests.engines.sqlserver.tsql import Node, SqlError, Token, translate

tsql.STARTS.add("PRINT")
_VARIABLE = re.compile(r"\$\((\w+)\)")
_GATHER = re.compile(
    r"ISNULL \( N',' \+ \( SELECT \* FROM \( (?P<query>.*) \) AS r_ \( (?P<names>[c\d, ]+) \)"
    r" FOR JSON PATH , INCLUDE_NULL_VALUES \) , N'' \)",
    re.DOTALL,
)
_IGNORED = {
    "NOCOUNT", "IMPLICIT_TRANSACTIONS", "XACT_ABORT", "QUOTED_IDENTIFIER", "ANSI_NULLS", "ANSI_PADDING",
    "ANSI_WARNINGS", "ARITHABORT", "CONCAT_NULL_YIELDS_NULL", "LANGUAGE", "TEXTSIZE", "LOCK_TIMEOUT",
}  # fmt: skip


class Sqlcmd:
    """One client, for a login with these rights; `is_filling_in` is a run without -x."""

    def __init__(self, estate: Estate, rights: frozenset[str], *, is_filling_in: bool = False) -> None:
        self.estate, self.rights, self.is_filling_in = estate, rights, is_filling_in
        self.identity = "0F0F"
        self.server = "SQL1"

    def run(self, script: str) -> str:
        """Answer what a script prints; each run is a session of its own."""
        assert script.isascii()
        if self.is_filling_in:
            assert not _VARIABLE.search(script)
        session = Session(77, "ada", self.rights)
        context: dict[str, Any] = {}
        printed: list[str] = []
        for text in re.split(r"(?m)^GO\n", script):
            assert not re.search(r"(?m)^(:|!!|exit|quit)", text)
            runner = _Runner(self, session, context, printed)
            try:
                runner.run(text)
            except SqlError as fault:
                printed.append(f"Msg {fault.number}, Level {fault.severity}: {fault.message}")
        return "\n".join([*printed, ""])


class _Runner(Batch):
    """A batch with what scripts use besides."""

    def __init__(self, client: Sqlcmd, session: Session, context: dict[str, Any], printed: list[str]) -> None:
        whole = client.estate.batch(session)
        super().__init__(
            whole.run_procedure, self.other, whole.views, whole.functions, whole.globals, whole.tick
        )
        self.client, self.context, self.printed = client, context, printed
        self.statement = whole.run_statement
        self.globals["@@servername"] = client.server

    def other(self, node: Node, values: list[Any]) -> None:
        if node.verb == "PRINT":
            self.printed.append(str(self.value(node.tokens)))
        elif node.verb != "SET" or node.tokens[0].word not in _IGNORED:
            self.statement(node, values)

    def call(self, words: list[Token]) -> None:
        result, name, named, plain = tsql.arguments(words)
        if name == "sys.sp_set_session_context":
            assert all(len(each) == 1 for each in named.values()), "a procedure takes no expressions"
            self.context[self.value(named["@key"])] = self.value(named["@value"])
        elif name == "sys.sp_executesql":
            rows = named.get("@setpoint_rows")
            self.variables["@setpoint_rows"] = self.value(rows[:1]) if rows else None
            made = self.inner(self.value(plain[0]))
            if rows:
                self.variables[rows[0].text.lower()] = made
        else:
            if name != "sp_configure":
                assert all(len(each) <= 2 for each in [*named.values(), *plain]), words
            super().call(words)
        assert not result or name.startswith("sys")

    def inner(self, text: str) -> Any:
        kept = self.variables
        self.variables = {"@setpoint_rows": kept.get("@setpoint_rows")}
        try:
            self.run(text)
            return self.variables["@setpoint_rows"]
        finally:
            self.variables = kept

    def simple(self, node: Node) -> None:
        words = node.tokens
        if node.verb == "SELECT":
            raise AssertionError("rows would be printed in columns")
        if node.verb == "SET" and words[0].text == "@setpoint_rows":
            gathered = _GATHER.search(" ".join(each.text for each in words))
            assert gathered is not None
            names, rows = self.query(tsql.tokenize(gathered["query"])[1:])
            assert [f"c{number}" for number in range(len(names))] == gathered["names"].split(" , ")
            if rows:
                objects = [{f"c{at}": cell for at, cell in enumerate(row)} for row in rows]
                text = json.dumps(objects, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
                self.variables["@setpoint_rows"] += "," + text
            return
        super().simple(node)

    def query(self, tokens: list[Token], *, is_expression: bool = False) -> Table:
        head = [] if is_expression else [Token("name", "SELECT")]
        select = translate((*head, *tokens), is_expression=is_expression)
        connection = sqlite3.connect(":memory:")
        try:
            functions = {**FUNCTIONS, **self.functions, **self.error(), **self.own()}
            for name, (arity, function) in functions.items():
                connection.create_function(name, arity, function)
            connection.create_collation("Latin1_General_BIN2", lambda one, two: (one > two) - (one < two))
            for table in set(select.tables):
                self.fill(connection, table)
            given = {name.replace("@", "v_"): self.lookup(name) for name in select.variables}
            cursor = connection.execute(_joined(select.text), given)
            return tuple(column[0] for column in cursor.description), cursor.fetchall()
        except sqlite3.Error as fault:
            raise AssertionError(f"not understood here: {fault}: {select.text}") from None
        finally:
            connection.close()

    def fill(self, connection: sqlite3.Connection, table: str) -> None:
        if table == "sys.databases":
            connection.execute(f'CREATE TEMP TABLE "{table}" (name, service_broker_guid)')
            connection.execute(f'INSERT INTO "{table}" VALUES (?, ?)', ("msdb", self.client.identity))
        else:
            super().fill(connection, table)

    def error(self) -> dict[str, Any]:
        number = self.caught[-1].number if self.caught else None
        return {**super().error(), "ERROR_NUMBER": (0, lambda: number)}

    def own(self) -> dict[str, Any]:
        return {
            "SESSION_CONTEXT": (1, self.context.get),
            "ORIGINAL_LOGIN": (0, lambda: 'dömäne\\"ada"'),
            "STRING_ESCAPE": (2, lambda text, _: json.dumps(text, ensure_ascii=False)[1:-1]),
            "JOINED": (2, lambda one, two: None if one is None or two is None else _added(one, two)),
            "NCHAR": (1, chr),
            "UNICODE": (1, ord),
            "LEFT_": (2, lambda text, count: text[:count]),
            "STUFF": (4, lambda text, at, count, new: new + text[at - 1 + count :] if text else None),
            "DATALENGTH": (1, lambda text: 2 * len(text)),
            "PATINDEX": (2, _first_beyond_ascii),
            "HASHBYTES": (2, lambda _, text: sha256(text.encode("latin-1")).digest()),
            "CONVERT_": (-1, _convert),
            "DATEDIFF_BIG": (3, lambda _, one, two: int((_time(two) - _time(one)).total_seconds())),
            "DATEADD": (3, lambda _, seconds, at: (_time(at) + timedelta(seconds=seconds)).isoformat()),
            "SWITCHOFFSET": (2, lambda at, minutes: _time(at).astimezone(_zone(minutes)).isoformat()),
        }


def _added(one: Any, two: Any) -> Any:
    return one + two if isinstance(one, type(two)) else str(one) + str(two)


def _joined(text: str) -> str:
    """Write T-SQL's plus, which joins texts, as a function; and words that name a unit as texts."""
    words = re.sub(r"\b(DATEADD|DATEDIFF_BIG) \( second", r"\1 ( 'second'", text)
    words = re.sub(r"\bLEFT \(", "LEFT_ (", words)
    words = re.sub(r"\bISNULL \(", "IFNULL (", words)
    while True:
        changed = _plus(words)
        if changed == words:
            return words
        words = changed


def _plus(text: str) -> str:
    tokens = re.findall(r"'(?:[^']|'')*'|\"[^\"]*\"|[\w:.@]+|\s+|.", text)
    tokens = [each for each in tokens if not each.isspace()]
    if "+" not in tokens:
        return text
    at = tokens.index("+")
    begin, end = _operand(tokens, at - 1, -1), _operand(tokens, at + 1, 1)
    left, right = tokens[begin:at], tokens[at + 1 : end + 1]
    return " ".join([*tokens[:begin], "JOINED", "(", *left, ",", *right, ")", *tokens[end + 1 :]])


def _operand(tokens: list[str], at: int, step: int) -> int:
    """Answer where an operand ends: a word or a call, or what stands from CASE to END."""
    depth = 0
    while True:
        depth += {"(": step, ")": -step, "CASE": step, "END": -step}.get(tokens[at], 0)
        following = tokens[at + step] if 0 <= at + step < len(tokens) else ""
        if depth == 0:
            if step < 0 and tokens[at] == "(" and re.fullmatch(r"\w+", following):
                return at - 1 if following not in ("SELECT", "IN", "AND") else at
            if step > 0 and following == "(" and re.fullmatch(r"\w+", tokens[at]):
                at += 1
                continue
            return at
        at += step


def _first_beyond_ascii(_pattern: str, text: str) -> int:
    return next((at for at, letter in enumerate(text, 1) if not " " <= letter <= "~"), 0)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _zone(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


def _convert(kind: str, value: Any, style: int = 0) -> Any:
    if value is None:
        return None
    if kind.startswith("binary"):
        return int(value).to_bytes(2, "big")
    if isinstance(value, bytes):
        assert style == 2
        return value.hex().upper()
    if style in (108, 112):
        return _time(value).strftime({112: "%Y%m%d", 108: "%H:%M:%S"}[style])
    return int(value) if kind.startswith(("int", "bigint", "bit")) else str(value)
