"""The demonstration: the whole loop on a private server, in eleven acts, on real input only.

``play`` runs the acts in order; each act uses the library's front as anybody would, tells what it sees to a
``Narrator``, and notes figures and kept or broken promises in a ``Report``.
"""

from __future__ import annotations
