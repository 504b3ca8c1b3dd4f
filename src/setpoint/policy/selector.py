"""Selectors: which instances a grant, a policy or a waiver speaks of.

Exact words only: no patterns, so that no name can be made to slip in or out of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from setpoint.errors import InputError

if TYPE_CHECKING:
    from setpoint.config.configuration import Instance

_LABEL = "label."
_MANY = "|"


class Selector(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Every dimension that is not empty must name the instance's own word; an empty selector fits all."""

    engines: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    labels: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict[str, tuple[str, ...]])

    @property
    def is_all(self) -> bool:
        """Whether it fits every instance there can be."""
        return not (self.engines or self.groups or self.environments or self.instances or self.labels)

    def fits(self, name: str, instance: Instance) -> bool:
        """Tell whether an instance is meant."""
        own = (
            (self.engines, instance.engine),
            (self.groups, instance.group),
            (self.environments, instance.environment),
            (self.instances, name),
            *((words, instance.labels.get(label, "")) for label, words in self.labels.items()),
        )
        return all(not words or word in words for words, word in own)

    def fits_engine(self, engine: str) -> bool:
        """Tell whether every instance of an engine is meant, those to come included."""
        is_only_engines = not (self.groups or self.environments or self.instances or self.labels)
        return is_only_engines and (not self.engines or engine in self.engines)

    def fits_group(self, group: str, engine: str) -> bool:
        """Tell whether every instance of a group is meant, those to come included."""
        if self.environments or self.instances or self.labels:
            return False
        return (not self.groups or group in self.groups) and (not self.engines or engine in self.engines)

    def __str__(self) -> str:
        """Write it the way `parse_selector` reads it."""
        parts = [
            ("engine", self.engines),
            ("group", self.groups),
            ("environment", self.environments),
            ("instance", self.instances),
            *((f"{_LABEL}{name}", words) for name, words in sorted(self.labels.items())),
        ]
        return ",".join(f"{key}={_MANY.join(words)}" for key, words in parts if words) or "all"


ALL = Selector()
"""Every instance."""


def parse_selector(text: str) -> Selector:
    """Read ``environment=production|staging,engine=postgresql,label.tier=gold``, or ``all``.

    Keys are ``engine group environment instance label.NAME``. Raises `InputError`.
    """
    if text.strip() == "all":
        return ALL
    found: dict[str, tuple[str, ...]] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = key.strip()
        words = tuple(word.strip() for word in value.split(_MANY))
        if not equals or not all(words):
            raise _fault(f"{part.strip()!r} is no part of a selector")
        if key in found:
            raise _fault(f"{key} stands twice")
        found[key] = words
    return selector_of(found)


def selector_of(words: dict[str, tuple[str, ...]]) -> Selector:
    """Make a selector of words by key (``engine group environment instance label.NAME``)."""
    plural = {"engine": "engines", "group": "groups", "environment": "environments", "instance": "instances"}
    fields: dict[str, tuple[str, ...]] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for key, given in words.items():
        if key in plural:
            fields[plural[key]] = given
        elif key.startswith(_LABEL) and len(key) > len(_LABEL):
            labels[key.removeprefix(_LABEL)] = given
        else:
            raise _fault(f"{key!r} is nothing to select by")
    return Selector(**fields, labels=labels)


def _fault(what: str) -> InputError:
    return InputError(
        what,
        next_step="engine=, group=, environment=, instance= or label.NAME=, with | between words; or all",
    )
