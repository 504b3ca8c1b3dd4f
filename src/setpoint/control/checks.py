"""Checks of an edited configuration: what is new or changed in it must make sense; all faults are told."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, get_args

from setpoint.config.configuration import (
    SECRET_ADVICE,
    Group,
    Instance,
    Mode,
    holds_secret,
    is_secret_reference,
)
from setpoint.config.fleet_document import NAME, PARAMETER, PARAMETER_ADVICE
from setpoint.control.desired import library_of
from setpoint.control.words import MAX_WORD, is_whole, word_faults
from setpoint.engines.registry import engine_names, get_engine, shipped_catalog, shipped_versions
from setpoint.errors import InputError, InputErrors, NotFoundError
from setpoint.integrations.secrets import reference_fault
from setpoint.policy.document import check_policy, read_policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from setpoint.catalog import Catalog
    from setpoint.config.configuration import Configuration, SettingText, TemplateUse

MAX_TARGET = 2000
"""How long a target, or a reference to a password, may be, in characters."""

MAX_COMMAND = 4000
MAX_LABELS = 100
MAX_VALUE = 1_000_000
"""How long a setting's value may be, in characters, a list's all together."""


def check_parts(before: Configuration, after: Configuration) -> None:
    """Check every part that an edit added or changed; raise `InputErrors` with all faults.

    Engines, groups, templates and template inputs must exist, passwords be referred to and not written out,
    texts be bounded and whole, policies be readable and make sense.
    """
    faults = list(_faults(before, after))
    if faults:
        raise InputErrors(faults)


def _faults(before: Configuration, after: Configuration) -> Iterator[InputError]:
    for engine in after.fleet.keys() - before.fleet.keys():
        yield from _engine_faults(engine, f"fleet {engine}")
    for engine, settings in after.fleet.items():
        if before.fleet.get(engine) != settings:
            yield from setting_faults(settings, f"fleet {engine}")
    for name, group in after.groups.items():
        if before.groups.get(name) != group:
            yield from _name_faults(name)
            yield from _template_faults(group, f"group {name}")
            yield from setting_faults(group.settings, f"group {name}")
    yield from _faults_of_instances(before, after)
    for name, text in after.policies.items():
        if before.policies.get(name) != text:
            yield from _policy_faults(name, text)


def _faults_of_instances(before: Configuration, after: Configuration) -> Iterator[InputError]:
    for name, instance in after.instances.items():
        if before.instances.get(name) != instance:
            yield from _name_faults(name)
            texts = list(_text_faults(instance, name))
            yield from texts or _instance_faults(instance, name)
            yield from setting_faults(instance.settings, name)
        if instance.group:
            yield from _group_faults(instance, name, after)


def check_document(name: str, text: str) -> None:
    """Check a policy document that is to stand under a name; raise `InputErrors` with every fault."""
    policy = read_policy(text, f"policy {name}")
    if policy.name != name:
        raise InputError(f"the document calls itself {policy.name}, not {name}", where=f"policy {name}")
    check_policy(policy, _catalogs(policy.scope.engines or engine_names()))


def _policy_faults(name: str, text: str) -> Iterator[InputError]:
    where = f"policy {name[:80]}"
    if not is_whole(text):
        yield InputError("the document holds half a character", where=where)
        return
    try:
        check_document(name, text)
    except InputErrors as found:
        yield from found.faults
    except InputError as fault:
        yield fault


def _catalogs(engines: tuple[str, ...]) -> tuple[Catalog, ...]:
    known = [get_engine(name) for name in engines if name in engine_names()]
    return tuple(shipped_catalog(engine, version) for engine in known for version in shipped_versions(engine))


def _name_faults(name: str) -> Iterator[InputError]:
    if not NAME.fullmatch(name):
        next_step = "letters, digits, dots, dashes and underscores, 63 at most"
        yield InputError(f"{name[:80]!a} is no name", next_step=next_step)


def _text_faults(instance: Instance, where: str) -> Iterator[InputError]:
    """Answer texts without end, before anything else looks into them."""
    yield from word_faults(instance.engine, "engine's name", where=where)
    yield from word_faults(instance.group, "group's name", where=where)
    yield from word_faults(instance.environment, "environment", where=where)
    yield from word_faults(instance.target, "target", MAX_TARGET, where)
    yield from word_faults(instance.password, "reference to a password", MAX_TARGET, where)
    yield from word_faults(instance.restart_command, "restart command", MAX_COMMAND, where)
    yield from word_faults(instance.agent_command, "agent command", MAX_COMMAND, where)
    if len(instance.labels) > MAX_LABELS:
        yield InputError(f"more than {MAX_LABELS} labels are too many", where=where)
        return
    for name, value in instance.labels.items():
        yield from word_faults(name, "name of a label", where=where)
        yield from word_faults(value, f"label {name[:MAX_WORD]!a}", where=where)


def _instance_faults(instance: Instance, where: str) -> Iterator[InputError]:
    yield from _template_faults(instance, where)
    yield from _secret_faults(instance, where)
    if instance.mode not in get_args(Mode):
        what = f"{str(instance.mode)[:MAX_WORD]!a} is no mode"
        yield InputError(what, where=where, next_step=f"one of {', '.join(get_args(Mode))}")
    yield from _command_faults(instance, where)


def _engine_faults(engine: str, where: str) -> Iterator[InputError]:
    try:
        get_engine(engine[:MAX_WORD])
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
    for name, value in use.inputs.items():
        if name not in known:
            next_step = f"it takes {', '.join(known)}" if known else "it takes none"
            what = f"template {template} has no input {name[:80]!r}"
            yield InputError(what, where=where, next_step=next_step)
        yield from word_faults(value, f"input {name[:80]!a}", where=where)


def setting_faults(settings: Mapping[str, SettingText], where: str) -> Iterator[InputError]:
    """Answer what is wrong with settings, wherever from: names that are none, texts that hold a secret."""
    for name, text in settings.items():
        if not PARAMETER.fullmatch(name):
            yield InputError(f"{name[:80]!a} is no parameter name", where=where, next_step=PARAMETER_ADVICE)
            continue
        texts = (text,) if isinstance(text, str) else text or ()
        unbound = list(word_faults("".join(texts), f"value of {name}", MAX_VALUE, where))
        yield from unbound
        if not unbound and any(map(holds_secret, texts)):
            what = f"{name}: a password stands in the text"
            yield InputError(what, where=where, next_step="set it on the server by hand")


def _secret_faults(instance: Instance, where: str) -> Iterator[InputError]:
    if holds_secret(instance.target):
        yield InputError("a password stands in the target", where=where, next_step=SECRET_ADVICE)
    if not is_secret_reference(instance.password):
        yield InputError("a password stands here in the clear", where=where, next_step=SECRET_ADVICE)
    elif fault := reference_fault(instance.password):
        yield InputError(fault, where=where, next_step=SECRET_ADVICE)


def _command_faults(instance: Instance, where: str) -> Iterator[InputError]:
    next_step = "write it as a shell would read it, without pipes or variables"
    for noun, command in (("restart", instance.restart_command), ("agent", instance.agent_command)):
        try:
            shlex.split(command)
        except ValueError as fault:
            what = f"the {noun} command cannot be split into words: {fault}"
            yield InputError(what, where=where, next_step=next_step)


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
