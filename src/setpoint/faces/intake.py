"""The library's front for files: reading what they say, and keeping it as what an instance said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control.intake import keeping, reading
from setpoint.faces.front import Front, witnessed
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from setpoint.config.dump import Dump
    from setpoint.config.observation import Observation


def read_files(
    paths: Iterable[str], *, engine: str = "", version: str = "", is_validating: bool = False
) -> Iterator[Dump]:
    """Read files and folders of any engine, one dump a file; needs no store.

    `engine` and `version` are your word where a file does not tell. Raises `NotFoundError` for a path or an
    engine that is not there, `InputError` for a file that cannot be read. A file that is no database's is
    a dump without an engine, whose problem says what it looks like. With `is_validating` a server's own
    program, where one is on this machine, is asked about configuration files; its word joins the problems.
    """
    if is_validating:
        from setpoint.control.intake.validating import read_validated

        return read_validated(paths, engine=engine, version=version)
    return reading.read_paths(paths, engine=engine, version=version)


class Intake(Front):
    """One store and one acting person."""

    @witnessed(Right.OBSERVE, "name")
    def keep(self, name: str, dumps: Sequence[Dump], *, written_at: datetime | None = None) -> Observation:
        """Keep what files say of an instance as an observation; `written_at` is when that was written.

        Without it the newest file's own time counts. Raises `InputErrors` with every file that is not of the
        instance's engine or version, `NotFoundError` for an instance that is not registered.
        """
        context = self._context
        when = written_at or keeping.written_at([dump.path for dump in dumps], context.now())
        return keeping.keep(context, name, dumps, at=when)
