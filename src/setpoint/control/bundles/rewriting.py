"""What a plan leaves to option files, put into a copy of a person's own one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.catalog import Version
from setpoint.control.watch import last_seen
from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.control.context import Context
    from setpoint.engines.plan import Plan
    from setpoint.engines.rewriting import Rewritten


def rewrite(context: Context, made: Plan, text: str, source: str) -> Rewritten | None:
    """Answer an option file's text with what no client writes of a plan; None where the plan has no such.

    Raises `InputError` where the engine has no option files, `InputErrors` with the lines for which a file
    cannot be rewritten safely.
    """
    instance = context.head()[1].instance(made.instance)
    observation, _ = last_seen(context, made.instance, instance)
    rewriter = context.engine_of(instance).rewriter(Version.parse(observation.facts.version))
    if rewriter is None:
        message = f"{instance.engine} has no option file that Setpoint rewrites"
        raise InputError(message, where=made.instance, next_step="leave --option-file out")
    changes = rewriter.changes_of(made)
    return rewriter.rewrite(text, changes, source) if changes else None
