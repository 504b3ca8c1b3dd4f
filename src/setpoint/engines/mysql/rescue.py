"""The way back for a server that does not start: its entries, in the file in which it keeps them.

MySQL keeps them in ``mysqld-auto.cnf`` of its data directory. Only a file within reach of this process is
mended; elsewhere the operator is told what to take out.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setpoint.engines.plan import StepKind
from setpoint.errors import NotPermittedError

if TYPE_CHECKING:
    from setpoint.engines.plan import Plan

_FILE = "mysqld-auto.cnf"
_START = "mysql_static_variables"
_PARTS = ("mysql_dynamic_variables", "mysql_dynamic_parse_early_variables", _START,
          "mysql_static_parse_early_variables")  # fmt: skip


def rescue(plan: Plan, data_directory: str) -> str:
    """Put back what the file held before the plan; answer what was done, in one sentence.

    Raises `NotPermittedError` with what an operator must do where the file is out of reach.
    """
    entries = {
        step.parameter: step.prior.persisted if step.prior is not None else None
        for step in plan.steps
        if step.kind in (StepKind.SET, StepKind.RESET) and not step.is_passing
    }
    path = Path(data_directory or ".") / _FILE
    try:
        if not data_directory:
            raise FileNotFoundError(_FILE)
        body = json.loads(path.read_text(encoding="utf-8"))
        for name, text in entries.items():
            _put_back(body, name, text if isinstance(text, str) else None)
        _write_durably(path, json.dumps(body))
    except (OSError, ValueError, AttributeError) as fault:
        message = f"{_FILE} of {plan.instance} is out of reach: {fault}"
        raise NotPermittedError(message, where=plan.instance, next_step=_advice(entries)) from None
    return f"put back {', '.join(sorted(entries))} in {path}"


def _put_back(body: dict[str, Any], name: str, text: str | None) -> None:
    """Change one entry of the file, which says for each where it is read."""
    for part in _PARTS:
        found: dict[str, Any] = body.get(part, {})
        if name not in found:
            continue
        if text is None:
            del found[name]
        else:
            found[name]["Value"] = text


def _write_durably(path: Path, text: str) -> None:
    """Replace a file at once: a new one with its owner and mode, on disk before it takes the name."""
    before = path.stat()
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), before.st_mode & 0o7777)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fsync(file.fileno())
        Path(made).replace(path)
    except OSError:
        Path(made).unlink(missing_ok=True)
        raise


def _advice(entries: dict[str, Any]) -> str:
    names = ", ".join(sorted(entries))
    return (
        f"start the server with --persisted-globals-load=OFF, then RESET PERSIST what stands there of {names}"
    )
