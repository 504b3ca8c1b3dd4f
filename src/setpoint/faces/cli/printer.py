"""Printing: answers to stdout, messages to stderr. Colours and wrapping on a terminal only."""

from __future__ import annotations

import json
import os
import re
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

from setpoint.faces.cli.page import Answer, Span, Table, Verbatim, bare, escape, is_steering, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from setpoint.faces.cli.page import Block, Line, Piece

_GAP = "  "
_NOT_PLAIN = re.compile(r"[^\n -~]")
_STYLES = {"good": "green", "bad": "bold red", "warn": "yellow", "dim": "dim", "strong": "bold"}


def prepare_streams() -> None:
    """Let streams write what their encoding cannot hold as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def print_answer(answer: Answer, *, is_json: bool) -> None:
    """Print an answer to stdout: its document as JSON, or its page; quiet when the reader has gone."""
    try:
        if is_json:
            _write_document(answer.document)
        elif sys.stdout.isatty():
            _print_richly(answer.page, sys.stdout)
        else:
            _print_plainly(answer.page, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def tell(text: str) -> None:
    """Write a message to stderr, line by line, control characters escaped."""
    try:
        for line in text.split("\n"):
            sys.stderr.write(f"{escape(line)}\n")
        sys.stderr.flush()
    except BrokenPipeError:
        silence(sys.stderr)


def tell_page(page: Sequence[Block]) -> None:
    """Write a page to stderr, for what a person must see before the answer."""
    if sys.stderr.isatty():
        _print_richly(page, sys.stderr)
    else:
        _print_plainly(page, sys.stderr)


def plain_text(page: Sequence[Block]) -> str:
    """Answer a page as it is written where nobody looks."""
    text = StringIO()
    _print_plainly(page, text)
    return text.getvalue()


def silence(stream: TextIO) -> None:
    """Send the rest of a stream nowhere, so that closing it at the end of the process cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def plain_lines(table: Table) -> list[str]:
    """Lay a table out in columns; the last one is not padded."""
    rows = [table.head, *(tuple(bare(cell) for cell in row) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [" " * table.indent + _GAP.join(map(str.ljust, row, widths)).rstrip() for row in rows if any(row)]


def _write_document(document: Any) -> None:
    import msgspec

    body = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    # What steers a terminal stands inside texts only, where JSON has a notation for it.
    body = _NOT_PLAIN.sub(lambda match: _json_escape(match[0]), body)
    # JSON is UTF-8 wherever it goes; only a person's text follows the terminal's encoding.
    sys.stdout.flush()
    sys.stdout.buffer.write(body.encode() + b"\n")


def _json_escape(char: str) -> str:
    return json.dumps(char)[1:-1] if is_steering(char) else char


def _print_plainly(page: Sequence[Block], stream: TextIO) -> None:
    for block in page:
        if isinstance(block, Verbatim):
            stream.write(block.text)
        elif isinstance(block, Table):
            stream.writelines(f"{line}\n" for line in plain_lines(block))
        else:
            stream.write("".join(map(bare, pieces(block))).rstrip() + "\n")


def _print_richly(page: Sequence[Block], stream: TextIO) -> None:
    from rich.console import Console

    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    for block in page:
        if isinstance(block, Verbatim):
            lines = block.text.removesuffix("\n").split("\n")
            console.print("\n".join(map(escape, lines)), soft_wrap=True)
        elif isinstance(block, Table):
            _print_table(console, block)
        else:
            _print_line(console, block)


def _print_line(console: Console, line: Line) -> None:
    from rich.text import Text

    text = Text()
    for piece in pieces(line):
        text.append(bare(piece), style=_style(piece))
    console.print(text, soft_wrap=True)


def _print_table(console: Console, table: Table) -> None:
    from rich.padding import Padding
    from rich.table import Table as RichTable
    from rich.text import Text

    laid = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(table.head))
    for title in table.head:
        laid.add_column(Text(title, style="dim"), overflow="fold")
    for row in table.rows:
        laid.add_row(*(Text(bare(cell), style=_style(cell)) for cell in row))
    console.print(Padding(laid, (0, 0, 0, table.indent)))


def _style(piece: Piece) -> str:
    return _STYLES[piece.tone] if isinstance(piece, Span) else ""
