"""The statements of a script that configure: sp_configure, RECONFIGURE, and those of ALTER.

Facts: the manual, "sp_configure", "RECONFIGURE", "ALTER SERVER CONFIGURATION", "ALTER DATABASE SCOPED
CONFIGURATION", "EXECUTE" (a procedure's name alone runs it at the beginning of a batch only), in our own
words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.engines.sqlserver.dumps.words import Word, read_words

if TYPE_CHECKING:
    from collections.abc import Iterator

PROCEDURE = "sp_configure"
_EXEC = ("EXEC", "EXECUTE")
_BEGINNINGS = (
    "ALTER", "BEGIN", "CREATE", "DECLARE", "DROP", "ELSE", "END", "EXEC", "EXECUTE", "GRANT", "IF", "PRINT",
    "RECONFIGURE", "RETURN", "SELECT", "SET", "UPDATE", "USE", "WAITFOR", "WHILE",
)  # fmt: skip
_END = Word("end", "", 0, 0)
_SPACED = re.compile(r" (?=[,)])|(?<=\() ")
_LONGEST_NAME = 7
"""Words and dots of a name with server, database, owner and procedure."""
_LITERALS = frozenset({"number", "text", "placeholder"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: ``option``, ``reconfigure``, ``scoped`` or ``server``, with its name and value.

    `text` is None where a variable stands there whose value the script does not tell; `fault` says why the
    server would refuse it. `is_conditional` tells that it stands behind an IF or a WHILE.
    """

    what: str
    line: int
    column: int = 0
    name: str = ""
    text: str | None = ""
    database: str = ""
    fault: str = ""
    is_conditional: bool = False
    is_placeholder: bool = False
    is_for_secondary: bool = False


def read_statements(text: str) -> Iterator[Statement]:
    """Answer the statements of a script in their order."""
    yield from _Script([*read_words(text), _END]).read()


class _Script:
    """The words of a script, and what holds where it is being read."""

    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._at = 0
        self._database = ""
        self._variables: dict[str, Word | None] = {}
        self._condition_depth = 0
        self._is_condition_open = False

    def read(self) -> Iterator[Statement]:
        is_first = True
        while self._here.kind != "end":
            word = self._here
            if word.kind == "go":
                self._begin_batch()
                is_first = True
                continue
            yield from self._statement(word, is_first=is_first)
            is_first = is_first and word.text == ";"

    @property
    def _here(self) -> Word:
        return self._words[self._at]

    def _next(self) -> Word:
        word = self._here
        self._at = min(self._at + 1, len(self._words) - 1)
        return word

    def _begin_batch(self) -> None:
        self._next()
        self._variables.clear()
        self._condition_depth, self._is_condition_open = 0, False

    def _statement(self, word: Word, *, is_first: bool) -> Iterator[Statement]:
        if word.is_word("RECONFIGURE"):
            self._next()
            yield Statement("reconfigure", word.line)
        elif word.is_word(*_EXEC):
            self._next()
            yield from self._executed()
        elif word.is_word("ALTER"):
            self._next()
            yield from self._altered(word)
        elif word.kind in {"word", "name"} and self._skip_procedure():
            fault = "" if is_first else "EXEC is missing: a name alone runs only at the beginning of a batch"
            yield from self._option(word, fault)
        elif word.kind == "variable":
            self._assigned()
        else:
            self._passed(word)

    def _passed(self, word: Word) -> None:
        """Go by a word of no interest; it may open or close a condition, or change the database."""
        self._next()
        if word.is_word("USE") and self._here.kind in {"word", "name"}:
            self._database = self._next().text
        elif word.is_word("IF", "WHILE"):
            self._is_condition_open = True
        elif word.is_word("BEGIN") and (self._is_condition_open or self._condition_depth):
            self._condition_depth += not self._here.is_word("TRY", "CATCH", "TRAN", "TRANSACTION")
            self._is_condition_open = False
        elif word.is_word("END") and self._condition_depth:
            self._condition_depth -= 1
        elif word.text == ";":
            self._is_condition_open = False

    def _is_conditional(self) -> bool:
        is_so = self._is_condition_open or self._condition_depth > 0
        self._is_condition_open = False
        return is_so

    def _skip_procedure(self) -> bool:
        """Go by a procedure's name, in parts or not, and tell whether it is sp_configure."""
        start, last = self._at, self._here
        while self._at - start < _LONGEST_NAME and (
            self._here.kind in {"word", "name"} or self._here.text == "."
        ):
            if self._here.text == ".":
                self._next()
                continue
            if last is not self._here and self._words[self._at - 1].text != ".":
                break
            last = self._next()
        if last.text.lower() == PROCEDURE:
            return True
        self._at = start
        return False

    def _executed(self) -> Iterator[Statement]:
        word = self._here
        if word.kind == "variable" and self._words[min(self._at + 1, len(self._words) - 1)].text == "=":
            self._next()
            self._next()
        word = self._here
        if word.kind in {"word", "name"} and self._skip_procedure():
            yield from self._option(word, "")

    def _option(self, place: Word, fault: str) -> Iterator[Statement]:
        """Take the arguments of sp_configure; without a value it only shows."""
        given: list[tuple[str, Word | None]] = []
        while len(given) < 2:  # noqa: PLR2004 - a name and a value
            keyword = ""
            if self._here.kind == "variable" and self._words[self._at + 1].text == "=":
                keyword = self._next().text.lower()
                self._next()
            argument = self._argument()
            if argument is _END:
                break
            given.append((keyword, argument))
            if self._here.text != ",":
                break
            self._next()
        named = {keyword: word for keyword, word in given if keyword}
        plain = [word for keyword, word in given if not keyword]
        name = named.get("@configname", plain[0] if plain else None)
        has_value = "@configvalue" in named or len(plain) > ("@configname" not in named)
        if not has_value:
            return
        value = named.get("@configvalue", plain[-1] if plain else None)
        if self._here.kind == "mark" and self._here.text in {"*", "/", "%", "+", "-"}:
            fault = "an expression stands where the procedure takes a number"
        yield Statement(
            "option",
            (name or place).line,
            column=(value or place).column,
            name="" if name is None else name.text,
            text=None if value is None else value.text,
            fault=fault,
            is_conditional=self._is_conditional(),
            is_placeholder=value is not None and value.kind == "placeholder",
        )

    def _argument(self) -> Word | None:
        """Take one argument: a literal, a bare word, or what a variable holds (None where nobody tells)."""
        word = self._here
        if word.kind == "variable":
            self._next()
            return self._variables.get(word.text.lower())
        if word.text in {"-", "+"} and self._words[self._at + 1].kind == "number":
            sign, number = self._next(), self._next()
            text = number.text if sign.text == "+" else f"-{number.text}"
            return Word("number", text, sign.line, sign.column)
        if word.kind in _LITERALS or word.kind == "name":
            return self._next()
        if word.kind == "word" and not word.is_word(*_BEGINNINGS):
            return self._next()
        return _END

    def _assigned(self) -> None:
        """Keep what a variable is given, where it is a literal and no expression."""
        name = self._next().text.lower()
        while self._here.kind == "word" and not self._here.is_word(*_BEGINNINGS):
            self._next()
        if self._here.text == "(":
            while self._here.kind not in {"end", "go"} and self._next().text != ")":
                pass
        if self._here.text != "=":
            return
        self._next()
        value = self._argument()
        is_whole = self._here.kind != "mark" or self._here.text in {";", ","}
        self._variables[name] = value if value is not _END and is_whole else None

    def _altered(self, place: Word) -> Iterator[Statement]:
        words = [each.text.upper() for each in self._words[self._at : self._at + 4]]
        if words[:3] == ["DATABASE", "SCOPED", "CONFIGURATION"]:
            self._at += 3
            yield from self._scoped(place)
        elif words[:3] == ["SERVER", "CONFIGURATION", "SET"]:
            self._at += 3
            yield from self._server(place)

    def _scoped(self, place: Word) -> Iterator[Statement]:
        is_secondary = self._here.is_word("FOR")
        if is_secondary:
            self._next()
            self._next()
        if not self._next().is_word("SET") or self._here.kind not in {"word", "name"}:
            return
        name = self._next()
        if self._here.text != "=":
            return
        self._next()
        value = self._argument()
        if value is _END:
            return
        yield Statement(
            "scoped",
            place.line,
            column=(value or place).column,
            name=name.text,
            text=None if value is None else value.text,
            database=self._database,
            is_conditional=self._is_conditional(),
            is_placeholder=value is not None and value.kind == "placeholder",
            is_for_secondary=is_secondary,
        )

    def _server(self, place: Word) -> Iterator[Statement]:
        """Take what ALTER SERVER CONFIGURATION sets: words up to a state or a sign, then the value."""
        words: list[Word] = []
        while self._here.kind not in {"end", "go"} and self._here.text != ";":
            if words and self._here.is_word(*_BEGINNINGS):
                break
            words.append(self._next())
        split = next((at for at, word in enumerate(words) if _begins_value(word)), len(words))
        value = words[split:]
        if value and value[0].text == "=":
            value = value[1:]
        if not value or not split or not all(word.kind == "word" for word in words[:split]):
            return
        is_broken = any(word.kind == "mark" and word.text in {"'", '"', "[", "]"} for word in value)
        yield Statement(
            "server",
            place.line,
            column=value[0].column,
            name=" ".join(word.text for word in words[:split]),
            text=_SPACED.sub("", " ".join(word.text for word in value)),
            is_conditional=self._is_conditional(),
            fault="a quote or a bracket is not closed" if is_broken else "",
            is_placeholder=any(word.kind == "placeholder" for word in value),
        )


def _begins_value(word: Word) -> bool:
    """Tell whether the name of what is set ends here."""
    return word.text in {"=", "("} or word.is_word("ON", "OFF")
