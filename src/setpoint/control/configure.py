"""Editing the configuration: every edit is checked, committed on the head it was made from, and audited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from setpoint.config.configuration import Configuration
from setpoint.config.diff import diff_configurations
from setpoint.control import admission, overridden, words
from setpoint.control.checks import check_parts
from setpoint.control.notary import checkpoint_if_due
from setpoint.control.watch import catalog_of
from setpoint.errors import InputError, InputErrors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Group, Instance, Settings, SettingText
    from setpoint.config.diff import Edit
    from setpoint.config.revision import Revision
    from setpoint.control.context import Context
    from setpoint.control.permit import Permit


def commit(
    context: Context,
    edit: Callable[[Configuration], Configuration],
    *,
    reason: str,
    ticket: str = "",
    permit: Permit | None = None,
) -> tuple[Revision, tuple[Edit, ...]]:
    """Edit the head's configuration; answer the revision and the edits it made.

    An edit made meanwhile by somebody else is merged. Without a permit, which an approved change brings, the
    gate judges the edit. Raises `InputError` for a missing reason, `ConflictError`, `NotPermittedError`,
    `RefusedError`.
    """
    reason, ticket = words.require_reason(reason), words.check_word(ticket, "ticket")
    head, before = context.head()
    after = edit(before)
    check_parts(before, after)
    permit = permit or admission.admit_edit(context, before, after)
    with context.store.transaction():
        overridden.check_edit(context, before, after)
        revision = context.store.revisions.commit(
            after,
            base=head.id if head is not None else None,
            author=permit.actor,
            reason=reason,
            ticket=ticket,
            at=context.now(),
        )
        edits = diff_configurations(before, after)
        if edits:
            fields = [f"{edit.part} {edit.field}" for edit in edits[:100]]
            detail = {
                "revision": revision.id,
                "reason": reason,
                "ticket": ticket,
                "fields": fields,
                "count": len(edits),
                **permit.detail(),
            }
            context.store.audit.append(permit.actor, "configuration.commit", "fleet", detail, context.now())
    checkpoint_if_due(context)
    return revision, edits


def part_of(configuration: Configuration, part: str) -> Settings | Group | Instance | str | None:
    """Answer one part by its key (``policy:NAME``, ``instance:NAME``), None when it is not there."""
    kind, _, name = part.partition(":")
    tables: dict[str, Mapping[str, Settings | Group | Instance | str]] = {
        "fleet": configuration.fleet,
        "group": configuration.groups,
        "instance": configuration.instances,
        "policy": configuration.policies,
    }
    return tables[kind].get(name)


def with_parts(configuration: Configuration, parts: Mapping[str, Any]) -> Configuration:
    """Answer the configuration with whole parts put in by key, or taken out (None)."""
    tables: dict[str, dict[str, Any]] = {
        "fleet": dict(configuration.fleet),
        "group": dict(configuration.groups),
        "instance": dict(configuration.instances),
        "policy": dict(configuration.policies),
    }
    for key, part in parts.items():
        kind, _, name = key.partition(":")
        if part is None:
            tables[kind].pop(name, None)
        else:
            tables[kind][name] = part
    return Configuration(
        fleet=tables["fleet"],
        groups=tables["group"],
        instances=tables["instance"],
        policies=tables["policy"],
    )


def with_settings(
    configuration: Configuration, part: str, changes: Mapping[str, SettingText], removed: Iterable[str] = ()
) -> Configuration:
    """Answer the configuration with settings of one part changed, and some removed.

    A part is ``fleet:ENGINE``, ``group:NAME`` or ``instance:NAME``.
    """
    kind, _, name = part.partition(":")
    if kind == "fleet":
        settings = _merged(configuration.fleet.get(name, {}), changes, removed)
        return msgspec.structs.replace(configuration, fleet={**configuration.fleet, name: settings})
    if kind == "group":
        group = configuration.group(name)
        changed = msgspec.structs.replace(group, settings=_merged(group.settings, changes, removed))
        return with_group(configuration, name, changed)
    instance = configuration.instance(name)
    changed_instance = msgspec.structs.replace(
        instance, settings=_merged(instance.settings, changes, removed)
    )
    return with_instance(configuration, name, changed_instance)


def with_instance(configuration: Configuration, name: str, instance: Instance | None) -> Configuration:
    """Answer the configuration with an instance put in, or taken out (None)."""
    instances = {key: value for key, value in configuration.instances.items() if key != name}
    if instance is not None:
        instances[name] = instance
    return msgspec.structs.replace(configuration, instances=instances)


def with_group(configuration: Configuration, name: str, group: Group | None) -> Configuration:
    """Answer the configuration with a group put in, or taken out (None)."""
    groups = {key: value for key, value in configuration.groups.items() if key != name}
    if group is not None:
        groups[name] = group
    return msgspec.structs.replace(configuration, groups=groups)


def check_settings(
    context: Context, configuration: Configuration, part: str, changes: Mapping[str, SettingText]
) -> None:
    """Check settings against the live catalogs of the instances they reach; raise `InputErrors`.

    Instances never observed have no live catalog and are not asked; their plan will tell.
    """
    faults: dict[str, InputError] = {}
    for catalog in _catalogs_below(context, configuration, part):
        for name, text in changes.items():
            if text is None:
                continue
            try:
                catalog.get(name).parse(text, catalog.grammar)
            except InputError as fault:
                faults.setdefault(name, InputError(fault.what, where=part, next_step=fault.next_step))
    if faults:
        raise InputErrors(list(faults.values()))


def check_document(context: Context, configuration: Configuration) -> None:
    """Check a whole configuration's settings as `check_settings` does; raise `InputErrors`."""
    faults: list[InputError] = []
    parts: list[tuple[str, Mapping[str, SettingText]]] = [
        *((f"fleet:{engine}", settings) for engine, settings in configuration.fleet.items()),
        *((f"group:{name}", group.settings) for name, group in configuration.groups.items()),
        *((f"instance:{name}", each.settings) for name, each in configuration.instances.items()),
    ]
    for part, settings in parts:
        if settings:
            try:
                check_settings(context, configuration, part, settings)
            except InputErrors as found:
                faults.extend(found.faults)
    if faults:
        raise InputErrors(faults)


def _catalogs_below(context: Context, configuration: Configuration, part: str) -> Iterable[Catalog]:
    kind, _, name = part.partition(":")
    reached = {
        key: instance
        for key, instance in configuration.instances.items()
        if (kind == "instance" and key == name)
        or (kind == "group" and instance.group == name)
        or (kind == "fleet" and instance.engine == name)
    }
    seen: set[str] = set()
    for key, observation in context.store.snapshots.latest_many(reached).items():
        if observation.catalog_hash not in seen:
            seen.add(observation.catalog_hash)
            yield catalog_of(context, reached[key], observation)


def _merged(
    settings: Mapping[str, SettingText], changes: Mapping[str, SettingText], removed: Iterable[str]
) -> dict[str, SettingText]:
    gone = set(removed)
    unknown = sorted(gone - settings.keys())
    if unknown:
        raise InputError(f"{', '.join(unknown)} is not set there", next_step="`setpoint show` shows what is")
    return {**{name: text for name, text in settings.items() if name not in gone}, **changes}
