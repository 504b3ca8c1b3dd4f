"""Authors: who gave what a plan moves its new texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control.history import setter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.control.context import Context
    from setpoint.engines.plan import Plan


def editors_of(context: Context, made: Plan) -> tuple[str, ...]:
    """Answer who gave what a plan moves its new texts: the authors of the revisions that set them.

    Where nothing sets a moved parameter any more, whoever last changed the instance's part counts.
    """
    return setters_of(context, made.instance, (step.parameter for step in made.steps if step.parameter))


def setters_of(context: Context, instance_name: str, parameters: Iterable[str]) -> tuple[str, ...]:
    """Answer the same for some parameters of an instance."""
    instance = context.head()[1].instance(instance_name)
    parts = [f"instance:{instance_name}", f"group:{instance.group}", f"fleet:{instance.engine}"]
    found: set[str] = set()
    for name in {parameter.lower() for parameter in parameters}:
        fields = [(part, f"settings.{name}") for part in parts]
        fields += [(part, "template") for part in parts[:2]]
        setters = (setter(context, part, field) for part, field in fields)
        found.add(next((each.author for each in setters if each is not None), ""))
    if "" in found:
        last = context.store.revisions.log(limit=1, part=parts[0])
        found.update(each.author for each in last)
    return tuple(sorted(found - {""}))
