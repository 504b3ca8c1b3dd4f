"""`instance`: registering instances and groups, and what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError, NotFoundError
from setpoint.faces.cli.arguments import (
    MODES,
    STORAGES,
    Cores,
    InstanceName,
    Size,
    TemplateVersion,
    assignments,
)
from setpoint.faces.cli.frame import Frame, Verbs, because
from setpoint.faces.cli.instance_group import group
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import age_text, committed, fact_rows, notes_of, setting_text
from setpoint.faces.cli.worker import seen_by_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.config.configuration import Instance
    from setpoint.config.facts import DeclaredFacts
    from setpoint.config.observation import Observation
    from setpoint.faces.cli.page import Block

_PLAIN = (
    "engine",
    "target",
    "password",
    "group",
    "environment",
    "restart_command",
    "agent_command",
    "template",
    "mode",
)
_FACTS = {
    "ram": "ram_bytes",
    "vcpu": "vcpu",
    "storage": "storage",
    "connections": "connections",
    "neighbours": "neighbours_bytes",
}


@click.group("instance", cls=Verbs)
def instance() -> None:
    """Register instances and groups, and say what is known of them."""


instance.add_command(group)


def _described(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe an instance, in the order they are read."""
    options = [
        click.option("--password", metavar="REF", help="Where the password is: env:NAME or file:/path."),
        click.option("--group", metavar="GROUP", help="The group it belongs to."),
        click.option("--environment", metavar="WORD", help="Such as production or test."),
        click.option(
            "--label",
            "labels",
            metavar="K=V",
            multiple=True,
            help="A label; may be given again. `set` takes one away with K=.",
        ),
        click.option("--restart-command", metavar="COMMAND", help="What restarts it; run without a shell."),
        click.option(
            "--agent-command",
            metavar="COMMAND",
            help="What reads and writes its option files, where its server does not; run without a shell.",
        ),
        click.option("--template", type=TemplateVersion(), help="The template it is filled from."),
        click.option("--mode", type=click.Choice(MODES), help="What a worker does about its drift."),
        click.option("--ram", type=Size(), help="Memory it may use, such as 16GB."),
        click.option("--vcpu", type=Cores(), help="Processor cores it may use."),
        click.option("--storage", type=click.Choice(STORAGES), help="What its data lies on."),
        click.option("--connections", type=click.IntRange(min=1), help="Client connections to plan for."),
        click.option("--neighbours", type=Size(), help="Memory promised to others on its host."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@instance.command("add")
@click.argument("name")
@click.option("--engine", required=True, metavar="ENGINE", help="Its engine, such as postgresql.")
@click.option(
    "--target",
    metavar="TARGET",
    help="How to reach it, without password, as its engine writes it: 'host=db1 user=setpoint'.",
)
@click.option("--offline", "is_offline", is_flag=True, help="It has no target: only files reach it.")
@_described
@because("registered")
@click.pass_obj
def add(frame: Frame, name: str, *, is_offline: bool, because: str, ticket: str, **described: Any) -> Answer:
    """Register the instance NAME. The server itself is not touched."""
    from setpoint.config.configuration import Instance

    if bool(described["target"]) is is_offline:
        what = "--target and --offline exclude each other" if is_offline else "no --target is given"
        raise InputError(what, next_step="say how to reach it, or that only files do (--offline)")
    made = _changed(Instance(engine=described["engine"]), described)
    with frame.open() as setpoint:
        revision = setpoint.add_instance(name, made, reason=because, ticket=ticket)
    document = {"instance": name, "revision": revision.id, **_document(made)}
    page: list[Block] = [
        ("registered ", Span(name, "strong"), f" in revision {revision.short_id}"),
        Span(f"next: setpoint {f'bundle collect {name}' if is_offline else f'observe {name}'}", "dim"),
    ]
    return Answer(document, page)


@instance.command("set")
@click.argument("name", type=InstanceName())
@click.option("--target", metavar="TARGET", help="How to reach it, without password.")
@_described
@because()
@click.pass_obj
def set_(frame: Frame, name: str, *, because: str, ticket: str, **described: Any) -> Answer:
    """Change what is known of the instance NAME; what is not given stays. An empty text takes it away."""
    if not any(value not in (None, ()) for value in described.values()):
        raise InputError("nothing to change is given", next_step="`setpoint instance set --help` lists it")
    with frame.open() as setpoint:
        before = setpoint.configuration()
        changed = _changed(before.instance(name), described)
        revision = setpoint.change_instance(name, changed, reason=because, ticket=ticket)
        edits = setpoint.edits_since(before)
    return committed(revision, edits)


@instance.command("remove")
@click.argument("name", type=InstanceName())
@because()
@click.pass_obj
def remove(frame: Frame, name: str, *, because: str, ticket: str) -> Answer:
    """Take the instance NAME out of the configuration. The server itself is not touched."""
    with frame.open() as setpoint:
        before = setpoint.configuration()
        revision = setpoint.remove_instance(name, reason=because, ticket=ticket)
        edits = setpoint.edits_since(before)
    return committed(revision, edits)


@instance.command("list")
@click.pass_obj
def list_(frame: Frame) -> Answer:
    """List the registered instances, and when each was last seen."""
    with frame.open() as setpoint:
        found, now = sorted(setpoint.configuration().instances.items()), setpoint.now()
        seen = seen_by_name(setpoint)
    rows = [
        (
            name,
            each.engine,
            each.group or "-",
            each.environment or "-",
            str(each.template or "-"),
            str(len(each.settings)),
            each.mode,
            seen[name].text(now),
            _labels(each),
        )
        for name, each in found
    ]
    head = ("NAME", "ENGINE", "GROUP", "ENVIRONMENT", "TEMPLATE", "OWN SETTINGS", "MODE", "SEEN", "LABELS")
    page: list[Block] = [Table(head, rows)] if rows else ["no instance is registered"]
    documents = [{"instance": name, **_document(each), **seen[name].document()} for name, each in found]
    return Answer(documents, page)


@instance.command("show")
@click.argument("name", type=InstanceName())
@click.pass_obj
def show(frame: Frame, name: str) -> Answer:
    """Show what is known of the instance NAME: as configured, and as last seen."""
    with frame.open() as setpoint:
        each, now = setpoint.configuration().instance(name), setpoint.now()
        try:
            seen = setpoint.last_seen(name)[0]
        except NotFoundError:
            seen = None
    rows = [(field, str(value)) for field, value in _document(each).items() if value and field != "settings"]
    page: list[Block] = [Span(name, "strong"), Table(("", ""), rows, 2)]
    own = [(key, setting_text(text)) for key, text in sorted(each.settings.items())]
    if own:
        page += ["own settings", Table(("", ""), own, 2)]
    if seen is None:
        page.append("never observed")
    else:
        facts = seen.facts.with_declared(each.facts)
        page += [f"last seen {age_text(now - seen.at)}", Table(("", "", ""), fact_rows(facts), 2)]
        page += notes_of(seen, now)
    return Answer({"instance": name, **_document(each), "seen": _seen(seen, each)}, page)


def _changed(before: Instance, described: dict[str, Any]) -> Instance:
    """Answer an instance with every described field that was given."""
    import msgspec

    fields = {name: described[name] for name in _PLAIN if described.get(name) is not None}
    if described["labels"]:
        given = assignments(described["labels"], "label")
        merged = {**before.labels, **given}
        fields["labels"] = {key: value for key, value in merged.items() if value}
    fields["facts"] = _facts(before.facts, described)
    return msgspec.structs.replace(before, **fields)


def _facts(before: DeclaredFacts | None, described: dict[str, Any]) -> DeclaredFacts | None:
    import msgspec

    from setpoint.config.facts import DeclaredFacts

    given = {field: described[name] for name, field in _FACTS.items() if described[name] is not None}
    return msgspec.structs.replace(before or DeclaredFacts(), **given) if given else before


def _document(each: Instance) -> dict[str, Any]:
    import msgspec

    facts = msgspec.structs.asdict(each.facts) if each.facts is not None else {}
    return {
        **{name: getattr(each, name) for name in _PLAIN if name != "template"},
        "template": str(each.template) if each.template else "",
        "inputs": dict(each.template.inputs) if each.template else {},
        "labels": each.labels,
        "facts": {name: value for name, value in facts.items() if value is not None},
        "settings": each.settings,
    }


def _seen(seen: Observation | None, each: Instance) -> dict[str, Any] | None:
    import msgspec

    if seen is None:
        return None
    facts = seen.facts.with_declared(each.facts)
    return {
        "at": seen.at,
        "facts": msgspec.structs.asdict(facts),
        "unseen": list(seen.unseen),
        "parameters": len(seen.settings),
    }


def _labels(each: Instance) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(each.labels.items())) or "-"
