"""The command line: ``setpoint VERB``. It decides nothing.

Each verb asks the library's front and shows the answer.

Exit codes: 0 done or nothing to report; 1 the answer is no; 2 bad usage or bad input; 3 unreachable or for
now not able; 70 an error of Setpoint's own; 130 interrupted. Answers go to stdout, everything else to stderr;
with ``--json`` stdout holds one JSON document, or nothing when the verb failed (then stderr says why).
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        import click
    except ModuleNotFoundError:
        sys.stderr.write("The command line needs the package click: pip install 'setpoint[cli]'\n")
        sys.exit(3)
    del click
    from setpoint.faces.cli.program import PROGRAM

    PROGRAM.main()
