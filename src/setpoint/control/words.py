"""Words of people: reasons, tickets and names shown as they are kept; bounded, whole, passwords masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from setpoint.errors import InputError, InputErrors
from setpoint.store.masks import masked as _masked

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_REASON = 4000
"""How long a reason may be, in characters."""

MAX_WORD = 200
"""How long a ticket, a label, an environment or a name shown may be, in characters."""


def require_reason(text: str, what: str = "reason") -> str:
    """Answer a reason as it is kept, passwords in it masked; raise `InputErrors` for one that is none."""
    _raise_any(reason_faults(text, what))
    return masked(text)


def check_note(text: str, what: str = "reason") -> str:
    """Answer a reason that need not be given as it is kept, passwords masked; raise `InputErrors`."""
    _raise_any(word_faults(text, what, MAX_REASON))
    return masked(text)


def check_word(text: str, what: str, most: int = MAX_WORD) -> str:
    """Answer a short text as it is kept, passwords in it masked; raise `InputErrors`."""
    _raise_any(word_faults(text, what, most))
    return masked(text)


def reason_faults(text: str, what: str = "reason") -> Iterator[InputError]:
    """Answer what is wrong with a reason that must be given."""
    if not text.strip():
        next_step = 'say why with --because "..."' if what == "reason" else "say why"
        yield InputError(f"no {what} is given", next_step=next_step)
    yield from word_faults(text, what, MAX_REASON)


def word_faults(text: str, what: str, most: int = MAX_WORD, where: str = "") -> Iterator[InputError]:
    """Answer what is wrong with a text: longer than `most` characters, or holding half a character."""
    if len(text) > most:
        yield InputError(f"the {what} is longer than {most} characters", where=where)
    elif not is_whole(text):
        yield InputError(f"the {what} holds half a character: {text[:80]!a}", where=where)


def masked(text: str) -> str:
    """Answer a text with passwords in it masked, by the audit log's own rule of what is one."""
    return cast("str", _masked(text))


def is_whole(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: it holds no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raise_any(found: Iterator[InputError]) -> None:
    faults = list(found)
    if faults:
        raise InputErrors(faults)
