"""The fleet's whole configuration as one immutable value, which revisions hold and YAML shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from setpoint.config.facts import DeclaredFacts
from setpoint.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

SettingText = str | tuple[str, ...] | None
"""A setting as its author wrote it: a scalar, a list, or None for "not managed from this layer down"."""

Settings = dict[str, SettingText]

Mode = Literal["observe", "propose", "enforce"]
"""What a worker does about an instance's drift: only look, propose a plan, or put it right."""

SECRET_ADVICE = "refer to the password instead: env:NAME or file:/path"  # noqa: S105 - says where to put one
_SECRET_REFERENCE = re.compile(r"(?:(?:env|file):.+)?", re.DOTALL)
_SECRET_IN_TARGET = re.compile(
    r"(?:^|[\s?&;])(?:ssl)?(?:password|pwd|passwd)\s*=|://[^/@\s]*:[^/@\s]+@", re.IGNORECASE
)


class TemplateUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A template pinned to a version, with the inputs that its author asks for."""

    name: str
    version: int
    inputs: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    def __str__(self) -> str:
        """Write ``name@version``."""
        return f"{self.name}@{self.version}"


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A replication group or cluster: instances of one engine that share settings."""

    engine: str
    template: TemplateUse | None = None
    settings: Settings = msgspec.field(default_factory=dict[str, SettingText])


class Instance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One instance: how to reach it, where it belongs, and its own settings.

    `target` is the engine's own way to name a server, without password; `password` refers to one
    (``env:NAME``, ``file:/path``, empty for the driver's own places such as ``~/.pgpass``) and never holds
    it. `restart_command` and `agent_command` are split like a shell splits words and run without a shell;
    the latter reaches files of the instance that its server does not write itself. `mode` says what a worker
    does when the instance has drifted.
    """

    engine: str
    target: str = ""
    password: str = ""
    group: str = ""
    environment: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    restart_command: str = ""
    agent_command: str = ""
    facts: DeclaredFacts | None = None
    template: TemplateUse | None = None
    settings: Settings = msgspec.field(default_factory=dict[str, SettingText])
    mode: Mode = "observe"

    @property
    def is_offline(self) -> bool:
        """Whether it is reached through files alone: nobody says how to connect to it."""
        return not self.target


class Configuration(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Everything that is configured: fleet-wide settings per engine, groups, instances, policies.

    `policies` holds the YAML text of each policy by its name; `setpoint.policy` reads them.
    """

    fleet: dict[str, Settings] = msgspec.field(default_factory=dict[str, Settings])
    groups: dict[str, Group] = msgspec.field(default_factory=dict[str, Group])
    instances: dict[str, Instance] = msgspec.field(default_factory=dict[str, Instance])
    policies: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    def instance(self, name: str) -> Instance:
        """Answer the instance of that name; raise `NotFoundError`."""
        try:
            return self.instances[name]
        except KeyError:
            message = f"no instance is called {name!r}"
            raise NotFoundError(message, next_step=_near(name, self.instances, "instance")) from None

    def group(self, name: str) -> Group:
        """Answer the group of that name; raise `NotFoundError`."""
        try:
            return self.groups[name]
        except KeyError:
            message = f"no group is called {name!r}"
            raise NotFoundError(message, next_step=_near(name, self.groups, "group")) from None


Part = Settings | Group | Instance | str
"""One part of a configuration: an engine's fleet-wide settings, a group, an instance, a policy's text."""


def is_secret_reference(text: str) -> bool:
    """Tell whether a text refers to a password (or is empty) rather than being one."""
    return _SECRET_REFERENCE.fullmatch(text) is not None


def holds_secret(target: str) -> bool:
    """Tell whether a target carries a password, as a keyword or inside a URL."""
    return _SECRET_IN_TARGET.search(target) is not None


def _near(name: str, names: Mapping[str, object], noun: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(names), n=3)
    return f"did you mean {', '.join(near)}?" if near else f"`setpoint {noun} list` shows those that exist"
