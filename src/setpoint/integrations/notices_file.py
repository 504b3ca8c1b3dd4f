"""Notices into a file of JSON lines, which others follow.

The file is opened anew for each notice, so it can be moved away at any time (logrotate needs no signal and no
`copytruncate`).
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from setpoint.policy.channel import Channel
    from setpoint.policy.notice import Notice

_OPENED = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class FileSink:
    """Appends a line for each notice."""

    path: Path

    def deliver(self, notice: Notice, at: datetime) -> None:
        """Append a notice; it is on disk when this returns. Raises `UnavailableError`."""
        del at
        try:
            descriptor = os.open(self.path, _OPENED, _OWNER_ONLY)
            with os.fdopen(descriptor, "rb+", buffering=0) as stream:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise UnavailableError("this is no plain file", where=str(self.path))
                # What a full disk cut short is a line of its own; its notice follows whole.
                is_torn = found.st_size > 0 and os.pread(descriptor, 1, found.st_size - 1) != b"\n"
                line = (b"\n" if is_torn else b"") + notice.body + b"\n"
                if stream.write(line) != len(line):
                    raise UnavailableError("the disk is full", where=str(self.path))
                os.fsync(descriptor)
        except OSError as fault:
            raise UnavailableError(f"cannot be written: {fault.strerror}", where=str(self.path)) from None


def show(place: str) -> str:
    """Answer the path; raise `InputError` for one that is not whole."""
    if not place.startswith("/") or not place.isprintable() or place.endswith("/"):
        raise InputError(
            f"{place[:80]!a} is no file's whole path",
            next_step="workers start elsewhere: write /var/log/setpoint/notices.jsonl",
        )
    return place


def make(channel: Channel, read_secret: Callable[[str], str | None]) -> FileSink:
    """Make the sink."""
    del read_secret
    return FileSink(Path(channel.place))
