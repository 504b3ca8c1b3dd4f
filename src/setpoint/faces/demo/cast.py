"""The cast: what one engine brings to the demonstration, so that the acts know of no engine.

A `Script` is data: the names, parameters and words that the acts play with. A `Cast` has the engine's
programs and launches servers. A `Player` is one such server with its load, and with plain SQL as somebody
runs it who knows nothing of Setpoint.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from setpoint.faces.demo.figure import Figure
    from setpoint.lab.counters import CounterSource
    from setpoint.lab.load import LoadResult
    from setpoint.lab.server import PrivateServer


class Load(Protocol):
    """A load on one server."""

    def run(self, seconds: float, progress: Callable[[float, float], None] | None = None) -> LoadResult:
        """Run it for so long; `progress` is told each second the seconds gone by and the rate."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Meddling:
    """What somebody changes behind our back.

    `shown` is the line as it stands in the `client`; `statements` do it. `runs` is what the server tells of
    the parameter once it has taken the value.
    """

    client: str
    shown: str
    statements: tuple[str, ...]
    parameter: str
    runs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """What an override sets, as it is asked for and as the server tells it, and why."""

    asked: Mapping[str, str]
    runs: Mapping[str, str]
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CarefulChange:
    """A change that takes two people: the policy that says so (its name, text and rule), and what moves."""

    policy: str
    document: Callable[[], str]
    rule: str
    parameter: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The names, parameters and words of one engine's demonstration.

    `target` shows how an instance of one's own is named. `program` is the load generator, `load` the load in
    words, `rows` what one unit of scale has `rows_per_scale` of, in `scale_bytes` bytes; `log_bytes` is what
    the server's log takes at most. `pool` is the parameter of the buffers. `before_trial` is run before each
    trial; `trials_come` says how they follow each other. `is_as_before` says that the file of what the
    server keeps holds what it did before. `seconds_beside` is what all but the loads takes.
    """

    engine: str
    product: str
    target: str
    program: str
    load: str
    rows: str
    rows_per_scale: int
    scale_bytes: int
    log_bytes: int
    pool: str
    counters: tuple[Figure, ...]
    source: CounterSource
    before_trial: str
    trials_come: str
    is_as_before: str
    meddling: Meddling
    emergency: Emergency
    careful: CarefulChange
    seconds_beside: int


class Player(ABC):
    """One private server; `keeps_in` is the file in which what is set outlives a restart."""

    def __init__(self, server: PrivateServer, keeps_in: Path) -> None:
        self.server = server
        self.keeps_in = keeps_in

    @abstractmethod
    def ask(self, statement: str) -> str:
        """Run plain SQL; answer its rows as text, one a line."""

    @abstractmethod
    def load(self, clients: int) -> Load:
        """Answer the load on this server."""

    @abstractmethod
    def fill(self, progress: Callable[[float], None]) -> None:
        """Make the data; `progress` is told the share that is there."""

    @abstractmethod
    def fill_buffers(self) -> None:
        """Read all data once, in a way that leaves as much of it in the buffers as they hold."""

    @abstractmethod
    def measure_data(self) -> tuple[int, int]:
        """Answer the bytes of the data and those of the buffers."""

    @abstractmethod
    def running(self, parameter: str) -> str:
        """Answer what the server tells of a parameter."""

    @abstractmethod
    def kept(self) -> bytes:
        """Answer what outlives a restart: what `keeps_in` holds."""

    @abstractmethod
    def put_kept(self, kept: bytes) -> None:
        """Let a server that is not started yet keep what another one did."""

    @property
    def agent_command(self) -> list[str]:
        """The command that writes `keeps_in`; none where the server does it itself."""
        return []

    @property
    def remark(self) -> str:
        """What must be known to judge the reads that are counted; nothing where it goes without saying."""
        return ""


class Cast(ABC):
    """One engine's programs on this machine; `privileges` says as whom its servers run, in a word."""

    script: ClassVar[Script]
    version: tuple[int, ...]
    programs: Path
    privileges: str

    @property
    @abstractmethod
    def manner(self) -> str:
        """How its servers run, and what they are set to from the start."""

    @abstractmethod
    def launch(self, data_dir: Path, *, scale: int) -> Player:
        """Make a player whose data lies, or will lie, in a folder; opening its server is the caller's."""

    @abstractmethod
    def copy_data(self, source: Path, data_dir: Path) -> None:
        """Copy the data of a server that is stopped."""

    def prepare(self, folder: Path) -> None:  # noqa: B027 - most have nothing to do
        """Let the servers' user reach what lies below a folder."""
