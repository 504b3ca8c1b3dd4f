"""Server parameter files, copied as they are: refused, with the way to a text.

Such a file is cut into blocks, each with a head of its own that may stand in the middle of a name or a value.
The blocks are not documented, so that nothing is read out of them: half a name would be worse than none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from setpoint.engines.document import Likeness
from setpoint.engines.oracle.dumps.collection import Collection
from setpoint.engines.oracle.dumps.telltale import count_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from setpoint.config.dump import Dump
    from setpoint.engines.document import Document

KIND = "spfile"
ADVICE = (
    "this is a server parameter file, whose blocks cut names and values; write it as text where it is from:"
    " in SQL*Plus, CREATE PFILE='pfile.ora' FROM SPFILE='...' (it needs no running instance), and import that"
)
_MAGIC = "}|{z"
_HEAD = 65_536
_ENTRY = re.compile(r"(?:\*|[A-Za-z0-9][\w$#-]{0,30})\.([A-Za-z_][\w$#]{1,60})=")
_FEWEST = 2
_SURE, _LIKELY = 98, 90


class SpfileReader:
    """Recognises a server parameter file, and says what to do instead."""

    kind = KIND

    def recognise(self, document: Document) -> Likeness | None:
        """Tell it by its mark, or by entries amid bytes that are no text."""
        if is_printed(document):
            return Likeness(_SURE, "the mark of a server parameter file")
        if not document.is_binary:
            return None
        names = _ENTRY.findall(document.text[:_HEAD])
        if len(names) >= _FEWEST and (count_names(names) or any(name.startswith("__") for name in names)):
            return Likeness(_LIKELY, "entries of parameters amid binary blocks")
        return None

    def read(self, document: Document, version: str | None) -> Sequence[Dump]:
        """Refuse it with the advice."""
        collection = Collection(document.path, KIND, version)
        collection.error(ADVICE)
        return (collection.dump(),)


def is_printed(document: Document) -> bool:
    """Tell whether the mark stands in the file's beginning, also as ``strings`` prints it."""
    head = document.text[:_HEAD]
    if _MAGIC not in head and '\nC"\n' not in head:
        return False
    return _ENTRY.search(head) is not None
