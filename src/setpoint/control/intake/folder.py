"""Folders: what an import may read of this host, which is what it was pointed at and nothing beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.engines.document import Document
from setpoint.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST_BYTES = 256 << 20
"""A larger file is no configuration and no dump of one."""


class FolderShelf:
    """The files beside a document: nothing outside its folder, wherever links and ``..`` may point.

    A file that was handed out as an include is remembered in `taken`.
    """

    def __init__(self, folder: Path, taken: set[Path]) -> None:
        """Stand on a folder."""
        self._folder = folder.resolve()
        self._taken = taken

    def read(self, path: str) -> str | None:
        """Answer a file's text, None where there is none, or it is outside, too large or not a file."""
        found = self._inside(path)
        if found is None or not found.is_file():
            return None
        try:
            body = _read(found)
        except (OSError, InputError):
            return None
        self._taken.add(found)
        return Document.of(path, body).text

    def names(self, folder: str) -> tuple[str, ...] | None:
        """Answer the names of a folder's entries, sorted as bytes."""
        found = self._inside(folder)
        if found is None or not found.is_dir():
            return None
        try:
            return tuple(sorted((entry.name for entry in found.iterdir()), key=os.fsencode))
        except OSError:
            return None

    def _inside(self, path: str) -> Path | None:
        if not path or "\0" in path or Path(path).is_absolute():
            return None
        try:
            found = (self._folder / path).resolve()
        except (OSError, RuntimeError):
            return None
        return found if found.is_relative_to(self._folder) else None


def documents(paths: Iterable[str], taken: set[Path]) -> Iterator[Document]:
    """Open files, and all files of folders; what another one included meanwhile (`taken`) is left out.

    Roots of trees come before what they include: a folder's own files before those of its folders, and
    among them those first whose name is that of a main file. Raises `NotFoundError` for a path that is not
    there, `InputError` for one that cannot be read, before anything is opened.
    """
    for file, shown in _files(list(paths)):
        resolved = file.resolve()
        if resolved in taken:
            continue
        taken.add(resolved)
        yield Document.of(shown, _read(file), FolderShelf(file.parent, taken))


def _files(paths: list[str]) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for path in paths:
        place = Path(path)
        if place.is_dir():
            found += [(file, str(file)) for file in sorted(_walk(place), key=_rank)]
        elif place.is_file():
            found.append((place, path))
        elif not place.exists():
            raise NotFoundError("there is no such file", where=path, next_step="name a file or a folder")
        else:
            raise InputError("this is neither a file nor a folder", where=path)
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            file = Path(root) / name
            if file.is_file():
                yield file


_MAIN = ("postgresql.conf", "my.cnf", "my.ini", "mariadb.cnf")


def _rank(file: Path) -> tuple[int, int, bytes]:
    rank = _MAIN.index(file.name) if file.name in _MAIN else len(_MAIN)
    return len(file.parts), rank, os.fsencode(file)


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise InputError(
                f"it is larger than {LARGEST_BYTES >> 20} MB",
                where=str(file),
                next_step="import the part that holds the settings",
            )
        return file.read_bytes()
    except OSError as fault:
        raise InputError(f"it cannot be read: {fault.strerror}", where=str(file)) from None
