"""What ``mysqld`` and ``mariadbd`` say of their option files, with no server started.

MySQL has ``--validate-config`` since 8.0.16. Elsewhere ``--help --verbose`` reads the files as a start does.
Both look for folders and libraries that the files name, so lines that name any are withheld. Both end with 0
where they changed a number to the next that they take, and MariaDB also where InnoDB refused one; only the
messages tell. They stop at the first value that they cannot read, and tell unknown names after that, all at
once. Learnt by trial on MariaDB 10.5, 10.11 and 11.8 and on MySQL 9.7.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.engines.mysql.dialect.option_files import Directive, Entry, parse_option_file
from setpoint.engines.mysql.dialect.option_groups import Kind, read_groups, understand
from setpoint.engines.mysql.dumps.tree import Tree
from setpoint.engines.validation import Finding, Inquiry, Said, Verdict, is_inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from setpoint.engines.document import Document

_SELF_CHECK_SINCE = (8, 0, 16)
_OF_THE_MACHINE = frozenset(
    {"basedir", "bootstrap", "character_sets_dir", "chroot", "console", "core_file", "daemonize", "datadir"}
    | {"default_time_zone", "early_plugin_load", "gdb", "help", "init_file", "initialize", "large_pages"}
    | {"initialize_insecure", "lc_messages_dir", "log_error", "memlock", "pid_file", "plugin_dir"}
    | {"plugin_load", "plugin_load_add", "secure_file_priv", "socket", "tmpdir", "upgrade", "user"}
    | {"validate_config", "verbose", "version", "wsrep_provider"}
)
_SHORTEST = 4
_NO_ABBREVIATIONS = frozenset({"lc_messages"})
"""MariaDB takes abbreviations: what may be one of a withheld name is withheld, too, but for these names."""

_SAID = re.compile(
    r"[\d-]{10}[T ] ?[\d:.]+Z? \d+ \[(?P<level>ERROR|Warning)\] (?:\[MY-\d+\] )?(?:\[\w+\] )?"
    r"(?:Buffered (?:error|warning): )?(?:\S*/(?:mariadbd|mysqld): )?(?P<text>.*)"
)
_UNTIMED = re.compile(r"(?:\S*/)?(?:mariadbd|mysqld): (?P<text>.*)")
_UNKNOWN = re.compile(r"(?P<what>unknown (?:variable|option)) '(?:--)?(?P<name>[\w.-]+)")
_NAMED = (
    re.compile(r"Error while setting value '.*' to '(?P<name>[\w.-]+)'"),
    re.compile(r"used for variable '(?P<name>[\w.-]+)'"),
    re.compile(r"option '(?:--)?(?P<name>[\w.-]+)'"),
    re.compile(r"'?--(?P<name>[\w.-]+)'?"),
    re.compile(r"[Vv]ariable '?(?P<name>[\w.-]+)"),
)
_QUOTED = re.compile(r"(?<=value )'.*?' (?=to |was)|\s*\(value '.*?'\)")
_REPEATED = re.compile(r"'([^']*)'")
_LOCAL = re.compile(
    r"Errcode|errno|No such file|Permission denied|Can't (?:get|open|read|create|change|find)|realpath"
    r"|Failed to access|Could not (?:increase|open)|Changed limits|running as root|Cannot allocate"
)
_CHANGED = re.compile(r"adjusted to|was(?:n't| not) recognized")
_ELSEWHERE = re.compile(r" and is not specified in the '.*' file")
_NO_FAULT = (
    "Aborting",
    "Parsing options for plugin",
    "max_open_files",
    "mysql.plugin",
    "Changed limits",
    "Memory not freed",
)


@dataclass(frozen=True)
class OptionFileValidator:
    """Asks one of the two products about a tree of option files."""

    product: Kind
    kinds: frozenset[str] = frozenset({"my.cnf"})

    def inquiry(self, document: Document, version: tuple[int, ...]) -> Inquiry:
        """Answer the tree, without what would reach this machine."""
        tree = Tree(self.product, document)
        tree.walk()
        root = posixpath.basename(document.path.replace("\\", "/")) or "my.cnf"
        files = {path or root: "\n".join(lines) for path, lines in tree.texts.items()}
        groups = read_groups(self.product, version)
        withheld: set[tuple[str, int]] = set()
        folders: set[str] = set()
        names: dict[tuple[str, int], str] = {}
        for path, text in files.items():
            for line in parse_option_file(text, path, self.product).lines:
                if isinstance(line, Directive):
                    if not is_inside(line.path):
                        withheld.add((path, line.line))
                    elif line.is_folder and document.shelf.names(posixpath.normpath(line.path)) is not None:
                        folders.add(posixpath.normpath(line.path))
                elif isinstance(line, Entry) and line.group.lower() in groups:
                    names[path, line.line] = line.option.name
                    if _is_of_the_machine(line):
                        withheld.add((path, line.line))
        return Inquiry(root, files, frozenset(folders), frozenset(withheld), names)

    def arguments(self, inquiry: Inquiry, folder: str, version: tuple[int, ...]) -> Sequence[str]:
        """Name the copy and its folder, whatever the files say."""
        words = [f"--defaults-file={folder}/{inquiry.root}", f"--datadir={folder}", f"--tmpdir={folder}"]
        words.append(f"--plugin-dir={folder}")
        if self.product == "mysql":
            words.append("--secure-file-priv=NULL")
        if self.product == "mysql" and version >= _SELF_CHECK_SINCE:
            return [*words, "--validate-config"]
        return [*words, "--help", "--verbose"]

    def hear(self, inquiry: Inquiry, said: Said) -> Sequence[Verdict]:
        """Read its messages."""
        verdicts = list(dict.fromkeys(self._verdicts(inquiry, said)))
        if any(each.finding is Finding.REFUSED and not _is_unknown(each) for each in verdicts):
            # An engine whose options cannot be read is left out, and the rest of its options is unknown then.
            verdicts = [each for each in verdicts if not _is_unknown(each)]
        if said.code and not any(each.finding in {Finding.REFUSED, Finding.LOCAL} for each in verdicts):
            verdicts.append(Verdict(Finding.LOCAL, f"it ended with {said.code} and did not say why"))
        return verdicts

    def _verdicts(self, inquiry: Inquiry, said: Said) -> Iterator[Verdict]:
        for line in said.text.split("\n"):
            found = _SAID.match(line) or _UNTIMED.match(line)
            if found is None or any(word in found["text"] for word in _NO_FAULT):
                continue
            text = _ELSEWHERE.sub("", found["text"])
            is_refusal = found.groupdict().get("level", "ERROR") == "ERROR"
            if _LOCAL.search(text) is not None:
                yield Verdict(Finding.LOCAL, "it lacks a file or a right here")
            elif (unknown := _UNKNOWN.match(text)) is not None:
                if is_refusal:
                    message = f"{unknown['what']} '{unknown['name']}'"
                    yield from self._placed(inquiry, Finding.REFUSED, message, unknown["name"])
            elif (
                named := next((match for each in _NAMED if (match := each.search(text))), None)
            ) is not None:
                is_changed = _CHANGED.search(text) is not None
                mild = Finding.ADJUSTED if is_changed else Finding.REMARKED
                finding = Finding.REFUSED if is_refusal else mild
                yield from self._placed(inquiry, finding, _QUOTED.sub("", text), named["name"])
            elif is_refusal:
                yield _by_value(inquiry, text)

    def _placed(self, inquiry: Inquiry, finding: Finding, message: str, name: str) -> Iterator[Verdict]:
        """Place a message at every line that sets its name: which of them it speaks of it does not say."""
        wanted = understand(name, self.product).name
        places = [place for place, each in inquiry.names.items() if each == wanted]
        for path, line in places or [("", 0)]:
            yield Verdict(finding, message, path, line)


def _is_unknown(verdict: Verdict) -> bool:
    return _UNKNOWN.match(verdict.message) is not None


def _by_value(inquiry: Inquiry, text: str) -> Verdict:
    """Place a message that names no option at the line whose value it repeats, and leave that out of it."""
    quoted = _REPEATED.findall(text)
    message = _REPEATED.sub("this value", text)
    for path, line in inquiry.names:
        _, _, value = inquiry.files[path].split("\n")[line - 1].partition("=")
        if value.strip().strip("'\"") in quoted:
            return Verdict(Finding.REFUSED, message, path, line)
    return Verdict(Finding.REFUSED, message)


def _is_of_the_machine(entry: Entry) -> bool:
    """Tell whether an option would reach for something on this machine."""
    name = entry.option.name
    if any(mark in (entry.text or "") for mark in ("/", "\\", "~")) or name.startswith("debug"):
        return True
    if len(name) < _SHORTEST or name in _NO_ABBREVIATIONS:
        return name in _OF_THE_MACHINE
    return any(each.startswith(name) for each in _OF_THE_MACHINE)
