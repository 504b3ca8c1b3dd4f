"""What is usually set: templates as data, a library of them, choosing one, filling one.

Knows no engine: templates lie as YAML in the engines' folders and their texts are handed in.
"""

from __future__ import annotations

from setpoint.templates.choose import Candidate, Choice, choose
from setpoint.templates.document import read_template
from setpoint.templates.fill import Prepared, fill, prepare
from setpoint.templates.filled import Filled, FilledSetting, LeftOut
from setpoint.templates.library import Library
from setpoint.templates.template import Input, Sign, Template, TemplateSetting

__all__ = [
    "Candidate",
    "Choice",
    "Filled",
    "FilledSetting",
    "Input",
    "LeftOut",
    "Library",
    "Prepared",
    "Sign",
    "Template",
    "TemplateSetting",
    "choose",
    "fill",
    "prepare",
    "read_template",
]
