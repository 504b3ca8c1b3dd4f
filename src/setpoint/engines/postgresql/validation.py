"""What ``postgres`` says of its configuration files, asked for one value with ``-C``.

``-C`` reads the files as a start does, writes the value and ends: nothing is started, opened or written.
It judges in three passes, each only where the one before found nothing: how the lines are written, whether
the names are known, and the values, one by one. What the values mean together (`max_connections` against
`superuser_reserved_connections`) it judges after that, and what libraries bring it never sees: a value that
is refused for either is taken here. Learnt by trial from 13.23 to 18.6.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.engines.postgresql.dumps.conf_file import KIND
from setpoint.engines.postgresql.dumps.tree import AUTO_CONF, read_tree
from setpoint.engines.validation import Finding, Inquiry, Said, Verdict, is_inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.engines.document import Document
    from setpoint.engines.postgresql.dialect.conf import Entry

_ASKED_FOR = "work_mem"
_ABOVE_THE_FILE = {
    "log_destination": "stderr",
    "log_min_messages": "warning",
    "log_error_verbosity": "default",
    "log_line_prefix": "",
    "lc_messages": "C",
}
"""Given as arguments, which win over the file: else a file could keep its own faults from us."""

_OF_THE_MACHINE = frozenset(
    {"bonjour", "debug_io_direct", "default_toast_compression", "dynamic_shared_memory_type"}
    | {"effective_io_concurrency", "huge_page_size", "huge_pages", "io_method", "lc_messages", "lc_monetary"}
    | {"lc_numeric", "lc_time", "log_timezone", "maintenance_io_concurrency", "max_stack_depth"}
    | {"shared_memory_type", "ssl", "syslog_facility", "timezone", "wal_compression", "wal_sync_method"}
)
"""Their values are judged by what the build or the system offers."""

_SAID = re.compile(r"(LOG|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT): {1,2}(.*)")
_PLACED = re.compile(r'(.*?) in file "(.+)" line (\d+)')
_PARAMETER = re.compile(r'parameter "([^"]+)"')
_OPENED = re.compile(r'could not open configuration (?:file|directory) "(.+?)": (.*)')
_VALUE = re.compile(r'(parameter "[^"]+"):? .*')
_BUILD = re.compile(r"not supported|ulimit|platform|this build|must be (?:set to )?0 on", re.IGNORECASE)
_NO_FAULT = ("contains errors", "skipping missing configuration file")


@dataclass(frozen=True, slots=True)
class _Remark:
    """One message and what is said along with it."""

    text: str
    detail: str = ""
    hint: str = ""


class ConfValidator:
    """Asks ``postgres`` about a tree of configuration files."""

    kinds = frozenset({KIND, AUTO_CONF})

    def inquiry(self, document: Document, version: tuple[int, ...]) -> Inquiry:
        """Answer the tree, without what it includes from beyond its own folder."""
        del version
        tree = read_tree(document)
        withheld: set[tuple[str, int]] = set()
        folders: set[str] = set()
        names: dict[tuple[str, int], str] = {}
        for file in tree.files:
            for entry in file.parsed.entries:
                names[file.path, entry.line] = entry.name.lower()
                if not entry.is_include:
                    continue
                target = _target(file.path, entry)
                if not is_inside(entry.text) or not is_inside(target):
                    withheld.add((file.path, entry.line))
                elif entry.name.lower() == "include_dir" and document.shelf.names(target) is not None:
                    folders.add(target)
        texts = {file.path: file.text for file in tree.files}
        return Inquiry(tree.files[0].path, texts, frozenset(folders), frozenset(withheld), names)

    def arguments(self, inquiry: Inquiry, folder: str, version: tuple[int, ...]) -> Sequence[str]:
        """Name the copy as configuration and as data, whatever the file says of either."""
        del version
        words = ["-C", _ASKED_FOR, "-D", folder, "-c", f"config_file={folder}/{inquiry.root}"]
        above = {"data_directory": folder, **_ABOVE_THE_FILE}
        return [*words, *(word for name, text in above.items() for word in ("-c", f"{name}={text}"))]

    def hear(self, inquiry: Inquiry, said: Said) -> Sequence[Verdict]:
        """Read its messages."""
        verdicts = [
            _verdict(inquiry, remark, said.folder)
            for remark in _remarks(said.text)
            if not any(word in remark.text for word in _NO_FAULT)
        ]
        if said.code and not verdicts:
            words = said.text.strip().partition("\n")[0] or f"it ended with {said.code}"
            return [Verdict(Finding.LOCAL, words)]
        return verdicts


def _remarks(text: str) -> Iterator[_Remark]:
    words: dict[str, str] = {}
    for line in text.split("\n"):
        found = _SAID.match(line)
        if found is None:
            continue
        level, told = found.groups()
        if level in {"DETAIL", "HINT"}:
            words[level] = told
            continue
        if words:
            yield _Remark(words["TEXT"], words.get("DETAIL", ""), words.get("HINT", ""))
        words = {"TEXT": told}
    if "TEXT" in words:
        yield _Remark(words["TEXT"], words.get("DETAIL", ""), words.get("HINT", ""))


def _verdict(inquiry: Inquiry, remark: _Remark, folder: str) -> Verdict:
    """Place a message. What it repeats of the file is left out: it may be a secret."""
    if (placed := _PLACED.match(remark.text)) is not None:
        path = posixpath.relpath(placed[2], folder)
        return Verdict(Finding.REFUSED, placed[1], path, int(placed[3]))
    if (opened := _OPENED.match(remark.text)) is not None:
        path, line = _including(inquiry, posixpath.relpath(opened[1], folder))
        return Verdict(Finding.REFUSED, f"could not open what is included: {opened[2]}", path, line)
    named = _PARAMETER.search(remark.text)
    if named is None:
        return Verdict(Finding.REFUSED, remark.text.replace(folder, "."))
    name = named[1].lower()
    is_local = name in _OF_THE_MACHINE or _BUILD.search(f"{remark.detail} {remark.hint}") is not None
    message = _VALUE.sub(r"\1", remark.text) if ": " in remark.text else remark.text
    places = [place for place, each in inquiry.names.items() if each == name]
    path, line = places[-1] if places else ("", 0)
    hint = f" ({remark.hint})" if remark.hint else ""
    return Verdict(Finding.LOCAL if is_local else Finding.REFUSED, f"{message}{hint}", path, line)


def _including(inquiry: Inquiry, target: str) -> tuple[str, int]:
    """Answer the line that includes a path."""
    for path, line in inquiry.names:
        text = inquiry.files[path].split("\n")[line - 1]
        if inquiry.names[path, line].startswith("include") and posixpath.basename(target) in text:
            return path, line
    return "", 0


def _target(path: str, entry: Entry) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.text))


VALIDATOR = ConfValidator()
