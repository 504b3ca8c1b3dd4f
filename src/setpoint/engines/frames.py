"""Frames: what a native script printed, read back."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Any

import msgspec

from setpoint.engines.native import MARK
from setpoint.errors import InputError, TamperedError

_END = "end"


@dataclass(frozen=True, slots=True)
class StepTold:
    """What a script told of one step: its number from 1, and what became of it (``begun``, ``done`` ...)."""

    number: int
    state: str


@dataclass(slots=True)
class Told:
    """A whole result: what the script said of itself, its answers and seals, and how it ended.

    `refused` is why it did nothing, and `refusal` what it told about that; `end` is empty where the script
    did not come to its end.
    """

    begin: dict[str, Any]
    answers: dict[int, str] = field(default_factory=dict[int, str])
    fallbacks: dict[int, int] = field(default_factory=dict[int, int])
    """Which of its request's texts brought an answer, where the script tells it (0, or a fallback's)."""
    seals: dict[int, str] = field(default_factory=dict[int, str])
    steps: list[StepTold] = field(default_factory=list[StepTold])
    armed: dict[str, Any] | None = None
    refused: str = ""
    refusal: dict[str, Any] = field(default_factory=dict[str, Any])
    end: str = ""

    @property
    def bundle(self) -> str:
        """The bundle that it is the result of."""
        return str(self.begin.get("bundle", ""))

    def answer(self, number: int, seal: str) -> str:
        """Answer an answer's own lines; raise `TamperedError` where the seal does not hold for them."""
        text = self.answers.get(number)
        if text is None:
            raise InputError(f"the result has no answer {number}", next_step="run the script once more")
        expected = sha256(f"{seal}{text}".encode()).hexdigest()
        if not compare_digest(expected, self.seals.get(number, "").lower()):
            raise TamperedError(
                f"answer {number} of the result is not what the script printed",
                next_step="carry the file over again, as it is; do not open and save it on the way",
            )
        return text


def is_result(text: str) -> bool:
    """Tell whether a text holds what a native script printed."""
    return text.startswith(MARK) or f"\n{MARK}" in text


def read_frames(text: str, source: str) -> Told:
    """Read a result; raise `InputError` naming the line that is no frame, or that there is none at all.

    Lines before the first frame, and between others where no answer is open, are a client's own notes.
    """
    told: Told | None = None
    number, lines = 0, list[str]()
    for at, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line.startswith(MARK):
            if number:
                lines.append(line)
            continue
        words = line.removeprefix(MARK).rstrip().split(" ", 2)
        if words[0] == "begin":
            if told is not None:
                raise InputError("two results stand in one file", where=f"{source}:{at}")
            told = Told(_object(line.removeprefix(f"{MARK}begin "), source, at))
            continue
        if told is None:
            raise InputError("the result's beginning is missing", where=f"{source}:{at}")
        if number:
            told.answers[number] = "\n".join(lines)
            number, lines = 0, []
        if words[0] == "answer":
            number = _begin_answer(told, words, source, at)
        else:
            _take(told, words, source, at)
    if told is None:
        raise InputError("this is no result of a bundle", where=source)
    return told


def _begin_answer(told: Told, words: list[str], source: str, at: int) -> int:
    """Answer an answer's number; a second one tells which of the request's lesser texts brought it."""
    number = _number(words, source, at)
    if len(words) > 2:  # noqa: PLR2004 - kind, number, and that one
        told.fallbacks[number] = _number(words[1:], source, at)
    return number


def _take(told: Told, words: list[str], source: str, at: int) -> None:
    rest = words[2] if len(words) > 2 else ""  # noqa: PLR2004 - kind, first word, the rest
    match words[0]:
        case "seal":
            told.seals[_number(words, source, at)] = rest.strip()
        case "step" | "back":
            state = rest.strip() if words[0] == "step" else f"back {rest.strip()}"
            told.steps.append(StepTold(_number(words, source, at), state))
        case "armed":
            told.armed = _object(" ".join(words[1:]), source, at)
        case "refused":
            told.refused = words[1] if len(words) > 1 else "unknown"
            told.refusal = _object(rest, source, at) if rest.strip() else {}
        case "end":
            told.end = words[1] if len(words) > 1 else _END
        case _:
            raise InputError(f"{words[0]!r} is no frame of a result", where=f"{source}:{at}")


def _number(words: list[str], source: str, at: int) -> int:
    if len(words) > 1 and words[1].isascii() and words[1].isdigit():
        return int(words[1])
    raise InputError(f"the {words[0]} frame has no number", where=f"{source}:{at}")


def _object(text: str, source: str, at: int) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise InputError("a frame of the result cannot be read", where=f"{source}:{at}") from None
