"""What may be wrong with what importers make of an input: what is invented, let out, or beyond its end."""

from __future__ import annotations

import html
import json
import math
import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
from fuzz_cases import PATH
from import_material import SECRET

from setpoint.config.dump import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fuzz_cases import Case

    from setpoint.config.dump import Dump, DumpSetting
    from setpoint.engines.document import Document

LONGEST_SECONDS = 1.0
HUNG_SECONDS = 20.0
KINDS = {
    "crash": "crashes",
    "hung": f"hangs over {HUNG_SECONDS:g} s",
    "too slow": f"readings over {LONGEST_SECONDS:g} s",
    "invented": "settings that stand nowhere in the input",
    "line": "lines that the file does not have",
    "unknown path": "paths that nobody handed in",
    "secret": "secrets let out",
    "not finite": "numbers that are none",
    "not to be printed": "texts that cannot be printed",
}

_ESCAPED = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|([bfnrtsv0]))")
_DROPPED = re.compile(r"[\s'\"\\\x00-\x20]+")
_FOLDED = re.compile(r"[^a-z0-9]+")
_JOINED = re.compile(r"[\s,'\"]+")


class Haystack:
    """A text, in which what is read of it must be found whatever the file's own quoting was."""

    def __init__(self, text: str) -> None:
        self._plain = text

    @cached_property
    def _spellings(self) -> list[str]:
        return [_bare(each) for each in _spellings(self._plain)]

    @cached_property
    def _names(self) -> str:
        return _FOLDED.sub("", self._plain.lower())

    def has_text(self, raw: str) -> bool:
        """Tell whether a value stands there, whatever escapes it was written with."""
        return raw in self._plain or any(
            _bare(each) in spelling for each in _spellings(raw) for spelling in self._spellings
        )

    def has_name(self, name: str) -> bool:
        """Tell whether a name stands there, letters and digits alone."""
        return _FOLDED.sub("", name.lower()) in self._names


def _spellings(text: str) -> Iterator[str]:
    yield text
    yield html.unescape(text)
    yield _ESCAPED.sub(_unescape, html.unescape(text))


def _unescape(found: re.Match[str]) -> str:
    octal, two, four, letter = found.groups()
    return "" if letter else chr(int(octal, 8) if octal else int(two or four, 16))


def _bare(text: str) -> str:
    return _DROPPED.sub("", text).lower()


def faults_of(
    case: Case, document: Document, dumps: tuple[Dump, ...], seconds: float
) -> Iterator[tuple[str, str, str]]:
    """Answer what is wrong: kind, group and story."""
    if seconds > LONGEST_SECONDS:
        yield "too slow", dumps[0].kind, f"{seconds:.2f} s for {len(case.body)} bytes of {case.made_of}"
    texts = {PATH: document.text} | {
        posixpath.join("folder", path): text for path, text in case.beside.items()
    }
    haystack = Haystack("\n".join(texts.values()))
    for dump in dumps:
        told = msgspec.json.encode(dump).decode()
        if dump.engine in case.engines and (SECRET in told or SECRET in repr(dump)):
            at = told.find(SECRET)
            yield "secret", f"{dump.engine} {dump.kind}", told[max(0, at - 160) : at + 40]
        if dump.path not in texts:
            yield "unknown path", f"{dump.engine} {dump.kind}", dump.path
            continue
        yield from _strangers(dump, haystack, texts[dump.path].split("\n"))
        yield from _unsound(dump)


def _strangers(dump: Dump, haystack: Haystack, lines: list[str]) -> Iterator[tuple[str, str, str]]:
    most = len(lines)
    group = f"{dump.engine} {dump.kind}"
    for setting in dump.settings:
        if not 0 < setting.line <= most:
            yield "line", group, f"{setting.name} in line {setting.line} of {most}"
        elif not _is_there(setting, haystack, lines[setting.line - 1], dump.redacted):
            yield "invented", group, f"{setting!r}"[:400]
    for problem in dump.problems:
        if not 0 <= problem.line <= most or problem.column < 0:
            yield (
                "line",
                group,
                f"a problem in {problem.line}:{problem.column} of {most}: {problem.message[:80]}",
            )


def _is_there(setting: DumpSetting, haystack: Haystack, line: str, redacted: tuple[str, ...]) -> bool:
    """Tell whether it stands there: what was put together from several lines part by part.

    MariaDB takes a name that is cut short.
    """
    if setting.raw is None or setting.source is Source.DEFAULT or setting.name in redacted:
        written = _FOLDED.sub("", line.partition("=")[0].lower())
        is_abbreviated = len(written) > 2 and written in _FOLDED.sub("", setting.name.lower())
        is_told = setting.raw is not None and haystack.has_text(setting.raw)
        return is_abbreviated or is_told or haystack.has_name(setting.name)
    return haystack.has_text(setting.raw) or all(map(haystack.has_text, _JOINED.split(setting.raw)))


def _unsound(dump: Dump) -> Iterator[tuple[str, str, str]]:
    group = f"{dump.engine} {dump.kind}"
    for setting in dump.settings:
        for value in (setting.value, setting.running):
            if isinstance(value, float) and not math.isfinite(value):
                yield "not finite", group, f"{setting!r}"[:400]
    try:
        json.dumps([problem.message for problem in dump.problems]).encode()
        "".join(setting.raw or "" for setting in dump.settings).encode()
        "".join(problem.message for problem in dump.problems).encode()
    except UnicodeEncodeError as fault:
        yield "not to be printed", group, str(fault)[:200]
