"""Whether the ground still holds: is what a plan or a proposal rests on as it was?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.configuration import Configuration
from setpoint.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from setpoint.control.context import Context


def is_base_current(context: Context, base: str, parts: Iterable[str]) -> bool:
    """Tell whether a revision still says the same as the head in parts, and in all policies.

    For an instance its group and its engine's fleet settings count too. An edit of anything else does not
    matter.
    """
    head, now = context.head()
    if (head.id if head is not None else "") == base:
        return True
    try:
        then = context.store.revisions.load(context.store.revisions.get(base)) if base else Configuration()
    except NotFoundError:
        return False
    if then.policies != now.policies:
        return False
    return all(_ground(then, part) == _ground(now, part) for part in parts)


def _ground(configuration: Configuration, part: str) -> tuple[object, ...]:
    kind, _, name = part.partition(":")
    if kind == "fleet":
        return (configuration.fleet.get(name),)
    if kind == "group":
        return (configuration.groups.get(name),)
    if kind == "policy":
        return (configuration.policies.get(name),)
    instance = configuration.instances.get(name)
    if instance is None:
        return (None,)
    return (instance, configuration.groups.get(instance.group), configuration.fleet.get(instance.engine))
