"""`catalog`: the parameters that an engine's versions offer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError, UnavailableError
from setpoint.faces.cli.arguments import InstanceName, read_text, write_file
from setpoint.faces.cli.catalog_diff import answer_diff
from setpoint.faces.cli.catalog_upgrade import answer_upgrade
from setpoint.faces.cli.catalog_values import evidence_of, formatted, range_text
from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.page import Answer, Span, Table, Verbatim
from setpoint.faces.cli.wording import counted

if TYPE_CHECKING:
    from setpoint.catalog import Catalog, Parameter
    from setpoint.engines.port import Engine
    from setpoint.faces.cli.page import Block
    from setpoint.policy.classification import Classification

_LISTING_SECONDS = 30.0
_HARVEST_SECONDS = 10.0


@click.group("catalog", cls=Verbs)
def catalog() -> None:
    """Look up the parameters of an engine's versions. Only `upgrade` needs a store."""


@catalog.command("list")
def list_() -> Answer:
    """List the shipped catalogs."""
    from setpoint.engines.registry import engine_names, get_engine, shipped_catalog, shipped_versions

    documents: list[dict[str, Any]] = []
    for name in engine_names():
        engine = get_engine(name)
        for family in shipped_versions(engine):
            found = shipped_catalog(engine, family)
            documents.append(
                {
                    "engine": name,
                    "family": family,
                    "version": found.version,
                    "parameters": len(found.core),
                    "extension_parameters": len(found.parameters) - len(found.core),
                    "evidence": found.data.evidence,
                }
            )
    rows = [tuple(str(value) for value in each.values()) for each in documents]
    head = ("ENGINE", "VERSION", "SEEN ON", "PARAMETERS", "OF EXTENSIONS", "KNOWN FROM")
    return Answer(documents, [Table(head, rows)])


@catalog.command("show")
@click.argument("engine")
@click.argument("version")
@click.argument("name", required=False)
@click.option("--extensions", "with_extensions", is_flag=True, help="Parameters of loadable modules too.")
def show(engine: str, version: str, name: str | None, *, with_extensions: bool) -> Answer:
    """Show the parameters of an ENGINE's VERSION (18 or 18.6), or the one called NAME."""
    from setpoint.engines.registry import classification_of

    found, classification = _shipped(engine, version), classification_of(engine)
    if name is not None:
        parameter = found.get(name)
        page = _parameter_page(found, parameter, classification)
        return Answer([_document(found, parameter, classification)], page)
    shown = found.parameters if with_extensions else found.core
    rows = [
        (
            each.name,
            each.kind.value,
            formatted(found, each),
            range_text(each),
            each.context.value,
            _classes(each, classification),
        )
        for each in shown
    ]
    page: list[Block] = [
        Table(("PARAMETER", "KIND", "DEFAULT", "TAKES", "TAKES EFFECT", "CLASSES"), rows),
        Span(f"{counted(len(rows), 'parameter')} of {engine} {found.version}: {found.data.evidence}", "dim"),
    ]
    return Answer([_document(found, each, classification) for each in shown], page)


@catalog.command("diff")
@click.argument("engine")
@click.argument("old", metavar="VERSION")
@click.argument("new", metavar="VERSION")
def diff(engine: str, old: str, new: str) -> Answer:
    """Show what changed from one VERSION of an ENGINE to another.

    What was re-defaulted stands first: it acts on every instance that never set it.
    """
    from setpoint.catalog import compare
    from setpoint.control.upgrade import succession_of

    before, after = _shipped(engine, old), _shipped(engine, new)
    return answer_diff(before, after, compare(before, after, succession_of(engine)))


@catalog.command("upgrade")
@click.argument("name", metavar="INSTANCE", type=InstanceName())
@click.argument("version")
@click.pass_obj
def upgrade(frame: Frame, name: str, version: str) -> Answer:
    """Tell what an upgrade of INSTANCE to VERSION meets, from its last observation and its desired settings.

    Ends with 1 where something would keep the new server from starting. Nothing is touched.
    """
    from setpoint.control.change import STALE_AFTER
    from setpoint.engines.registry import classification_of

    with frame.open() as setpoint:
        observation, found = setpoint.check_upgrade(name, version)
        age = setpoint.now() - observation.at
    target, classification = _shipped(found.engine, version), classification_of(found.engine)
    return answer_upgrade(
        observation,
        found,
        age=age,
        is_stale=age > STALE_AFTER,
        classes_of=lambda each: [kind.value for kind in classification.classes_of(target.get(each))],
    )


@catalog.command("harvest")
@click.argument("engine")
@click.option("--target", required=True, metavar="TARGET", help="A running server, without password.")
@click.option("--password", metavar="REF", default="", help="Where the password is: env:NAME or file:/path.")
@click.option(
    "--describe-config",
    "listing",
    metavar="FILE|-|BINARY",
    help="The server program's own listing of its parameters, or the program, which is then asked for it.",
)
@click.option("--out", metavar="FILE", help="Write the catalog there instead of to stdout.")
@click.pass_obj
def harvest(
    frame: Frame, engine: str, *, target: str, password: str, listing: str | None, out: str | None
) -> Answer:
    """Read the whole catalog of a running server, as the data that is shipped."""
    import msgspec

    from setpoint.catalog import encode_catalog
    from setpoint.config.configuration import SECRET_ADVICE, holds_secret, is_secret_reference
    from setpoint.control.harvest import harvest as ask
    from setpoint.engines.registry import get_engine
    from setpoint.faces.wiring import read_secret

    if holds_secret(target) or not is_secret_reference(password):
        raise InputError("a password stands here in the clear", next_step=SECRET_ADVICE)
    known = get_engine(engine)
    described = _listing(known, listing) if listing is not None else ""
    data = ask(
        known,
        target,
        secret=lambda: read_secret(password),
        describe_config=described,
        timeout_seconds=_HARVEST_SECONDS,
    )
    body = encode_catalog(data)
    core = sum(not each.extension for each in data.parameters)
    summary = (
        f"{engine} {data.version}: {counted(core, 'parameter')}, {len(data.parameters) - core} of extensions"
    )
    if out is None:
        frame.say(summary)
        return Answer(msgspec.Raw(body), [Verbatim(body.decode())])
    write_file(out, body)
    document = {"engine": engine, "version": data.version, "parameters": core, "file": out}
    return Answer(document, [f"{summary}, written to {out}"])


def _shipped(engine: str, version: str) -> Catalog:
    from setpoint.engines.registry import get_engine, shipped_catalog

    return shipped_catalog(get_engine(engine), version)


def _classes(parameter: Parameter, classification: Classification) -> str:
    return ", ".join(each.value for each in classification.classes_of(parameter))


def _document(found: Catalog, parameter: Parameter, classification: Classification) -> dict[str, Any]:
    fields = {name: getattr(parameter, name) for name in parameter.__struct_fields__}
    first = ("name", "kind", "unit", "default", "min", "max", "values", "context", "engine_context")
    order = (*first, "description", "aliases", "build", "extension")
    rest = {name: value for name, value in fields.items() if name not in (*order, "evidence")}
    why, source = classification.why(parameter)
    classes = {
        "classes": [each.value for each in classification.classes_of(parameter)],
        "classes_why": why,
        "classes_source": source,
    }
    return {
        **{name: fields[name] for name in order},
        **classes,
        "evidence": evidence_of(found, parameter),
        **rest,
    }


def _parameter_page(found: Catalog, parameter: Parameter, classification: Classification) -> list[Block]:
    why, source = classification.why(parameter)
    rows = [
        ("kind", parameter.kind.value),
        ("default", formatted(found, parameter)),
        ("takes", range_text(parameter)),
        ("unit", parameter.unit or ""),
        ("takes effect", f"{parameter.context.value} ({parameter.engine_context or 'as the engine has it'})"),
        ("also", ", ".join(f"{word} = {value}" for word, value in parameter.aliases.items())),
        ("classes", _classes(parameter, classification)),
        ("at stake", f"{why} ({source})" if why else ""),
        ("category", parameter.category),
        ("build", parameter.build),
        ("extension", parameter.extension),
        ("known from", evidence_of(found, parameter)),
    ]
    title = (Span(parameter.name, "strong"), f"  {found.engine} {found.version}")
    return [title, f"  {parameter.description}", Table(("", ""), [row for row in rows if row[1]], 2)]


def _listing(engine: Engine, place: str) -> str:
    """Answer the server program's listing: from a file, from stdin, or by asking the program."""
    path = Path(place)
    if place == "-" or not (path.is_file() and os.access(path, os.X_OK)):
        return read_text(place)[0]
    arguments = engine.listing_arguments
    if not arguments:
        raise InputError(
            f"{engine.name} has no server program that lists its parameters",
            where=place,
            next_step="leave --describe-config out",
        )
    try:
        ended = subprocess.run(  # noqa: S603 - the program that the person at the keyboard named
            [path.resolve(), *arguments], capture_output=True, timeout=_LISTING_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise UnavailableError(f"could not be run: {fault}", where=place) from None
    if ended.returncode:
        tail = ended.stderr.decode(errors="replace").strip()[-300:]
        raise UnavailableError(f"ended with {ended.returncode}: {tail}", where=place)
    return ended.stdout.decode(errors="replace")
