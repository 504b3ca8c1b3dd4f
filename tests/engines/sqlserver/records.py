"""What the server of the tests keeps: options, sessions and jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Option:
    number: int
    name: str
    value: int
    minimum: int
    maximum: int
    in_use: int
    description: str
    is_dynamic: bool
    is_advanced: bool
    factory: int = 0


@dataclass
class Session:
    number: int
    login: str
    rights: frozenset[str]
    context: str | None = None
    transactions: int = 0
    is_dead: bool = False


@dataclass
class Job:
    name: str
    delete_level: int
    steps: list[dict[str, Any]] = field(default_factory=list)
    schedules: list[dict[str, Any]] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
