"""A small reader of T-SQL for the server in the tests: control flow here, queries by SQLite.

It knows nothing of the engine under test: it reads batches as they come over the wire.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_TOKEN = re.compile(
    r"(?P<space>\s+|--[^\n]*|/\*.*?\*/)|(?P<text>N?'(?:[^']|'')*')|(?P<name>\[[^\]]*\]|@{0,2}[A-Za-z_#][\w#]*)"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<mark><>|<=|>=|!=|[-+*/=<>(),.;%])",
    re.DOTALL,
)
STARTS = {
    "BEGIN", "IF", "WHILE", "EXEC", "EXECUTE", "SELECT", "SET", "THROW", "RECONFIGURE", "DECLARE", "KILL",
    "WAITFOR", "ALTER", "USE", "ROLLBACK", "COMMIT",
}  # fmt: skip


class SqlError(Exception):
    """An error the server answers with."""

    def __init__(self, number: int, message: str, severity: int = 16) -> None:
        super().__init__(message)
        self.number, self.message, self.severity = number, message, severity


@dataclass(frozen=True)
class Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "name" else self.text

    @property
    def string(self) -> str:
        return self.text[self.text.index("'") + 1 : -1].replace("''", "'")


@dataclass
class Node:
    """One statement: its verb, the tokens that follow, and the statements inside it."""

    verb: str
    tokens: list[Token] = field(default_factory=list)
    body: list[Node] = field(default_factory=list)
    other: list[Node] = field(default_factory=list)


def tokenize(text: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise SqlError(102, f"Incorrect syntax near '{text[position]}'.", 15)
        position = match.end()
        if match.lastgroup != "space":
            tokens.append(Token(match.lastgroup or "", match[0]))
    return tokens


@lru_cache
def parse(text: str) -> list[Node]:
    return _Parser(tokenize(text)).block()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at = tokens, 0

    def word(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place].word if place < len(self.tokens) else ""

    def block(self) -> list[Node]:
        nodes: list[Node] = []
        while self.at < len(self.tokens) and self.word() != "END":
            if self.word() == ";":
                self.at += 1
                continue
            nodes.append(self.statement())
        return nodes

    def statement(self) -> Node:
        verb = self.word()
        if verb not in STARTS:
            raise SqlError(102, f"Incorrect syntax near '{self.tokens[self.at].text}'.", 15)
        self.at += 1
        if verb == "BEGIN" and self.word() in ("TRY", "CATCH"):
            return self.guarded()
        if verb == "BEGIN" and self.word() not in ("TRAN", "TRANSACTION"):
            body = self.block()
            self.take("END")
            return Node("BLOCK", body=body)
        if verb in ("IF", "WHILE"):
            return self.conditional(verb)
        return Node(verb, self.rest())

    def take(self, word: str) -> None:
        if self.word() != word:
            raise SqlError(102, f"Incorrect syntax near '{self.word()}'.", 15)
        self.at += 1

    def guarded(self) -> Node:
        self.take("TRY")
        body = self.block()
        for word in ("END", "TRY"):
            self.take(word)
        if self.word() == ";":
            raise SqlError(102, "Incorrect syntax near ';'.", 15)
        for word in ("BEGIN", "CATCH"):
            self.take(word)
        other = self.block()
        for word in ("END", "CATCH"):
            self.take(word)
        return Node("TRY", body=body, other=other)

    def conditional(self, verb: str) -> Node:
        condition = self.until_start()
        body = [self.statement()]
        other: list[Node] = []
        place = self.at
        if self.word() == ";":
            self.at += 1
        if verb == "IF" and self.word() == "ELSE":
            self.at += 1
            other = [self.statement()]
        else:
            self.at = place
        return Node(verb, condition, body, other)

    def until_start(self) -> list[Token]:
        taken: list[Token] = []
        depth = 0
        while self.at < len(self.tokens) and (depth or self.word() not in STARTS):
            depth += {"(": 1, ")": -1}.get(self.word(), 0)
            taken.append(self.tokens[self.at])
            self.at += 1
        return taken

    def rest(self) -> list[Token]:
        taken: list[Token] = []
        cases = depth = 0
        while self.at < len(self.tokens):
            word = self.word()
            if word == ";" or (word in ("END", "ELSE") and not cases):
                break
            cases += {"CASE": 1, "END": -1}.get(word, 0)
            depth += {"(": 1, ")": -1}.get(word, 0)
            taken.append(self.tokens[self.at])
            self.at += 1
        return taken


@dataclass
class Select:
    """A query as SQLite takes it, and the tables it reads."""

    text: str
    tables: tuple[str, ...]
    variables: tuple[str, ...]


@lru_cache(maxsize=2_000)
def translate(tokens: tuple[Token, ...], *, is_expression: bool = False) -> Select:
    """Write tokens as a query of SQLite; names of several parts become one."""
    words: list[str] = ["SELECT"] if is_expression else []
    tables: list[str] = []
    variables: list[str] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        following = tokens[at + 1].word if at + 1 < len(tokens) else ""
        if token.kind == "text":
            words.append("'" + token.string.replace("'", "''") + "'")
        elif token.word in ("CONVERT", "DATEPART", "DATEDIFF") and following == "(":
            at, kind = _first_argument(tokens, at + 2)
            words.append(f"{token.word}_('{kind}'")
            continue
        elif token.kind == "name" and token.text.startswith("@"):
            variables.append(token.text.lower())
            words.append(":" + token.text.lower().replace("@", "v_"))
        elif token.word in ("SYS", "MSDB") and following == ".":
            at, name = _table_name(tokens, at)
            tables.append(name)
            words.append(f'"{name}"')
            continue
        else:
            words.append(token.text)
        at += 1
    return Select(" ".join(words), tuple(tables), tuple(variables))


def _first_argument(tokens: Sequence[Token], at: int) -> tuple[int, str]:
    """Read the bare word, with its size, that some functions take first."""
    kind: list[str] = []
    depth = 0
    while tokens[at].word != "," or depth:
        depth += {"(": 1, ")": -1}.get(tokens[at].word, 0)
        kind.append(tokens[at].text)
        at += 1
    return at, "".join(kind).lower()


def _table_name(tokens: Sequence[Token], at: int) -> tuple[int, str]:
    parts = [tokens[at].text.lower()]
    while at + 2 < len(tokens) and tokens[at + 1].word == ".":
        parts.append(tokens[at + 2].text.lower())
        at += 2
    at += 1
    if at < len(tokens) and tokens[at].word == "(":
        while tokens[at].word != ")":
            at += 1
        at += 1
    return at, ".".join(parts)


def arguments(tokens: list[Token]) -> tuple[str, str, dict[str, list[Token]], list[list[Token]]]:
    """Read a call: what takes its result, its name, its named arguments and the others."""
    result, at = "", 0
    if len(tokens) > 1 and tokens[0].text.startswith("@") and tokens[1].word == "=":
        result, at = tokens[0].text.lower(), 2
    name: list[str] = []
    while at < len(tokens) and (tokens[at].kind == "name" or tokens[at].word == "."):
        if tokens[at].text.startswith("@") or (name and name[-1] != "." and tokens[at].word != "."):
            break
        name.append(tokens[at].text.lower())
        at += 1
    named: dict[str, list[Token]] = {}
    plain: list[list[Token]] = []
    for words in _split(tokens[at:]):
        if len(words) > 2 and words[0].text.startswith("@") and words[1].word == "=":
            named[words[0].text.lower()] = words[2:]
        else:
            plain.append(words)
    return result, "".join(name), named, plain


def _split(tokens: list[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]] if tokens else []
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.word, 0)
        if token.word == "," and not depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
