"""Writing a rollout's settings into the layers of its instances, and taking them out again.

One revision for all that are written at once, in the same transaction as their rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.control import configure
from setpoint.control.rollouts.drafting import with_wish
from setpoint.control.rollouts.rows import put_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from setpoint.config.configuration import Configuration, SettingText
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.policy.rollout import Rollout, RolloutTarget
    from setpoint.store.registers import Kept


def write_settings(
    context: Context,
    rollout: Rollout,
    targets: Iterable[Kept[RolloutTarget]],
    *,
    permit: Permit,
    title: str,
    is_admitted: bool = False,
) -> dict[str, Kept[RolloutTarget]]:
    """Write the rollout's settings into the targets' own layers, and answer their rows.

    Raises as `configure.commit` does, which asks policy unless the edit `is_admitted` already.
    """
    kept = {each.value.instance: each for each in targets if not each.value.is_written}
    settings = rollout.settings
    if not settings or not kept:
        return kept
    before = {
        name: {key: text for key, text in each.settings.items() if key in settings}
        for name, each in context.head()[1].instances.items()
        if name in kept
    }
    with context.store.transaction():
        configure.commit(
            context,
            lambda configuration: with_wish(configuration, kept, settings),
            reason=f"{title} of rollout {rollout.id} by {rollout.by}: {rollout.because}",
            ticket=rollout.ticket,
            permit=permit if is_admitted else None,
        )
        return {
            name: put_target(
                context,
                each,
                each.value.state,
                actor=permit.actor,
                is_written=True,
                before=before.get(name, {}),
            )
            for name, each in kept.items()
        }


def take_out_settings(
    context: Context, rollout: Rollout, targets: Iterable[Kept[RolloutTarget]], *, permit: Permit
) -> None:
    """Put back what the targets' own layers said before; what somebody changed there since stays."""
    kept = {each.value.instance: each for each in targets if each.value.is_written}
    if not kept:
        return
    with context.store.transaction():
        configure.commit(
            context,
            lambda configuration: _without(configuration, rollout, kept),
            reason=f"rollout {rollout.id} is taken back: {rollout.why or rollout.because}"[:4000],
            ticket=rollout.ticket,
        )
        for each in kept.values():
            target = each.value
            put_target(context, each, target.state, actor=permit.actor, is_written=False, why=target.why)


def _without(
    configuration: Configuration, rollout: Rollout, kept: Mapping[str, Kept[RolloutTarget]]
) -> Configuration:
    parts: dict[str, object] = {}
    for name, each in kept.items():
        instance = configuration.instances.get(name)
        if instance is not None:
            settings = _settings_without(instance.settings, rollout, each.value)
            parts[f"instance:{name}"] = msgspec.structs.replace(instance, settings=settings)
    return configure.with_parts(configuration, parts)


def _settings_without(
    settings: Mapping[str, SettingText], rollout: Rollout, target: RolloutTarget
) -> dict[str, SettingText]:
    left = dict(settings)
    for name, ours in rollout.settings.items():
        if name in left and left[name] == ours:
            if name in target.before:
                left[name] = target.before[name]
            else:
                del left[name]
    return left
