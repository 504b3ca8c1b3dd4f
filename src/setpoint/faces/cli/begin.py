"""`init` and `completion`: what comes before everything else."""

from __future__ import annotations

import click

from setpoint.faces.cli.frame import Frame, verb
from setpoint.faces.cli.page import Answer, Span, Verbatim
from setpoint.faces.cli.person import SINGLE_USER


@verb("init")
@click.pass_obj
def init(frame: Frame) -> Answer:
    """Make a store, or bring an older one up to date.

    An existing store keeps everything that is in it. A file is readable to its owner only.
    """
    from setpoint.faces.api import Setpoint

    with Setpoint.create(frame.store) as setpoint:
        where, actor = setpoint.where, setpoint.actor
        is_governed, keys = setpoint.governance.is_governed, setpoint.governance.people.keys()
    signed = (
        f"checkpoints are signed with {keys.signing_key}; public key {keys.public_key}, {keys.fingerprint}"
        if keys.fingerprint
        else "nothing is signed: pip install 'setpoint[sign]', then setpoint init again"
    )
    return Answer(
        {
            "store": where,
            "actor": actor,
            "is_governed": is_governed,
            "keys": {
                "token_key": keys.token_key,
                "signing_key": keys.signing_key,
                "public_key": keys.public_key,
                "fingerprint": keys.fingerprint,
            },
        },
        [
            ("the store is ready at ", Span(where, "strong"), "" if is_governed else f"; you act as {actor}"),
            "governed: every change asks who makes it" if is_governed else SINGLE_USER,
            f"tokens are checked with {keys.token_key}; back it up apart from the store",
            signed,
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
