"""Options by their names: sp_configure's, its abbreviations, those cut by a client, and those of databases.

Facts: the manual, "sp_configure", in our own words: it takes the beginning of a name where only one option
begins so (error 15124 where several do, 15123 where none does), in any case.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING

from setpoint.engines.canonical import Meaning, amount
from setpoint.engines.meanings import Meanings
from setpoint.engines.sqlserver.dialect import GRAMMAR, NAME, PREFIX, find_known
from setpoint.engines.sqlserver.dialect.marks import vendor_name

if TYPE_CHECKING:
    from setpoint.catalog import Parameter

MEANINGS = Meanings(NAME)
_NUMBER = re.compile(r"[-+]?\d{1,19}")
_CUT = re.compile(r"(?:\.\.\.|\N{HORIZONTAL ELLIPSIS})$")
_BOUNDS_OF_SWITCH = ("0", "1")


@cache
def option_names() -> dict[str, str]:
    """Answer the options of every version, as the vendor writes them, by their names in lower case."""
    names = (
        vendor_name(parameter)
        for catalog in MEANINGS.catalogs
        for parameter in catalog.parameters
        if not parameter.name.startswith(PREFIX)
    )
    return {name.lower(): name for name in names if name}


@cache
def _in_order() -> tuple[str, ...]:
    return tuple(sorted(option_names()))


def is_option(name: str) -> bool:
    """Tell whether this is the whole name of an option, without asking the catalogs."""
    return find_known(name) is not None


def named(name: str) -> tuple[str, ...]:
    """Answer the options that a name or its beginning stands for, as the vendor writes them."""
    known, folded = option_names(), name.strip().lower()
    if not folded or folded in known:
        return (known[folded],) if folded else ()
    order = _in_order()
    start = bisect_left(order, folded)
    return tuple(known[each] for each in takewhile(lambda each: each.startswith(folded), order[start:]))


def uncut(name: str) -> tuple[str, bool]:
    """Answer a printed name without the dots that stand for its rest, and whether there were any."""
    bare = _CUT.sub("", name.strip())
    return bare.strip(), bare != name.strip()


def mean_running(name: str, text: str, bounds: tuple[str | None, str | None] = (None, None)) -> Meaning:
    """Answer what a server's own number means; nobody judges it, for the server has taken it.

    `bounds` are those that the file tells: an option nobody knows that is 0 or 1 is a switch.
    """
    parameter = MEANINGS.parameter(name)
    if parameter is None:
        return _plain(text, is_switch=bounds == _BOUNDS_OF_SWITCH)
    meaning = MEANINGS.mean(name, text.strip(), None)
    return meaning if meaning is not None and not meaning.fault else _leniently(parameter, text)


def mean(name: str, text: str, version: str | None) -> Meaning:
    """Answer what a text means to the server, or why it would refuse it."""
    meaning = MEANINGS.mean(name, text, version)
    if meaning is not None:
        return meaning
    parameter = MEANINGS.parameter(name)
    return _plain(text) if parameter is None else _leniently(parameter, text)


def _leniently(parameter: Parameter, text: str) -> Meaning:
    try:
        value = parameter.read(text.strip(), GRAMMAR)
    except (ValueError, OverflowError):
        return _plain(text)
    if isinstance(value, (bool, str)):
        return Meaning(value)
    return Meaning(text) if isinstance(value, tuple) else amount(value, parameter, GRAMMAR)


def _plain(text: str, *, is_switch: bool = False) -> Meaning:
    bare = text.strip()
    if not _NUMBER.fullmatch(bare):
        return Meaning(bare or None)
    return Meaning(bare == "1") if is_switch and bare in _BOUNDS_OF_SWITCH else Meaning(int(bare))
