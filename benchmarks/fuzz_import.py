"""Importers under any content: does none crash, hang, invent a setting or let a secret out?

Files of every kind are cut, spliced, doubled and damaged at random, each by a seed of its own, and read as an
import reads them. Time is the CPU time of one reading, so that a busy machine takes nothing away.

    .venv/bin/python benchmarks/fuzz_import.py [--inputs 100000] [--first 0] [--processes 2]
    .venv/bin/python benchmarks/fuzz_import.py --replay SEED
"""

from __future__ import annotations

import argparse
import html
import json
import math
import multiprocessing
import os
import posixpath
import random
import re
import signal
import sys
import time
import traceback
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

import msgspec
from figures import Figures, percentile
from import_material import SECRET, Seed, own_seeds, sample_seeds

from setpoint.config.dump import Source
from setpoint.engines.document import Document
from setpoint.engines.recognition import read_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from setpoint.config.dump import Dump, DumpSetting

LONGEST_SECONDS = 1.0
HUNG_SECONDS = 20.0
LONGEST = 1 << 20
"""Characters of an input: what is larger may take longer than the target."""

WINDOW = 4000
"""Of a longer file mostly a window is taken, so that a mutation has something to hit."""

_CHUNK = 200
_PATH = "folder/file"
_MOST_TOLD = 40
_PIECES = ["'", '"', "\\", "\n", "\t", "|", "=", ";", ",", "#", "--", "(", ")", "[", "]", "{", "}", "<", ">"]
_PIECES += [
    "\0",
    "ü",
    "\u2028",
    "\x85",
    "\ufeff",
    "\ud800",
    "\u0663",
    "-1",
    "0x",
    "1e999",
    "9" * 40,
    "NaN",
    "inf",
]
_PIECES += [
    "%",
    "$$",
    "/*",
    "*/",
    "\\N",
    "''",
    "&amp;",
    "&#0;",
    "<!--",
    "]]>",
    "{{ x }}",
    "${X}",
    "<x>",
    "@x@",
]
_PIECES += [
    "include 'file'\n",
    "!include file\n",
    "ifile=file\n",
    "!includedir .\n",
    "include_dir '.'\n",
    "\f",
]
_PIECES += [
    "[mysqld]\n",
    "*.",
    "GO\n",
    "-[ RECORD 1 ]\n",
    "*** 1. row ***\n",
    "+---+---+\n",
    "---- ----\n",
    "\r",
]
_ENGINES = ("",) * 30 + ("postgresql", "mysql", "mariadb", "oracle", "sqlserver")
_VERSIONS = (None, None, None, "16", "8.0.32", "10.11.6", "19.3", "15.0.2000.5", "9.7")


class HungError(BaseException):
    """A reading took so long that it was broken off; no reader can catch it by mistake."""


class Shelf:
    """Files beside the mutated one, in memory: the file itself is among them, so that circles can be."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def read(self, path: str) -> str | None:
        """Answer a file's text."""
        return self.texts.get(path)

    def names(self, folder: str) -> tuple[str, ...] | None:
        """Answer the names of a folder's files."""
        prefix = "" if folder in {".", ""} else f"{folder}/"
        found = {path.removeprefix(prefix).split("/")[0] for path in self.texts if path.startswith(prefix)}
        return tuple(sorted(found)) or None


@dataclass(frozen=True)
class Case:
    """One input: its bytes, what lies beside it, and what the operator says."""

    body: bytes
    beside: dict[str, str]
    engine: str
    version: str | None
    made_of: str

    def document(self) -> Document:
        """Answer it as an import would open it."""
        shelf = Shelf(self.beside)
        document = Document.of(_PATH, self.body, shelf)
        shelf.texts["file"] = document.text
        return document


@dataclass
class Found:
    """What came of some inputs."""

    inputs: int = 0
    read: int = 0
    settings: int = 0
    seconds: list[float] = field(default_factory=list[float])
    slowest: tuple[float, int, str] = (0.0, -1, "")
    faults: list[tuple[str, str, int, str]] = field(default_factory=list["tuple[str, str, int, str]"])

    def add(self, other: Found) -> None:
        """Take in what came of others."""
        self.inputs += other.inputs
        self.read += other.read
        self.settings += other.settings
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.faults += other.faults


@cache
def seeds() -> list[Seed]:
    """Answer what is mutated, once for each process."""
    return [*own_seeds(), *sample_seeds()]


def make_case(number: int) -> Case:
    """Make the input of a seed."""
    rng = random.Random(number)
    first = rng.choice(seeds())
    text = window(rng, first.text)
    made_of, plants = first.name, first.plants
    if rng.random() < 0.15:
        second = rng.choice(seeds())
        text = spliced(rng, text, window(rng, second.text))
        made_of, plants = f"{made_of} + {second.name}", ()
    for _ in range(rng.choice([0, 1, 1, 2, 3, 6, 12])):
        text = rng.choice(_MUTATIONS)(rng, text)[:LONGEST]
    if plants and rng.random() < 0.5:
        text = planted(rng, text, rng.choice(plants))
    body = text.encode("utf-8", errors="surrogatepass" if "\ud800" in text else "surrogateescape")
    if not plants and rng.random() < 0.2:
        body = flipped(rng, body)
    if rng.random() < 0.05:
        body = rng.choice(
            [b"\xef\xbb\xbf" + body, text.encode("utf-16", errors="replace"), body.replace(b"\n", b"\r\n")]
        )
    other = rng.choice(seeds())
    beside = {
        "extra.conf": "work_mem = 1MB\n",
        "extra.cnf": "[mysqld]\nport=1\n",
        "extra.ora": "processes=5\n",
    }
    beside |= {"conf.d/10.conf": window(rng, other.text), "conf.d/20.cnf": window(rng, other.text)}
    engine = rng.choice(_ENGINES)
    return Case(body, beside, engine, rng.choice(_VERSIONS), made_of)


def window(rng: random.Random, text: str) -> str:
    """Answer a file, mostly only its head and some part of it where it is long."""
    if len(text) <= WINDOW or rng.random() < 0.04:
        return text
    at = rng.randrange(len(text))
    return text[: rng.choice([200, 1500])] + text[at : at + rng.choice([300, 2000, WINDOW])]


def spliced(rng: random.Random, text: str, other: str) -> str:
    """Put two files together somewhere."""
    at, end = rng.randrange(len(text) + 1), rng.randrange(len(other) + 1)
    return rng.choice([text + "\n" + other, text[:at] + other[end:], text[:at] + other[:end] + text[at:]])


def _cut(rng: random.Random, text: str) -> str:
    at, end = sorted(rng.randrange(len(text) + 1) for _ in "ae")
    return text[:at] + text[min(end, at + rng.choice([1, 10, 100, 5000])) :]


def _truncate(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return rng.choice([text[:at], text[at:]])


def _double(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    part = text[at : at + rng.choice([1, 20, 200])]
    return text[:at] + part * rng.choice([2, 3, 30]) + text[at:]


def _insert(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(_PIECES) * rng.choice([1, 1, 1, 3]) + text[at:]


def _replace(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(_PIECES) + text[at + rng.choice([1, 1, 3]) :]


def _nest(rng: random.Random, text: str) -> str:
    at, depth = rng.randrange(len(text) + 1), rng.choice([10, 500, 5000])
    opening, closing = rng.choice(
        ["()", "[]", "{}", ("<TABLE>", "</TABLE>"), ("/*", "*/"), ("'", "'"), ('{"a":', "}")]
    )
    return text[:at] + opening * depth + rng.choice(["", closing * depth]) + text[at:]


def _lengthen(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return (
        text[:at]
        + rng.choice(["x", " ", "\t", "=", "a,", "-", "' ", "\\", "1", "|", "\n"]) * rng.choice([100, 9999])
        + text[at:]
    )


def _shuffle(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at, end = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[at], lines[end] = lines[end], lines[at]
    return "\n".join(lines)


def _repeat(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    return "\n".join(lines[:at] + lines[at : at + 1] * rng.choice([2, 40, 400]) + lines[at:])


def _unlined(rng: random.Random, text: str) -> str:
    return text.replace("\n", rng.choice([" ", "", "\n\n"]), rng.choice([1, 5, -1]))


_MUTATIONS: list[Callable[[random.Random, str], str]] = [_cut, _cut, _truncate, _double, _insert, _insert]
_MUTATIONS += [_insert, _replace, _replace, _nest, _lengthen, _shuffle, _repeat, _unlined]


def planted(rng: random.Random, text: str, plant: str) -> str:
    """Put lines with a secret between two lines."""
    lines = text.split("\n")
    at = rng.randrange(len(lines) + 1)
    return "\n".join([*lines[:at], plant, *lines[at:]])


def flipped(rng: random.Random, body: bytes) -> bytes:
    """Turn some bits."""
    turned = bytearray(body)
    for _ in range(rng.choice([1, 1, 5, 100]) if turned else 0):
        turned[rng.randrange(len(turned))] ^= 1 << rng.randrange(8)
    return bytes(turned)


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


def read(case: Case, document: Document) -> tuple[tuple[Dump, ...], float]:
    """Read an input as an import does; answers what it says, and the CPU seconds that took."""
    began = time.thread_time()
    dumps = read_document(document, engine=case.engine, version=case.version)
    return dumps, time.thread_time() - began


def faults_of(
    case: Case, document: Document, dumps: tuple[Dump, ...], seconds: float
) -> Iterator[tuple[str, str, str]]:
    """Answer what is wrong: kind, group and story."""
    if seconds > LONGEST_SECONDS:
        yield "too slow", dumps[0].kind, f"{seconds:.2f} s for {len(case.body)} bytes of {case.made_of}"
    texts = {_PATH: document.text} | {
        posixpath.join("folder", path): text for path, text in case.beside.items()
    }
    haystack = Haystack("\n".join(texts.values()))
    for dump in dumps:
        told = msgspec.json.encode(dump).decode()
        if SECRET in told or SECRET in repr(dump):
            at = told.find(SECRET)
            yield "secret", f"{dump.engine} {dump.kind}", told[max(0, at - 160) : at + 40]
        if dump.path not in texts:
            yield "unknown path", f"{dump.engine} {dump.kind}", dump.path
            continue
        yield from _strangers(dump, haystack, texts[dump.path].count("\n") + 1)
        yield from _unsound(dump)


def _strangers(dump: Dump, haystack: Haystack, most: int) -> Iterator[tuple[str, str, str]]:
    group = f"{dump.engine} {dump.kind}"
    for setting in dump.settings:
        if not 0 < setting.line <= most:
            yield "line", group, f"{setting.name} in line {setting.line} of {most}"
        if not _is_there(setting, haystack, dump.redacted):
            yield "invented", group, f"{setting!r}"[:400]
    for problem in dump.problems:
        if not 0 <= problem.line <= most or problem.column < 0:
            yield (
                "line",
                group,
                f"a problem in {problem.line}:{problem.column} of {most}: {problem.message[:80]}",
            )


def _is_there(setting: DumpSetting, haystack: Haystack, redacted: tuple[str, ...]) -> bool:
    """Tell whether it stands there: a value that was put together from several lines, part by part."""
    if setting.raw is None or setting.source is Source.DEFAULT or setting.name in redacted:
        return haystack.has_name(setting.name) or (setting.raw is not None and haystack.has_text(setting.raw))
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


def try_out(number: int, found: Found) -> None:
    """Make, read and judge the input of one seed."""
    found.inputs += 1
    case = make_case(number)
    document = case.document()
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, HUNG_SECONDS)
        dumps, seconds = read(case, document)
    except HungError:
        where = traceback.extract_tb(sys.exc_info()[2])[-2]
        found.faults.append(("hung", f"{where.filename[-60:]}:{where.lineno}", number, case.made_of))
        return
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is what is looked for
        where = traceback.extract_tb(fault.__traceback__)[-1]
        group = f"{type(fault).__name__} in {where.filename[-60:]}:{where.lineno}"
        found.faults.append(("crash", group, number, f"{fault}"[:200]))
        return
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    found.seconds.append(seconds)
    found.slowest = max(found.slowest, (seconds, number, case.made_of))
    found.read += dumps[0].engine is not None
    found.settings += sum(len(dump.settings) for dump in dumps)
    found.faults += [
        (kind, group, number, story) for kind, group, story in faults_of(case, document, dumps, seconds)
    ]


def _break_off(*_: object) -> None:
    raise HungError


def work(numbers: range) -> Found:
    """Try out some seeds in this process."""
    signal.signal(signal.SIGVTALRM, _break_off)
    warm_up()
    found = Found()
    for number in numbers:
        try_out(number, found)
    return found


@cache
def warm_up() -> None:
    """Read what is not mutated, so that no input pays for catalogs that are read once."""
    for seed in own_seeds():
        case = Case(seed.text.encode(), {}, "", None, seed.name)
        read(case, case.document())


def run(first: int, count: int, processes: int) -> Found:
    """Try out all seeds side by side."""
    chunks = [range(at, min(at + _CHUNK, first + count)) for at in range(first, first + count, _CHUNK)]
    found = Found()
    with multiprocessing.Pool(processes) as pool:
        for done in pool.imap_unordered(work, chunks):
            before = found.inputs // 5000
            found.add(done)
            if found.inputs // 5000 > before:
                print(f"{found.inputs} inputs, {len(found.faults)} faults", file=sys.stderr, flush=True)
    return found


def tell(found: Found) -> None:
    """Print the figures, and every group of faults with its first seeds."""
    figures = Figures(f"{found.inputs} inputs of {len(seeds())} files, {found.settings} settings read")
    groups: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for kind, group, number, story in sorted(found.faults, key=lambda each: each[2]):
        groups[kind, group].append((number, story))
    figures.add("read as some engine's", found.read / max(1, found.inputs) * 100, "%")
    for kind, words in _KINDS.items():
        figures.add(
            words, sum(len(faults) for (each, _), faults in groups.items() if each == kind), "", target=0
        )
    figures.add("CPU of one reading, median", percentile(found.seconds, 0.5) * 1000, "ms")
    figures.add("CPU of one reading, p99", percentile(found.seconds, 0.99) * 1000, "ms")
    seconds, number, made_of = found.slowest
    figures.add(f"slowest (seed {number})", seconds, "s", target=LONGEST_SECONDS, rival=made_of)
    for (kind, group), faults in list(groups.items())[:_MOST_TOLD]:
        numbers = ", ".join(str(number) for number, _ in faults[:5])
        print(f"\n{kind}: {group}: {len(faults)} (seeds {numbers})\n    {faults[0][1]}")
    if groups:
        first = next(iter(groups.values()))[0][0]
        print(f"\nto see one: {sys.executable} {__file__} --replay {first}")
    figures.end()


_KINDS = {
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


def replay(number: int) -> None:
    """Write one input to the standard output, then what is read of it."""
    warm_up()
    case = make_case(number)
    print(f"seed {number}: {case.made_of}, engine={case.engine!r}, version={case.version!r}", file=sys.stderr)
    document = case.document()
    print(document.text.encode(errors="backslashreplace").decode())
    dumps, seconds = read(case, document)
    for dump in dumps:
        print(f"{dump.path}: {dump.engine} {dump.kind}: {len(dump.settings)} settings, {seconds:.3f} s")
    for kind, group, story in faults_of(case, document, dumps, seconds):
        print(f"{kind}: {group}: {story}")


def main() -> None:
    """Print the figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=int, metavar="SEED", help="show one input and what is wrong with it")
    asked = parser.parse_args()
    if asked.replay is not None:
        replay(asked.replay)
        return
    tell(run(asked.first, asked.inputs, asked.processes))


if __name__ == "__main__":
    main()
