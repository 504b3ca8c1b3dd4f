"""Reading a text as the import does: whoever recognises it best reads it."""

from __future__ import annotations

from pathlib import Path

from setpoint.config.dump import Dump, DumpSetting
from setpoint.engines.document import Document, EmptyShelf, Shelf
from setpoint.engines.oracle.dumps import readers

SAMPLES = Path(__file__).parents[5] / "shared" / "samples"


class Folder:
    """A shelf of texts by their paths."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def read(self, path: str) -> str | None:
        return self.texts.get(path)

    def names(self, folder: str) -> tuple[str, ...] | None:
        found = sorted(path for path in self.texts if path.startswith(f"{folder}/"))
        return tuple(path.removeprefix(f"{folder}/") for path in found) or None


def document_of(text: str, path: str = "file.txt", shelf: Shelf | None = None) -> Document:
    return Document.of(path, text.encode(), shelf or EmptyShelf())


def read_all(document: Document, version: str | None = None) -> list[Dump]:
    found = [(likeness.points, reader) for reader in readers() if (likeness := reader.recognise(document))]
    best = max(found, key=lambda each: each[0], default=None)
    return list(best[1].read(document, version)) if best else []


def read(text: str, version: str | None = None, **rest) -> Dump:
    dumps = read_all(document_of(text, **rest), version)
    assert dumps, "nobody recognises it"
    return dumps[0]


def by_name(dump: Dump) -> dict[str, DumpSetting]:
    return {setting.name: setting for setting in dump.settings}


def values_of(dump: Dump) -> dict[str, object]:
    return {setting.name: setting.value for setting in dump.settings}


def problems_of(dump: Dump) -> list[list[object]]:
    return [[problem.severity.value, problem.line] for problem in dump.problems]
