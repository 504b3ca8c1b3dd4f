"""Act 8: an emergency that ends by itself: in force at once, off by its deadline, whoever is killed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.config.override import LinkState, OverrideState
from setpoint.control.clock import boot_moment, elapsed_seconds, seconds_left
from setpoint.errors import LabError
from setpoint.faces.demo.stage import AUTHOR, INSTANCE
from setpoint.faces.wiring import ACTOR_VARIABLE, STORE_VARIABLE, TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from setpoint.config.override import Override
    from setpoint.faces.demo.stage import Stage

LASTS_SECONDS = 8
IN_FORCE_WITHIN_SECONDS = 2.0
OFF_WITHIN_SECONDS = 3.0
"""The guard process leaves a second to the workers; connecting, putting back and our own look take the rest.

Both are meant for a machine that is not busy otherwise; on another one they stretch with its load.
"""

_PROGRAM = "from setpoint.faces.cli import main; main()"
_LIMIT_SECONDS = 30.0
_POLL_SECONDS = 0.05
_CHAPTER = "In short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What was seen of the override: how fast it came, how late it went, and how it is recorded."""

    id: str
    before: dict[str, str]
    in_force_seconds: float
    off_after_seconds: float
    after: dict[str, str]
    recorded: Override


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long something may take here, and the same in words."""

    seconds: float
    text: str


def allow(seconds: float) -> Allowance:
    """Answer what is allowed on a machine as busy as this one."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    if busy <= 1:
        return Allowance(seconds, f"{seconds:g} s allowed")
    stretched = seconds * busy
    return Allowance(stretched, f"{seconds:g} s allowed, {stretched:.1f} s on a machine as busy as this")


def override(stage: Stage) -> None:
    """Act 8: start an override, see it hold, kill the worker, see it end, read the post-mortem."""
    narrator = stage.narrator
    narrator.act("An emergency that ends by itself")
    stage.exits.callback(_forget_orders, stage)
    before = _running(stage)
    with _worker(stage) as worker:
        narrator.say(f"A worker observes the fleet and ends what is due, as process {worker.pid}.")
        started, in_force_seconds = _start(stage)
        _see_it_hold(stage, started)
        worker.kill()
        worker.wait()
        narrator.say("The worker is killed, and nothing else that knows the store is at work:")
        narrator.show(f"$ kill -9 {worker.pid}")
    off_after_seconds = _await_end(stage, started, before)
    after = _running(stage)
    narrator.say("A new worker finds the record open and the instance put back, and closes it:")
    with _worker(stage):
        recorded = _await_record(stage, started)
    course = Course(
        id=started.id,
        before=before,
        in_force_seconds=in_force_seconds,
        off_after_seconds=off_after_seconds,
        after=after,
        recorded=recorded,
    )
    _promise_end(stage, course)
    _look_back(stage, course)


def _start(stage: Stage) -> tuple[Override, float]:
    """Start it by the command line; answer it, and the seconds until plain SQL saw it."""
    narrator, emergency = stage.narrator, stage.cast.script.emergency
    because = emergency.because
    narrator.say(f"{because[:1].upper()}{because[1:]}; {AUTHOR} does not wait for a review:")
    began = elapsed_seconds()
    words = [f"{name}={value}" for name, value in emergency.asked.items()]
    _tell_command(
        stage, "override", "start", INSTANCE, *words, "--for", f"{LASTS_SECONDS}s", "--because", because
    )
    is_in_force = _running(stage) == emergency.runs
    seconds, allowance = elapsed_seconds() - began, allow(IN_FORCE_WITHIN_SECONDS)
    stage.report.promise(
        f"on the instance {seconds:.1f} s after the command was given, {allowance.text}",
        holds=is_in_force and seconds <= allowance.seconds,
    )
    return stage.setpoint.overrides.all(is_open_only=True, instance=INSTANCE)[0], seconds


def _see_it_hold(stage: Stage, started: Override) -> None:
    """See that what an override sets is desired while it lasts: no drift, and nothing to plan."""
    _, drifts = stage.setpoint.drift(INSTANCE)
    found = [drift.parameter for drift in drifts if drift.is_deviation]
    planned = stage.setpoint.plan(INSTANCE)
    stage.report.promise(
        f"while it lasts it is what is desired: drift finds {', '.join(found) or 'none'}, and the plan is "
        f"{'empty' if planned.plan.is_empty else 'not empty'}",
        holds=not found and planned.plan.is_empty,
    )
    armed = [link.kind.value for link in started.links if link.state is LinkState.ARMED]
    stage.narrator.say(f"Each of these would end it without the others: {', '.join(armed)}.")


def _await_end(stage: Stage, started: Override, before: dict[str, str]) -> float:
    """Ask the server until it runs as before; answer how long after the deadline that was seen."""
    limit = elapsed_seconds() + LASTS_SECONDS + _LIMIT_SECONDS
    while _running(stage) != before and elapsed_seconds() < limit:
        left = _left(stage, started)
        stage.narrator.progress(1 - max(left, 0.0) / LASTS_SECONDS, "nobody touches anything")
        time.sleep(_POLL_SECONDS)
    return -_left(stage, started)


def _left(stage: Stage, started: Override) -> float:
    """Answer the seconds until the deadline, fewer than none after it."""
    return seconds_left(started.deadline, started.deadline_moment, stage.setpoint.now(), boot_moment())


def _await_record(stage: Stage, started: Override) -> Override:
    """Wait until a worker has written down that it is over."""
    overrides = stage.setpoint.overrides
    _await(lambda: not overrides.get(started.id).is_open, "a worker notes the end of the override")
    return overrides.get(started.id)


def _promise_end(stage: Stage, course: Course) -> None:
    is_as_before = course.after == course.before
    late, allowance = course.off_after_seconds, allow(OFF_WITHIN_SECONDS)
    back = ", ".join(f"{name} = {value}" for name, value in course.after.items())
    stage.report.promise(
        f"off {late:.1f} s after its deadline with the worker dead, {allowance.text}: {back}",
        holds=is_as_before and 0 <= late <= allowance.seconds,
    )


def _look_back(stage: Stage, course: Course) -> None:
    """Read the post-mortem, as far as it tells how it ended, and keep it as a page."""
    told = _run(stage, "override", "report", course.id).stdout
    _run(stage, "override", "report", course.id, "--output", str(stage.post_mortem))
    link = course.recorded.ended_by
    stage.narrator.show(f"$ setpoint override report {course.id.partition('/')[2]}")
    for line in chapter(told):
        stage.narrator.note(line)
    stage.report.promise(
        f"post-mortem written: put back by the {link.value if link is not None else 'nobody'}",
        holds=course.recorded.state is OverrideState.ENDED
        and link is not None
        and stage.post_mortem.exists(),
    )
    stage.report.sections["override"] = {
        "id": course.id,
        "settings": dict(stage.cast.script.emergency.runs),
        "lasts_seconds": LASTS_SECONDS,
        "in_force_seconds": course.in_force_seconds,
        "off_after_seconds": course.off_after_seconds,
        "state": course.recorded.state.value,
        "ended_by": link.value if link is not None else None,
        "links": {each.kind.value: each.state.value for each in course.recorded.links},
        "before": course.before,
        "after": course.after,
    }


def chapter(told: str) -> list[str]:
    """Answer the lines of a post-mortem's chapter that tells it in short."""
    lines = told.splitlines()
    rest = lines[lines.index(_CHAPTER) + 1 :]
    return rest[: rest.index("")]


@contextmanager
def _worker(stage: Stage) -> Generator[subprocess.Popen[bytes]]:
    """Run a worker as a process of its own until it is killed or the block is left; it ends with us, too."""
    known = {state.id for state in stage.setpoint.workers.all()}
    stage.narrator.show("$ setpoint run")
    log = (stage.folder / "worker.log").open("ab")
    with log:
        # Supervised, it ends when its standard input does, so that it does not outlive this process.
        command = [*_command(stage), "run", "--supervised", "--interval", "5s"]
        process = subprocess.Popen(  # noqa: S603 - this very program, with words made here
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=_environment(stage)
        )
    with process:
        try:
            _await(
                lambda: (
                    process.poll() is not None
                    or any(state.id not in known for state in stage.setpoint.workers.all())
                ),
                "the worker begins",
            )
            yield process
        finally:
            process.terminate()


def _await(is_so: Callable[[], bool], what: str) -> None:
    limit = elapsed_seconds() + _LIMIT_SECONDS
    while not is_so():
        if elapsed_seconds() >= limit:
            raise LabError(f"{_LIMIT_SECONDS:g} s went by before {what}")
        time.sleep(_POLL_SECONDS)


def _tell_command(stage: Stage, *words: str) -> None:
    """Show a command, run it, and show what it printed."""
    stage.narrator.show(f"$ setpoint {shlex.join(words)}")
    for line in _run(stage, *words).stdout.splitlines():
        stage.narrator.show(line)


def _run(stage: Stage, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own; raise `LabError` where it does not do what it is told."""
    done = subprocess.run(  # noqa: S603 - this very program, with words made here
        [*_command(stage), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=_environment(stage),
        check=False,
    )
    if done.returncode:
        raise LabError(f"setpoint {shlex.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    return done


def _command(stage: Stage) -> list[str]:
    return [sys.executable, "-c", _PROGRAM, "--store", str(stage.store)]


def _environment(stage: Stage) -> dict[str, str]:
    """Answer what the command line is run with: the store's single user, and no token of anybody's."""
    environment = {
        name: text for name, text in os.environ.items() if name not in (TOKEN_VARIABLE, STORE_VARIABLE)
    }
    return {**environment, ACTOR_VARIABLE: AUTHOR, "XDG_CONFIG_HOME": str(stage.folder / "config")}


def _running(stage: Stage) -> dict[str, str]:
    """Ask the server itself."""
    return {name: stage.player.running(name) for name in stage.cast.script.emergency.runs}


def _forget_orders(stage: Stage) -> None:
    """Take the guard process's orders away, should we be ended in the middle: its server goes with us."""
    shutil.rmtree(stage.state, ignore_errors=True)
