"""The port every engine answers: pure questions about requests and replies, and one way to connect.

An engine is six files behind this one class. Everything but `connect` is pure, so an air-gapped instance is
the same engine with another driver, and a test needs no server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from setpoint.config.configuration import SettingText
from setpoint.engines.plan import Blocked, Step

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from setpoint.catalog import Catalog, Grammar, Version
    from setpoint.catalog.catalog import CatalogData
    from setpoint.config.observation import Observation
    from setpoint.engines.document import DumpReader
    from setpoint.engines.native import Native
    from setpoint.engines.order import Armed, Order
    from setpoint.engines.plan import Plan, Request
    from setpoint.engines.rewriting import Rewriter
    from setpoint.engines.validation import Validator
    from setpoint.policy.waves import MemberOrder


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one request brought: rows, and which text was run (0, or a fallback's number from 1)."""

    rows: tuple[tuple[Any, ...], ...] = ()
    fallback: int = 0
    agent: str | None = None
    """What the instance's agent answered; None where it has none, or was not asked."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach an instance.

    `secret` answers the password when a driver asks, None to let the driver look itself. `agent` is the
    command that reaches files of the instance which its server does not write itself; empty where there is
    none.
    """

    instance: str
    address: str
    secret: Callable[[], str | None]
    timeout_seconds: float = 5.0
    agent: str = ""

    def __repr__(self) -> str:
        """Name the instance only; an address can hold a user's name and more."""
        return f"Target({self.instance!r})"


class Driver(Protocol):
    """One connection to one instance.

    Raises `UnreachableError` when the instance does not answer in time,
    `NotPermittedError` when the login may not, `ApplyError` never: what a failed step means is the session's
    business.
    """

    @property
    def version(self) -> Version:
        """The engine's version, known from connecting."""
        ...

    def run(self, request: Request) -> Reply:
        """Run one request in one round trip; where rights are lacking, its lesser texts in turn."""
        ...

    def lock(self, holder: str, *, is_preempting: bool = False) -> None:
        """Take the instance's apply lock for this connection; raise `HeldError` naming the holder.

        With preemption whoever holds it loses their connection first: what they still send does nothing.
        `HeldError` then tells that it could not be had within the target's timeout, `NotPermittedError` that
        this login may not take it away.
        """
        ...

    def reconnect(self, timeout_seconds: float) -> None:
        """Connect again after a restart, waiting up to the timeout; raise `UnreachableError`."""
        ...

    def close(self) -> None:
        """End the connection; the lock goes with it."""
        ...


class StepsMade(msgspec.Struct, frozen=True, kw_only=True):
    """An engine's answer to "how do I get from here to there?"."""

    steps: tuple[Step, ...]
    blocked: tuple[Blocked, ...] = ()
    operator_steps: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter we set earlier and no layer asks for any more.

    What stood before is put back, if ours still stands.

    `ours` is the persisted text we wrote; `restore` the persisted text that stood before (None: no entry
    stood there). `running` is what ran before us, for engines that run no other value by themselves once an
    entry is gone; None where that is not known.
    """

    parameter: str
    ours: SettingText
    restore: SettingText
    running: str | None = None


class Switch(Protocol):
    """A switch on the target itself, which puts an override back with nobody else alive.

    Each method answers a generator of requests, to be run over a driver that may write. A switch acts at the
    deadline, only on what is still ours, and then takes itself away.
    """

    @property
    def name(self) -> str:
        """What people know it as: ``pg_cron``, ``event``."""
        ...

    def arm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Put it there, or in the place of an earlier one; `ABSENT` where the target has no such thing.

        `FAILED` where it has and does not let us. Nothing is turned on that was off.
        """
        ...

    def look(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Tell whether it is there and would act."""
        ...

    def disarm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Take it away; harmless where there is none."""
        ...


class Engine(Protocol):
    """One database engine."""

    @property
    def name(self) -> str:
        """The engine's name, such as ``postgresql``."""
        ...

    @property
    def grammar(self) -> Grammar:
        """How the engine writes values."""
        ...

    @property
    def data(self) -> Path:
        """The folder that holds ``catalog/*.json`` and ``templates/*.yaml``."""
        ...

    @property
    def listing_arguments(self) -> tuple[str, ...]:
        """With what its server's program lists the parameters it takes; nothing where it does not."""
        ...

    def family(self, version: Version) -> str:
        """Answer the name of the shipped catalog that fits a version (``18`` for 18.6)."""
        ...

    def harvest(self, version: Version, describe_config: str) -> Generator[Request, Reply, CatalogData]:
        """Ask a running server for its whole catalog, request by request; returns the catalog.

        `describe_config` is the output of the server binary's own listing where one is at hand, else empty.
        """
        ...

    def claims(self) -> Mapping[str, str]:
        """Answer the memory claims: a label, and its formula over parameters and facts, in bytes."""
        ...

    def observe(self, version: Version) -> Request:
        """Answer the one request of an observation."""
        ...

    def read(
        self, instance: str, reply: Reply, *, at: datetime, version: Version
    ) -> tuple[Observation, Catalog]:
        """Turn the reply into an observation and the live catalog."""
        ...

    def entry(self, parameter: str) -> Request:
        """Answer the smallest request that tells what is persisted for one parameter.

        It is asked in the moment before that entry is written.
        """
        ...

    def unless_moved(self, request: Request, parameter: str, entry: SettingText) -> Request:
        """Answer a writing request that is not carried out where the entry is not exactly this one by then.

        Its driver raises `StalePlanError` instead, or ends the connection. The request itself where the
        engine has no such thing.
        """
        ...

    def read_entry(self, parameter: str, reply: Reply) -> SettingText:
        """Answer the persisted entry, None where there is none; raise `UnavailableError` if unsure."""
        ...

    def steps(
        self,
        desired: Mapping[str, SettingText],
        releases: Sequence[Release],
        observation: Observation,
        catalog: Catalog,
        reasons: Mapping[str, str],
        passing: Collection[str] = (),
    ) -> StepsMade:
        """Answer the steps from observed to desired, for the parameters that differ, in a safe order.

        What is `passing` (folded names) comes to its end soon: an engine that has several places to write
        takes the one that a restart of the server clears.
        """
        ...

    def order(self, parameter: str, *, is_growing: bool) -> MemberOrder:
        """Answer which members of a replication group have to have a parameter's new value first."""
        ...

    def reloading(self) -> Step:
        """Answer the step that makes run what is persisted, where that needs no restart."""
        ...

    def switch(self) -> Switch | None:
        """Answer the switch that an instance can carry itself, None where the engine has no such thing."""
        ...

    def server_of(self, address: str) -> str:
        """Answer the server an address names, in one form however it is written; no user, no database."""
        ...

    def connect(self, target: Target, *, is_read_only: bool) -> Driver:
        """Connect; raise `UnreachableError`."""
        ...

    def rules(self) -> Sequence[Any]:
        """Answer the engine's rules (`setpoint.recommend.Rule`)."""
        ...

    def native(self) -> Native | None:
        """Answer who writes scripts for the engine's own client, None where there is no such client."""
        ...

    def rewriter(self, version: Version) -> Rewriter | None:
        """Answer who rewrites option files for servers of a version, None where there are no such files."""
        ...

    def validator(self) -> Validator | None:
        """Answer how the server's own program is asked about a file, None where none can be."""
        ...

    def dump_readers(self) -> Sequence[DumpReader]:
        """Answer who reads which kind of file of this engine."""
        ...

    def rescue(self, plan: Plan, data_directory: str) -> str:
        """Take a plan's persisted entries out of the files of a server that does not start with them.

        Answers what was done, in one sentence; raises `NotPermittedError` with what an operator must do where
        the files are out of reach.
        """
        ...
