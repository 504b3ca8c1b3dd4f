"""What the library's fronts have in common: whatever they change is witnessed."""

from __future__ import annotations

from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from setpoint.control import gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.control.context import Context
    from setpoint.policy.person import Right

F = TypeVar("F", bound="Front")
P = ParamSpec("P")
T = TypeVar("T")


class Front:
    """One store and one acting person."""

    def __init__(self, context: Context) -> None:
        self._context = context


def witnessed(
    right: Right, about: str = ""
) -> Callable[[Callable[Concatenate[F, P], T]], Callable[Concatenate[F, P], T]]:
    """Let a method that writes leave an audit row whenever it is refused, whoever refuses it.

    `right` is what it takes, `about` the parameter that names what it is about (none: the fleet).
    """

    def dress(method: Callable[Concatenate[F, P], T]) -> Callable[Concatenate[F, P], T]:
        names = list(signature(method).parameters)

        @wraps(method)
        def told(front: F, *positional: P.args, **named: P.kwargs) -> T:
            given: dict[str, Any] = {**dict(zip(names[1:], positional, strict=False)), **named}
            what = given.get(about, "")
            place = what if isinstance(what, str) else getattr(what, "instance", getattr(what, "name", ""))
            with gate.witnessed(front._context, right, str(place)):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
                return method(front, *positional, **named)

        return told

    return dress
