"""`settings`: what is set and from where, and what should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from setpoint.errors import InputError
from setpoint.faces.cli.arguments import InstanceName, assignments
from setpoint.faces.cli.frame import Frame, because, verb
from setpoint.faces.cli.settings_page import layer_answer, read_answer
from setpoint.faces.cli.wording import committed

if TYPE_CHECKING:
    from setpoint.faces.cli.page import Answer


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the arguments come to: a part of the configuration, and either names or assignments."""

    part: str
    names: tuple[str, ...]
    changes: dict[str, str | None]

    @property
    def instance(self) -> str:
        return self.part.removeprefix("instance:")


@verb("settings")
@click.argument("words", metavar="[NAME] [PARAMETER | PARAMETER=VALUE]...", nargs=-1, type=InstanceName())
@click.option("--group", metavar="GROUP", help="Settings of a group instead of an instance.")
@click.option("--fleet", metavar="ENGINE", help="Settings of all instances of an engine.")
@click.option("--origin", "with_origin", is_flag=True, help="Show every place and layer that speaks.")
@click.option("--all", "is_all", is_flag=True, help="Unmanaged defaults too.")
@click.option(
    "--fresh", "is_fresh", is_flag=True, help="Look at the instance now, not at what was last seen."
)
@click.option(
    "--unset", metavar="PARAMETER", multiple=True, help="Take a setting out of the layer; repeatable."
)
@because(is_required=False)
@click.pass_obj
def settings(
    frame: Frame,
    words: tuple[str, ...],
    *,
    group: str | None,
    fleet: str | None,
    unset: tuple[str, ...],
    because: str,
    ticket: str,
    **reading: bool,
) -> Answer:
    """Show what is set and from where; with PARAMETER=VALUE or --unset, say what should be.

    Reading shows what is managed and what is no default: the running value, the desired one and the layer
    that asks for it, from the last observation. Writing changes one layer of the configuration, not the
    server: `plan` and `apply` do that. VALUE `null` stops managing the parameter from that layer down. Write
    a list as the engine does (a,b).

    \b
    setpoint settings web-1 work_mem --origin
    setpoint settings web-1 work_mem=64MB --because "sorts spill"
    setpoint settings --group checkout --unset work_mem --because "as everywhere"
    """  # noqa: D301 - \b is click's word for "do not rewrap"
    asked = _read(words, group, fleet)
    if asked.changes or unset:
        if any(reading.values()):
            raise InputError("--origin, --all and --fresh are for reading", next_step="leave them out")
        return _write(frame, asked, unset, because, ticket)
    if because or ticket:
        raise InputError("there is nothing to set", next_step="write PARAMETER=VALUE")
    with frame.open() as setpoint:
        if not asked.part.startswith("instance:"):
            return layer_answer(setpoint, asked.part, asked.names)
        return read_answer(setpoint, asked.instance, asked.names, **reading)


def _read(words: tuple[str, ...], group: str | None, fleet: str | None) -> _Asked:
    if group is not None and fleet is not None:
        raise InputError("--group and --fleet are given both", next_step="give one of them")
    if group is None and fleet is None:
        if not words or "=" in words[0]:
            next_step = "name an instance first, or give --group or --fleet"
            raise InputError("no instance is named", next_step=next_step)
        part, rest = f"instance:{words[0]}", words[1:]
    else:
        part, rest = (f"group:{group}" if group is not None else f"fleet:{fleet}"), words
    texts = [word for word in rest if "=" in word]
    names = tuple(word for word in rest if "=" not in word)
    if texts and names:
        raise InputError(f"{', '.join(names)}: no value is given", next_step="write PARAMETER=VALUE")
    given = assignments(texts, "setting")
    return _Asked(part, names, {name: None if text == "null" else text for name, text in given.items()})


def _write(frame: Frame, asked: _Asked, unset: tuple[str, ...], because: str, ticket: str) -> Answer:
    if asked.names:
        raise InputError(f"{', '.join(asked.names)}: no value is given", next_step="write PARAMETER=VALUE")
    if not because:
        raise InputError("no reason is given", next_step='say why with --because "..."')
    with frame.open() as setpoint:
        revision, edits = setpoint.change_settings(
            asked.part, asked.changes, reason=because, ticket=ticket, removed=unset
        )
    is_instance = asked.part.startswith("instance:")
    return committed(
        revision, edits, next_step=f"setpoint plan {asked.instance if is_instance else 'INSTANCE'}"
    )
