"""A template: settings for one engine and one kind of use, each with its reason and source."""

from __future__ import annotations

import msgspec

from setpoint.catalog import Version
from setpoint.config.variables import Type


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value the user of a template may choose. `default` is written like a constant formula (``8GB``)."""

    name: str
    type: Type
    default: str
    description: str


class Sign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What speaks for or against the template: a condition, and the reason in words."""

    when: str
    reason: str
    is_against: bool = False


class TemplateSetting(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One setting: a `value` as the engine reads it, or a `formula`; never both.

    It counts from version `since` and before version `until` (empty: no bound), where `when` is true
    (empty: always). Of several settings for one parameter the first that counts is taken. `line` is where
    it stands in the template's text.
    """

    parameter: str
    value: str | None = None
    formula: str = ""
    when: str = ""
    since: str = ""
    until: str = ""
    reason: str
    source: str
    line: int = 0

    def is_for(self, version: Version) -> bool:
        """Tell whether it counts for that version."""
        return is_between(version, self.since, self.until)


class Template(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A template as it is shipped. `source` names its text for errors."""

    name: str
    version: int
    engine: str
    profile: str
    description: str
    since: str = ""
    until: str = ""
    inputs: tuple[Input, ...] = ()
    signs: tuple[Sign, ...] = ()
    settings: tuple[TemplateSetting, ...]
    source: str = ""

    def __str__(self) -> str:
        """Write ``name@version``, as instances and groups pin it."""
        return f"{self.name}@{self.version}"

    def is_for(self, version: Version) -> bool:
        """Tell whether the template is made for that engine version."""
        return is_between(version, self.since, self.until)


def is_between(version: Version, since: str, until: str) -> bool:
    """Tell whether a version is not before `since` and before `until`; an empty bound is none."""
    if since and version.parts < Version.parse(since).parts:
        return False
    return not until or version.parts < Version.parse(until).parts
