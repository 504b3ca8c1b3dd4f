"""Reading: from paths to what their files say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Version
from setpoint.control.intake.folder import documents
from setpoint.engines.recognition import read_document
from setpoint.engines.registry import get_engine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document


def read_paths(paths: Iterable[str], *, engine: str = "", version: str = "") -> Iterator[Dump]:
    """Read files and folders, one dump a file; a file that another includes comes behind that one, once.

    `engine` and `version` are the operator's word where files do not tell. Raises `NotFoundError` for a path
    or an engine that is not there, `InputError` for what cannot be read, or is no version.
    """
    for _, dumps in read_trees(paths, engine=engine, version=version):
        yield from dumps


def read_trees(
    paths: Iterable[str], *, engine: str = "", version: str = ""
) -> Iterator[tuple[Document, Sequence[Dump]]]:
    """Read the same as trees: each document with its own dump first, then those of what it includes."""
    if engine:
        get_engine(engine)
    if version:
        Version.parse(version)
    taken: set[Path] = set()
    for document in documents(paths, taken):
        yield document, read_document(document, engine=engine, version=version or None)
