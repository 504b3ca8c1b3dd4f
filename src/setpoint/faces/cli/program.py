"""The program itself: verbs loaded when they are called, and every way a run can end as an exit code."""

from __future__ import annotations

import os
import re
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

from setpoint import __version__
from setpoint.errors import InputError, InputErrors, SetpointError
from setpoint.faces.cli.frame import Frame, Verbs
from setpoint.faces.cli.printer import prepare_streams, silence, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXIT_UNAVAILABLE = 3
EXIT_OWN_ERROR = 70
EXIT_INTERRUPTED = 130

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Begin": {
        "init": "Make a store, or bring an older one up to date.",
        "demo": "Show the whole loop on a private server.",
        "instance": "Register instances and groups, and say what is known of them.",
    },
    "Look": {
        "observe": "Look at instances and remember what they say.",
        "import": "Read files of instances nobody can log in to; or a fleet document.",
        "settings": "Show what is set and from where; or say what should be.",
        "drift": "Compare what is set with what should be.",
        "advise": "Ask the rules for advice, with their evidence.",
    },
    "Change": {
        "template": "List, fill, choose and assign templates.",
        "plan": "Plan what takes an instance to its desired settings.",
        "apply": "Apply a plan and read everything back; or take it back.",
        "verify": "Look at an instance and judge it.",
        "override": "Set something for a while in an emergency; it ends by its deadline.",
        "rollout": "Take a change over many instances in waves.",
        "bundle": "Write signed scripts for instances that only files reach.",
    },
    "Govern": {
        "change": "Propose what needs approvals; approve, reject and carry out.",
        "policy": "Show, check and change policies.",
        "lock": "Show which parameters may not move.",
        "limit": "Show the limits, and whether they hold.",
        "waiver": "Accept deviations, for a reason and until a date.",
        "compliance": "Report what holds, what fails and what is accepted.",
        "person": "Make people known, and say what they may do.",
        "token": "Issue, list and revoke tokens.",
        "whoami": "Show who you are and what you may do.",
        "notify": "Tell others what happens, over webhooks, files and the log.",
    },
    "Keep at it": {
        "run": "Run workers: observe, end overrides, carry rollouts on.",
        "worker": "List the workers, and when each instance was last seen.",
    },
    "Look back": {
        "show": "Show a revision of the configuration.",
        "history": "List the revisions: who changed what, when and why.",
        "diff": "Show what differs between two revisions.",
        "blame": "Show which revision gave each setting its value.",
        "revert": "Make an earlier configuration the current one again.",
        "audit": "Read, verify and export the audit log.",
    },
    "Look up": {
        "catalog": "Look up the parameters of an engine's versions.",
        "completion": "Print the shell's completion script.",
    },
}
_VERBS = {name: text for verbs in SECTIONS.values() for name, text in verbs.items()}
_ELSEWHERE = {
    "import": "imports",
    "show": "fleet",
    "diff": "history",
    "blame": "history",
    "revert": "history",
    "verify": "drift",
    "whoami": "person",
    "init": "begin",
    "completion": "begin",
}
"""The modules of verbs that share one; a verb's own module has its name."""


class Program(Verbs):
    """The root of all verbs. A verb's module is imported when the verb is called, never for the overview."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Answer the names of all verbs."""
        del ctx
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb, or answer None when there is none of that name."""
        del ctx
        if cmd_name not in _VERBS:
            return None
        module = import_module(f"setpoint.faces.cli.{_ELSEWHERE.get(cmd_name, cmd_name)}")
        return getattr(module, "import_" if cmd_name == "import" else cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview by sections, without loading any verb."""
        del ctx
        width = max(map(len, _VERBS))
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in verbs.items()])

    def main(self, *positional: Any, **named: Any) -> NoReturn:
        """Run and end the process with an exit code."""
        prepare_streams()
        frame = Frame()
        named = {"prog_name": "setpoint", **named, "standalone_mode": False, "obj": frame}
        sys.exit(_guarded(lambda: super(Program, self).main(*positional, **named), frame))


@click.command(
    "setpoint",
    cls=Program,
    epilog="Exit codes: 0 done, 1 the answer is no, 2 bad input, 3 unreachable or for now not able.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def PROGRAM() -> None:  # noqa: N802 - the one command object, a constant to those who import it
    """Observe, advise, plan, apply, verify, take back: the control plane for database configuration."""


def _guarded(work: Callable[[], Any], frame: Frame) -> int:
    """Run and answer the exit code, whatever happens."""
    try:
        _check_arguments()
        code = work()
    except click.Abort:
        tell(f"interrupted: {frame.standing}")
        code = EXIT_INTERRUPTED
    except SystemExit as end:  # click's answer to a reader of stdout that has gone
        silence(sys.stdout)
        code = end.code
    except Exception as fault:  # noqa: BLE001 - the last resort: one line instead of a trace
        code = _tell(fault)
    return code if isinstance(code, int) else 0


def _tell(fault: Exception) -> int:
    if isinstance(fault, click.ClickException):
        return _tell_usage(fault)
    if isinstance(fault, SetpointError):
        tell(error_text(fault))
        return fault.exit_code
    return _tell_missing(fault) if isinstance(fault, ModuleNotFoundError) else _tell_own_error(fault)


def error_text(fault: SetpointError) -> str:
    """Write an error for people: one line, or one line a fault and a last one that counts them."""
    if isinstance(fault, InputErrors) and len(fault.faults) > 1:
        return "\n".join([*map(str, fault.faults), f"error: {len(fault.faults)} faults, nothing was done"])
    return f"error: {fault}"


def _check_arguments() -> None:
    """Refuse arguments that are no text: they could be neither stored nor shown."""
    for number, argument in enumerate(sys.argv[1:], start=1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise InputError(f"argument {number} is not valid UTF-8") from None


def _tell_usage(fault: click.ClickException) -> int:
    if isinstance(fault, click.exceptions.NoArgsIsHelpError):
        fault.show()
        return fault.exit_code
    ctx = fault.ctx if isinstance(fault, click.UsageError) else None
    if ctx is not None:
        tell(f"{ctx.get_usage()}\nTry `{ctx.command_path} --help`.")
    tell(f"error: {fault.format_message()}")
    return fault.exit_code


def _tell_missing(fault: ModuleNotFoundError) -> int:
    """Name the extra that brings a package which is not installed."""
    package = (fault.name or "").partition(".")[0]
    if package == "setpoint":
        return _tell_own_error(fault)
    tell(f"error: this needs the package {package}: pip install 'setpoint[{_extra_of(package)}]'")
    return EXIT_UNAVAILABLE


def _extra_of(package: str) -> str:
    """Answer the smallest extra with that package."""
    from importlib.metadata import requires

    extras: dict[str, list[str]] = {}
    for line in requires("setpoint") or ():
        match = re.match(r"([\w.-]+).*\bextra == ['\"](\w+)['\"]", line)
        if match:
            extras.setdefault(match[2], []).append(match[1].lower())
    return min(
        (name for name in extras if package in extras[name]), key=lambda e: len(extras[e]), default="all"
    )


def _tell_own_error(fault: Exception) -> int:
    """Say that Setpoint itself failed. The exception's own text is left out: it could hold anything."""
    if os.environ.get("SETPOINT_DEBUG"):
        traceback.print_exception(fault)
    frames = traceback.extract_tb(fault.__traceback__)
    place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "nowhere"  # noqa: PTH119 - a name, no path
    tell(f"error: Setpoint failed: {type(fault).__name__} at {place}; SETPOINT_DEBUG=1 shows the trace")
    return EXIT_OWN_ERROR
