"""`observe`: look at instances and remember what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from setpoint.errors import InputError, SetpointError, UnavailableError
from setpoint.faces.cli.arguments import InstanceName
from setpoint.faces.cli.frame import Frame, verb
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import counted, file_fault_documents, file_fault_lines, notes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from setpoint.config.observation import Observation
    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block

_Result = TypeVar("_Result")
_AT_ONCE = 8
"""Instances that are looked at at the same time: waiting costs nothing, and one that hangs holds up few."""


def chosen(setpoint: Setpoint, names: Sequence[str], *, is_all: bool) -> list[str]:
    """Answer the instances that a verb goes to; raise `InputError` when none or unknown ones are named."""
    configuration = setpoint.configuration()
    if is_all and names:
        raise InputError("instances are named beside --all", next_step="give names, or --all")
    if not is_all and not names:
        raise InputError("no instance is named", next_step="give names, or --all")
    for name in names:
        configuration.instance(name)
    return sorted(configuration.instances) if is_all else list(dict.fromkeys(names))


@verb("observe")
@click.argument("names", metavar="[NAME]...", nargs=-1, type=InstanceName())
@click.option("--all", "is_all", is_flag=True, help="All registered instances.")
@click.pass_obj
def observe(frame: Frame, names: tuple[str, ...], *, is_all: bool) -> Answer:
    """Look at instances and remember what they say.

    One connection and one round trip each, read only. Ends with 3 when one of them does not answer.
    """
    found: dict[str, Observation | SetpointError] = {}
    with frame.open() as setpoint:
        wanted = chosen(setpoint, names, is_all=is_all)
        for name, result in at_once(lambda name: _look(setpoint, name), wanted):
            found[name] = result
            frame.standing = f"{len(found)} of {len(wanted)} instances were looked at and are remembered"
            frame.say(f"[{len(found)}/{len(wanted)}] {name}: {_outcome(result)}")
        now = setpoint.now()
    results = [(name, found[name]) for name in wanted]
    documents = [_document(name, result) for name, result in results]
    page: list[Block] = [
        Table(("INSTANCE", "VERSION", "ROLE", "PARAMETERS", "NOTE"), [_row(each, now) for each in results])
    ]
    for _, result in results:
        if not isinstance(result, SetpointError):
            page += file_fault_lines(result)
    return Answer(documents, page if results else ["no instance is registered"], _exit_code(found))


def at_once(work: Callable[[str], _Result], names: Sequence[str]) -> Iterator[tuple[str, _Result]]:
    """Do something with instances, several at a time; answer each as soon as it is known."""
    from concurrent.futures import ThreadPoolExecutor, as_completed

    with ThreadPoolExecutor(_AT_ONCE) as workers:
        try:
            under_way = {workers.submit(work, name): name for name in names}
            for done in as_completed(under_way):
                yield under_way[done], done.result()
        finally:
            workers.shutdown(wait=True, cancel_futures=True)


def _look(setpoint: Setpoint, name: str) -> Observation | SetpointError:
    try:
        return setpoint.observe(name)[0]
    except SetpointError as fault:
        return fault


def _outcome(result: Observation | SetpointError) -> str:
    if isinstance(result, SetpointError):
        return f"{result.what} ({result.next_step})"
    return f"{result.engine} {result.facts.version}, {counted(len(result.settings), 'parameter')}"


def _row(named: tuple[str, Observation | SetpointError], now: datetime) -> tuple[str | Span, ...]:
    name, result = named
    if isinstance(result, SetpointError):
        return name, "-", "-", "-", Span(f"{result.what} ({result.next_step})", "bad")
    notes = "; ".join(notes_of(result, now))
    return name, result.facts.version, result.facts.role, str(len(result.settings)), notes


def _document(name: str, result: Observation | SetpointError) -> dict[str, Any]:
    if isinstance(result, SetpointError):
        is_unreachable = isinstance(result, UnavailableError)
        return {
            "instance": name,
            "is_observed": False,
            "is_unreachable": is_unreachable,
            "error": str(result),
        }
    return {
        "instance": name,
        "is_observed": True,
        "at": result.at,
        "engine": result.engine,
        "version": result.facts.version,
        "role": result.facts.role,
        "parameters": len(result.settings),
        "file_faults": file_fault_documents(result),
        "unseen": list(result.unseen),
        "came_by": result.came_by,
        "cost_ms": result.cost_ms,
    }


def _exit_code(found: dict[str, Observation | SetpointError]) -> int:
    faults = [result for result in found.values() if isinstance(result, SetpointError)]
    return max((fault.exit_code for fault in faults), default=0)
