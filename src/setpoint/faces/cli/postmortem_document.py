"""A post-mortem as a document: JSON for programs, Markdown and HTML for people elsewhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from setpoint.faces.cli.override_page import override_document
from setpoint.faces.cli.page import Table, Verbatim, bare, escape, pieces
from setpoint.faces.cli.postmortem_story import story_page, tell_story, title_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.control.overrides.postmortem import PostMortem
    from setpoint.faces.cli.page import Block, Piece

_MARKS = re.compile(r"[\\`*\[\]|~!$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?<=www)\.|@")
"""What Markdown could take for its own inside a line; links that renderers make of addresses included."""

_OPENERS = re.compile(r"^(?=[#>=+-])")
_NUMBERED = re.compile(r"^(\d+)(?=[.)])")


def postmortem_document(found: PostMortem) -> dict[str, Any]:
    """Answer a post-mortem for programs, whole."""
    import msgspec

    document = msgspec.structs.asdict(found)
    return {**document, "override": override_document(found.override, found.at)}


def postmortem_text(found: PostMortem, form: str) -> str:
    """Write a post-mortem as ``json``, ``markdown``, ``html`` or ``text``."""
    if form == "json":
        import msgspec

        # ASCII: no character of a text steers the terminal that the file is shown on.
        return json.dumps(msgspec.to_builtins(postmortem_document(found)), indent=2) + "\n"
    if form == "html":
        from setpoint.faces.cli.postmortem_page import postmortem_html

        return postmortem_html(found)
    if form == "markdown":
        return "\n".join(_markdown(found)) + "\n"
    from setpoint.faces.cli.printer import plain_text

    return plain_text(story_page(found))


def markdown_text(text: str) -> str:
    """Write a text so that Markdown shows it as it is: no mark-up, no tag, no link, on one line."""
    safe = escape(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = _MARKS.sub(lambda match: f"\\{match[0]}", safe.strip())
    return _NUMBERED.sub(r"\1\\", _OPENERS.sub(r"\\", safe))


def _markdown(found: PostMortem) -> Iterator[str]:
    yield f"# {markdown_text(title_of(found))}"
    for chapter in tell_story(found):
        yield ""
        yield f"## {markdown_text(chapter.title)}"
        for block in chapter.blocks:
            yield ""
            yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _table(block)
    elif not isinstance(block, Verbatim):
        yield markdown_text("".join(map(bare, pieces(block))))


def _table(table: Table) -> Iterator[str]:
    yield _row(cell.capitalize() for cell in table.head)
    yield _row("---" for _ in table.head)
    for row in table.rows:
        yield _row(map(_cell, row))


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(piece: Piece) -> str:
    return markdown_text(bare(piece)) or " "
