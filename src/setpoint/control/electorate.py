"""The electorate: who there is to approve, at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.policy.approval import Electorate

if TYPE_CHECKING:
    from setpoint.control.context import Context


def electorate_of(context: Context) -> Electorate:
    """Read people, delegations and instances as they are now."""
    store = context.store
    return Electorate(
        people={name: kept.value for name, kept in store.people.all().items()},
        delegations=tuple(kept.value for kept in store.delegations.all().values()),
        instances=context.head()[1].instances,
        at=context.now(),
    )
