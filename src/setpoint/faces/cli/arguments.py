"""What verbs take as arguments, read into values or refused with the place named."""

from __future__ import annotations

import math
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from setpoint.errors import InputError, InputErrors, SetpointError
from setpoint.faces.cli.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

STORAGES = ("hdd", "ssd", "nvme", "network")
MODES = ("observe", "propose", "enforce")
_MOST_BYTES = 2**60

if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:  # older releases of click know no type argument here
    _Type = click.ParamType


class InstanceName(_Type):
    """The name of a registered instance; completes from the store."""

    name = "instance"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Answer the names that begin so; none when the store does not answer."""
        from click.shell_completion import CompletionItem

        del param
        try:
            with ctx.ensure_object(Frame).open() as setpoint:
                names = sorted(setpoint.configuration().instances)
        except SetpointError:
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class Size(_Type):
    """An amount of memory as people write it, in bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read ``16GB`` and the like."""
        from setpoint.config.fleet_document import parse_size

        try:
            amount = value if isinstance(value, int) else parse_size(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no size; write it as 16GB or 512MB", param, ctx)
        if not 0 < amount <= _MOST_BYTES:
            self.fail(f"{value!r} is no host's memory", param, ctx)
        return amount


class Cores(_Type):
    """A number of processor cores, which may be a fraction."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a finite number above zero."""
        try:
            cores = float(value)
        except ValueError:
            cores = math.nan
        if not (math.isfinite(cores) and cores > 0):
            self.fail(f"{value!r} is no number of cores", param, ctx)
        return cores


class TemplateVersion(_Type):
    """A template pinned to a version, ``oltp@1``."""

    name = "name@version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it as a template's use without inputs."""
        from setpoint.config.fleet_document import parse_template

        try:
            return value if not isinstance(value, str) else parse_template(value)
        except ValueError as fault:
            self.fail(str(fault), param, ctx)


class Scope(_Type):
    """A selector: which instances are meant."""

    name = "selector"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read ``environment=production,group=shop`` or ``all``."""
        from setpoint.policy.selector import parse_selector

        try:
            return value if not isinstance(value, str) else parse_selector(value)
        except InputError as fault:
            self.fail(str(fault), param, ctx)


class Duration(_Type):
    """A duration as people write it, ``24h`` or ``7d``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it."""
        from setpoint.policy.document_values import parse_seconds

        try:
            return value if isinstance(value, timedelta) else timedelta(seconds=parse_seconds(value))
        except (InputError, OverflowError):
            self.fail(f"{str(value)[:80]!r} is no duration; write it as 24h or 7d", param, ctx)


class Moment(_Type):
    """A moment as people write it, ``2026-03-02T09:00``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it; without a zone it is UTC."""
        from setpoint.policy.document_values import parse_moment

        try:
            return value if isinstance(value, datetime) else parse_moment(value, "UTC")
        except (ValueError, InputError):
            self.fail(f"{str(value)[:80]!r} is no time; write it as 2026-03-02T09:00Z", param, ctx)


class RoleWord(_Type):
    """A role by its word; ``policy-owner`` is one word."""

    name = "role"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it."""
        from setpoint.policy.person import Role

        if isinstance(value, Role):
            return value
        try:
            return Role(str(value).replace("-", " "))
        except ValueError:
            known = ", ".join(role.value.replace(" ", "-") for role in Role)
            self.fail(f"{str(value)[:80]!a} is no role; known are {known}", param, ctx)


class NotedHead(_Type):
    """The end of the audit chain as it was noted elsewhere, ``SEQ:HASH``."""

    name = "seq:hash"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, str]:
        """Read number and hash."""
        if isinstance(value, tuple):
            return value  # pyright: ignore[reportUnknownVariableType] - converted already
        number, _, digest = str(value).strip().partition(":")
        if not (number.isascii() and number.isdigit() and len(digest) == 64):  # noqa: PLR2004 - a SHA-256
            self.fail(f"{value!r} is no head; `setpoint audit verify` prints it as SEQ:HASH", param, ctx)
        return int(number), digest.lower()


def assignments(texts: Sequence[str], what: str) -> dict[str, str]:
    """Read ``name=value`` texts; raise `InputErrors` naming every one that is none or stands twice."""
    found: dict[str, str] = {}
    faults: list[InputError] = []
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            faults.append(InputError(f"{text!r} is no {what}", next_step="write it as name=value"))
        elif name in found:
            faults.append(InputError(f"{name} is given twice", next_step="give it once"))
        else:
            found[name] = value
    if faults:
        raise InputErrors(faults)
    return found


def read_text(place: str) -> tuple[str, str]:
    """Read a whole text from a file, or from stdin for ``-``; answer it with its source's name."""
    try:
        body = sys.stdin.buffer.read() if place == "-" else Path(place).read_bytes()
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or "no such place"
        raise InputError(f"cannot be read: {reason}", where=place) from None
    source = "<stdin>" if place == "-" else place
    try:
        return body.decode("utf-8-sig"), source
    except UnicodeDecodeError as fault:
        line = body.count(b"\n", 0, fault.start) + 1
        raise InputError("is not valid UTF-8", where=f"{source}:{line}") from None


def check_place(place: str) -> None:
    """Raise `InputError` when a file cannot be written there, before anything is done that it should tell."""
    folder = Path(place).parent
    if not folder.is_dir():
        raise InputError("cannot be written: no such folder", where=place)
    if not os.access(folder, os.W_OK) or Path(place).is_dir():
        raise InputError("cannot be written", where=place, next_step="name a file in a folder of your own")


def write_file(place: str, body: bytes) -> None:
    """Write a file whole, or leave what was there; raise `InputError` when the place cannot be written."""
    target = Path(place)
    beside = target.with_name(f".{target.name}.part")
    try:
        beside.write_bytes(body)
        beside.replace(target)
    except (OSError, ValueError) as fault:
        beside.unlink(missing_ok=True)
        reason = getattr(fault, "strerror", None) or "no such place"
        raise InputError(f"cannot be written: {reason}", where=place) from None
