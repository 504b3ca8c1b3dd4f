"""A process that carries out orders in children, each of which dies by SIGKILL at a chosen point.

Orders come as JSON lines: what to do (`apply`, `undo`, or a command line for `cli`), with which store, and
at which point to die. A point lies before and after each call to the journal, to the driver and to the
restart command. Every point passed is written to a file first, which is how the test knows, independently
of the store, what happened. The answer to each order is how its child ended.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import traceback
from functools import wraps
from pathlib import Path

from setpoint import Setpoint
from setpoint.control import execution
from setpoint.control.logbook import Logbook
from setpoint.engines.mysql.driver import MysqlDriver
from setpoint.engines.postgresql.driver import PostgresDriver
from setpoint.engines.simulated.driver import SimulatedDriver, restart
from setpoint.errors import SetpointError
from setpoint.store.journal import Journal

CALLS = {
    Logbook: ("ended",),
    Journal: ("begin", "intend", "done", "finish"),
    MysqlDriver: ("run", "lock", "reconnect"),
    PostgresDriver: ("run", "lock", "reconnect"),
    SimulatedDriver: ("run", "lock", "reconnect"),
    execution: ("run_restart_command",),
}


def restart_simulated(command: str) -> None:
    """Restart a simulated server as its command would, without starting an interpreter for it."""
    restart(shlex.split(command)[-1])


class Life:
    """Counts points and ends at one of them."""

    def __init__(self, trail: str, death: int) -> None:
        self.trail = Path(trail)
        self.left = death

    def pass_point(self, name: str) -> None:
        with self.trail.open("a") as trail:
            trail.write(f"{name}\n")
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: object, name: str) -> None:
        inner = getattr(owner, name)

        @wraps(inner)
        def call(*args: object, **options: object) -> object:
            self.pass_point(f"before {name}")
            answer = inner(*args, **options)
            self.pass_point(f"after {name}")
            return answer

        setattr(owner, name, call)


def begin_life(order: dict) -> Life:
    if order["is_simulated"]:
        execution.run_restart_command = restart_simulated
    life = Life(order["trail"], order["death"])
    for owner, names in CALLS.items():
        for name in names:
            life.watch(owner, name)
    return life


def carry_out(order: dict) -> int:
    with Setpoint.open(order["store"], actor="mortal") as setpoint:
        plan = setpoint.plan(order["instance"]).plan if order["do"] == "apply" else None
        life = begin_life(order)
        try:
            if plan is not None:
                setpoint.apply(plan, may_restart=order["may_restart"])
            else:
                setpoint.undo(order["instance"], may_restart=order["may_restart"])
        except SetpointError as fault:
            life.pass_point(f"raised {fault}")
            return fault.exit_code
    return 0


def run_command_line(order: dict) -> int:
    from setpoint.faces.cli import main

    begin_life(order)
    sys.argv = ["setpoint", *order["words"]]
    sys.stdout = sys.stderr
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def main_loop() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            status = 70
            try:
                status = (run_command_line if order["do"] == "cli" else carry_out)(order)
            except BaseException:  # noqa: BLE001 - whatever it is, it must be shown
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main_loop()
