"""The play: all acts in order, and what is said at the end."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from setpoint.faces.demo import changing, governing, keeping, measurement, opening, overriding
from setpoint.faces.demo.casts import DEFAULT
from setpoint.faces.demo.stage import AUTHOR, INSTANCE, open_stage

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from setpoint.faces.demo.cast import Cast, Script
    from setpoint.faces.demo.narration import Narrator
    from setpoint.faces.demo.report import Report
    from setpoint.faces.demo.stage import Options, Stage

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def play(cast: Cast, options: Options, narrator: Narrator) -> Report:
    """Play all acts with an engine's cast; answer the report.

    Whatever ends it early (an error, Ctrl-C, SIGTERM), no process is left behind, and no folder unless it
    is to be kept.

    Raises:
        LabError: it cannot run here: no room, a server that does not start.
        SetpointError: the library refused what the loop needs; the loop is broken.
    """
    narrator.say(_greeting(cast.script, options))
    with _ending_on_signals():
        with open_stage(cast, options, narrator) as stage:
            opening.present_server(stage)
            opening.load_data(stage)
            first = opening.observe_first(stage)
            baseline = stage.setpoint.history(limit=1)[0].id
            kept_before = stage.player.kept()
            advice, template = changing.advise(stage)
            changing.change(stage, advice, template)
            measurement.measure(stage, kept_before)
            keeping.meddle(stage)
            overriding.override(stage)
            keeping.revert(stage, baseline, kept_before, first)
            house = governing.govern(stage)
            export, head = keeping.audit(stage, house)
            report = stage.report
            _tell_places(stage, export, head, house.change)
        report.sections["seconds"] = narrator.elapsed_s
        _tell_end(report, narrator)
    return report


def _greeting(script: Script, options: Options) -> str:
    loads = options.evidence_seconds + 2 * options.pairs * options.trial_seconds
    minutes = f"{(loads + script.seconds_beside) / 60:.1f} minutes"
    return f"Setpoint's whole loop on a private {script.product}, eleven acts, about {minutes}."


def _tell_places(stage: Stage, export: Path, head: str, change: str) -> None:
    narrator, options = stage.narrator, stage.options
    narrator.heading("Where everything lies, and what to try next")
    places = {
        "folder": stage.folder,
        "store": stage.store,
        "server's data": stage.player.server.data_dir,
        "server's log": stage.player.server.log_path,
        "audit export": export,
        "post-mortem": stage.post_mortem,
        **({"its anchor": stage.anchors} if stage.anchors.exists() else {}),
    }
    narrator.table(("what", "where"), [(name, str(place)) for name, place in places.items()])
    stage.report.sections["places"] = {name: str(place) for name, place in places.items()}
    stage.report.sections["is_kept"] = options.is_kept
    store = places["store"]
    if options.is_kept:
        narrator.say("Kept, with the server stopped. The store answers without it:")
        for command in (
            "history",
            "show HEAD",
            f"settings {INSTANCE} --origin",
            f"change show {change}",
            "override list --all",
            f"audit log --subject {INSTANCE} --action change.",
            f"audit verify --head {head}",
        ):
            narrator.show(f"setpoint --store {store} {command}")
        narrator.say(f"Who wants to change something says who they are, as {AUTHOR} here:")
        narrator.show(f"SETPOINT_TOKEN=$(cat {stage.token_file(AUTHOR)}) setpoint --store {store} whoami")
    else:
        narrator.say("All of it is removed now. To keep it and look around:")
        narrator.show(f"setpoint demo {engine_option(stage.cast.script.engine)}--keep")
    narrator.say("With a server of your own:")
    script = stage.cast.script
    for command in (
        "setpoint init",
        f"setpoint instance add web-1 --engine {script.engine} --target '{script.target}'",
        "setpoint observe web-1",
        "setpoint advise web-1",
    ):
        narrator.show(command)


def engine_option(engine: str) -> str:
    """Write the option that names an engine; the default one needs none."""
    return "" if engine == DEFAULT else f"--engine {engine} "


def _tell_end(report: Report, narrator: Narrator) -> None:
    kept = sum(holds for _, holds in report.promises)
    narrator.verdict(
        f"{kept} of {len(report.promises)} promises kept in {narrator.elapsed_s:.0f} s. "
        "No process is left behind.",
        holds=report.is_whole,
    )


@contextmanager
def _ending_on_signals() -> Generator[None]:
    """Let the signals that end a process unwind it instead, so that what it started is ended too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, _unwind) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _unwind(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)
