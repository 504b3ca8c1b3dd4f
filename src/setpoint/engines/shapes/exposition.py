"""Text that exporters expose: Prometheus' format and OpenMetrics.

Read by hand and not with ``prometheus-client``, whose parser ends at the first fault without saying where,
builds families nobody here asks for, and takes several times as long. A fault here is a problem with its line
and column, and the lines around it are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from setpoint.config.dump import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

Labels = tuple[tuple[str, str], ...]
"""Labels in their order, by name."""

_LINE = re.compile(
    r'[ \t]*+([A-Za-z_:][\w:]*+)[ \t]*+(?:\{((?:[^"{}]|"(?:[^"\\]|\\.)*+")*+)\}[ \t]*+)?(?<=[ \t}])([^\s#]++)'
    r"(?:[ \t]++(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?))?[ \t]*+(?:#.*)?",
    re.ASCII,
)
_LABEL = re.compile(
    r'[ \t]*(?:([A-Za-z_][\w.]*)|"((?:[^"\\]|\\.)*)")[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)'
)
_QUOTED_NAME = re.compile(r'[ \t]*\{[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|(?=\}))')
_NAME = re.compile(r"[ \t]*[A-Za-z_:][\w:]*", re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_META = re.compile(r"#[ \t]+(HELP|TYPE|UNIT)[ \t]+(\S+)[ \t]*(.*)")
_TYPES = frozenset(
    ("counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram")
)
_MOST_PROBLEMS = 100
"""Faulty lines told one by one; a file with more is no exposition."""


class Metric(NamedTuple):
    """One sample: its name and labels, its value, the line it stands in, and its time where one is given.

    The time is as written: milliseconds in Prometheus' format, seconds in OpenMetrics.
    """

    name: str
    labels: Labels
    value: float
    line: int
    timestamp: float | None = None

    @property
    def label_text(self) -> str:
        """The labels as ``name=value`` joined by commas."""
        return ",".join(f"{name}={value}" for name, value in self.labels)


@dataclass(frozen=True)
class Exposition:
    """What a text exposes: samples in their order, and by family its type, its help and its unit."""

    metrics: list[Metric] = field(default_factory=list[Metric])
    types: dict[str, str] = field(default_factory=dict[str, str])
    helps: dict[str, str] = field(default_factory=dict[str, str])
    units: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[Problem] = field(default_factory=list[Problem])


def read_exposition(text: str) -> Exposition:
    """Read a text of samples; what is no sample and no comment is a problem. Never raises."""
    told = Exposition()
    known: dict[str, Labels | None] = {"": ()}
    add = told.metrics.append
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line[0] == "#":
            _note(told, line, number)
            continue
        metric = _metric(line, number, known)
        if metric is not None:
            add(metric)
        elif line.strip() and (other := _metric_of_quoted_name(line, number, known)):
            add(other)
        elif line.strip() and len(told.problems) < _MOST_PROBLEMS:
            told.problems.append(_problem(line, number))
    return told


def is_exposition(text: str, lines_looked_at: int = 200) -> bool:
    """Tell by its first lines whether a text is one: comments and samples, and nothing else."""
    head = text[: lines_looked_at * 200].split("\n")[:lines_looked_at]
    known: dict[str, Labels | None] = {"": ()}
    samples = others = types = 0
    for line in head[:-1] if len(head) > 1 else head:
        if line.startswith("#"):
            types += line.startswith(("# TYPE ", "# HELP "))
        elif line.strip():
            metric = _metric(line, 0, known)
            samples, others = samples + (metric is not None), others + (metric is None)
    return samples > 0 and others * 20 <= samples and (types > 0 or any(map(bool, known.values())))


def _note(told: Exposition, line: str, number: int) -> None:
    """Take a comment that says something about a family; any other says nothing."""
    meta = _META.match(line) if line else None
    if meta is None:
        return
    word, name, text = meta.groups()
    if word == "TYPE" and text.strip() not in _TYPES:
        column = meta.start(3) + 1
        told.problems.append(_fault(f"{name} is of no type that there is", number, column))
    elif word == "TYPE":
        told.types[name] = text.strip()
    elif word == "HELP":
        told.helps[name] = _unescaped(text)
    else:
        told.units[name] = text.strip()


def _metric(line: str, number: int, known: dict[str, Labels | None]) -> Metric | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    name, inside, word, time = found.groups("")
    labels = known.get(inside)
    if labels is None and inside not in known:
        known[inside] = labels = _labels(inside)
    if labels is None or (value := _number(word)) is None:
        return None
    return Metric(name, labels, value, number, float(time) if time else None)


def _metric_of_quoted_name(line: str, number: int, known: dict[str, Labels | None]) -> Metric | None:
    """Read ``{"name", label="value"} 1``: a name with characters that only quotes allow."""
    quoted = _QUOTED_NAME.match(line)
    if quoted is None:
        return None
    metric = _metric("_{" + line[quoted.end() :], number, known)
    return None if metric is None else metric._replace(name=_unescaped(quoted[1]))


def _number(word: str) -> float | None:
    if "_" in word:
        return None
    try:
        return float(word)
    except ValueError:
        return None


def _labels(inside: str) -> Labels | None:
    """Answer the labels between braces, None where they are faulty."""
    labels: list[tuple[str, str]] = []
    at = 0
    while at < len(inside):
        found = _LABEL.match(inside, at)
        if found is None:
            return tuple(labels) if not inside[at:].strip() else None
        labels.append((found[1] or _unescaped(found[2] or ""), _unescaped(found[3])))
        at = found.end()
    return tuple(labels)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_meant, text) if "\\" in text else text


def _meant(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]


def _problem(line: str, number: int) -> Problem:
    """Answer what is wrong with a line that is no sample, and in which column."""
    for why, column in _faults(line):
        return _fault(why, number, column)
    return _fault("it is no sample", number, 1)


def _faults(line: str) -> Iterator[tuple[str, int]]:
    name = _NAME.match(line)
    if name is None:
        yield "no name of a metric begins here", 1 + len(line) - len(line.lstrip())
        return
    at = name.end()
    rest = line[at:].lstrip()
    at = len(line) - len(rest)
    if rest.startswith("{"):
        at += 1
        while found := _LABEL.match(line[: _closing(line, at)], at):
            at = found.end()
        at += len(line[at:]) - len(line[at:].lstrip())
        if line[at : at + 1] != "}":
            yield "a label is faulty here, or the braces are never closed", at + 1
            return
        at += 1 + len(line[at + 1 :]) - len(line[at + 1 :].lstrip())
    words = line[at:].split()
    if not words:
        yield "its value is missing", len(line) + 1
    elif _number(words[0]) is None:
        yield "its value is no number", at + 1
    else:
        yield "something stands behind its value", line.index(words[0], at) + len(words[0]) + 1


def _closing(line: str, at: int) -> int:
    """Answer where the braces close: the last one, so that those inside quotes are passed over."""
    closing = line.rfind("}", at)
    return len(line) if closing < 0 else closing


def _fault(why: str, line: int, column: int) -> Problem:
    return Problem(
        severity=Severity.ERROR, message=f"This line is no sample: {why}.", line=line, column=column
    )
