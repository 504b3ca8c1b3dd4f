"""`template`: what is usually set, filled for one host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError, NotFoundError
from setpoint.faces.cli.arguments import (
    STORAGES,
    Cores,
    InstanceName,
    Size,
    TemplateVersion,
    assignments,
)
from setpoint.faces.cli.frame import Frame, Verbs, because
from setpoint.faces.cli.page import Answer, Table
from setpoint.faces.cli.template_page import choice_answer, filled_answer, template_document, template_page
from setpoint.faces.cli.wording import committed

if TYPE_CHECKING:
    from setpoint.config.configuration import TemplateUse
    from setpoint.templates.filled import Filled
    from setpoint.templates.template import Template

_USE = TemplateVersion()
_HOST = ("ram", "vcpu", "storage", "connections")


@click.group("template", cls=Verbs)
def template() -> None:
    """List, fill, choose and assign templates: what is usually set, worked out for one host."""


@template.command("list")
@click.argument("engine", required=False)
def list_(engine: str | None) -> Answer:
    """List the shipped templates, of one ENGINE or of all."""
    found = _shipped(engine)
    rows = [
        (each.engine, str(each), each.profile, _versions(each), each.description.partition(". ")[0])
        for each in found
    ]
    head = ("ENGINE", "TEMPLATE", "PROFILE", "VERSIONS", "FOR")
    return Answer(
        [template_document(each) for each in found],
        [Table(head, rows)] if rows else ["no template is shipped"],
    )


@template.command("show")
@click.argument("use", metavar="NAME@VERSION", type=_USE)
@click.option("--engine", metavar="ENGINE", help="Its engine, where several have a template of that name.")
def show(use: TemplateUse, *, engine: str | None) -> Answer:
    """Show a template: its inputs, what speaks for it, and each setting with reason and source."""
    found = _find(use, engine)
    return Answer(template_document(found), template_page(found))


@template.command("fill")
@click.argument("use", metavar="NAME@VERSION", type=_USE)
@click.option("--instance", type=InstanceName(), help="Fill it for an instance, as it was last seen.")
@click.option("--engine", metavar="ENGINE", help="Else: the engine of a host that is described here,")
@click.option("--version", metavar="VERSION", help="its version,")
@click.option("--ram", type=Size(), help="its memory, such as 16GB,")
@click.option("--vcpu", type=Cores(), help="its cores,")
@click.option("--storage", type=click.Choice(STORAGES), help="what its data lies on,")
@click.option("--connections", type=click.IntRange(min=1), help="and the client connections to plan for.")
@click.option("--input", "inputs", metavar="K=V", multiple=True, help="A value the template asks for.")
@click.pass_obj
def fill(
    frame: Frame, use: TemplateUse, *, instance: str | None, inputs: tuple[str, ...], **host: Any
) -> Answer:
    """Work a template's settings out for an instance or for a described host. Nothing is assigned."""
    full = _with_inputs(use, inputs)
    given = [name for name in ("engine", "version", *_HOST) if host[name] is not None]
    if instance is not None and given:
        raise InputError(
            f"--instance goes without {', '.join(given)}", next_step="describe a host, or name one"
        )
    if instance is not None:
        with frame.open() as setpoint:
            return filled_answer(setpoint.fill_template(instance, full))
    if host["engine"] is None or host["version"] is None:
        raise InputError("no host is described", next_step="--instance, or at least --engine and --version")
    return filled_answer(_filled_for_host(full, host))


@template.command("choose")
@click.argument("name", type=InstanceName())
@click.pass_obj
def choose(frame: Frame, name: str) -> Answer:
    """Weigh the shipped templates for the instance NAME, from what was last seen of it."""
    with frame.open() as setpoint:
        return choice_answer(name, setpoint.choose_template(name))


@template.command("assign")
@click.argument("name", type=InstanceName())
@click.argument("use", metavar="TEMPLATE@VERSION", type=_USE)
@click.option("--input", "inputs", metavar="K=V", multiple=True, help="A value the template asks for.")
@because()
@click.pass_obj
def assign(
    frame: Frame, name: str, use: TemplateUse, *, inputs: tuple[str, ...], because: str, ticket: str
) -> Answer:
    """Have the instance NAME filled from a template. The server itself is not touched."""
    with frame.open() as setpoint:
        before = setpoint.configuration()
        made = setpoint.assign_template(name, _with_inputs(use, inputs), reason=because, ticket=ticket)
        edits = setpoint.edits_since(before)
    return committed(made, edits, next_step=f"setpoint plan {name}")


@template.command("remove")
@click.argument("name", type=InstanceName())
@because()
@click.pass_obj
def remove(frame: Frame, name: str, *, because: str, ticket: str) -> Answer:
    """Take the template away from the instance NAME; its group's counts again, if that has one."""
    with frame.open() as setpoint:
        before = setpoint.configuration()
        if before.instance(name).template is None:
            raise InputError(f"{name} has no template of its own", next_step="`setpoint instance show` tells")
        made = setpoint.assign_template(name, None, reason=because, ticket=ticket)
        edits = setpoint.edits_since(before)
    return committed(made, edits, next_step=f"setpoint plan {name}")


def _shipped(engine: str | None) -> list[Template]:
    from setpoint.control.desired import library_of
    from setpoint.engines.registry import engine_names, get_engine

    names = engine_names() if engine is None else (get_engine(engine).name,)
    return [each for name in names for each in library_of(name, get_engine(name)).templates]


def _versions(each: Template) -> str:
    since = f"{each.since} and later" if each.since else "all"
    return f"{since}, before {each.until}" if each.until else since


def _find(use: TemplateUse, engine: str | None) -> Template:
    found = [each for each in _shipped(engine) if (each.name, each.version) == (use.name, use.version)]
    if not found:
        raise NotFoundError(f"no template is called {use}", next_step="`setpoint template list` lists them")
    if len(found) > 1:
        engines = ", ".join(each.engine for each in found)
        raise InputError(f"several engines have a template {use}", next_step=f"--engine, one of {engines}")
    return found[0]


def _with_inputs(use: TemplateUse, inputs: tuple[str, ...]) -> TemplateUse:
    import msgspec

    return msgspec.structs.replace(use, inputs=assignments(inputs, "input"))


def _filled_for_host(use: TemplateUse, host: dict[str, Any]) -> Filled:
    from setpoint.config.budget import compile_claims
    from setpoint.config.facts import Facts
    from setpoint.control.desired import fill_template
    from setpoint.engines.registry import get_engine, shipped_catalog

    engine = get_engine(host["engine"])
    catalog = shipped_catalog(engine, host["version"])
    facts = Facts(
        version=host["version"],
        ram_bytes=host["ram"],
        vcpu=host["vcpu"],
        storage=host["storage"],
        connections=host["connections"],
        sources={name: "given here" for name in _HOST if host[name] is not None},
    )
    return fill_template(engine, use, compile_claims(engine.claims(), catalog), facts, {})
