"""Policy documents to start from, shipped with Setpoint."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from setpoint.errors import NotFoundError

_SUFFIX = ".yaml"


@cache
def starter_names() -> tuple[str, ...]:
    """Answer the names of the documents, sorted."""
    names = (entry.name for entry in files("setpoint.policy").joinpath("starter").iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def starter_text(name: str) -> str:
    """Answer a document's YAML text; raise `NotFoundError` naming those that exist."""
    if name not in starter_names():
        message = f"there is no starter {name!r}"
        raise NotFoundError(message, next_step=f"there are {', '.join(starter_names())}")
    return files("setpoint.policy").joinpath("starter", f"{name}{_SUFFIX}").read_text(encoding="utf-8")
