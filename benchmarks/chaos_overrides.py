"""The whole run of random fault sequences around overrides, and the report that stands in the docs.

`python benchmarks/chaos_overrides.py` plays 1000 seeds, side by side on private servers;
`--report docs/explanation/chaos-report.md` writes down what came of it. Each seed can be played again:
`--first SEED --sequences 1`.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from figures import Figures, percentile  # noqa: E402 - the tests' rooms are found from here on
from tests.chaos.sequence import LAW_SECONDS, Result, play_all, slots  # noqa: E402

from setpoint.lab.binaries import find_binaries  # noqa: E402
from setpoint.lab.launch import PrivatePostgres  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

LAWS = {
    "overrides that outlived their deadline by more than a lease and a poll": "stood",
    "audit rows lost, or logs not intact": "audit",
    "changes of people overwritten, or settings left behind": "a person's was",
}
_SHARES = (0.5, 0.9, 0.99, 1.0)
_TEXT = """# Chaos: overrides under random faults

Written by `python benchmarks/chaos_overrides.py --report docs/explanation/chaos-report.md`; do not edit.

{sequences} sequences (seeds {first} to {last}) were played in {minutes:.1f} minutes, {slots} side by side
({host}), on PostgreSQL {majors}. Stores: {stores}.

Each sequence starts one to three overrides of 1 to 4 seconds on a server of its own, while one or two
workers, whoever starts, extends or ends, the store, the server, the networks between them, the clocks and
the guard process fail at random moments, and people change the same parameters by hand; then all is repaired
and waited for. What the overrides do is measured on the server itself, past the network, ten times a second:
what is persisted, and what runs.

## The laws

An override may stand for {law:g} s (a lease of 10 s and a poll of 0.25 s) after its deadline, told from when
a worker, the server and the network between them are there. The lease of a start is shortened to 5 s, so
that what died while starting is over within a sequence.

| law | broken |
|---|---|
{laws}

{overrides} overrides were written down, {reached} of them reached their server (the others were refused, or
cut short before); people changed a parameter {people} times; {rows} audit rows were verified.

## How late they ended

As seen on the server, to the tenth of a second after; below zero: before the deadline, or before all were
there.

| share of overrides | after the deadline, s | told from when all were there, s |
|---|---|---|
{spread}

## Which link ended them

`ended` without a link: it had not reached the server, or somebody else had put it back; `conflict`: a
person's later change stands.

| link | overrides |
|---|---|
{ends}

## Faults

| fault | times |
|---|---|
{faults}
{violations}"""


def main() -> None:
    """Play the sequences and say what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--first", type=int, default=10_000, help="the first seed")
    parser.add_argument("--slots", type=int, default=16, help="how many are played side by side")
    parser.add_argument("--majors", default="13,18", help="PostgreSQL majors of the instances")
    parser.add_argument("--report", type=Path, help="where the report is written")
    words = parser.parse_args()
    majors = [int(word) for word in words.majors.split(",")]
    seeds = list(range(words.first, words.first + words.sequences))
    began = time.monotonic()
    results = _play(seeds, majors, min(words.slots, words.sequences))
    seconds = time.monotonic() - began
    if words.report is not None:
        words.report.write_text(_report(results, seconds, words.slots, majors), encoding="utf-8")
    _tell(results, seconds)


def _play(seeds: list[int], majors: list[int], count: int) -> list[Result]:
    results: list[Result] = []
    found = find_binaries()
    with tempfile.TemporaryDirectory(prefix="chaos-") as place:
        folder = Path(place)
        (folder / "templates").mkdir()
        os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_STATE_HOME"] = str(folder / "home")

        def launch(major: int) -> PrivatePostgres:
            build = found.newest(major)
            if build is None:
                sys.exit(f"PostgreSQL {major} is not here; python tools/engines.py fetch postgresql-{major}")
            return PrivatePostgres(build, templates=folder / "templates")

        def tell(result: Result) -> None:
            results.append(result)
            if result.violations:
                print(
                    f"seed {result.seed}: {'; '.join(result.violations)}",
                    *result.story,
                    sep="\n  ",
                    flush=True,
                )
            elif len(results) % 50 == 0:
                print(f"{len(results)} of {len(seeds)}", file=sys.stderr, flush=True)

        with slots(launch, folder / "slots", majors, count) as chosen:
            play_all(chosen, seeds, tell)
    return sorted(results, key=lambda each: each.seed)


def _tell(results: list[Result], seconds: float) -> None:
    figures = Figures("Chaos: overrides under random faults, on real PostgreSQL")
    figures.add("sequences", len(results), "")
    figures.add("overrides that reached their instance", sum(each.reached for each in results), "")
    for law, sign in LAWS.items():
        figures.add(law, _broken(results, sign), "", target=0)
    figures.add(
        "sequences with a violation of any kind", sum(bool(e.violations) for e in results), "", target=0
    )
    quiet = [late for each in results for late in each.quiet_seconds]
    if quiet:
        figures.add("latest end, told from when all were there", max(quiet), "s", target=LAW_SECONDS)
    figures.add("wall time", seconds, "s", target=900)
    figures.end()


def _broken(results: Iterable[Result], sign: str) -> int:
    return sum(sign in violation for each in results for violation in each.violations)


def _report(results: list[Result], seconds: float, slots_count: int, majors: list[int]) -> str:
    """Write the report."""
    late = [each for result in results for each in result.late_seconds]
    quiet = [each for result in results for each in result.quiet_seconds]
    faults: Counter[str] = sum((result.faults for result in results), Counter())
    ends: Counter[str] = sum((result.ends for result in results), Counter())
    by_store = Counter(result.kind for result in results)
    stores = ", ".join(f"{name} {count}" for name, count in sorted(by_store.items()))
    where = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    host = f"{os.cpu_count()} cores, {where}"
    laws = {law: _broken(results, sign) for law, sign in LAWS.items()}
    laws["sequences with a violation of any kind"] = sum(bool(each.violations) for each in results)
    spread = {
        f"{share:.0%}": f"{percentile(late, share):.2f} | {percentile(quiet, share):.2f}"
        for share in _SHARES
        if late
    }
    return _TEXT.format(
        sequences=len(results),
        first=results[0].seed,
        last=results[-1].seed,
        minutes=seconds / 60,
        slots=slots_count,
        host=host,
        majors=" and ".join(map(str, majors)),
        stores=stores,
        law=LAW_SECONDS,
        laws=_table(laws),
        overrides=sum(each.overrides for each in results),
        reached=sum(each.reached for each in results),
        people=sum(each.people for each in results),
        rows=sum(each.rows for each in results),
        spread=_table(spread),
        ends=_table(dict(ends.most_common())),
        faults=_table(dict(faults.most_common())),
        violations=_violations(results),
    )


def _table(rows: dict[str, Any]) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def _violations(results: Iterable[Result]) -> str:
    broken = [result for result in results if result.violations]
    if not broken:
        return ""
    lines = [
        f"- seed {each.seed} ({each.kind}, PostgreSQL {each.major}): {'; '.join(each.violations)}"
        for each in broken
    ]
    return "\n".join(["", "## Violations", "", *lines, ""])


if __name__ == "__main__":
    main()
