"""`import`: files of instances nobody can log in to, or a fleet document."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from setpoint.config.bundle import BundleKind
from setpoint.errors import InputError
from setpoint.faces.cli.arguments import InstanceName, Moment, read_text
from setpoint.faces.cli.drift import drift_document, drift_table
from setpoint.faces.cli.frame import Frame, because, verb
from setpoint.faces.cli.page import Answer, Span, Table
from setpoint.faces.cli.wording import committed, counted, moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from setpoint.config.dump import Dump, DumpSetting, Problem
    from setpoint.config.observation import Observation
    from setpoint.faces.cli.page import Block, Piece

_FLEET = re.compile(rb"^(?:setpoint|fleet|groups|instances|policies)\s*:", re.MULTILINE)
_HEAD_BYTES = 65_536
_MOST_SHOWN = 40
_TOLD_EVERY = 50
_TONES = {"error": "bad", "warning": "warn", "note": "dim"}


@verb("import")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--engine", metavar="ENGINE", default="", help="Read as this engine's, whatever it looks like.")
@click.option("--version", metavar="VERSION", default="", help="The version, where the files do not tell it.")
@click.option("--instance", metavar="NAME", type=InstanceName(), help="Keep it as what this instance said.")
@click.option("--at", type=Moment(), help="When the files were written.  [default: their own time]")
@click.option("--validate", is_flag=True, help="Ask a server's own program, where one is here, as well.")
@because("imported")
@click.pass_obj
def import_(  # noqa: PLR0913 - each is an option of its own
    frame: Frame,
    paths: tuple[str, ...],
    *,
    engine: str,
    version: str,
    instance: str | None,
    at: datetime | None,
    validate: bool,
    because: str,
    ticket: str,
) -> Answer:
    """Read files of instances nobody can log in to, whatever they are: configuration files and folders of
    them, lists of settings in any client's shape, reports, metrics of exporters.

    Each file is recognised by its content. With --instance what they say is kept like an observation, with
    its age; what they do not say stays unknown. Ends with 1 when something in them would be refused by the
    server or cannot be understood, with 2 when a file is no database's. With --validate the server's own
    program judges configuration files too; it starts nothing, and opens a copy.

    A fleet document (YAML; - for stdin) is made the whole configuration instead: what is not in it is taken
    out, and when anything in it is faulty nothing changes.

    \b
    setpoint import /media/usb/bank-3/ --instance bank-3
    setpoint import postgresql.conf --version 16 --json
    """  # noqa: D205, D301 - \b is click's word for "do not rewrap"
    if len(paths) == 1 and _is_fleet(paths[0]):
        if engine or version or instance or at or validate:
            raise InputError("this is a fleet document", next_step="import it without other options")
        text, source = read_text(paths[0])
        with frame.open() as setpoint:
            revision, edits = setpoint.import_fleet(text, source, reason=because, ticket=ticket)
        return committed(revision, edits)
    results = [path for path in paths if _is_result(path)]
    if results:
        if len(results) < len(paths) or engine or version or instance or at or validate:
            raise InputError(
                f"{results[0]} is the result of a bundle",
                next_step="import it without other files and options",
            )
        return _accept(frame, results)
    if at is not None and instance is None:
        raise InputError("--at is for --instance", next_step="name the instance, or leave --at out")
    files = _read(frame, paths, engine=engine, version=version, is_validating=validate)
    return _told(frame, files, instance, at)


def _is_fleet(path: str) -> bool:
    if path == "-":
        return True
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return _FLEET.search(head) is not None and not head.startswith(b"[")


def _is_result(path: str) -> bool:
    from setpoint.engines.frames import is_result

    try:
        with Path(path).open("rb") as file:
            return is_result(file.read(_HEAD_BYTES).decode(errors="replace"))
    except OSError:
        return False


def _accept(frame: Frame, results: Sequence[str]) -> Answer:
    page: list[Block] = []
    documents: list[dict[str, Any]] = []
    with frame.open() as setpoint:
        for path in results:
            text, source = read_text(path)
            done = setpoint.bundles.accept(text, source)
            sheet, seen = done.issued.sheet, done.observation
            documents.append(
                {
                    "path": path,
                    "bundle": sheet.id,
                    "kind": sheet.kind.value,
                    "instance": sheet.instance,
                    "at": seen.at,
                    "parameters": [drift_document(drift) for drift in done.drifts],
                }
            )
            what = "was looked at" if sheet.kind is BundleKind.COLLECT else "was changed, and read back"
            told = f" {what} {moment_text(seen.at)}; {counted(len(seen.settings), 'parameter')} are known now"
            page.append((Span(sheet.instance, "strong"), told))
            if done.drifts:
                page.append(drift_table(done.drifts))
            page.append(Span(f"next: setpoint drift {sheet.instance}", "dim"))
    return Answer({"results": documents}, page)


def _read(
    frame: Frame, paths: Sequence[str], *, engine: str, version: str, is_validating: bool
) -> list[Dump]:
    from setpoint.faces.intake import read_files

    dumps: list[Dump] = []
    for dump in read_files(paths, engine=engine, version=version, is_validating=is_validating):
        dumps.append(dump)
        if len(dumps) % _TOLD_EVERY == 0:
            frame.say(f"{len(dumps)} files were read")
    return dumps


def _told(frame: Frame, dumps: Sequence[Dump], instance: str | None, at: datetime | None) -> Answer:
    kept: Observation | None = None
    if instance is not None:
        with frame.open() as setpoint:
            kept = setpoint.intake.keep(instance, dumps, written_at=at)
    document: dict[str, Any] = {"files": list(map(dump_document, dumps))}
    if kept is not None:
        document["kept"] = {"instance": kept.instance, "at": kept.at, "is_partial": kept.is_partial}
    return Answer(document, _page(dumps, kept), _exit_code(dumps))


def _exit_code(dumps: Sequence[Dump]) -> int:
    if any(dump.engine is None for dump in dumps):
        return 2
    return 1 if any(dump.has_errors for dump in dumps) else 0


def dump_document(dump: Dump) -> dict[str, Any]:
    """Answer what one file says, for programs."""
    return {
        "path": dump.path,
        "engine": dump.engine,
        "version": dump.version,
        "kind": dump.kind,
        "complete": dump.is_complete,
        "settings": [
            {
                "name": each.name,
                "value": each.value,
                "unit": each.unit,
                "raw": each.raw,
                "running": each.running,
                "line": each.line,
                "scope": each.scope,
                "source": each.source.value,
            }
            for each in dump.settings
        ],
        "metrics": len(dump.samples),
        "redacted": list(dump.redacted),
        "problems": [
            {
                "severity": each.severity.value,
                "line": each.line,
                "column": each.column,
                "message": each.message,
            }
            for each in dump.problems
        ],
    }


def _page(dumps: Sequence[Dump], kept: Observation | None) -> list[Block]:
    page: list[Block] = [
        Table(
            ("FILE", "ENGINE", "VERSION", "KIND", "SETTINGS", "METRICS", "PROBLEMS"), list(map(_row, dumps))
        )
    ]
    for dump in dumps:
        page += [_problem_line(dump, problem) for problem in dump.problems]
        if dump.redacted:
            names = ", ".join(dump.redacted)
            page.append(Span(f"{dump.path}: secrets were left out: {names}", "dim"))
    if len(dumps) == 1 and dumps[0].settings:
        page += _settings(dumps[0])
    if kept is not None:
        words = "; what is not in them stays unknown" if kept.is_partial else ""
        page.append(f"kept as what {kept.instance} said at {moment_text(kept.at)}{words}")
        page.append(Span(f"next: setpoint drift {kept.instance}", "dim"))
    return page


def _row(dump: Dump) -> tuple[Piece, ...]:
    found = Counter(problem.severity.value for problem in dump.problems)
    told = ", ".join(counted(found[word], word) for word in _TONES if found[word]) or "-"
    tone = next((tone for word, tone in _TONES.items() if found[word]), "good")
    return (
        dump.path,
        Span(dump.engine, "strong") if dump.engine else Span("none", "bad"),
        dump.version or "-",
        dump.kind + (" (complete)" if dump.is_complete else ""),
        str(len(dump.settings)),
        str(len(dump.samples)),
        Span(told, tone),  # type: ignore[arg-type]
    )


def _problem_line(dump: Dump, problem: Problem) -> Span:
    place = dump.path + (f":{problem.line}" if problem.line else "")
    place += f":{problem.column}" if problem.line and problem.column else ""
    severity = problem.severity.value
    return Span(f"{place}: {severity}: {problem.message}", _TONES[severity])  # type: ignore[arg-type]


def _settings(dump: Dump) -> list[Block]:
    chosen = [each for each in dump.settings if each.source.value != "default"] or list(dump.settings)
    rows = [_setting_row(each) for each in chosen[:_MOST_SHOWN]]
    page: list[Block] = [Table(("LINE", "NAME", "VALUE", "UNIT", "SCOPE", "SOURCE"), rows)]
    left = len(dump.settings) - len(rows)
    if left:
        page.append(Span(f"{counted(left, 'setting')} more; --json has all of them", "dim"))
    return page


def _setting_row(setting: DumpSetting) -> tuple[Piece, ...]:
    value: Piece = str(setting.value) if setting.value is not None else Span(setting.raw or "-", "bad")
    if isinstance(setting.value, bool):
        value = "true" if setting.value else "false"
    if setting.running is not None and setting.running != setting.value:
        value = f"{value} (runs {setting.running})"
    line = str(setting.line) if setting.line else "-"
    return (line, setting.name, value, setting.unit or "", setting.scope, setting.source.value)
