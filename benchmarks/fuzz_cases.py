"""Inputs of the fuzzing of importers: files of every kind, cut, spliced, doubled and damaged by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from import_material import Seed, own_seeds, sample_seeds

from setpoint.engines.document import Document

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "folder/file"
LONGEST = 1 << 19
"""Characters of an input: what is larger may take longer than the target."""

WINDOW = 4000
"""Of a longer file mostly a window is taken, so that a mutation has something to hit."""

_PIECES = ["'", '"', "\\", "\n", "\t", "|", "=", ";", ",", "#", "--", "(", ")", "[", "]", "{", "}", "<", ">"]
_PIECES += [
    "\0",
    "ü",
    "\u2028",
    "\x85",
    "\ufeff",
    "\ud800",
    "\u0663",
    "-1",
    "0x",
    "1e999",
    "9" * 40,
    "NaN",
    "inf",
]
_PIECES += [
    "%",
    "$$",
    "/*",
    "*/",
    "\\N",
    "''",
    "&amp;",
    "&#0;",
    "<!--",
    "]]>",
    "{{ x }}",
    "${X}",
    "<x>",
    "@x@",
]
_PIECES += [
    "include 'file'\n",
    "!include file\n",
    "ifile=file\n",
    "!includedir .\n",
    "include_dir '.'\n",
    "\f",
]
_PIECES += [
    "[mysqld]\n",
    "*.",
    "GO\n",
    "-[ RECORD 1 ]\n",
    "*** 1. row ***\n",
    "+---+---+\n",
    "---- ----\n",
    "\r",
]
_ENGINES = ("",) * 30 + ("postgresql", "mysql", "mariadb", "oracle", "sqlserver")
_VERSIONS = (None, None, None, "16", "8.0.32", "10.11.6", "19.3", "15.0.2000.5", "9.7")


class Shelf:
    """Files beside the mutated one, in memory: the file itself is among them, so that circles can be."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def read(self, path: str) -> str | None:
        """Answer a file's text."""
        return self.texts.get(path)

    def names(self, folder: str) -> tuple[str, ...] | None:
        """Answer the names of a folder's files."""
        prefix = "" if folder in {".", ""} else f"{folder}/"
        found = {path.removeprefix(prefix).split("/")[0] for path in self.texts if path.startswith(prefix)}
        return tuple(sorted(found)) or None


@dataclass(frozen=True)
class Case:
    """One input: its bytes, what lies beside it, and what the operator says."""

    body: bytes
    beside: dict[str, str]
    engine: str
    version: str | None
    made_of: str
    engines: tuple[str | None, ...] = ()
    """Who is held to know what was planted as a secret; None stands for nobody having read it."""

    def document(self) -> Document:
        """Answer it as an import would open it."""
        shelf = Shelf(self.beside)
        document = Document.of(PATH, self.body, shelf)
        shelf.texts["file"] = document.text
        return document


@cache
def seeds() -> list[Seed]:
    """Answer what is mutated, once for each process."""
    return [*own_seeds(), *sample_seeds()]


def make_case(number: int) -> Case:
    """Make the input of a seed."""
    rng = random.Random(number)
    first = rng.choice(seeds())
    text = window(rng, first.text)
    made_of, plants = first.name, first.plants
    if rng.random() < 0.15:
        second = rng.choice(seeds())
        text = spliced(rng, text, window(rng, second.text))
        made_of, plants = f"{made_of} + {second.name}", ()
    for _ in range(rng.choice([0, 1, 1, 2, 3, 6, 12])):
        text = rng.choice(_MUTATIONS)(rng, text)[:LONGEST]
    if plants and rng.random() < 0.5:
        text = planted(rng, text, rng.choice(plants))
    body = text.encode("utf-8", errors="surrogatepass" if "\ud800" in text else "surrogateescape")
    if not plants and rng.random() < 0.2:
        body = flipped(rng, body)
    if rng.random() < 0.05:
        body = rng.choice(
            [b"\xef\xbb\xbf" + body, text.encode("utf-16", errors="replace"), body.replace(b"\n", b"\r\n")]
        )
    other = rng.choice(seeds())
    beside = {
        "extra.conf": "work_mem = 1MB\n",
        "extra.cnf": "[mysqld]\nport=1\n",
        "extra.ora": "processes=5\n",
    }
    beside |= {"conf.d/10.conf": window(rng, other.text), "conf.d/20.cnf": window(rng, other.text)}
    engine = rng.choice(_ENGINES)
    return Case(body, beside, engine, rng.choice(_VERSIONS), made_of, (*first.engines, None))


def window(rng: random.Random, text: str) -> str:
    """Answer a file, mostly only its head and some part of it where it is long."""
    if len(text) <= WINDOW or rng.random() < 0.04:
        return text
    at = rng.randrange(len(text))
    return text[: rng.choice([200, 1500])] + text[at : at + rng.choice([300, 2000, WINDOW])]


def spliced(rng: random.Random, text: str, other: str) -> str:
    """Put two files together somewhere."""
    at, end = rng.randrange(len(text) + 1), rng.randrange(len(other) + 1)
    return rng.choice([text + "\n" + other, text[:at] + other[end:], text[:at] + other[:end] + text[at:]])


def _cut(rng: random.Random, text: str) -> str:
    at, end = sorted(rng.randrange(len(text) + 1) for _ in "ae")
    return text[:at] + text[min(end, at + rng.choice([1, 10, 100, 5000])) :]


def _truncate(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return rng.choice([text[:at], text[at:]])


def _double(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    part = text[at : at + rng.choice([1, 20, 200])]
    return text[:at] + part * rng.choice([2, 3, 30]) + text[at:]


def _insert(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(_PIECES) * rng.choice([1, 1, 1, 3]) + text[at:]


def _replace(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(_PIECES) + text[at + rng.choice([1, 1, 3]) :]


def _nest(rng: random.Random, text: str) -> str:
    at, depth = rng.randrange(len(text) + 1), rng.choice([10, 500, 5000])
    opening, closing = rng.choice(
        ["()", "[]", "{}", ("<TABLE>", "</TABLE>"), ("/*", "*/"), ("'", "'"), ('{"a":', "}")]
    )
    return text[:at] + opening * depth + rng.choice(["", closing * depth]) + text[at:]


def _lengthen(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    return (
        text[:at]
        + rng.choice(["x", " ", "\t", "=", "a,", "-", "' ", "\\", "1", "|", "\n"]) * rng.choice([100, 9999])
        + text[at:]
    )


def _shuffle(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at, end = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[at], lines[end] = lines[end], lines[at]
    return "\n".join(lines)


def _repeat(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    return "\n".join(lines[:at] + lines[at : at + 1] * rng.choice([2, 40, 400]) + lines[at:])


def _unlined(rng: random.Random, text: str) -> str:
    return text.replace("\n", rng.choice([" ", "", "\n\n"]), rng.choice([1, 5, -1]))


_MUTATIONS: list[Callable[[random.Random, str], str]] = [_cut, _cut, _truncate, _double, _insert, _insert]
_MUTATIONS += [_insert, _replace, _replace, _nest, _lengthen, _shuffle, _repeat, _unlined]


def planted(rng: random.Random, text: str, plant: str) -> str:
    """Put lines with a secret between two lines."""
    lines = text.split("\n")
    at = rng.randrange(len(lines) + 1)
    return "\n".join([*lines[:at], plant, *lines[at:]])


def flipped(rng: random.Random, body: bytes) -> bytes:
    """Turn some bits."""
    turned = bytearray(body)
    for _ in range(rng.choice([1, 1, 5, 100]) if turned else 0):
        turned[rng.randrange(len(turned))] ^= 1 << rng.randrange(8)
    return bytes(turned)
