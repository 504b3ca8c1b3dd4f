"""What an instance's agent (`file_agent`) is asked, and what its answer holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from setpoint.engines.mysql.dialect.knowledge import FILE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_FILES = '{"do": "read"}'


class ToldFile(msgspec.Struct, frozen=True):
    """An option file as the agent found it: its text, or why it could not be read.

    `changed_at` are seconds since 1970 by the host's clock; None where the agent does not tell.
    """

    path: str
    text: str | None = None
    fault: str | None = None
    changed_at: float | None = None


class ToldFragment(msgspec.Struct, frozen=True):
    """The file the agent writes; a `fault` says why it could not be written, or would have no effect."""

    path: str
    text: str | None = None
    fault: str | None = None


class Told(msgspec.Struct, frozen=True):
    """An agent's answer; `fault` says why it gave none."""

    fragment: ToldFragment | None = None
    roots: tuple[str, ...] = ()
    files: tuple[ToldFile, ...] = ()
    fault: str = ""


def read_told(answer: str | None) -> Told | None:
    """Read an agent's answer, None where there is no agent; one that makes no sense is a fault."""
    if answer is None:
        return None
    try:
        return msgspec.json.decode(answer, type=Told)
    except msgspec.DecodeError as fault:
        return Told(fault=f"the agent's answer makes no sense: {fault}")


def silent(fault: str) -> str:
    """Write the answer of an agent that could not be had."""
    return json.dumps({"fault": fault})


def write_file(parameter: str, expected: str | None, text: str | None) -> str:
    """Ask for one entry to be changed, if it is still what it was; None is no entry."""
    name = FILE_NAMES.get(parameter, parameter)
    put: Mapping[str, object] = {"set": {name: text}} if text is not None else {"unset": [name]}
    return json.dumps({"do": "write", "expect": {name: expected}, **put}, sort_keys=True)
