"""The library: every template that is at hand, found by engine, name and version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.errors import InputError, InputErrors, NotFoundError
from setpoint.templates.document import read_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setpoint.catalog import Version
    from setpoint.templates.template import Template


@dataclass(frozen=True, slots=True)
class Library:
    """Templates sorted by engine, name and version; make it with `Library.read`."""

    templates: tuple[Template, ...]

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> Library:
        """Read template documents by source name; raise `InputErrors` with the faults of all of them.

        Two texts that claim the same engine, name and version are a fault.
        """
        faults: list[InputError] = []
        found: dict[tuple[str, str, int], Template] = {}
        for source, text in texts.items():
            try:
                template = read_template(text, source)
            except InputErrors as refused:
                faults.extend(refused.faults)
                continue
            key = (template.engine, template.name, template.version)
            if key in found:
                what = f"{template.engine} template {template} is in {found[key].source} already"
                faults.append(InputError(what, where=source, next_step="give it the next version"))
            found[key] = template
        if faults:
            raise InputErrors(faults)
        return cls(tuple(found[key] for key in sorted(found)))

    def of(self, engine: str, version: Version | None = None) -> tuple[Template, ...]:
        """Answer the newest version of each template of an engine that is made for `version` (None: any)."""
        newest = {
            template.name: template
            for template in self.templates
            if template.engine == engine and (version is None or template.is_for(version))
        }
        return tuple(newest.values())

    def get(self, engine: str, name: str, version: int | None = None) -> Template:
        """Answer one template, the newest unless a version is asked for; raise `NotFoundError`."""
        named = [
            template for template in self.templates if (template.engine, template.name) == (engine, name)
        ]
        for template in reversed(named):
            if version in (None, template.version):
                return template
        there = ", ".join(str(template) for template in self.templates if template.engine == engine)
        wanted = name if version is None else f"{name}@{version}"
        message = f"{engine} has no template {wanted!r}"
        raise NotFoundError(
            message, next_step=f"there are {there}" if there else "no template is shipped for this engine"
        )
