"""A post-mortem as one HTML page with a picture of its time: no script, nothing to fetch, all escaped."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from setpoint.faces.cli.page import Span, Table, Verbatim, escape, pieces
from setpoint.faces.cli.postmortem_picture import draw_time
from setpoint.faces.cli.postmortem_story import tell_story, title_of
from setpoint.faces.cli.wording import moment_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from setpoint.control.overrides.postmortem import PostMortem
    from setpoint.faces.cli.page import Block, Line, Tone

_CONTENT = "default-src 'none'; style-src 'unsafe-inline'"
_CLASSES: Mapping[Tone, str] = {
    "good": "pass",
    "bad": "fail",
    "warn": "unknown",
    "dim": "soft",
    "strong": "strong",
}


def postmortem_html(found: PostMortem) -> str:
    """Write a post-mortem as a page in ASCII, so that it reads the same in whatever encoding it is kept."""
    return "\n".join(_page(found)).encode("ascii", "xmlcharrefreplace").decode() + "\n"


def html_text(text: str) -> str:
    """Escape a text for any place in the page; control characters are shown, not sent."""
    return html.escape(escape(text), quote=True)


def _page(found: PostMortem) -> Iterator[str]:
    from importlib.resources import files

    style = files("setpoint.faces.cli").joinpath("compliance_page.css").read_text("utf-8")
    title = html_text(title_of(found))
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_CONTENT}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>"
    yield f"<style>\n{style}.strong {{ font-weight: 600; }}</style></head><body>"
    yield f"<h1>{title}</h1>"
    yield f'<p class="soft">As of {moment_text(found.at)}.</p>'
    yield from draw_time(found)
    for chapter in tell_story(found):
        yield f"<h2>{html_text(chapter.title)}</h2>"
        for block in chapter.blocks:
            yield from _block(block)
    yield "</body></html>"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _table(block)
    elif not isinstance(block, Verbatim):
        yield f"<p>{_line(block)}</p>"


def _line(line: Line) -> str:
    return "".join(
        f'<span class="{_CLASSES[piece.tone]}">{html_text(piece.text)}</span>'
        if isinstance(piece, Span)
        else html_text(piece)
        for piece in pieces(line)
    )


def _table(table: Table) -> Iterator[str]:
    head = "".join(f"<th>{html_text(each.capitalize())}</th>" for each in table.head)
    yield f"<table><thead><tr>{head}</tr></thead><tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(f'<td>{_line(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody></table>"
