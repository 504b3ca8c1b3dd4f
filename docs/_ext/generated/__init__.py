"""Parts of the pages that follow from the code: commands, parameters, rules, templates and more.

A line ``<!-- generated: NAME -->`` in a page is replaced by the Markdown that the part of that name makes.
The parts need nothing but Setpoint itself, so the tests read the pages as Sphinx does, without Sphinx.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import catalogs, changes, commands, errors, rooms, rules, templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sphinx.application import Sphinx

PARTS: Mapping[str, Callable[[], str]] = {
    "catalogs": catalogs.write,
    "changes": changes.write,
    "commands": commands.write,
    "errors": errors.write,
    "rooms": rooms.write,
    "rules": rules.write,
    "templates": templates.write,
}
_MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


def expand(text: str) -> str:
    """Answer a page's text with every mark replaced; raise `KeyError` for a part that does not exist."""
    return _MARK.sub(lambda mark: PARTS[mark[1]](), text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Expand every page as Sphinx reads it, and read pages with marks again on every build."""
    marked: set[str] = set()

    def read(_app: Sphinx, name: str, source: list[str]) -> None:
        if _MARK.search(source[0]):
            marked.add(name)
            source[0] = expand(source[0])

    def remember(_app: Sphinx, env: object, *_: object) -> list[str]:
        env.setpoint_marked = marked | getattr(env, "setpoint_marked", set())  # type: ignore[attr-defined]
        return sorted(env.setpoint_marked)  # type: ignore[attr-defined]

    app.connect("source-read", read)
    app.connect("env-get-outdated", remember)
    app.connect("env-updated", lambda _app, env: remember(_app, env) and None)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
