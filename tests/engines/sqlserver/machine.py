"""What runs a batch: statements in their order, variables, TRY and CATCH, and queries over made-up views."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.engines.sqlserver.tsql import Node, SqlError, Token, arguments, parse, translate

Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]


class Aborted(Exception):  # noqa: N818 - it is how a batch ends, and no fault of its own
    """The batch ends here, without a word: its session was ended or lost."""


@dataclass
class Batch:
    """One batch under way: its variables, the answers so far, the error that CATCH is about."""

    run_procedure: Callable[[str, dict[str, Any], list[Any]], Any]
    run_statement: Callable[[Node, list[Any]], None]
    views: Callable[[str], Table]
    functions: dict[str, Any]
    globals: dict[str, Any]
    tick: Callable[[], None]
    variables: dict[str, Any] = field(default_factory=dict)
    answers: list[Table] = field(default_factory=list)
    caught: list[SqlError] = field(default_factory=list)

    def run(self, text: str) -> None:
        self.block(parse(text))

    def block(self, nodes: list[Node]) -> None:
        for node in nodes:
            self.node(node)

    def node(self, node: Node) -> None:
        if node.verb == "BLOCK":
            self.block(node.body)
        elif node.verb == "IF":
            self.block(node.body if self.value(node.tokens) else node.other)
        elif node.verb == "WHILE":
            while self.value(node.tokens):
                self.block(node.body)
        elif node.verb == "TRY":
            self.guard(node)
        else:
            self.tick()
            self.simple(node)

    def guard(self, node: Node) -> None:
        try:
            self.block(node.body)
        except SqlError as fault:
            self.caught.append(fault)
            try:
                self.block(node.other)
            finally:
                self.caught.pop()

    def simple(self, node: Node) -> None:
        words = node.tokens
        if node.verb == "DECLARE":
            equals = [number for number, each in enumerate(words) if each.word == "="]
            name = words[0].text.lower()
            self.variables[name] = self.value(words[equals[0] + 1 :]) if equals else None
        elif node.verb == "SET" and words[0].text.startswith("@"):
            self.variables[words[0].text.lower()] = self.value(words[2:])
        elif node.verb == "SELECT":
            self.answers.append(self.query(words))
        elif node.verb == "THROW":
            self.throw(words)
        elif node.verb in ("EXEC", "EXECUTE"):
            self.call(words)
        else:
            self.run_statement(node, [self.value([each]) for each in words if each.text.startswith("@")])

    def throw(self, words: list[Token]) -> None:
        if not words:
            raise self.caught[-1]
        raise SqlError(int(words[0].text), words[2].string)

    def call(self, words: list[Token]) -> None:
        result, name, named, plain = arguments(words)
        given = {key: self.value(tokens) for key, tokens in named.items()}
        others = [self.value(tokens) for tokens in plain]
        if name.removeprefix("sys.") == "sp_executesql":
            self.inner(others[0])
            return
        answer = self.run_procedure(name, given, others)
        if result:
            self.variables[result] = answer

    def inner(self, text: str) -> None:
        """Run a text a level below: it has variables of its own."""
        kept, self.variables = self.variables, {}
        try:
            self.run(text)
        finally:
            self.variables = kept

    def value(self, tokens: list[Token]) -> Any:
        return self.query(tokens, is_expression=True)[1][0][0]

    def query(self, tokens: list[Token], *, is_expression: bool = False) -> Table:
        head = [] if is_expression else [Token("name", "SELECT")]
        select = translate((*head, *tokens), is_expression=is_expression)
        with sqlite3.connect(":memory:") as connection:
            for name, (arity, function) in {**FUNCTIONS, **self.functions, **self.error()}.items():
                connection.create_function(name, arity, function)
            for table in set(select.tables):
                self.fill(connection, table)
            given = {name.replace("@", "v_"): self.lookup(name) for name in select.variables}
            try:
                cursor = connection.execute(select.text, given)
                rows = cursor.fetchall()
            except sqlite3.Error as fault:
                raise SqlError(102, f"not understood here: {fault}: {select.text}") from None
        connection.close()
        return tuple(column[0] for column in cursor.description), rows

    def error(self) -> dict[str, Any]:
        message = self.caught[-1].message if self.caught else None
        return {"ERROR_MESSAGE": (0, lambda: message)}

    def lookup(self, name: str) -> Any:
        return self.globals[name] if name.startswith("@@") else self.variables[name]

    def fill(self, connection: sqlite3.Connection, table: str) -> None:
        columns, rows = self.views(table)
        named = ", ".join(f'"{column}" COLLATE NOCASE' for column in columns)
        connection.execute(f'CREATE TEMP TABLE "{table}" ({named})')
        marks = ", ".join("?" * len(columns))
        connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)


def _convert(kind: str, value: Any, _style: Any = None) -> Any:
    if value is None:
        return None
    if kind.startswith(("int", "bigint", "bit")):
        return int(value)
    return str(value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _difference(kind: str, left: str, right: str) -> int:
    gap = _moment(right) - _moment(left)
    return gap // {"minute": timedelta(minutes=1), "microsecond": timedelta(microseconds=1)}[kind]


def _part(kind: str, text: str) -> int:
    offset = _moment(text).utcoffset()
    assert kind == "tzoffset"
    assert offset is not None
    return int(offset.total_seconds() // 60)


def _with_offset(text: str, minutes: int) -> str:
    return _moment(text).replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()


FUNCTIONS: dict[str, tuple[int, Any]] = {
    "CONVERT_": (-1, _convert),
    "DATEDIFF_": (3, _difference),
    "DATEPART_": (2, _part),
    "TODATETIMEOFFSET": (2, _with_offset),
    "CHARINDEX": (2, lambda part, whole: str(whole).find(str(part)) + 1),
}
