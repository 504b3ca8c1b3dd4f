"""Single values of a policy document: texts in, typed values out, and back to text.

Every parser takes the text as written and raises `InputError` with what is wrong and what to write instead;
the place is added by whoever knows it.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, time
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeVar, get_args

from setpoint.config.identifier import require_identifier
from setpoint.errors import InputError
from setpoint.policy.classes import ParameterClass
from setpoint.policy.person import Role
from setpoint.policy.rules import Weekday
from setpoint.policy.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

_T = TypeVar("_T")

DAY_SECONDS: Final = 86400
_UNITS: Final = {"d": DAY_SECONDS, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(d|h|min|m|s)")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)(%?)")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.$ -]{0,126}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_UNPRINTED = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
"""Persian, Hindi and others cannot be written without them; they neither steer a terminal nor reorder."""

_LOOK_ALIKE = frozenset({"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "FULLWIDTH"})

_QUORUM_IDS = ("approvals.", "governance.")
"""What the quorums of a class or a key are called among the rules that spoke."""

Kind = Literal["locks", "limits", "guardrails", "windows", "freezes"]

LONGEST_PROSE = 4000
LONGEST_WORD = 200


def near(word: str, known: Iterable[str]) -> str:
    """Answer a next step: the known words that are near, or all of them when there are few."""
    from difflib import get_close_matches

    words = list(known)
    found = get_close_matches(word.lower(), words, n=3)
    if found:
        return f"did you mean {' or '.join(found)}?"
    return f"known are {', '.join(words)}" if len(words) <= 20 else ""  # noqa: PLR2004 - what one line can hold


def is_printable(character: str) -> bool:
    """Tell whether a character shows as itself: no control, no reordering, nothing invisible."""
    return character in _JOINERS or unicodedata.category(character) not in _UNPRINTED


def parse_word(text: str) -> str:
    """Read a short text that is compared exactly; no patterns, so none is taken for one."""
    word = _printable(text).strip()
    if not word:
        raise InputError("an empty word", next_step="leave the key out, or name something")
    if len(word) > LONGEST_WORD:
        raise InputError(f"a word of {len(word)} characters", next_step=f"{LONGEST_WORD} at most")
    if len(_scripts(word)) > 1:
        raise InputError(f"{word!a} mixes alphabets", next_step="letters that look alike are not the same")
    if "*" in word:
        raise InputError(f"{word!r} would be a pattern", next_step="name each word; nothing is matched here")
    return word


def parse_prose(text: str) -> str:
    """Read a text for people, its line breaks as spaces."""
    prose = " ".join(_printable(text.replace("\n", " ")).split())
    if len(prose) > LONGEST_PROSE:
        raise InputError(f"a text of {len(prose)} characters", next_step=f"{LONGEST_PROSE} at most")
    return prose


def parse_source(text: str) -> str:
    """Read where something is known from: a short text for people."""
    source = parse_prose(text)
    if len(source) > LONGEST_WORD:
        raise InputError(f"a source of {len(source)} characters", next_step=f"{LONGEST_WORD} at most")
    return source


def parse_setting(text: str) -> str:
    """Read a parameter's value as its author would write it; the catalog reads it later."""
    if len(text) > LONGEST_PROSE:
        raise InputError(f"a value of {len(text)} characters", next_step=f"{LONGEST_PROSE} at most")
    return _printable(text)


def parse_parameter(text: str) -> str:
    """Read the name of a parameter; whether it exists is the catalog's word."""
    if not _PARAMETER.fullmatch(text):
        raise InputError(f"{text[:80]!a} is no parameter name", next_step="write it as the engine lists it")
    return text


def parse_label(text: str) -> str:
    """Read the name of a label."""
    if not _LABEL.fullmatch(text):
        next_step = "letters, digits, dots, dashes and underscores, 63 at most"
        raise InputError(f"{text[:80]!a} is no label name", next_step=next_step)
    return text


def parse_rule_id(text: str) -> str:
    """Read a rule's id; some are those of a policy's quorums."""
    if text.startswith(_QUORUM_IDS):
        raise InputError(f"{text!r} would be taken for a quorum", next_step="choose another id")
    return require_identifier(text, "rule id")


def parse_policy_name(text: str) -> str:
    """Read a policy's name."""
    return require_identifier(text, "policy name")


def parse_seconds(text: str) -> float:
    """Read a duration above zero: ``4h``, ``90s``, ``1d``, ``1h30m``."""
    parts = _DURATION.findall(text)
    if not parts or "".join(amount + unit for amount, unit in parts) != text:
        raise InputError(f"{text[:80]!r} is no duration", next_step="write it as 30s, 15m, 4h or 2d")
    seconds = sum(float(amount) * _UNITS[unit[0]] for amount, unit in parts)
    if seconds <= 0:
        raise InputError("a duration of nothing", next_step="write it as 30s, 15m, 4h or 2d")
    return seconds


def duration_text(seconds: float) -> str:
    """Write a duration in the largest unit that holds it whole; `parse_seconds` reads it back."""
    for unit, factor in _UNITS.items():
        if seconds % factor == 0:
            return f"{seconds // factor:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0") + "s"


def parse_share(text: str) -> float:
    """Read a part of a whole, above 0 and at most 1: ``90%`` or ``0.9``."""
    match = _SHARE.fullmatch(text)
    if match is None:
        raise InputError(f"{text[:80]!r} is no share", next_step="write it as 90% or 0.9")
    share = float(match[1]) / (100 if match[2] else 1)
    if not 0 < share <= 1:
        raise InputError(f"a share of {text}", next_step="above 0% and at most 100%")
    return share


def share_text(share: float) -> str:
    """Write a share; `parse_share` reads it back."""
    percent = f"{share * 100:.9g}%"
    return percent if parse_share(percent) == share else repr(share)


def parse_count(text: str) -> int:
    """Read how many people must approve, 1 to 20."""
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= 20):  # noqa: PLR2004 - the bounds it names
        raise InputError(f"{text[:80]!r} is no quorum", next_step="a whole number from 1 to 20")
    return int(text)


def parse_truth(text: str) -> bool:
    """Read ``true`` or ``false``, ``yes`` or ``no``."""
    truth = {"true": True, "yes": True, "false": False, "no": False}.get(text.lower())
    if truth is None:
        raise InputError(f"{text[:80]!r} is neither true nor false", next_step="write true or false")
    return truth


def parse_time(text: str) -> time:
    """Read a time of day, ``02:00`` or ``23:59:59``."""
    match = _TIME.fullmatch(text)
    if match is None:
        next_step = "write it as 02:00; a window that ends at midnight closes at 00:00"
        raise InputError(f"{text[:80]!r} is no time of day", next_step=next_step)
    return time(int(match[1]), int(match[2]), int(match[3] or 0))


def parse_zone(text: str) -> str:
    """Read the name of a time zone as the IANA database has it."""
    if text not in _zones():
        raise InputError(
            f"{text[:80]!r} is no time zone", next_step=near(text, _zones()) or "UTC, Europe/Berlin"
        )
    return text


def parse_moment(text: str, zone: str) -> datetime:
    """Read a date, or a date and time, with an offset or else in the named zone; answer it in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        next_step = "write it as 2026-12-20T00:00:00+01:00, or as 2026-12-20 with `zone: Europe/Berlin`"
        raise InputError(f"{text[:80]!r} is no date", next_step=next_step) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone_of(text, zone))
    try:
        in_utc = moment.astimezone(UTC)
        is_real = in_utc.astimezone(moment.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None)
    except OverflowError:
        raise InputError(f"{text!r} lies outside of all calendars") from None
    if not is_real:
        raise InputError(
            f"{text} is skipped in {zone}: the clocks go forward then", next_step="give its offset"
        )
    return in_utc


def moment_text(moment: datetime) -> str:
    """Write a moment; `parse_moment` reads it back."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_class(text: str) -> ParameterClass:
    """Read a class of parameters by its word."""
    return _choice(text, {each.value: each for each in ParameterClass}, "class of parameters")


def parse_role(text: str) -> Role:
    """Read a role by its word."""
    return _choice(text, {each.value: each for each in Role}, "role")


def parse_outcome(text: str) -> Outcome:
    """Read an outcome by its word."""
    return _choice(text, {each.word: each for each in Outcome}, "outcome")


def parse_day(text: str) -> Weekday:
    """Read a day of the week."""
    return _choice(text, {each: each for each in get_args(Weekday)}, "day")


def parse_kind(text: str) -> Kind:
    """Read a kind of rules that an emergency may break."""
    return _choice(text, {each: each for each in get_args(Kind)}, "kind of rules to break")


def parse_what(text: str) -> Literal["change", "restart"]:
    """Read what a window or freeze is about."""
    return _choice(text, {"change": "change", "restart": "restart"}, "thing to hold back")


def parse_severity(text: str) -> Literal["low", "medium", "high"]:
    """Read how grave it is when a limit does not hold."""
    return _choice(text, {"low": "low", "medium": "medium", "high": "high"}, "severity")


def parse_unknown(text: str) -> Literal["hold", "go on", "take back"]:
    """Read what follows where a guardrail cannot be judged."""
    return _choice(text, {"hold": "hold", "go on": "go on", "take back": "take back"}, "way to go about it")


def _printable(text: str) -> str:
    for character in text:
        if not is_printable(character):
            raise InputError(
                f"{text[:80]!a} holds U+{ord(character):04X}, which does not show",
                next_step="write visible characters only",
            )
    return text


def _scripts(text: str) -> frozenset[str]:
    """Answer which of the alphabets that look like each other a word is written in."""
    names = (unicodedata.name(character, "").partition(" ")[0] for character in text if character.isalpha())
    return _LOOK_ALIKE.intersection(names)


def _choice(text: str, known: dict[str, _T], noun: str) -> _T:
    found = known.get(text)
    if found is None:
        raise InputError(f"{text[:80]!a} is no {noun}", next_step=near(text, known))
    return found


def _zone_of(text: str, zone: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    if not zone:
        next_step = "add its offset, such as +01:00 or Z, or `zone: Europe/Berlin` beside it"
        raise InputError(f"{text} names no time zone", next_step=next_step)
    return ZoneInfo(zone)


@cache
def _zones() -> frozenset[str]:
    """Answer the zones of the IANA database that is installed with Setpoint: the same on every host."""
    from importlib.resources import files

    return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())
