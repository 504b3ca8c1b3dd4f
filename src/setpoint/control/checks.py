"""Checks of an edited configuration: what is new or changed in it must make sense; all faults are told."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from setpoint.config.configuration import (
    SECRET_ADVICE,
    Group,
    Instance,
    holds_secret,
    is_secret_reference,
)
from setpoint.control.desired import library_of
from setpoint.engines.registry import get_engine
from setpoint.errors import InputError, InputErrors, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from setpoint.config.configuration import Configuration, Settings, TemplateUse


def check_parts(before: Configuration, after: Configuration) -> None:
    """Check every part that an edit added or changed; raise `InputErrors` with all faults.

    Engines, groups, templates and template inputs must exist, passwords be referred to and not written out.
    """
    faults = list(_faults(before, after))
    if faults:
        raise InputErrors(faults)


def _faults(before: Configuration, after: Configuration) -> Iterator[InputError]:
    for engine in after.fleet.keys() - before.fleet.keys():
        yield from _engine_faults(engine, f"fleet {engine}")
    for engine, settings in after.fleet.items():
        if before.fleet.get(engine) != settings:
            yield from _setting_faults(settings, f"fleet {engine}")
    for name, group in after.groups.items():
        if before.groups.get(name) != group:
            yield from _template_faults(group, f"group {name}")
            yield from _setting_faults(group.settings, f"group {name}")
    for name, instance in after.instances.items():
        if before.instances.get(name) != instance:
            yield from _template_faults(instance, name)
            yield from _secret_faults(instance, name)
            yield from _setting_faults(instance.settings, name)
            yield from _command_faults(instance, name)
        if instance.group:
            yield from _group_faults(instance, name, after)


def _engine_faults(engine: str, where: str) -> Iterator[InputError]:
    try:
        get_engine(engine)
    except NotFoundError as fault:
        yield InputError(fault.what, where=where, next_step=fault.next_step)


def _template_faults(part: Group | Instance, where: str) -> Iterator[InputError]:
    faults = list(_engine_faults(part.engine, where))
    yield from faults
    if part.template is not None and not faults:
        yield from _use_faults(part.engine, part.template, where)


def _use_faults(engine: str, use: TemplateUse, where: str) -> Iterator[InputError]:
    try:
        template = library_of(engine, get_engine(engine)).get(engine, use.name, use.version)
    except NotFoundError as fault:
        yield InputError(fault.what, where=where, next_step=fault.next_step)
        return
    known = [each.name for each in template.inputs]
    for name in use.inputs:
        if name not in known:
            next_step = f"it takes {', '.join(known)}" if known else "it takes none"
            yield InputError(f"template {template} has no input {name!r}", where=where, next_step=next_step)


def _setting_faults(settings: Settings, where: str) -> Iterator[InputError]:
    for name, text in settings.items():
        if text is not None and any(map(holds_secret, (text,) if isinstance(text, str) else text)):
            what = f"{name}: a password stands in the text"
            yield InputError(what, where=where, next_step="set it on the server by hand")


def _secret_faults(instance: Instance, where: str) -> Iterator[InputError]:
    if holds_secret(instance.target):
        yield InputError("a password stands in the target", where=where, next_step=SECRET_ADVICE)
    if not is_secret_reference(instance.password):
        yield InputError("a password stands here in the clear", where=where, next_step=SECRET_ADVICE)


def _command_faults(instance: Instance, where: str) -> Iterator[InputError]:
    try:
        shlex.split(instance.restart_command)
    except ValueError as fault:
        next_step = "write it as a shell would read it, without pipes or variables"
        yield InputError(
            f"the restart command cannot be split into words: {fault}", where=where, next_step=next_step
        )


def _group_faults(instance: Instance, where: str, after: Configuration) -> Iterator[InputError]:
    group = after.groups.get(instance.group)
    if group is None:
        yield InputError(
            f"no group is called {instance.group!r}",
            where=where,
            next_step=f"`setpoint instance group add {instance.group}` makes it",
        )
    elif group.engine != instance.engine:
        what = f"a {instance.engine} instance in the {group.engine} group {instance.group}"
        yield InputError(what, where=where, next_step="a group holds instances of one engine")
