"""The frame of every verb: the options they share, the store they open, how their answer is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from setpoint.faces.cli.page import Answer
from setpoint.faces.cli.printer import print_answer, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from setpoint.faces.api import Setpoint

UNTOUCHED = "every write to the store is whole or not there at all, and no instance was changed"


@dataclass
class Frame:
    """What holds for one run of the program.

    `standing` is the sentence that an interruption is answered with: which state things are in.
    """

    store: str = ""
    token_file: str = ""
    is_json: bool = False
    standing: str = UNTOUCHED

    def open(self) -> Setpoint:
        """Open the store; raise `StoreUnavailableError` when there is none."""
        from setpoint.faces.api import Setpoint

        return Setpoint.open(self.store, token=self.token())

    def token(self) -> str | None:
        """Answer the token of the file that was named, None when none was; raise `InputError`."""
        from setpoint.faces.wiring import read_token

        return read_token(self.token_file) if self.token_file else None

    def say(self, text: str) -> None:
        """Write a message to stderr."""
        tell(text)


class Verb(click.Command):
    """A command whose function answers an `Answer`, with the options that all verbs share."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        """Add the shared options behind the command's own."""
        named["params"] = [*(named.get("params") or []), *_shared_options()]
        super().__init__(*positional, **named)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb, print its answer and end with its exit code."""
        answer = super().invoke(ctx)
        if isinstance(answer, Answer):
            print_answer(answer, is_json=ctx.ensure_object(Frame).is_json)
            ctx.exit(answer.exit_code)
        return answer


class Verbs(click.Group):
    """A verb that has verbs of its own; takes the shared options too."""

    command_class = Verb
    group_class = type

    def __init__(self, *positional: Any, **named: Any) -> None:
        """Add the shared options behind the group's own."""
        named["params"] = [*(named.get("params") or []), *_shared_options()]
        super().__init__(*positional, **named)


def verb(name: str) -> Callable[[Callable[..., Answer]], Verb]:
    """Make a function a verb; its docstring is the help text."""
    return click.command(name, cls=Verb)


def because(default: str = "", *, is_required: bool = True) -> Callable[[Any], Any]:
    """Add ``--because`` and ``--ticket`` to a verb that writes."""
    note = f"  [default: {default}]" if default else ""
    text = f"Why; kept in the history and the audit log.{note}"
    # A default of any kind, even an empty one, would count as given.
    given: dict[str, Any] = {"required": True} if is_required and not default else {"default": default}
    reason = click.option("--because", metavar="REASON", help=text, **given)
    ticket = click.option(
        "--ticket", metavar="ID", default="", help="The ticket this belongs to, kept with the reason."
    )
    return lambda function: reason(ticket(function))


def _shared_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--store"],
            metavar="PLACE",
            expose_value=False,
            callback=_take_store,
            help="The store: a path or postgresql://USER@HOST/DATABASE.  [env: SETPOINT_STORE]",
        ),
        click.Option(
            ["--token-file"],
            metavar="FILE",
            expose_value=False,
            callback=_take_token_file,
            help="Your token, in a file that only you may read.  [env: SETPOINT_TOKEN, the token itself]",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_take_json,
            help="Answer with one JSON document on stdout.",
        ),
    ]


def _take_store(ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Frame).store = value


def _take_token_file(ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Frame).token_file = value


def _take_json(ctx: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's call
    if value:
        ctx.ensure_object(Frame).is_json = True
