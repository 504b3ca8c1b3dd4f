"""The managed fragment: the one option file that Setpoint writes.

Its form is the agent's, see `file_agent`. It stands under ``[mysqld]``, which every server reads: no group
wins over another, the later line does, so what counts is that the file sorts last in its folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.engines.mysql import file_agent
from setpoint.errors import InputError, TamperedError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Fragment:
    """A fragment's entries by folded name, and what is wrong with its text: nothing, or words."""

    entries: Mapping[str, str]
    fault: str


def render_fragment(entries: Mapping[str, str], header: str = file_agent.HEADER) -> str:
    """Write a fragment; servers read its values back exactly.

    Raises `InputError` for what is no option name, a value of several lines, and one too long for a line.
    """
    try:
        return file_agent.render_fragment(dict(entries), header)
    except file_agent.Refusal as refusal:
        raise InputError(str(refusal)) from None


def parse_fragment(text: str) -> Fragment:
    """Read a fragment; one that was edited by hand is read as well, and its fault says so."""
    return Fragment(file_agent.fragment_entries(text), file_agent.fragment_fault(text))


def with_entries(text: str | None, changes: Mapping[str, str | None]) -> str:
    """Answer a fragment's text with some entries set and some (None) dropped; None is one yet to be made.

    Raises `TamperedError` where the text is not as Setpoint wrote it, `InputError` like `render_fragment`.
    """
    if text is not None and (fault := file_agent.fragment_fault(text)):
        raise TamperedError(f"the fragment is not as Setpoint left it: {fault}")
    put = {name: value for name, value in changes.items() if value is not None}
    try:
        return file_agent.change_fragment(text, put, [name for name in changes if name not in put])
    except file_agent.Refusal as refusal:
        raise InputError(str(refusal)) from None
