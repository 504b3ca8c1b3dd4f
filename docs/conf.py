"""How Sphinx builds the documentation. Nothing is fetched: no intersphinx, no fonts or scripts from elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import setpoint

project = "Setpoint"
author = "The Setpoint authors"
copyright = "The Setpoint authors, Apache-2.0"
release = version = setpoint.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docs._ext.generated"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False
# Annotations are short names, and two rooms may use one word (`Context`); which is meant is plain where it stands.
suppress_warnings = ["ref.python"]
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"Setpoint {release}"
html_show_sphinx = False
html_copy_source = False
