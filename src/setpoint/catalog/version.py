"""Engine versions as tuples, never as strings to compare."""

from __future__ import annotations

import re
from typing import NamedTuple

from setpoint.errors import InputError

_LEADING_NUMBERS = re.compile(r"\s*(\d+(?:\.\d+)*)")
_PRERELEASE = re.compile(r"(?:devel|alpha|beta|rc)\d*", re.IGNORECASE)


class Version(NamedTuple):
    """A version as its numbers; ``parts`` orders, ``suffix`` (``rc1``, ``-MariaDB``) only shows.

    A pre-release orders before nothing else than its own numbers: configuration cares which catalog a server
    has, and a release candidate has the catalog of its release.
    """

    parts: tuple[int, ...]
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``18``, ``18.6``, ``19rc1``, ``10.11.19-MariaDB`` and the like; raise `InputError` else."""
        match = _LEADING_NUMBERS.match(text)
        if match is None:
            message = f"{text!r} is no version"
            raise InputError(message, next_step="write it as numbers with dots, such as 18 or 18.6")
        rest = text[match.end() :]
        word = _PRERELEASE.match(rest)
        return cls(tuple(int(part) for part in match[1].split(".")), word[0] if word else "")

    @property
    def major(self) -> int:
        """The first number."""
        return self.parts[0]

    def __str__(self) -> str:
        """Write the numbers with dots, and the pre-release word where there is one."""
        return ".".join(str(part) for part in self.parts) + self.suffix
