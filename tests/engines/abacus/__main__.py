"""`python -m abacus restart PLACE`: the restart command of an abacus."""

from __future__ import annotations

import sys

from abacus.server import Abacus

if __name__ == "__main__":
    Abacus(sys.argv[2]).restart()
