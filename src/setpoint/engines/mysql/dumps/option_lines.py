"""What one line of an option file gives: the variable it sets, the value, and what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.dump import INSTANCE, DumpSetting, Problem, Severity, Source
from setpoint.engines.mysql.dialect.grammar import GRAMMAR
from setpoint.engines.mysql.dialect.option_groups import ZERO_MEANS_ON, OptionName, understand
from setpoint.engines.mysql.dumps.groups import scope_of
from setpoint.engines.mysql.dumps.option_names import PATHS, option_names, variable_of
from setpoint.engines.mysql.dumps.option_values import Taken, take
from setpoint.engines.mysql.dumps.placeholders import holds_word, is_bare, is_template
from setpoint.engines.mysql.dumps.running import by_shape
from setpoint.engines.mysql.dumps.secrets import without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.catalog import Catalog, Parameter
    from setpoint.config.dump import Canonical
    from setpoint.engines.meanings import Meanings
    from setpoint.engines.mysql.dialect.option_files import Entry
    from setpoint.engines.mysql.dialect.option_groups import Kind

_MOST_ABBREVIATIONS = 2000
"""Unknown names that are compared with all options; a file with more of them is no option file."""
_SUFFIXED = re.compile(r"(\d{1,30})([KMGTPE])([A-Za-z]?)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][\w.\-]*", re.ASCII)
_MOST_WORDS = 8
_TURNED = frozenset({"skip", "disable", "enable"})
_PLUGIN_LOADERS = frozenset({"plugin_load", "plugin_load_add", "early_plugin_load"})


@dataclass(slots=True)
class OptionLine:
    """One line: the variable's name, what is written, what it means, and its problems."""

    name: str
    raw: str | None
    line: int
    value: Canonical | None = None
    unit: str | None = None
    problems: list[Problem] = field(default_factory=list[Problem])
    is_redacted: bool = False
    is_ceiling: bool = False
    is_unknown: bool = False
    is_void: bool = False
    """Whether what stands there can be the name of no option."""
    word: str = ""
    """The placeholder that stands in the place of the value."""

    def setting(self, scope: str, source: Source = Source.FILE) -> DumpSetting:
        """Answer the setting of this line."""
        return DumpSetting(
            name=self.name,
            raw=self.raw,
            value=self.value,
            unit=self.unit,
            line=self.line,
            scope=scope,
            source=source,
        )

    def say(self, severity: Severity, message: str, column: int = 0) -> None:
        """Add a problem of this line."""
        problem = Problem(severity=severity, line=self.line, column=column, message=f"{self.name}: {message}")
        self.problems.append(problem)


class OptionReading:
    """Reads lines of option files for servers of one kind and version (None: nobody knows)."""

    def __init__(self, engine: Kind, meanings: Meanings, version: str | None) -> None:
        """Bind to an engine, what its catalogs mean and a version."""
        self.engine: Kind = engine
        self.version = version
        self.own = meanings.shipped(version)
        self.catalogs: tuple[Catalog, ...] = meanings.among(version)
        fold = GRAMMAR.fold_name
        self.variables = (
            meanings.names
            if self.own is None
            else frozenset(fold(parameter.name) for parameter in self.own.parameters)
        )
        self._elsewhere = meanings.names
        self.options = option_names(engine, self.variables)
        self._understood: dict[str, OptionName] = {}
        self._scopes: dict[str, str] = {}
        self._found: dict[str, tuple[Parameter, ...]] = {}

    def take(self, entry: Entry, lines: Sequence[str]) -> OptionLine:
        """Answer what a line gives; `lines` are those of its file."""
        written = lines[entry.line - 1] if entry.line <= len(lines) else ""
        before, _, after = written.partition("=")
        column = len(before) + 2 + len(after) - len(after.lstrip()) if after else 0
        scope = self._scopes.get(entry.group)
        if scope is None:
            scope = self._scopes[entry.group] = scope_of(entry.group, self.engine, self.version)
        return self.read(entry.name, entry.text, entry.line, scope=scope, column=column)

    def read(
        self, written: str, text: str | None, number: int, *, scope: str = INSTANCE, column: int = 0
    ) -> OptionLine:
        """Answer what an option and its text (None without ``=``) give."""
        is_server = scope == INSTANCE or scope.startswith(("group:mysqld-", "group:maria"))
        is_wrapped = written.lower().replace("-", "_") == "set_variable" and "=" in (text or "")
        if is_wrapped:
            written, _, text = (text or "").partition("=")
            written, text = written.strip(), text.strip()
        option = self.understand(written) if is_server else _of_client(written)
        name = variable_of(option.name.lower(), self.variables)
        shown, had_secret = without_secrets(name, text)
        line = OptionLine(name, shown, number, is_redacted=had_secret, is_ceiling=option.is_ceiling)
        if is_wrapped:
            line.say(Severity.NOTE, "set-variable is a spelling that servers since 5.5 refuse")
        if is_server and scope == INSTANCE:
            self._blame_name(line, option)
        if _NAME.fullmatch(written) is None:
            line.is_void = True
            line.problems = []
            line.say(Severity.ERROR, "this is no option's name")
        elif had_secret:
            line.value = shown
        elif shown is not None and is_template(shown):
            line.say(Severity.ERROR, f"{shown[:60]!r} holds a placeholder", column)
        else:
            self._mean(line, option, text, column, is_judged=scope == INSTANCE, is_server=is_server)
        return line

    def understand(self, written: str) -> OptionName:
        """Answer a server's reading of an option's name."""
        known = self._understood.get(written)
        if known is None:
            folded = written.replace("-", "_")
            is_plain = folded in self.options or len(self._understood) > _MOST_ABBREVIATIONS
            known = (
                OptionName(folded, (), folded in self.options)
                if is_plain
                else self._named(understand(written, self.engine, self.options))
            )
            if len(self._understood) <= 10 * _MOST_ABBREVIATIONS:
                self._understood[written] = known
        return known

    def _named(self, option: OptionName) -> OptionName:
        """Leave a ``skip-`` in the name of an option that nobody knows without it either."""
        is_turned = option.prefixes[-1:] != () and option.prefixes[-1] in _TURNED
        if option.is_known is not False or not is_turned or option.name.lower() in self._elsewhere:
            return option
        return OptionName(f"{option.prefixes[-1]}_{option.name}", option.prefixes[:-1], is_known=False)

    def settle_words(self, lines: Sequence[OptionLine]) -> None:
        """Point out the placeholders of this file where they are a part of other values."""
        words = set(list(dict.fromkeys(line.word for line in lines if line.word))[:_MOST_WORDS])
        loads = any(line.name in _PLUGIN_LOADERS for line in lines)
        for line in lines:
            if loads and line.is_unknown:
                line.problems = [_softened(problem) for problem in line.problems]
            if words and isinstance(line.value, str) and (word := holds_word(line.value, words)):
                line.say(Severity.WARNING, f"it holds {word}, which stands in the place of a value elsewhere")

    def _blame_name(self, line: OptionLine, option: OptionName) -> None:
        if option.candidates:
            few = ", ".join(option.candidates[:6])
            line.say(Severity.ERROR, f"ambiguous, it may mean {few}: the server does not start")
            return
        if option.is_known is not False:
            return
        line.is_unknown = not option.is_loose
        if option.is_loose:
            line.say(Severity.NOTE, "an option that is not known here; it is loose, so no server minds")
        elif self.own is None:
            line.say(Severity.NOTE, "an option that no catalog here has: a server may refuse it")
        else:
            words = f"{self.engine} {self.own.version} has no such option and does not start"
            line.say(Severity.ERROR, words)

    def _mean(
        self,
        line: OptionLine,
        option: OptionName,
        text: str | None,
        column: int,
        *,
        is_judged: bool,
        is_server: bool,
    ) -> None:
        is_turned = option.prefixes[-1:] != () and option.prefixes[-1] in _TURNED
        if text is not None or is_turned:
            text = option.mean(text, self.engine)
            if line.name in ZERO_MEANS_ON[self.engine] and text.lower() != "off":
                text = "ON"  # seen on MySQL 9.7: whatever else is written, ``false`` included, turns it on
        if is_turned and line.name in PATHS:
            line.value = text == "ON"
            return
        parameters = self._parameters(line.name) if is_server else ()
        if text and not is_turned and is_bare(line.name, text, parameters[0] if parameters else None):
            line.word = text if text.isupper() else ""
            line.say(Severity.ERROR, f"{text[:60]!r} is a placeholder", column)
            return
        taken = self._taken(parameters, _turned(option, text, parameters))
        line.value, line.unit = taken.value, taken.unit
        if taken.fault:
            severity = Severity.ERROR if is_judged or not is_server else Severity.WARNING
            line.say(severity, taken.fault, column)
        elif taken.remark:
            line.say(Severity.WARNING if is_judged else Severity.NOTE, taken.remark, column)

    def _parameters(self, name: str) -> tuple[Parameter, ...]:
        if name not in self._elsewhere:
            return ()
        known = self._found.get(name)
        if known is None:
            found = (catalog.find(name) for catalog in self.catalogs)
            known = self._found[name] = tuple(parameter for parameter in found if parameter is not None)
        return known

    def _taken(self, parameters: tuple[Parameter, ...], text: str | None) -> Taken:
        """Answer what a server takes; where the version is unknown, what one that minds least takes."""
        if not parameters:
            return of_unknown(text)
        found = [take(parameter, text, self.engine, GRAMMAR) for parameter in parameters]
        quiet = (taken for taken in found if not taken.fault and not taken.remark)
        return next(quiet, None) or next((taken for taken in found if not taken.fault), None) or found[0]


def _of_client(written: str) -> OptionName:
    """Answer a client's option; an ``enable-`` belongs to its name."""
    option = understand(written.lower(), "mysql")
    if option.prefixes[-1:] == ("enable",):
        return OptionName(f"enable_{option.name}", option.prefixes[:-1])
    return option


def of_unknown(text: str | None) -> Taken:
    """Answer what the text of an option means that no catalog has, by how it is written."""
    if text is None:
        return Taken(value=True)
    suffixed = _SUFFIXED.fullmatch(text)
    if suffixed is None:
        meaning = by_shape(text)
        return Taken(meaning.value, meaning.unit)
    digits, letter, more = suffixed.groups()
    if more:
        return Taken(None, fault=f"{text!r}: a suffix is one letter (K, M, G, T, P, E)")
    return Taken(int(digits) << 10 * ("KMGTPE".index(letter.upper()) + 1), "B")


def _turned(option: OptionName, text: str | None, parameters: tuple[Parameter, ...]) -> str | None:
    """Answer what a prefix makes of a number: ``skip-`` is 0."""
    if not option.prefixes or option.prefixes[-1] not in _TURNED or not parameters:
        return text
    parameter = parameters[0]
    if parameter.is_numeric:
        return "0" if text == "OFF" else "1"
    return text


def _softened(problem: Problem) -> Problem:
    if problem.severity is not Severity.ERROR or "no such option" not in problem.message:
        return problem
    words = problem.message.replace(" and does not start", ", unless a plugin that is loaded brings it")
    return Problem(severity=Severity.WARNING, line=problem.line, column=problem.column, message=words)
