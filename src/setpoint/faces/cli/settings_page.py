"""What `settings` shows: one row or one block for each parameter, from the server's side and from ours."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from setpoint.errors import InputError, InputErrors, NotFoundError
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import (
    age_text,
    counted,
    file_fault_lines,
    origin_document,
    revision_cells,
    setting_text,
    shown_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from setpoint.catalog import Catalog
    from setpoint.config.layers import Layer
    from setpoint.config.observation import ObservedSetting, Origin
    from setpoint.config.resolve import Resolved
    from setpoint.config.revision import Revision
    from setpoint.faces.api import Setpoint
    from setpoint.faces.cli.page import Block, Piece


@dataclass(frozen=True)
class _Setting:
    """One parameter of one instance: what the server says, what our layers say, and who set it there."""

    name: str
    catalog: Catalog
    observed: ObservedSetting | None
    desired: Resolved | None
    layers: tuple[tuple[Layer, Revision | None], ...] = field(default=())

    @property
    def running(self) -> str | None:
        return shown_value(self.catalog, self.name, self.observed.value) if self.observed else None

    @property
    def pending(self) -> str | None:
        return shown_value(self.catalog, self.name, self.observed.pending) if self.observed else None

    @property
    def origin(self) -> Origin | None:
        return self.observed.in_force if self.observed else None

    @property
    def overrides(self) -> tuple[Origin, ...]:
        return self.observed.overrides if self.observed else ()

    @property
    def is_right(self) -> bool:
        value = self.observed.value if self.observed else None
        return self.desired is None or (
            value is not None and self.catalog.is_same(self.name, self.desired.text, value)
        )

    @property
    def is_default(self) -> bool:
        """Whether nobody has ever said anything about it."""
        origins = self.observed.origins if self.observed else ()
        is_spoken_of = any(origin.kind.value not in ("default", "build") for origin in origins)
        return self.desired is None and self.pending is None and not is_spoken_of


def read_answer(
    setpoint: Setpoint, name: str, wanted: Sequence[str], *, with_origin: bool, is_all: bool, is_fresh: bool
) -> Answer:
    """Show parameters of an instance; raise `InputErrors` for every one it does not have."""
    _look(setpoint, name, is_fresh=is_fresh)
    desired, observation, catalog = setpoint.desired(name)
    resolved = desired.resolved
    folded = _folded(catalog, wanted, resolved)
    setter = cache(setpoint.setter)
    shown: list[_Setting] = []
    for key in folded or sorted(observation.settings.keys() | resolved.keys()):
        setting = _Setting(key, catalog, observation.settings.get(key), resolved.get(key))
        if folded or is_all or not setting.is_default:
            layers = _layers(setpoint, name, setting, setter)
            shown.append(_Setting(key, catalog, setting.observed, setting.desired, layers))
    hidden = len(observation.settings.keys() | resolved.keys()) - len(shown)
    page: list[Block] = _blocks(shown) if with_origin else [_table(shown)]
    page.append(Span(_footer(age_text(setpoint.now() - observation.at), 0 if folded else hidden), "dim"))
    page += file_fault_lines(observation)
    return Answer([_document(each) for each in shown], page)


def layer_answer(setpoint: Setpoint, part: str, wanted: Sequence[str]) -> Answer:
    """Show the settings of a group or of the fleet, each with the revision that set it."""
    _check_part(setpoint, part)
    try:
        found = setpoint.blame(part)
    except NotFoundError:
        found = ()
    names = {name.lower() for name in wanted}
    absent = sorted(names - {each.parameter for each in found})
    if absent:
        raise NotFoundError(f"{part} does not set {', '.join(absent)}", next_step="leave the names out")
    kept = [each for each in found if not names or each.parameter in names]
    rows = [(each.parameter, setting_text(each.text), *revision_cells(each.revision)) for each in kept]
    documents = [
        {
            "name": each.parameter,
            "desired": each.text,
            "layer": part.replace(":", " "),
            "revision": each.revision.id,
        }
        for each in kept
    ]
    head = ("PARAMETER", "DESIRED", "REVISION", "WHEN", "WHO", "WHY")
    return Answer(documents, [Table(head, rows)] if rows else [f"{part} sets nothing"])


def _check_part(setpoint: Setpoint, part: str) -> None:
    from setpoint.engines.registry import get_engine

    kind, _, name = part.partition(":")
    if kind == "group":
        setpoint.configuration().group(name)
    else:
        get_engine(name)


def _look(setpoint: Setpoint, name: str, *, is_fresh: bool) -> None:
    """Make sure that there is an observation, a new one when that is asked for."""
    if not is_fresh:
        with suppress(NotFoundError):
            setpoint.last_seen(name)
            return
    setpoint.observe(name)


def _folded(catalog: Catalog, wanted: Sequence[str], resolved: Iterable[str]) -> list[str]:
    known = set(resolved)
    faults: list[InputError] = []
    folded: list[str] = []
    for name in wanted:
        try:
            folded.append(name.lower() if name.lower() in known else catalog.get(name).name)
        except NotFoundError as fault:
            faults.append(fault)
    if faults:
        raise InputErrors(faults)
    return list(dict.fromkeys(folded))


def _layers(
    setpoint: Setpoint, name: str, setting: _Setting, setter: Any
) -> tuple[tuple[Layer, Revision | None], ...]:
    """Answer the layers that speak, lowest first, each with the revision that made it say so."""
    from setpoint.config.layers import LayerKind

    if setting.desired is None:
        return ()
    found: list[tuple[Layer, Revision | None]] = []
    for layer in setting.desired.chain:
        if layer.kind is LayerKind.TEMPLATE:
            group = setpoint.configuration().instance(name).group
            found.append(
                (layer, setter(f"instance:{name}", "template") or setter(f"group:{group}", "template"))
            )
        else:
            part = f"{layer.kind.word}:{layer.name}"
            found.append((layer, setter(part, f"settings.{setting.name}")))
    return tuple(found)


def _table(shown: Sequence[_Setting]) -> Table:
    rows: list[tuple[Piece, ...]] = []
    for each in shown:
        desired = setting_text(each.desired.text) if each.desired else "-"
        running = each.running if each.running is not None else "?"
        rows.append(
            (
                each.name,
                running or "''",
                desired if each.is_right else Span(desired, "bad"),
                str(each.desired.layer) if each.desired else "-",
                str(each.origin) if each.origin else "-",
                _note(each),
            )
        )
    return Table(("PARAMETER", "RUNNING", "DESIRED", "LAYER", "SET BY", "NOTE"), rows)


def _note(each: _Setting) -> Piece:
    notes: list[str] = []
    if each.pending is not None and each.observed is not None:
        notes.append(each.observed.pending_reason or f"{each.pending} waits for a restart")
    if each.observed is None:
        notes.append("the server does not list it")
    elif each.observed.is_inferred:
        notes.append("worked out: this login does not see the instance's own value")
    notes += [f"{origin.scope or origin.kind.value} gets {origin.text}" for origin in each.overrides]
    return Span("; ".join(notes), "warn") if notes else ""


def _blocks(shown: Sequence[_Setting]) -> list[Block]:
    page: list[Block] = []
    for each in shown:
        running = each.running if each.running is not None else "not known"
        page.append((Span(each.name, "strong"), f" = {running or repr('')}  ", _note(each)))
        rows: list[tuple[Piece, ...]] = [
            ("server", "", str(origin), _origin_text(each, origin), _in_force(origin))
            for origin in (each.observed.origins if each.observed else ())
        ]
        for layer, revision in each.layers:
            text = setting_text(layer.settings.get(each.name))
            is_last = each.desired is not None and layer is each.desired.layer
            by = f"{revision.short_id} {revision.author}: {revision.reason}" if revision else ""
            rows.append(("desired", ">" if is_last else "", str(layer), text, by))
        page.append(Table(("", "", "", "", ""), [_marked(row) for row in rows], 2))
    return page


def _origin_text(each: _Setting, origin: Origin) -> str:
    return setting_text(shown_value(each.catalog, each.name, origin.text))


def _marked(row: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Put a mark before the origin that is in force."""
    last = row[-1]
    is_deciding = isinstance(last, Span) and last.tone == "good"
    return (row[0], ">" if is_deciding else row[1], *row[2:])


def _in_force(origin: Origin) -> Piece:
    from setpoint.config.observation import INSTANCE_WIDE

    if origin.fault:
        return Span(f"not used: {origin.fault}", "bad")
    if origin.is_in_force:
        return Span("in force", "good")
    return Span("", "dim") if origin.kind in INSTANCE_WIDE else Span("for those sessions only", "warn")


def _footer(age: str, hidden: int) -> str:
    more = f"; {counted(hidden, 'unmanaged default')} not shown (--all)" if hidden else ""
    return f"observed {age}{more}"


def _document(each: _Setting) -> dict[str, Any]:
    parameter = each.catalog.find(each.name)
    value: Any = None
    if parameter is not None and each.observed is not None and each.observed.value is not None:
        with suppress(InputError):
            value = parameter.parse(each.observed.value, each.catalog.grammar)
    deciding = each.layers[-1] if each.layers else None
    return {
        "name": each.name,
        "value": value,
        "unit": parameter.unit if parameter else None,
        "running": each.running,
        "desired": each.desired.text if each.desired else None,
        "layer": str(deciding[0]) if deciding else None,
        "revision": deciding[1].id if deciding and deciding[1] else None,
        "origin": str(each.origin) if each.origin else None,
        "origins": [origin_document(origin) for origin in (each.observed.origins if each.observed else ())],
        "layers": [
            {
                "kind": layer.kind.word,
                "name": layer.name,
                "text": layer.settings.get(each.name),
                "revision": revision.id if revision else None,
            }
            for layer, revision in each.layers
        ],
        "pending": each.pending,
        "pending_reason": each.observed.pending_reason if each.observed else "",
        "managed": each.desired is not None,
        "is_inferred": each.observed.is_inferred if each.observed else False,
        "overrides": [origin_document(origin) for origin in each.overrides],
    }
