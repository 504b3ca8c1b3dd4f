"""An agent for the option files of one MySQL or MariaDB server: it reads them all, and writes one of them.

A program for the database's own host. It needs this file and Python 3.6 or newer, nothing else::

    python3 file_agent.py --fragment /etc/mysql/mariadb.conf.d/zz-setpoint.cnf

One question in JSON on standard input, one answer in JSON on standard output:

* ``{"do": "read"}`` answers ``fragment`` (``path``, ``text``, ``sha256``, ``fault``), ``roots`` (the files
  the server begins with) and ``files`` (``path``, ``text``, ``fault``, ``changed_at``: seconds since 1970):
  those and all that they include. Secrets are masked, line by line.
* ``{"do": "write", "expect": {name: text}, "set": {name: text}, "unset": [name]}`` changes entries of the
  fragment that are still as expected (null: none), and answers ``fragment``. ``sha256`` in place of
  ``expect`` is the hash of the whole file (null: there is none).

Exit code 4: nothing was written, standard error says why. 1: the files could not be had. The rules of option
files stand here, once: `dialect.option_files` reads with them. The fragment is replaced whole or not at all,
and put together here: the text that is answered is masked, and could not be sent back.
"""

# Python 3.6 knows neither `from __future__ import annotations` nor the newer ways to write types.
# ruff: noqa: I002, UP006, UP035, UP045
import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import stat
import sys
from collections import deque
from pathlib import Path
from typing import Deque, Dict, Generator, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple, cast

REFUSED, FAILED = 4, 1
QUESTION_CAP_BYTES = FILE_CAP_BYTES = 1 << 20
FILES_CAP = 500
DEEPEST_INCLUDE = 10  # a file so many includes away is read; its own directives are skipped
LONGEST_LINE_BYTES = 4094  # MariaDB reads what follows as another line; MySQL 9.7 does not
SUFFIX = ".cnf"
# What servers read where no file is named, as they print it themselves; ``~`` is their user's home.
DEFAULT_FILES = ("/etc/my.cnf", "/etc/mysql/my.cnf", "~/.my.cnf")
GROUP = "mysqld"  # all servers read it; what wins is the later line, whichever group it stands in
HEADER = """\
Written by Setpoint, and only by Setpoint: it refuses to touch this file once somebody else edited it.
Put settings of your own into another file."""
MASK = "********"

_SPACE = "\t\n\v\f\r \xa0"  # what the servers take for blank in Latin-1, which is how they read
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_DIRECTIVE = re.compile(f"![{_SPACE}]*(includedir|include)[{_SPACE}](.*)", re.DOTALL)
_CHECKSUM = "# checksum: sha256 "
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "s": " ", "\\": "\\", '"': '"', "'": "'"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UNWRITABLE = re.compile("[\n\r\0\ud800-\udfff]")
_PLAIN = re.compile(r"[A-Za-z0-9_./:,%+@-]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_SECRET_LINE = re.compile(
    r"^(?P<before>[\s#;]*(?:[\w.-]*[._-])?"
    r"(?:pass(?:w(?:d|o(?:rd?)?)?)?|pwd|passphrase|secret|secret[_-]id|token|sst[_-]auth|filekey"
    r"|(?:api|access|secret)[_-]?key)\s*=\s*)[^\r\n]+",
    re.IGNORECASE | re.MULTILINE,
)
_SECRET_WORD = re.compile(r"(?P<before>(?:password|passwd|pwd)=|://[^/\s:@]*:)[^\s;,'\"@]+", re.IGNORECASE)


class Refusal(ValueError):  # noqa: N818 - the word of the protocol
    """Nothing was written; says why and what to do."""


class Line(NamedTuple):
    """A line that says something; `text` is a value, None for none, a path with any comment, or a sentence.

    `kind` is ``option``, ``include``, ``includedir``, ``fault``, or ``end``: no more of the file is read.
    """

    number: int
    kind: str
    group: str
    name: str
    text: Optional[str]


def fold(name: str) -> str:
    """Write a name one way: ``-`` and ``_`` are the same to the servers."""
    return name.replace("-", "_").lower()


def scan_lines(data: bytes) -> Iterator[Line]:
    """Read an option file as the servers do, line by line, up to a fault that ends it."""
    group: Optional[str] = None
    for number, whole in enumerate(_LINE.findall(data.decode("latin-1")), start=1):
        line = whole.lstrip(_SPACE)
        if "\0" in whole:
            yield Line(number, "fault", "", "", "a NUL byte: servers disagree on what the line says")
        elif not line or line[0] in "#;":
            continue
        elif line[0] == "!":
            found = _scan_directive(number, line)
            yield found
            if found.kind == "end":
                return
        elif line[0] == "[" and "]" in line:
            group = _native(line[1 : line.index("]")].rstrip(_SPACE))
        elif line[0] == "[":
            yield Line(number, "end", "", "", "a group's name without its closing bracket")
            return
        elif group is None:
            mark = " (a byte order mark counts as one)" if line.startswith("\xef\xbb\xbf") else ""
            yield Line(number, "end", "", "", "an option before any group" + mark)
            return
        else:
            yield _scan_option(number, group, line)


def end_of_line_comment(line: str) -> int:
    """Answer where an end-of-line comment begins: at a ``#`` outside quotes, or at the end."""
    quote = ""
    is_escaped = False
    for at, character in enumerate(line):
        if character in "'\"" and not is_escaped:
            quote = character if not quote else "" if quote == character else quote
        if not quote and character == "#":
            return at
        is_escaped = bool(quote) and character == "\\" and not is_escaped
    return len(line)


def _scan_directive(number: int, line: str) -> Line:
    found = _DIRECTIVE.match(line)
    if found is None:
        return Line(number, "fault", "", "", "a directive that servers skip")
    kind, argument = found.group(1), found.group(2).strip(_SPACE)
    if not argument:
        return Line(number, "end", "", "", f"!{kind} without a path")
    return Line(number, kind, "", "", _native(argument))


def _scan_option(number: int, group: str, line: str) -> Line:
    name, equals, value = line[: end_of_line_comment(line)].partition("=")
    name = _native(name.rstrip(_SPACE))
    if not name:
        return Line(number, "fault", group, "", "a value without the name of an option")
    if not equals:
        return Line(number, "option", group, name, None)
    value = value.strip(_SPACE)
    if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1]:
        value = value[1:-1]
    value = _ESCAPE.sub(lambda found: _ESCAPED.get(found.group(1), found.group()), value)
    return Line(number, "option", group, name, _native(value))


def _native(latin: str) -> str:
    return latin.encode("latin-1").decode("utf-8", "replace")


def quote_value(text: str) -> str:
    """Write a value so that servers read it back exactly; line ends and NUL are refused."""
    if _UNWRITABLE.search(text):
        raise Refusal("a value of an option file is one line of whole characters, without NUL")
    if _PLAIN.fullmatch(text):
        return text
    written = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\b", "\\b")
    return '"' + written + '"'


def render_fragment(entries: Dict[str, str], header: str = HEADER) -> str:
    """Write a managed fragment: header, checksum, and the entries by name."""
    body = f"[{GROUP}]\n"
    for name in sorted(entries):
        if not _NAME.fullmatch(name):
            raise Refusal(f"{name!r} is not the name of an option")
        line = f"{name} = {quote_value(entries[name])}"
        if len(line.encode()) > LONGEST_LINE_BYTES:
            raise Refusal(f"the value of {name} makes a line longer than {LONGEST_LINE_BYTES} bytes")
        body += line + "\n"
    head = "".join(f"# {line}\n" for line in header.splitlines())
    return head + _CHECKSUM + hashlib.sha256((head + body).encode()).hexdigest() + "\n" + body


def fragment_fault(text: str) -> str:
    """Say what is wrong with a fragment's text: written by somebody else, or edited since; or nothing."""
    head, mark, rest = text.partition(_CHECKSUM)
    if not mark:
        return "it was not written by Setpoint: name another file as the fragment"
    checksum, _, body = rest.partition("\n")
    if checksum != hashlib.sha256((head + body).encode()).hexdigest():
        return "it was edited by hand: move the edits to another file and undo them here, or remove the file"
    return ""


def fragment_entries(text: str) -> Dict[str, str]:
    """Answer the entries of a fragment by folded name."""
    lines = scan_lines(text.encode())
    return {fold(line.name): line.text for line in lines if line.kind == "option" and line.text is not None}


def change_fragment(text: Optional[str], put: Dict[str, str], drop: Iterable[str]) -> str:
    """Answer a fragment's text with some entries set and some dropped; None is a fragment yet to be made."""
    if text is not None and fragment_fault(text):
        raise Refusal(fragment_fault(text))
    entries = {} if text is None else fragment_entries(text)
    for name in drop:
        entries.pop(fold(name), None)
    entries.update({fold(name): value for name, value in put.items()})
    return render_fragment(entries)


def mask_secrets(text: str) -> str:
    """Answer a file's text with secrets masked; lines stay where they are."""
    return _SECRET_WORD.sub(r"\g<before>" + MASK, _SECRET_LINE.sub(r"\g<before>" + MASK, text))


class Survey:
    """The files that a server reads, found from its first ones; the nearest first, each once."""

    def __init__(self, roots: Iterable[str]) -> None:
        self.files: List[Dict[str, object]] = []
        self._places: Set[Tuple[str, str]] = set()
        self._seen: Set[str] = set()
        self._queue: Deque[Tuple[str, int]] = deque((root, 0) for root in roots)
        while self._queue and len(self.files) < FILES_CAP:
            self._visit(*self._queue.popleft())
        left = f"the {FILES_CAP} files before it are all that is read here"
        self.files.extend({"path": path, "text": None, "fault": left} for path, _ in self._queue)

    def is_read(self, path: Path) -> bool:
        """Say whether a file of that name is read, or would be if it existed."""
        folder = os.path.realpath(str(path.parent))
        is_listed = (folder, "") in self._places and path.name.endswith(SUFFIX)
        return is_listed or (folder, path.name) in self._places

    def _visit(self, path: str, depth: int) -> None:
        key = os.path.normpath(path)
        if key in self._seen:
            return
        self._seen.add(key)
        self._places.add((os.path.realpath(str(Path(key).parent)), Path(key).name))
        data, fault, changed_at = read_option_file(Path(path))
        text = None if data is None else mask_secrets(data.decode("utf-8", "replace"))
        self.files.append({"path": key, "text": text, "fault": fault, "changed_at": changed_at})
        if data is not None and depth < DEEPEST_INCLUDE:
            for line in scan_lines(data):
                self._follow(line, depth + 1)

    def _follow(self, line: Line, depth: int) -> None:
        argument = line.text or ""
        # MySQL ends the path where a comment begins, MariaDB takes the comment for a part of it.
        for path in {argument, argument[: end_of_line_comment(argument)].rstrip(_SPACE)}:
            if path.startswith("/") and line.kind == "include":
                self._queue.append((path, depth))
            elif path.startswith("/") and line.kind == "includedir":
                self._list(Path(path), depth)

    def _list(self, folder: Path, depth: int) -> None:
        self._places.add((os.path.realpath(str(folder)), ""))
        try:
            self._queue.extend((str(path), depth) for path in folder.iterdir() if path.name.endswith(SUFFIX))
        except OSError as fault:
            self.files.append({"path": os.path.normpath(str(folder)), "text": None, "fault": fault.strerror})


def read_option_file(path: Path) -> Tuple[Optional[bytes], str, Optional[float]]:
    """Answer a file's bytes, or None and why a server reads nothing from it; and when it was changed."""
    try:
        with os.fdopen(os.open(str(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None, "it is no regular file", None
            if status.st_mode & stat.S_IWOTH:
                return None, "everybody may write it: servers ignore it", None
            data = file.read(FILE_CAP_BYTES + 1)
    except OSError as fault:
        return None, str(fault.strerror), None
    return (data, "", status.st_mtime) if len(data) <= FILE_CAP_BYTES else (None, "it is too large", None)


def describe_fragment(fragment: Path, survey: Survey) -> Dict[str, Optional[str]]:
    """Answer what the fragment holds, and why it cannot be written or would have no effect."""
    data, fault, _ = read_option_file(fragment)
    text = None if data is None else data.decode("utf-8", "replace")
    if text is not None:
        fault = fragment_fault(text)
    elif not os.path.lexists(str(fragment)):
        fault = ""
    if fragment.is_symlink():
        fault = "it is a symbolic link: name the file itself"
    elif not survey.is_read(fragment):
        fault = "it would have no effect: no option file of the server includes it"
    digest = None if data is None else hashlib.sha256(data).hexdigest()
    shown = None if text is None else mask_secrets(text)
    return {"path": str(fragment), "text": shown, "sha256": digest, "fault": fault}


def write_fragment(fragment: Path, roots: List[str], question: Dict[str, object]) -> Dict[str, object]:
    """Change the fragment if it is still what the question takes it for; answer it as it is then."""
    put, drop = question.get("set", {}), question.get("unset", [])
    if not isinstance(put, dict) or not isinstance(drop, list):
        raise Refusal("`set` maps names to texts and `unset` lists names")
    texts, names = cast("Dict[str, str]", put), cast("List[str]", drop)
    if not {type(text) for text in (*texts.values(), *names)} <= {str}:
        raise Refusal("names and values are texts")
    with _locked(fragment.parent) as folder:
        before = describe_fragment(fragment, Survey(roots))
        if before["fault"]:
            raise Refusal(f"{fragment}: {before['fault']}")
        data = read_option_file(fragment)[0]
        stands = fragment_entries(data.decode()) if data is not None else {}
        moved = _moved(question, before["sha256"], stands, texts)
        if moved:
            raise Refusal(f"{fragment}: {moved} is not what it was when it was read: read it again")
        text = change_fragment(None if data is None else data.decode(), texts, names)
        if data != text.encode():
            _replace(fragment, text.encode(), folder)
        return {"fragment": describe_fragment(fragment, Survey(roots))}


def _moved(
    asked: Dict[str, object], digest: Optional[str], stands: Dict[str, str], put: Dict[str, str]
) -> str:
    """Answer what somebody changed; an entry that is as it shall be already has not moved."""
    expected = cast("Optional[Dict[str, Optional[str]]]", asked.get("expect"))
    if not isinstance(expected, dict):
        return "" if asked.get("sha256", "") == digest else "it"
    return ", ".join(n for n, text in expected.items() if stands.get(fold(n)) not in (text, put.get(n)))


@contextlib.contextmanager
def _locked(folder: Path) -> Generator[int, None, None]:
    """Hold the folder itself: such a lock leaves no file behind and goes with the process."""
    opened = os.open(str(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield opened
    finally:
        os.close(opened)


def _replace(fragment: Path, data: bytes, folder: int) -> None:
    """Put the new text beside the old one, safe on the disk, and swap them at once. Owner and mode stay."""
    new = fragment.with_name(fragment.name + ".new")  # no option file by its name: servers do not read it
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    opened = os.open(str(new), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "wb") as file:
        mode = 0o644
        with contextlib.suppress(FileNotFoundError):
            old = fragment.stat()
            mode = stat.S_IMODE(old.st_mode)
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(fragment)
    os.fsync(folder)


def answer_question(data: bytes, fragment: Path, roots: List[str]) -> Dict[str, object]:
    """Answer one question; `Refusal` says why not."""
    if len(data) > QUESTION_CAP_BYTES:
        raise Refusal(f"the question is larger than {QUESTION_CAP_BYTES} bytes")
    question: object = None
    with contextlib.suppress(ValueError):
        question = json.loads(data.decode())
    if not isinstance(question, dict):
        raise Refusal("the question is no JSON object")
    asked = cast("Dict[str, object]", question)
    if asked.get("do") == "read":
        survey = Survey(roots)
        return {"fragment": describe_fragment(fragment, survey), "roots": roots, "files": survey.files}
    if asked.get("do") == "write":
        return write_fragment(fragment, roots, asked)
    raise Refusal("the question is neither `read` nor `write`")


def main(arguments: Optional[List[str]] = None) -> int:
    """Answer the question on standard input."""
    parser = argparse.ArgumentParser(description="Reads a server's option files and writes one of them.")
    parser.add_argument("--fragment", required=True, help="the file to write; no other is ever written")
    parser.add_argument("--defaults-file", action="append", help="a file the server begins with, in order")
    parser.add_argument("--server-user", default="mysql", help="whose home ~ means (mysql)")
    options = parser.parse_args(arguments)
    home = os.path.expanduser("~" + options.server_user)  # noqa: PTH111 - pathlib fails without that user
    found = [home + path[1:] if path[0] == "~" else path for path in DEFAULT_FILES]
    roots = options.defaults_file or [path for path in found if Path(path).exists()]
    try:
        data = sys.stdin.buffer.read(QUESTION_CAP_BYTES + 1)
        answer = answer_question(data, Path.cwd() / options.fragment, roots)
    except (Refusal, OSError) as fault:
        place = f"{getattr(fault, 'filename', None) or options.fragment}: "
        sys.stderr.write(f"{fault}\n" if isinstance(fault, Refusal) else f"{place}{fault.strerror}\n")
        return REFUSED if isinstance(fault, Refusal) else FAILED
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
