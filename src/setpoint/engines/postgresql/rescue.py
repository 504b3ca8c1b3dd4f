"""The way back for a server that does not start: its persisted entries, in the file ALTER SYSTEM writes.

Only files within reach of this process are mended; elsewhere the operator is told what to write.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.engines.plan import StepKind
from setpoint.engines.postgresql.dialect import GRAMMAR, ConfRewriter, quote_conf
from setpoint.errors import InputErrors, NotPermittedError

if TYPE_CHECKING:
    from setpoint.engines.plan import Plan

_FILE = "postgresql.auto.conf"


def rescue(plan: Plan, data_directory: str) -> str:
    """Put back what the file held before the plan; answer what was done, in one sentence.

    Raises `NotPermittedError` with what an operator must write where the file is out of reach, or has lines
    that keep the server from reading it.
    """
    entries = _entries_before(plan)
    path = Path(data_directory or ".") / _FILE
    try:
        if not data_directory:
            raise FileNotFoundError(_FILE)
        text = path.read_bytes().decode(errors="surrogateescape")
        _write_durably(path, ConfRewriter().rewrite(text, entries, str(path)).text)
    except OSError as fault:
        message = f"{_FILE} of {plan.instance} is out of reach: {fault.strerror or fault}"
        raise NotPermittedError(
            message, where=plan.instance, next_step=_advice(entries, data_directory)
        ) from None
    except InputErrors as faults:
        next_step = f"mend those lines; {_advice(entries, data_directory)}"
        raise NotPermittedError(str(faults), where=plan.instance, next_step=next_step) from None
    return f"put back {', '.join(sorted(entries))} in {path}"


def _entries_before(plan: Plan) -> dict[str, str | None]:
    """Answer the text of each persisted entry before the plan, None where there was none."""
    entries: dict[str, str | None] = {}
    for step in plan.steps:
        if step.kind in (StepKind.SET, StepKind.RESET) and step.prior is not None:
            text = step.prior.persisted
            entries[step.parameter] = GRAMMAR.write_list(text) if isinstance(text, tuple) else text
    return entries


def _write_durably(path: Path, text: str) -> None:
    """Replace a file at once: a new one with its owner and mode, on disk before it takes the name."""
    before = path.stat()
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode(errors="surrogateescape"))
            file.flush()
            os.fchmod(file.fileno(), before.st_mode & 0o7777)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fsync(file.fileno())
        Path(made).replace(path)
    except OSError:
        Path(made).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _advice(entries: dict[str, str | None], data_directory: str) -> str:
    removed = [name for name, text in entries.items() if text is None]
    written = [f"{name} = {quote_conf(text)}" for name, text in entries.items() if text is not None]
    parts = [f"take out {', '.join(removed)}"] if removed else []
    parts += [f"write {'; '.join(written)}"] if written else []
    return f"in {data_directory or 'the data directory'}/{_FILE}: {'; '.join(parts)}; then start the server"
