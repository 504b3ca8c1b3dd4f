"""How Sphinx builds the documentation. Nothing is fetched: no intersphinx, no fonts or scripts of others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

import setpoint

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Setpoint"
author = "The Setpoint authors"
copyright = "The Setpoint authors, Apache-2.0"
release = version = setpoint.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docs._ext.generated"]
exclude_patterns = ["_build"]
smartquotes = False  # `--json` must stay what people type

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False
# Annotations are short names, and two rooms may use one word (`Context`); the place tells which is meant.
suppress_warnings = ["ref.python"]
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False


def setup(app: Sphinx) -> None:
    """Keep napoleon away from attributes, whose first colon it takes for the end of a type."""
    written: dict[str, list[str]] = {}

    def keep(_app: object, what: str, name: str, _thing: object, _options: object, lines: list[str]) -> None:
        if what in {"attribute", "data", "property"}:
            written[name] = list(lines)

    def restore(
        _app: object, _what: str, name: str, _thing: object, _options: object, lines: list[str]
    ) -> None:
        lines[:] = written.pop(name, lines)

    app.connect("autodoc-process-docstring", keep, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)


html_theme = "furo"
html_title = f"Setpoint {release}"
html_show_sphinx = False
html_copy_source = False
