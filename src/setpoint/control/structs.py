"""Working out every stored type before there are threads.

msgspec works out what a struct is made of when it is first decoded, and lets other threads run meanwhile; one
that decodes the same type then finds it half done, and the process dies (SIGSEGV, seen with 0.22).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from setpoint.engines.registry import engine_names, get_engine
from setpoint.errors import SetpointError

if TYPE_CHECKING:
    from collections.abc import Iterator


def work_out_structs() -> None:
    """Have msgspec work out all structs of what is loaded, and of every engine; harmless when done again."""
    for name in engine_names():
        with suppress(SetpointError, ImportError):
            get_engine(name)
    for struct in tuple(_structs(msgspec.Struct)):
        # Some are never decoded and cannot be: they name what is imported for type checking only.
        with suppress(TypeError, NameError):
            msgspec.json.Decoder(struct)


def _structs(of: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for struct in of.__subclasses__():
        yield struct
        yield from _structs(struct)
