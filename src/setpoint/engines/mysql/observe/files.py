"""Option files: what the agent, or else the server itself, could read of them, as places of variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from setpoint.engines.mysql.dialect.agent_words import Told, read_told
from setpoint.engines.mysql.dialect.knowledge import FILE_NAMES, OPTION_NAMES, masked
from setpoint.engines.mysql.dialect.option_files import resolve
from setpoint.engines.mysql.dialect.option_fragment import parse_fragment
from setpoint.engines.mysql.observe.origins import Place

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from setpoint.catalog import Version
    from setpoint.engines.mysql.dialect.option_files import Place as Written
    from setpoint.engines.mysql.dialect.option_groups import Kind
    from setpoint.engines.mysql.observe.reply import Answer
    from setpoint.engines.port import Reply

Fault = tuple[str, int, str]
"""File, line and message."""


class Files(NamedTuple):
    """What option files say.

    `places` by variable, None where no file could be read; `fragment` the file that the agent writes, empty
    where it cannot, and `agent_fault` says why; `faults` what the server would stumble over; `unseen` in
    words what could not be read.
    """

    places: Mapping[str, tuple[Place, ...]] | None
    fragment: str
    agent_fault: str
    faults: tuple[Fault, ...]
    unseen: tuple[str, ...]


def read_files(
    reply: Reply, answer: Answer, kind: Kind, version: Version, *, names: Collection[str]
) -> Files:
    """Answer what is known of a server's option files; `names` are its variables."""
    told = read_told(reply.agent)
    if told is not None and told.fragment is not None:
        return _told(told, kind, version, names)
    agent_fault = f"the agent gave no answer: {told.fault or 'it names no file'}" if told is not None else ""
    unseen = (f"option files: {agent_fault}",) if agent_fault else ()
    texts = {file.path: file.text for file in answer.files or () if file.text is not None}
    if not texts:
        return Files(None, "", agent_fault, (), unseen)
    # Without the agent nobody knows which files come first: those that gave a value are taken by themselves.
    found = resolve(texts, kind, version.parts, sorted(texts), names=names)
    return Files(_places(found.places, names, {}), "", agent_fault, (), unseen)


def fragment_texts(agent: str | None) -> dict[str, str]:
    """Answer the entries of the agent's file; none where there is no agent, or no file yet."""
    told = read_told(agent)
    if told is None or told.fragment is None or told.fragment.text is None:
        return {}
    variables = {option: variable for variable, option in FILE_NAMES.items()}
    entries = parse_fragment(told.fragment.text).entries
    return {variables.get(name, name): text for name, text in dict(entries).items()}


def _told(told: Told, kind: Kind, version: Version, names: Collection[str]) -> Files:
    texts = {file.path: file.text for file in told.files}
    found = resolve(texts, kind, version.parts, told.roots, names=names)
    faults = [(fault.file, fault.line, fault.message) for fault in found.faults]
    unseen = [f"{file.path}: {file.fault}" for file in told.files if file.fault]
    fragment = told.fragment
    path = fragment.path if fragment is not None and not fragment.fault else ""
    agent_fault = ""
    if fragment is not None and fragment.fault:
        agent_fault = f"the agent's file {fragment.path} cannot be used: {fragment.fault}"
        unseen.append(agent_fault)
    changed_at = {file.path: file.changed_at for file in told.files}
    places = _places(found.places, names, changed_at)
    return Files(places, path, agent_fault, tuple(faults), tuple(unseen))


def _places(
    found: Mapping[str, tuple[Written, ...]], names: Collection[str], changed_at: Mapping[str, float | None]
) -> dict[str, tuple[Place, ...]]:
    return {
        name if name in names else OPTION_NAMES.get(name, name): tuple(
            Place(
                each.file,
                each.line,
                masked(name, each.value) or "",
                _unread(each),
                changed_at.get(each.file),
            )
            for each in places
        )
        for name, places in found.items()
    }


def _unread(place: Written) -> str:
    if place.fault:
        return place.fault
    return "" if place.is_effective else "it limits the value, and does not give it"
