"""The way back for a server that does not start: its entries, in the file in which it keeps them.

MySQL keeps them in ``mysqld-auto.cnf`` of its data directory. Only a file within reach of this process is
mended; what stands elsewhere, as lines of the agent's file do, is left to a person, who is told what to do.
The agent needs no server for it.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setpoint.engines.mysql.dialect.statements import reset_persist
from setpoint.errors import NotPermittedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from setpoint.engines.plan import Plan, Step

_FILE = "mysqld-auto.cnf"
_START = "mysql_static_variables"
_PARTS = ("mysql_dynamic_variables", "mysql_dynamic_parse_early_variables", _START,
          "mysql_static_parse_early_variables")  # fmt: skip
_KEEPING = ("SET PERSIST ", "SET PERSIST_ONLY ")


def rescue(plan: Plan, data_directory: str) -> str:
    """Put back what the file held before the plan; answer what was done, and what is left to a person.

    Raises `NotPermittedError` with what an operator must do where nothing could be put back: the file is out
    of reach, or the plan wrote nothing into it.
    """
    kept = {step.parameter: _prior(step) for step in plan.steps if _is_kept(step)}
    question = _question_back(plan)
    path = Path(data_directory or ".") / _FILE
    put: list[str] = []
    if kept:
        try:
            if not data_directory:
                raise FileNotFoundError(_FILE)
            put = _mend(path, kept)
        except (OSError, ValueError, AttributeError) as fault:
            message = f"{_FILE} of {plan.instance} is out of reach: {fault}"
            raise NotPermittedError(message, where=plan.instance, next_step=_advise(kept, question)) from None
    if not put:
        message = f"nothing was put back of {plan.instance}: {_why_nothing(kept, question)}"
        raise NotPermittedError(message, where=plan.instance, next_step=_advise({}, question))
    left = sorted(kept.keys() - set(put))
    told = [f"put back {', '.join(put)} in {path}"]
    told += [f"{', '.join(left)} stood there otherwise than planned and was left"] if left else []
    told += [f"what is left to a person: {_ask_agent(question)}"] if question else []
    return "; ".join(told)


def _is_kept(step: Step) -> bool:
    """Tell whether a step writes what the server keeps itself, as its statements say."""
    return any(
        request.text.startswith(_KEEPING) or request.text.endswith(reset_persist(step.parameter))
        for request in step.do
        if step.parameter
    )


def _prior(step: Step) -> str | None:
    text = step.prior.persisted if step.prior is not None else None
    return text if isinstance(text, str) else None


def _question_back(plan: Plan) -> str:
    """Answer what the agent would be asked to take a plan's lines back, all at once; empty for none."""
    asked = [json.loads(request.agent) for step in plan.steps for request in step.undo if request.agent]
    if not asked:
        return ""
    expect = {name: text for each in asked for name, text in each["expect"].items()}
    put = {name: text for each in asked for name, text in each.get("set", {}).items()}
    unset = [name for each in asked for name in each.get("unset", [])]
    return json.dumps({"do": "write", "expect": expect, "set": put, "unset": unset})


def _mend(path: Path, kept: Mapping[str, str | None]) -> list[str]:
    """Put entries back in the file; answer the names of those that were."""
    body = json.loads(path.read_text(encoding="utf-8"))
    put = sorted(name for name, text in kept.items() if _put_back(body, name, text))
    if put:
        _write_durably(path, json.dumps(body))
    return put


def _put_back(body: dict[str, Any], name: str, text: str | None) -> bool:
    """Change one entry of the file, which says for each where it is read; tell whether there was a change."""
    is_changed = False
    for part in _PARTS:
        found: dict[str, Any] = body.get(part, {})
        if name not in found or (text is not None and found[name]["Value"] == text):
            continue
        if text is None:
            del found[name]
        else:
            found[name]["Value"] = text
        is_changed = True
    return is_changed


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


def _why_nothing(kept: Collection[str], question: str) -> str:
    if question:
        names = ", ".join(sorted(json.loads(question)["expect"]))
        return f"what was written of {names} stands in an option file of its host"
    if kept:
        return f"of {', '.join(sorted(kept))} nothing new stands in {_FILE}"
    return "the plan wrote nothing that a start reads"


def _advise(kept: Collection[str], question: str) -> str:
    parts: list[str] = []
    if kept:
        names = ", ".join(sorted(kept))
        parts.append(
            "start the server with --persisted-globals-load=OFF, then RESET PERSIST what stands there of "
            f"{names}"
        )
    if question:
        parts.append(_ask_agent(question))
    return "; ".join(parts) or "the server's error log tells why it does not start"


def _ask_agent(question: str) -> str:
    return (
        f"on the host, give the agent's command this on its standard input: {question} and start the server"
    )
