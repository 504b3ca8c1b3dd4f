"""Importers under any content: does none crash, hang, invent a setting or let a secret out?

Files of every kind are cut, spliced, doubled and damaged at random, each by a seed of its own, and read as an
import reads them. Time is the CPU time of one reading, so that a busy machine takes nothing away.

    .venv/bin/python benchmarks/fuzz_import.py [--inputs 100000] [--first 0] [--processes 2]
    .venv/bin/python benchmarks/fuzz_import.py --replay SEED
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from figures import Figures, percentile
from fuzz_cases import Case, make_case, seeds
from fuzz_faults import HUNG_SECONDS, KINDS, LONGEST_SECONDS, faults_of
from import_material import own_seeds

from setpoint.engines.recognition import read_document

if TYPE_CHECKING:
    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

_CHUNK = 200
_MOST_TOLD = 40


class HungError(BaseException):
    """A reading took so long that it was broken off; no reader can catch it by mistake."""


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


def read(case: Case, document: Document) -> tuple[tuple[Dump, ...], float]:
    """Read an input as an import does; answers what it says, and the CPU seconds that took."""
    began = time.thread_time()
    dumps = read_document(document, engine=case.engine, version=case.version)
    return dumps, time.thread_time() - began


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
    for kind, words in KINDS.items():
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
