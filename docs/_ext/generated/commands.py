"""The command line, by walking its tree of commands."""

from __future__ import annotations

from importlib import import_module
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, NamedTuple

from .markdown import cell, code, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

PROGRAM = "setpoint"
AS_IT_IS = "\b\n"
"""What begins a paragraph of help that is not to be wrapped."""


class Entry(NamedTuple):
    """One command: its full name, and the command itself."""

    name: str
    command: click.Command

    @property
    def options(self) -> list[click.Parameter]:
        """Its options, the hidden ones left out."""
        return [
            each
            for each in self.command.params
            if each.param_type_name == "option" and not getattr(each, "hidden", False)
        ]

    @property
    def is_group(self) -> bool:
        """Whether it only holds other commands."""
        return hasattr(self.command, "list_commands")


def find_root() -> click.Command:
    """Answer the command that holds all others."""
    return import_module("setpoint.faces.cli.program").PROGRAM


def walk() -> Iterator[Entry]:
    """Answer the root and every command below it, in the order that help lists them."""
    yield from _walk(PROGRAM, find_root(), None)


def write() -> str:
    """Write the options that all commands share, then a section per command."""
    entries = list(walk())
    leaves = [entry for entry in entries if not entry.is_group]
    shared = set.intersection(*({_spelling(option) for option in leaf.options} for leaf in leaves))
    common = [option for option in leaves[0].options if _spelling(option) in shared]
    parts = [f"## Options of every command\n\n{_options(common)}"]
    parts += [_section(entry, shared) for entry in entries]
    return "\n".join(parts)


def _walk(name: str, command: click.Command, above: click.Context | None) -> Iterator[Entry]:
    import click

    yield Entry(name, command)
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name.rpartition(" ")[2], parent=above)
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            if below is not None and not below.hidden:
                yield from _walk(f"{name} {word}", below, context)


def _section(entry: Entry, shared: set[str]) -> str:
    level = "##" if entry.name.count(" ") < 2 else "###"  # noqa: PLR2004 - the verb, and what stands below it
    anchor = "command-" + entry.name.replace(" ", "-")
    parts = [f"({anchor})=\n{level} {entry.name}\n", f"{_help(entry.command)}\n"]
    if not entry.is_group:
        usage = " ".join(
            [entry.name, "[OPTIONS]", *(each.make_metavar(_context()) for each in _arguments(entry.command))]
        )
        parts.append(f"```text\n{usage}\n```\n")
    own = [option for option in entry.options if _spelling(option) not in shared]
    if own:
        parts.append(_options(own))
    return "\n".join(parts)


def _help(command: click.Command) -> str:
    """Write the help text; a paragraph that click leaves as it is becomes a block of code."""
    text = cleandoc((command.help or command.short_help or "").partition("\f")[0])
    paragraphs = [
        f"```text\n{each.removeprefix(AS_IT_IS).strip()}\n```" if each.startswith(AS_IT_IS) else prose(each)
        for each in text.split("\n\n")
    ]
    return "\n\n".join(paragraphs)


def _arguments(command: click.Command) -> list[click.Parameter]:
    return [each for each in command.params if each.param_type_name == "argument"]


def _spelling(option: click.Parameter) -> str:
    return ", ".join([*option.opts, *option.secondary_opts])


def _options(options: list[click.Parameter]) -> str:
    return table(["option", "meaning"], [[code(_with_value(each)), cell(_meaning(each))] for each in options])


def _with_value(option: Any) -> str:
    """Write an option's spellings and what it takes."""
    if option.is_flag or option.count:
        return _spelling(option)
    more = "..." if option.multiple else ""
    return f"{_spelling(option)} {option.make_metavar(_context())}{more}"


def _context() -> click.Context:
    import click

    return click.Context(click.Command(PROGRAM))


def _meaning(option: Any) -> str:
    words = [option.help or ""]
    if option.envvar:
        words.append(f"Environment: `{option.envvar}`.")
    if option.required:
        words.append("Required.")
    return " ".join(words)
