"""Importing what a thousand instances left behind, and one pg_settings dump.

The folder holds files of every kind that is read, each several times and under folders of their own: the
samples where they are at hand, and our own small ones. Imports wait for nobody, so they are judged by the CPU
time they take; a clock's time is told beside it. The first import of a program reads catalogs, which is told
apart.

    .venv/bin/python benchmarks/bench_import.py [--files 1000]
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
import time
from pathlib import Path

from figures import Figures, percentile
from import_material import own_seeds, sample_seeds

from setpoint.control.intake.reading import read_paths
from setpoint.engines.document import Document
from setpoint.engines.postgresql import ENGINE
from setpoint.engines.recognition import read_document
from setpoint.engines.registry import shipped_catalog, shipped_versions

FOLDER_SECONDS = 20.0
DUMP_MS = 20.0
ROUNDS = 31
_COLUMNS = ("name", "setting", "unit", "category", "short_desc", "context", "vartype", "source")
_COLUMNS += ("min_val", "max_val", "enumvals", "boot_val", "reset_val", "sourcefile", "sourceline")
_COLUMNS += ("pending_restart",)


def lay_out(folder: Path, count: int) -> int:
    """Write so many files, ten to a folder; answers how large they are together."""
    seeds = [*sample_seeds(), *own_seeds()]
    size = 0
    for number in range(count):
        seed = seeds[number % len(seeds)]
        place = folder / f"host-{number // 10:03}" / f"{number:04}-{seed.name.replace('/', '-')}"
        place.parent.mkdir(exist_ok=True)
        body = seed.text.encode(errors="surrogateescape")
        place.write_bytes(body)
        size += len(body)
    return size


def whole_dump() -> Document:
    """Make a dump of pg_settings with every parameter of the newest catalog."""
    catalog = shipped_catalog(ENGINE, shipped_versions(ENGINE)[-1])
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for each in catalog.parameters:
        setting = each.default or ""
        limits = ("" if each.min is None else each.min, "" if each.max is None else each.max)
        enums = "{" + ",".join(each.values) + "}" if each.values else ""
        kind = _KINDS.get(each.kind.value, "integer")
        words = (each.unit or "", each.category, "Says what it is.", "user", kind, "default", *limits, enums)
        writer.writerow((each.name, setting, *words, setting, setting, "", "", "f"))
    return Document.of("pg_settings.csv", text.getvalue().encode())


_KINDS = {"bool": "bool", "enum": "enum", "string": "string", "float": "real", "list": "string"}


def main() -> None:
    """Print the figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    asked = parser.parse_args()
    whole = whole_dump()
    with tempfile.TemporaryDirectory() as place:
        size = lay_out(Path(place), asked.files)
        figures = Figures(f"Importing {asked.files} files ({size / 1e6:.1f} MB)")
        began = time.perf_counter()
        next(iter(read_document(whole)))
        figures.add("first import of a program, by the clock", (time.perf_counter() - began) * 1000, "ms")
        began, busy = time.perf_counter(), time.process_time()
        dumps = list(read_paths([place]))
        took, spent = time.perf_counter() - began, time.process_time() - busy
    settings = sum(len(dump.settings) for dump in dumps)
    assert len(dumps) == asked.files
    assert settings > asked.files
    figures.add(f"the folder ({settings} settings)", spent, "s", target=FOLDER_SECONDS)
    figures.add("the folder, by the clock", took, "s")
    times: list[float] = []
    clock: list[float] = []
    for _ in range(ROUNDS):
        began, busy = time.perf_counter(), time.thread_time()
        (dump,) = read_document(Document.of(whole.path, whole.text.encode()))
        times.append((time.thread_time() - busy) * 1000)
        clock.append((time.perf_counter() - began) * 1000)
    assert dump.kind.startswith("pg_settings")
    what = f"one pg_settings dump ({len(dump.settings)} settings)"
    figures.add(f"{what}, p50", percentile(times, 0.5), "ms", target=DUMP_MS)
    figures.add(f"{what}, p50 by the clock", percentile(clock, 0.5), "ms")
    figures.end()


if __name__ == "__main__":
    main()
