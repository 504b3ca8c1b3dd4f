"""A reader of the little PL/SQL that anonymous blocks here are made of; expressions are left to a session.

Knows DECLARE, BEGIN, IF, FOR over a query, SELECT INTO, EXECUTE IMMEDIATE, assignments and calls, and
nothing else: a block that holds more is an error, as on a server.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\s*(\w+)", re.IGNORECASE)


class BlockError(Exception):
    """A block that cannot be read."""


class ReraisedError(Exception):
    """A handler that passes on what it was given."""


class Reader:
    """One block, read from front to back and carried out as it is read."""

    def __init__(self, text, session, binds):
        self.text, self.session, self.at = text, session, 0
        self.variables: dict[str, object] = {}
        self.binds = binds

    def run(self):
        self.block(is_live=True)
        if self.text[self.at :].strip():
            raise BlockError(f"after the end: {self.text[self.at :][:40]}")

    def peek(self):
        match = _WORD.match(self.text, self.at)
        return match[1].upper() if match else ""

    def take(self, *words):
        for word in words:
            match = _WORD.match(self.text, self.at)
            if match is None or match[1].upper() != word:
                raise BlockError(f"{word} expected at {self.text[self.at :][:40]!r}")
            self.at = match.end()

    def until(self, stop):
        """Answer the text up to a stop that stands in no quotes and no brackets, and go behind it."""
        depth, is_quoted, start, upper = 0, False, self.at, self.text.upper()
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "'":
                is_quoted = not is_quoted
            elif not is_quoted:
                if depth == 0 and upper.startswith(stop, self.at):
                    found = self.text[start : self.at]
                    self.at += len(stop)
                    return found.strip()
                depth += {"(": 1, ")": -1}.get(character, 0)
            self.at += 1
        raise BlockError(f"{stop} is missing after {self.text[start:][:60]!r}")

    def block(self, *, is_live):
        if self.peek() == "DECLARE":
            self.take("DECLARE")
            while self.peek() != "BEGIN":
                self.declaration(self.until(";"), is_live=is_live)
        self.take("BEGIN")
        start, fault = self.at, None
        try:
            self.statements("END", "EXCEPTION", is_live=is_live)
        except Exception as raised:  # noqa: BLE001 - a handler may be there for any
            fault, self.at = raised, start
            self.statements("END", "EXCEPTION", is_live=False)
        fault = self.handled(fault)
        self.take("END")
        self.until(";")
        if fault is not None:
            raise fault

    def handled(self, fault):
        """Carry out the handler of a block where it has one; answer what is raised still."""
        if self.peek() != "EXCEPTION":
            return fault
        self.take("EXCEPTION", "WHEN", "OTHERS", "THEN")
        start, self.variables["sqlcode"] = self.at, -getattr(fault, "code", 0)
        try:
            self.statements("END", is_live=fault is not None)
        except ReraisedError:
            self.at = start
            self.statements("END", is_live=False)
            return fault
        return None

    def declaration(self, text, *, is_live):
        name = text.split()[0].lower()
        _, has_value, expression = text.partition(":=")
        self.variables[name] = self.value(expression) if has_value and is_live else None

    def statements(self, *stops, is_live):
        while self.peek() not in stops:
            self.statement(is_live=is_live)

    def statement(self, *, is_live):
        match self.peek():
            case "DECLARE" | "BEGIN":
                self.block(is_live=is_live)
            case "IF":
                self.take("IF")
                condition = self.until(" THEN")
                is_true = is_live and bool(self.value(condition))
                self.statements("END", is_live=is_true)
                self.take("END", "IF")
                self.until(";")
            case "FOR":
                self.loop(is_live=is_live)
            case _:
                text = self.until(";")
                if is_live:
                    self.simple(text)

    def loop(self, *, is_live):
        self.take("FOR")
        name = self.until(" IN").lower()
        query = self.until(" LOOP").strip().removeprefix("(").removesuffix(")")
        start = self.at
        rows = self.session.rows(query, self.all_binds())[1] if is_live else []
        for row in rows:
            self.at = start
            self.variables[f"{name}.job_name"] = row[0]
            self.statements("END", is_live=True)
        self.at = start
        self.statements("END", is_live=False)
        self.take("END", "LOOP")
        self.until(";")

    def simple(self, text):
        upper = text.upper()
        if upper == "RAISE":
            raise ReraisedError
        if upper.startswith("SELECT"):
            into = re.search(r"\s+INTO\s+(\w+)", text)
            if into is None:
                raise BlockError("SELECT without INTO")
            self.variables[into[1].lower()] = self.session.rows(
                self.plain(text[: into.start()] + text[into.end() :]), self.all_binds()
            )[1][0][0]
        elif upper.startswith("EXECUTE IMMEDIATE"):
            self.session.statement(str(self.value(text[len("EXECUTE IMMEDIATE") :])))
        elif assigned := re.match(r"(:?\w+)\s*:=\s*(.*)", text, re.DOTALL):
            self.assign(assigned[1], assigned[2])
        elif called := re.fullmatch(r"([\w.]+)\s*\((.*)\)", text, re.DOTALL):
            self.session.call(called[1].upper(), *self.arguments(called[2]))
        else:
            raise BlockError(f"no statement: {text[:60]!r}")

    def assign(self, name, expression):
        called = re.fullmatch(r"([A-Z_]+\.[A-Z_]+)\s*\((.*)\)", expression, re.DOTALL)
        value = self.session.call(called[1], *self.arguments(called[2])) if called else self.value(expression)
        if name.startswith(":"):
            self.binds[name[1:]].value = value
        else:
            self.variables[name.lower()] = value

    def arguments(self, text):
        named, positional = {}, []
        reader = Reader(f"{text},", self.session, self.binds)
        reader.variables = self.variables
        while reader.text[reader.at :].strip():
            name, arrow, expression = reader.until(",").partition("=>")
            if arrow:
                named[name.strip().lower()] = self.value(expression)
            else:
                positional.append(self.value(name))
        return positional, named

    def value(self, expression):
        if ":holder" in expression and expression.strip() == ":holder":
            return self.binds["holder"]
        return self.session.rows(f"SELECT {self.plain(expression)} FROM dual", self.all_binds())[1][0][0]

    def plain(self, text):
        """Turn variables into binds, outside quotes."""
        parts = text.split("'")
        for number in range(0, len(parts), 2):
            for name in sorted(self.variables, key=len, reverse=True):
                bound = f":v_{name.replace('.', '_')}"
                pattern = rf"(?<![\w.:]){re.escape(name)}(?!\w)"
                parts[number] = re.sub(pattern, bound, parts[number], flags=re.IGNORECASE)
        return "'".join(parts)

    def all_binds(self):
        own = {f"v_{name.replace('.', '_')}": value for name, value in self.variables.items()}
        given = {name: value for name, value in self.binds.items() if not hasattr(value, "getvalue")}
        return {**given, **own}
