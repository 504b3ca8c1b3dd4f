"""A dump: what one file says about an instance, typed, with a line for everything.

A file tells what it tells: nothing is made up for what it leaves out. Texts are kept as written beside their
canonical values, secrets never.
"""

from __future__ import annotations

from enum import Enum

import msgspec

Canonical = bool | int | float | str
"""A canonical value: sizes in bytes, durations in milliseconds, booleans, numbers, else text."""

INSTANCE = "instance"
SESSION = "session"
CLIENT = "client"


class Source(Enum):
    """Where a file says that a value comes from."""

    DEFAULT = "default"
    FILE = "file"
    AUTO = "auto"
    PERSISTED = "persisted"
    COMMAND_LINE = "command line"
    DATABASE = "database"
    ROLE = "role"
    OPERATOR = "operator"


class Severity(Enum):
    """How bad a problem is."""

    ERROR = "error"
    """The server would refuse it, or it cannot be understood."""
    WARNING = "warning"
    """Something is missing, was not followed or may mean two things."""
    NOTE = "note"
    """Worth knowing: a duplicate that is not in force, a value of a version nobody asked for."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something about one place of a file; `line` and `column` count from 1, 0 for the file as a whole."""

    severity: Severity
    message: str
    line: int = 0
    column: int = 0


class DumpSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One setting a file tells.

    `raw` is the text as written (None where the file says that there is no value, and for a secret); `value`
    what it means, None where the server would refuse it; `unit` ``B`` or ``ms`` where that is the value's.
    `running` is the canonical value in force, only where the file tells configured and running apart.
    `scope` is `INSTANCE`, `SESSION`, `CLIENT`, ``database:N``, ``role:N``, ``sid:N`` or ``group:N``.
    """

    name: str
    raw: str | None
    value: Canonical | None
    unit: str | None = None
    running: Canonical | None = None
    line: int = 0
    scope: str = INSTANCE
    source: Source = Source.FILE


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One number a file tells that is no setting: a counter or a gauge, under the name the file gives it.

    `labels` tells apart what has one name (a database, a statement), as ``name=value`` joined by commas.
    `per_second` is set where the file holds two samples some known time apart.
    """

    name: str
    value: float
    labels: str = ""
    line: int = 0
    per_second: float | None = None


class Dump(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one file says.

    `engine` is None where nothing here reads it; `kind` then says what it looks like, and a problem says it
    as a sentence. `is_complete` is true only where every parameter of that engine and version stands there.
    `redacted` names what held a secret. `offered` names the parameters a list of parameters gives without a
    setting.
    """

    path: str
    engine: str | None
    kind: str
    version: str | None = None
    is_complete: bool = False
    is_running: bool = False
    """Whether the values are what a server runs, rather than what its files ask for."""
    settings: tuple[DumpSetting, ...] = ()
    samples: tuple[Sample, ...] = ()
    offered: tuple[str, ...] = ()
    redacted: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def has_errors(self) -> bool:
        """Whether a problem of it is an error."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)
