"""Paper: a bundle as the text it is carried as, signed when it is written and checked when it is read.

A few comment lines for people, the sheet, its signature, and the script. The sheet holds the SHA-256 of the
script, so that the one signature covers both.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from setpoint.config.bundle import BundleKind, Sheet
from setpoint.config.revision import canonical
from setpoint.errors import InputError, RefusedError, TamperedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from setpoint.engines.native import Native
    from setpoint.integrations.signing import Verifier

    Sign = Callable[[bytes], tuple[str, str]]
    """Answers the signature of a payload, and the key's fingerprint."""

_SHEET, _SIGNATURE, _KEY = "sheet: ", "signature: ", "key: "
_WHAT = {
    BundleKind.COLLECT: "look at {}, and change nothing",
    BundleKind.APPLY: "carry out a plan on {}",
    BundleKind.BACK: "take a plan on {} back",
}


@dataclass(frozen=True, slots=True)
class Paper:
    """A bundle that was read: its sheet, the signature with its key's fingerprint, and the script."""

    sheet: Sheet
    signature: str
    key: str
    script: str


def file_name(sheet: Sheet) -> str:
    """Answer what a bundle's file is called."""
    return f"{sheet.instance}-{sheet.kind.value}-{sheet.id}.sql"


def write(sheet: Sheet, script: str, native: Native, sign: Sign) -> tuple[Sheet, str]:
    """Write a bundle as text; answer it with its sheet, in which `script` is filled in."""
    whole = msgspec.structs.replace(sheet, script=sha256(script.encode()).hexdigest())
    signature, key = sign(canonical(whole))
    name = file_name(sheet)
    output = name.removesuffix(".sql") + ".out"
    # An ampersand would have SQL*Plus ask for a value, in a comment too.
    said = canonical(whole).decode().replace("&", "\\u0026")
    by = sheet.issued_by.replace("&", "and")
    lines = (
        f"Setpoint bundle {sheet.id}: {_WHAT[sheet.kind].format(sheet.instance)}",
        f"issued by {by}, {_time(sheet.issued_at)}; runs until {_time(sheet.expires_at)}",
        f"run it there:  {native.usage(name, output)}",
        f"and here:      setpoint import {output}",
        f"{_SHEET}{said}",
        f"{_SIGNATURE}{signature}",
        f"{_KEY}{key}",
    )
    head = "".join(f"{native.comment.rstrip()} {line}\n" for line in lines)
    return whole, head + script


def read(text: str, source: str) -> Paper:
    """Read a bundle's text without checking anything; raise `InputError` where it is none."""
    found: dict[str, str] = {}
    rest = text.replace("\r\n", "\n")
    while rest:
        line, _, rest = rest.partition("\n")
        for mark in (_SHEET, _SIGNATURE, _KEY):
            before, has_mark, after = line.partition(mark)
            if has_mark and not before.strip("-#* "):
                found[mark] = after.strip()
        if _KEY in found:
            break
    if len(found) < 3:  # noqa: PLR2004 - the three marks
        raise InputError("this is no bundle", where=source, next_step="`setpoint bundle collect` writes one")
    try:
        sheet = msgspec.json.decode(found[_SHEET], type=Sheet)
    except msgspec.DecodeError:
        raise TamperedError("the bundle's sheet cannot be read", where=source) from None
    return Paper(sheet, found[_SIGNATURE], found[_KEY], rest)


def check(paper: Paper, verifiers: Mapping[str, Verifier], source: str, *, at: datetime) -> Sheet:
    """Answer a bundle's sheet once everything of it holds.

    Raises `TamperedError` for a script or a sheet that is not what was signed, or a signature that no known
    key made, and `RefusedError` for one that has expired.
    """
    sheet = paper.sheet
    verifier = verifiers.get(paper.key)
    if verifier is None:
        raise TamperedError(
            f"it is signed with the key {paper.key[:32]!a}, which is not known here",
            where=source,
            next_step="verify it with the public key of the store that issued it (--key)",
        )
    if not verifier.holds(canonical(sheet), paper.signature):
        raise TamperedError("its sheet was changed after it was signed", where=source)
    if sha256(paper.script.encode()).hexdigest() != sheet.script:
        raise TamperedError("its script was changed after it was signed", where=source)
    if at > sheet.expires_at:
        raise RefusedError(f"it expired {_time(sheet.expires_at)}", where=source, next_step="issue another")
    return sheet


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%MZ")
