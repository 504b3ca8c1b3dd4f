"""Option files of MySQL and MariaDB: reading them as the servers do, and finding which line wins.

Every rule was checked against the servers' own ``my_print_defaults`` and ``--help --verbose``. Lines are read
by the same functions as on the database's host, see `file_agent`; files come as a mapping, so nothing is
opened here.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from setpoint.config.observation import FileFault
from setpoint.engines.mysql.dialect.option_groups import (
    ACCUMULATING,
    Kind,
    OptionName,
    is_server_group,
    read_groups,
    understand,
)
from setpoint.engines.mysql.file_agent import (
    DEEPEST_INCLUDE,
    LONGEST_LINE_BYTES,
    SUFFIX,
    end_of_line_comment,
    scan_lines,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

VISITS_CAP = 10_000
"""Files that include each other in a circle multiply; after so many the rest is left unread, with a fault."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One option of one file: `name` as written, `text` None where there is no ``=``, `line` from 1."""

    group: str
    name: str
    text: str | None
    line: int
    option: OptionName


@dataclass(frozen=True, slots=True)
class Directive:
    """An ``!include`` or ``!includedir`` and its path."""

    is_folder: bool
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that the server does not read as it was meant.

    After one that `is_end` the server reads no more of the file; in the first file it does not even start.
    """

    line: int
    message: str
    is_end: bool = False


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What one file holds, in the order of its lines."""

    path: str
    lines: tuple[Entry | Directive | Fault, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The options."""
        return tuple(line for line in self.lines if isinstance(line, Entry))

    @property
    def directives(self) -> tuple[Directive, ...]:
        """The includes."""
        return tuple(line for line in self.lines if isinstance(line, Directive))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The lines that are not read as they were meant."""
        return tuple(line for line in self.lines if isinstance(line, Fault))


@dataclass(frozen=True, slots=True)
class Place:
    """One line that speaks about an option.

    `value` is what it gives the variable, `text` what is written. `is_read` is False for the group of another
    version or kind.
    """

    file: str
    line: int
    group: str
    written: str
    text: str | None
    value: str
    option: OptionName
    is_read: bool
    fault: str = ""

    @property
    def is_effective(self) -> bool:
        """Whether the server takes a value from it, as far as this line goes."""
        return self.is_read and not self.option.is_ceiling and not self.option.candidates


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a set of files says: places by option, in the order in which the server reads them."""

    places: Mapping[str, tuple[Place, ...]]
    faults: tuple[FileFault, ...]

    def winning(self, name: str) -> tuple[Place, ...]:
        """Answer the places that give an option its value: the last one, or all where lines add up."""
        effective = tuple(place for place in self.places.get(name, ()) if place.is_effective)
        return effective if name in ACCUMULATING else effective[-1:]

    @property
    def unknown(self) -> tuple[Place, ...]:
        """The places whose option this server does not know: it refuses to start unless they are loose."""
        return tuple(
            place
            for places in self.places.values()
            for place in places
            if place.is_read and place.option.is_known is False
        )


def parse_option_file(text: str, path: str, kind: Kind, names: Collection[str] = ()) -> ParsedFile:
    """Read one file's text as a server of a kind does; `names` are the options it knows."""
    data = text.encode(errors="replace")
    lines: list[Entry | Directive | Fault] = []
    too_long = _long_lines(data) if kind == "mariadb" else frozenset[int]()
    for line in scan_lines(data):
        said = line.text or ""
        if line.kind == "option" and line.number not in too_long:
            option = understand(line.name, kind, names)
            lines.append(Entry(line.group, line.name, line.text, line.number, option))
        elif line.kind in {"include", "includedir"}:
            end = end_of_line_comment(said) if kind == "mysql" else len(said)
            lines.append(Directive(line.kind == "includedir", said[:end].rstrip(), line.number))
        elif line.kind in {"fault", "end"}:
            lines.append(Fault(line.number, said, is_end=line.kind == "end"))
    words = f"longer than {LONGEST_LINE_BYTES} bytes: the rest is read as another line"
    lines += [Fault(number, words) for number in sorted(too_long)]
    return ParsedFile(path, tuple(sorted(lines, key=lambda line: line.line)))


def resolve(
    files: Mapping[str, str | None],
    kind: Kind,
    version: tuple[int, ...],
    roots: Sequence[str],
    *,
    names: Collection[str] = (),
    suffix: str = "",
) -> Resolution:
    """Find every place that speaks about an option, and the faults on the way.

    `files` maps paths to texts, None for one that cannot be read; a folder that cannot be listed is a path
    with None as well. `roots` are the files the server begins with, in order. Groups for clients are left
    out; places in a server's group that this version does not read are kept and told apart.
    """
    walk = _Walk(files, kind, version, names, read_groups(kind, version, suffix))
    for root in roots:
        if not walk.visit(posixpath.normpath(root), 0) and walk.is_refused:
            break
    places = {name: tuple(found) for name, found in walk.places.items()}
    return Resolution(places, tuple(dict.fromkeys(walk.faults)))


@dataclass(slots=True)
class _Walk:
    files: Mapping[str, str | None]
    kind: Kind
    version: tuple[int, ...]
    names: Collection[str]
    groups: frozenset[str]
    places: dict[str, list[Place]] = field(default_factory=dict[str, list[Place]])
    faults: list[FileFault] = field(default_factory=list[FileFault])
    parsed: dict[str, ParsedFile] = field(default_factory=dict[str, ParsedFile])
    visits: int = 0
    is_refused: bool = False
    """Whether a fault of a first file keeps the server from starting."""

    def visit(self, path: str, depth: int) -> bool:
        """Read a file and all it includes; say whether it was read to its end."""
        text = self.files.get(path)
        self.visits += 1
        if text is None or self.visits > VISITS_CAP:
            if path in self.files:
                self._blame(path, 0, "not read" if text is None else "left unread: too many includes")
            return True
        if path not in self.parsed:
            self.parsed[path] = parse_option_file(text, path, self.kind, self.names)
        for line in self.parsed[path].lines:
            if not self._take(path, line, depth):
                self.is_refused = self.is_refused or depth == 0
                return False
        return True

    def _take(self, path: str, line: Entry | Directive | Fault, depth: int) -> bool:
        if isinstance(line, Entry):
            self._place(path, line)
            return True
        if isinstance(line, Directive):
            return self._include(path, line, depth)
        outcome = "the server does not start" if depth == 0 else "the rest of the file is not read"
        self._blame(path, line.line, f"{line.message}: {outcome}" if line.is_end else line.message)
        return not line.is_end

    def _place(self, path: str, entry: Entry) -> None:
        if not is_server_group(entry.group) and entry.group.lower() not in self.groups:
            return
        is_read = entry.group.lower() in self.groups
        option = entry.option
        fault = "" if is_read else f"group {entry.group} is not read by {_spell(self.kind, self.version)}"
        if is_read and option.candidates:
            fault = "may mean " + ", ".join(option.candidates)
        value = option.mean(entry.text, self.kind)
        place = Place(path, entry.line, entry.group, entry.name, entry.text, value, option, is_read, fault)
        self.places.setdefault(option.name, []).append(place)

    def _include(self, path: str, directive: Directive, depth: int) -> bool:
        if depth >= DEEPEST_INCLUDE:
            self._blame(path, directive.line, f"skipped: {DEEPEST_INCLUDE} includes deep already")
            return True
        target = directive.path
        if not target.startswith("/"):
            self._blame(
                path, directive.line, f"{target}: not followed, it depends on where the server starts"
            )
            return True
        target = posixpath.normpath(target)
        if not directive.is_folder:
            if target not in self.files:
                self._blame(path, directive.line, f"{target}: no such file")
            self.visit(target, depth + 1)
            return True
        if target in self.files:  # named itself, and not the files in it: it cannot be listed
            self._blame(path, directive.line, f"folder {target} cannot be listed, nothing behind it is read")
            return False
        listed = [file for file in self.files if posixpath.dirname(file) == target and file.endswith(SUFFIX)]
        for file in sorted(listed, key=str.encode):
            self.visit(file, depth + 1)
        return True

    def _blame(self, path: str, line: int, message: str) -> None:
        self.faults.append(FileFault(file=path, line=line, message=message))


def _long_lines(data: bytes) -> frozenset[int]:
    numbered = enumerate(data.split(b"\n"), start=1)
    return frozenset(number for number, line in numbered if len(line) > LONGEST_LINE_BYTES)


def _spell(kind: Kind, version: tuple[int, ...]) -> str:
    return f"{'MySQL' if kind == 'mysql' else 'MariaDB'} {'.'.join(map(str, version[:2]))}"
