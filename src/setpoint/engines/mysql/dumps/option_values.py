"""What a server makes of an option's text, as it does when it reads an option file.

Seen on MariaDB 10.11 and MySQL 9.7 (``--help --verbose``, ``--validate-config``): a number out of range is
moved to the nearest bound with a warning, of a suffix only the first letter is looked at, words may be cut
short or counted, and MariaDB skips a boolean of InnoDB that it cannot read while it takes any other for OFF.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from setpoint.catalog import Kind
from setpoint.engines.canonical import amount
from setpoint.engines.mysql.dumps.option_names import OPTIONAL, PATHS, REQUIRED_BOOLEANS, WORDS

if TYPE_CHECKING:
    from setpoint.catalog import Parameter
    from setpoint.config.dump import Canonical
    from setpoint.engines.mysql.dialect.grammar import MysqlGrammar

_SUFFIXES = {letter: 1 << (10 * number) for number, letter in enumerate("KMGTPE", start=1)}
_NUMBER = re.compile(r"[ \t]*([-+]?)(\d{0,40})(.*)", re.DOTALL)
_REAL = re.compile(r"[ \t]*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WRAP = 1 << 64
_BOOLS = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
_OF_PLUGINS = ("innodb_", "aria_", "myisam_", "feedback_")
_MOST_WORDS = 4096


@dataclass(frozen=True, slots=True)
class Taken:
    """What a server makes of a text: value and unit, or why it refuses it.

    `remark` says how the value differs from what is written.
    """

    value: Canonical | None
    unit: str | None = None
    fault: str = ""
    remark: str = ""


def take(parameter: Parameter, text: str | None, engine: str, grammar: MysqlGrammar) -> Taken:
    """Answer what a server makes of an option's text, None where the line has no ``=``."""
    if parameter.kind is Kind.BOOL:
        return _take_bool(parameter, text)
    if text is None:
        return _take_bare(parameter)
    if parameter.is_numeric:
        return _take_number(parameter, text, engine, grammar)
    if parameter.kind is Kind.STRING and engine == "mysql" and parameter.name in WORDS:
        kind = Kind.FLAGS if parameter.name.endswith("_options") else Kind.ENUM
        parameter = structs.replace(parameter, kind=kind, values=WORDS[parameter.name])
    if parameter.kind is Kind.ENUM:
        return _take_word(parameter, text, engine)
    if parameter.kind in {Kind.FLAGS, Kind.SWITCHES} and parameter.values:
        take_many = _take_flags if parameter.kind is Kind.FLAGS else _take_switches
        return take_many(parameter, text)
    return Taken(text)


def _take_bare(parameter: Parameter) -> Taken:
    name = parameter.name.lower()
    if name not in OPTIONAL:
        return Taken(None, fault="it needs a value")
    words = {word.lower(): word for word in parameter.values}
    if parameter.values:
        return Taken(words.get("on") or words.get("default") or parameter.values[:2][-1])
    if parameter.is_numeric or name == "log_error":
        return Taken(None, remark="without a value it is what the server chooses")
    return Taken(value=True)


def _take_bool(parameter: Parameter, text: str | None) -> Taken:
    name = parameter.name.lower()
    if text is None:
        fault = "it needs a value" if name in REQUIRED_BOOLEANS else ""
        return Taken(None if fault else True, fault=fault)
    if name in PATHS:
        return Taken(text or True)
    value = _BOOLS.get(text.lower())
    if value is not None:
        return Taken(value)
    if name.startswith(_OF_PLUGINS):
        return Taken(None, remark=f"{text[:60]!r} is not a boolean (ON, OFF): the line is skipped")
    return Taken(value=False, remark=f"{text[:60]!r} is not a boolean (ON, OFF): taken for OFF")


def _take_number(parameter: Parameter, text: str, engine: str, grammar: MysqlGrammar) -> Taken:
    is_real = parameter.kind is Kind.FLOAT or not parameter.is_integral
    if not text:
        if engine == "mysql":
            return Taken(None, fault="it needs a value")
        number: float = 0
        remark = "an empty value is taken for 0"
    else:
        read = _real(text) if is_real else _integer(text, parameter, engine)
        if isinstance(read, str):
            return Taken(None, fault=read)
        number, remark = read
    moved = _moved(number, parameter)
    if moved != number:
        remark = f"{text} is taken for {_plain(moved)}"
    meaning = amount(moved, parameter, grammar)
    return Taken(meaning.value, meaning.unit, remark=remark)


def _integer(text: str, parameter: Parameter, engine: str) -> tuple[int, str] | str:
    """Read an integer as the servers do; words say why not, a remark what they overlook."""
    found = _NUMBER.fullmatch(text)
    sign, digits, rest = found.groups() if found is not None else ("", "", "")
    if not digits:
        return f"{text[:60]!r} is not a number"
    factor = _SUFFIXES.get(rest[:1].upper()) if rest else 1
    if factor is None:
        return f"{rest[:20]!r} is no suffix of a number (one of K, M, G, T, P, E)"
    number = int(digits)
    is_signed = parameter.min is not None and parameter.min < 0
    if sign == "-" and not is_signed:
        return f"{text[:60]!r} is negative" if engine == "mariadb" else (-number * factor, "")
    most = _WRAP >> 1 if is_signed else _WRAP
    if number >= most or (number * factor >= most and engine == "mysql"):
        return f"{text[:60]!r} is too large a number"
    number = number * factor % most
    remark = f"of {rest!r} only the first letter is read" if len(rest) > 1 else ""
    return (-number if sign == "-" else number), remark


def _real(text: str) -> tuple[float, str] | str:
    if _REAL.fullmatch(text) is None or not math.isfinite(float(text)):
        return f"{text[:60]!r} is not a number"
    return float(text), ""


def _moved(number: float, parameter: Parameter) -> float:
    """Answer a number moved into its bounds, and cut down to its multiple."""
    if parameter.max is not None:
        number = min(number, parameter.max)
    settled = parameter.settled(number)
    number = settled if isinstance(settled, (int, float)) else number
    return number if parameter.min is None else max(number, parameter.min)


def _take_word(parameter: Parameter, text: str, engine: str) -> Taken:
    if not text and engine == "mysql":
        return Taken(None, fault="it needs a value")
    word = _word(parameter, text)
    if word is not None or not parameter.values:
        return Taken(text if word is None else word)
    words = ", ".join(parameter.values[:12])
    return Taken(None, fault=f"{text[:60]!r} is none of its words ({words})")


def _word(parameter: Parameter, text: str) -> str | None:
    """Answer the word that a text means: exactly, cut short in one way only, or by its number."""
    folded = text.strip().lower()
    by_number = folded in parameter.aliases and folded.isdigit()
    exact = next((value for value in parameter.values if value.lower() == folded), None)
    if exact is not None:
        return exact
    short = [value for value in parameter.values if folded and value.lower().startswith(folded)]
    if len(short) == 1:
        return short[0]
    if by_number:
        return parameter.aliases[folded]
    number = int(folded) if folded.isdigit() and len(folded) < 4 else None  # noqa: PLR2004 - few words
    if not folded:
        return parameter.aliases.get("0") or (parameter.values[0] if parameter.values else None)
    return parameter.values[number] if number is not None and number < len(parameter.values) else None


def _take_flags(parameter: Parameter, text: str) -> Taken:
    if text.isdigit():
        return _counted(parameter, text)
    words: list[str] = []
    for item in text.split(",")[:_MOST_WORDS]:
        word = _flag(parameter, item)
        if word is None and item:
            return Taken(None, fault=f"{item[:60]!r} is none of its words")
        words += [word] if word else []
    return Taken(",".join(dict.fromkeys(words)))


def _counted(parameter: Parameter, text: str) -> Taken:
    number = int(text[:30])
    if len(text) > 20 or number >= 1 << len(parameter.values):  # noqa: PLR2004 - digits of 64 bits
        return Taken(None, fault=f"{text[:60]} is no set of its words")
    words = [value for bit, value in enumerate(parameter.values) if number >> bit & 1]
    return Taken(",".join(words))


def _flag(parameter: Parameter, item: str) -> str | None:
    folded = item.lower()
    exact = next((value for value in parameter.values if value.lower() == folded), None)
    if exact is not None or not folded:
        return exact
    if folded in parameter.aliases:
        return item.upper()
    short = [value for value in parameter.values if value.lower().startswith(folded)]
    return short[0] if len(short) == 1 else None


def _take_switches(parameter: Parameter, text: str) -> Taken:
    flags = {value.lower() for value in parameter.values} | {"default"}
    seen: set[str] = set()
    for item in filter(None, text.lower().split(",")):
        flag, equals, state = item.partition("=")
        full = [name for name in flags if name == flag] or [name for name in flags if name.startswith(flag)]
        is_whole = full == ["default"] and not equals
        if len(full) != 1 or full[0] in seen or not (is_whole or state in {"on", "off", "default"}):
            return Taken(None, fault=f"{item[:60]!r} is not a flag with its state (on, off, default)")
        seen.add(full[0])
    return Taken(text)


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else repr(number)
