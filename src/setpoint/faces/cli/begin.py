"""`init` and `completion`: what comes before everything else."""

from __future__ import annotations

import click

from setpoint.faces.cli.frame import Frame, verb
from setpoint.faces.cli.page import Answer, Span, Verbatim


@verb("init")
@click.pass_obj
def init(frame: Frame) -> Answer:
    """Make a store, or bring an older one up to date.

    An existing store keeps everything that is in it. A file is readable to its owner only.
    """
    from setpoint.faces.api import Setpoint

    with Setpoint.create(frame.store) as setpoint:
        where, actor = setpoint.where, setpoint.actor
    return Answer(
        {"store": where, "actor": actor},
        [
            ("the store is ready at ", Span(where, "strong"), f"; you act as {actor}"),
            Span("next: setpoint instance add NAME --engine ENGINE --target TARGET", "dim"),
        ],
    )


@verb("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> Answer:
    """Print the completion script of a shell.

    \b
    bash: eval "$(setpoint completion bash)"
    zsh:  eval "$(setpoint completion zsh)"
    fish: setpoint completion fish | source
    """  # noqa: D301 - \b is click's word for "do not rewrap", not a backslash to be kept
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - click knows all the shells offered above
        raise click.UsageError(f"no completion for {shell}")
    script = found(ctx.find_root().command, {}, "setpoint", "_SETPOINT_COMPLETE").source()
    return Answer({"shell": shell, "script": script}, [Verbatim(f"{script}\n")])
