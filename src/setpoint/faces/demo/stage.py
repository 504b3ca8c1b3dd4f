"""The stage: a private folder with a server, its load and a store, gone when the demonstration ends.

The folder is removed by a janitor process, so that it goes even after ``kill -9``; servers are ended by
their keepers (``setpoint.lab.keeper``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.errors import LabError
from setpoint.faces.api import Setpoint
from setpoint.faces.demo import janitor
from setpoint.faces.demo.report import Report
from setpoint.faces.demo.wording import size
from setpoint.integrations.keys import KEYS_VARIABLE
from setpoint.lab import cluster
from setpoint.lab.binaries import choose_binaries
from setpoint.lab.launch import PrivatePostgres
from setpoint.lab.pgbench import Pgbench
from setpoint.lab.privileges import choose_privileges
from setpoint.lab.trial import ask_with_psql

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.faces.demo.narration import Narrator
    from setpoint.lab.binaries import PostgresBinaries
    from setpoint.lab.privileges import Privileges
    from setpoint.lab.trial import Ask

MAJOR = 18
INSTANCE = "demo"
AUTHOR = "lin"
STATE_VARIABLE = "XDG_STATE_HOME"
"""What names the folder of what must outlive the store's absence: while this plays, one of its own."""

_STORE = "setpoint.db"
_SCALE_BYTES = 16 * 2**20
_WAL_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How large and how long: pgbench's scale, and seconds of load for evidence and for each trial."""

    scale: int = 30
    trial_seconds: int = 7
    pairs: int = 6
    evidence_seconds: int = 32
    waits_for_evidence: bool = True
    """Whether a load that told too little for advice goes on until it tells enough."""
    clients: int = 8
    is_kept: bool = False

    @property
    def disk_bytes(self) -> int:
        """The room it takes at most: the data and its twin, each with its write-ahead log."""
        return 2 * (self.scale * _SCALE_BYTES + _WAL_BYTES)


QUICK = Options(scale=12, trial_seconds=2, pairs=2, evidence_seconds=5, waits_for_evidence=False)
"""Under a minute: the whole loop, with loads too short for advice or for a judgement."""


@dataclass
class Stage:
    """Everything the acts play with.

    `server` is running; `tools` are the builds its clients come from. `exits` is closed at the end.
    """

    options: Options
    narrator: Narrator
    report: Report
    folder: Path
    tools: PostgresBinaries
    server: PrivatePostgres
    privileges: Privileges
    setpoint: Setpoint
    exits: ExitStack

    @property
    def store(self) -> Path:
        """The file of the store."""
        return self.folder / _STORE

    @property
    def auto_conf(self) -> Path:
        """The file in which the server keeps what ALTER SYSTEM sets."""
        return self.server.data_dir / "postgresql.auto.conf"

    def load(self, server: PrivatePostgres | None = None) -> Pgbench:
        """Answer the load, for the registered server or for another one."""
        variables = (server or self.server).client_variables
        return Pgbench(self.tools, variables, clients=self.options.clients)

    def ask(self, server: PrivatePostgres | None = None) -> Ask:
        """Answer a way to run plain SQL as somebody who knows nothing of Setpoint."""
        return ask_with_psql(self.tools, (server or self.server).client_variables)

    @property
    def anchors(self) -> Path:
        """The file that the audit log's head is anchored in; it would lie elsewhere in life."""
        return self.folder / "anchors.jsonl"

    @property
    def state(self) -> Path:
        """The folder of what must outlive the store's absence: the spool, and the guard process's orders."""
        return self.folder / "state"

    @property
    def post_mortem(self) -> Path:
        """The page that tells of the override."""
        return self.folder / "post-mortem.html"

    def token_file(self, name: str) -> Path:
        """Answer where somebody's token lies, when the folder is to be kept."""
        return self.folder / f"{name}.token"

    def enter(self, token: str) -> Setpoint:
        """Open the store as whoever the token is for."""
        return self.exits.enter_context(Setpoint.open(str(self.store), token=token))

    def launch(self, data_dir: Path) -> PrivatePostgres:
        """Make a server on a folder below the stage's; opening it is the caller's."""
        return PrivatePostgres(self.server.binaries, data_dir=data_dir, privileges=self.privileges)

    @contextmanager
    def twin(self, auto_conf: bytes) -> Generator[PrivatePostgres]:
        """Run a copy of the registered server's data beside it, with another ``postgresql.auto.conf``.

        The registered server is stopped while its data is copied, and so both begin with cold buffers.
        """
        data_dir = self.folder / "twin"
        self.server.stop()
        try:
            cluster.make_data(self.server.binaries, data_dir, self.privileges, template=self.server.data_dir)
        finally:
            self.server.start()
        (data_dir / self.auto_conf.name).write_bytes(auto_conf)
        with self.launch(data_dir) as server:
            yield server
            server.stop("immediate")  # its data goes with it
        shutil.rmtree(data_dir, ignore_errors=True)


@contextmanager
def open_stage(options: Options, narrator: Narrator) -> Generator[Stage]:
    """Make folder, server and store; end and (unless they are kept) remove them at the end.

    Raises:
        LabError: there are no programs, no room on the disk, or the server does not start.
    """
    tools = choose_binaries(MAJOR)
    for name in ("pgbench", "psql"):
        tools.tool(name)
    with ExitStack() as exits:
        folder = exits.enter_context(_private_folder(options))
        privileges = choose_privileges()
        if privileges.owner is not None:
            folder.chmod(0o711)  # the server's user must be able to pass through
        server = PrivatePostgres(tools, data_dir=folder / "data", privileges=privileges)
        exits.enter_context(server)
        if not options.is_kept:
            exits.callback(_stop_at_once, server)
        exits.enter_context(_everything_within(folder))
        setpoint = exits.enter_context(Setpoint.create(str(folder / _STORE), actor=AUTHOR, token=""))
        yield Stage(options, narrator, Report(narrator), folder, tools, server, privileges, setpoint, exits)


@contextmanager
def _everything_within(folder: Path) -> Generator[None]:
    """Let keys and orders lie in the folder, whatever folders the environment names for those of others."""
    former = {name: os.environ.pop(name, None) for name in (KEYS_VARIABLE, STATE_VARIABLE)}
    os.environ[STATE_VARIABLE] = str(folder / "state")
    try:
        yield
    finally:
        del os.environ[STATE_VARIABLE]
        os.environ.update({name: text for name, text in former.items() if text is not None})


def _stop_at_once(server: PrivatePostgres) -> None:
    """Spare a server whose data is removed next the writing of its buffers."""
    if server.is_running:
        server.stop("immediate")


@contextmanager
def _private_folder(options: Options) -> Generator[Path]:
    """Make the folder; unless it is kept, a janitor removes it when the block or the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="setpoint-demo-"))
    free = shutil.disk_usage(folder).free
    if free < options.disk_bytes:
        folder.rmdir()
        raise LabError(
            f"{size(free)} of disk are free and the demonstration may take {size(options.disk_bytes)}",
            where=str(folder.parent),
            next_step="name a roomier folder through TMPDIR, or ask for a smaller --scale",
        )
    if options.is_kept:
        yield folder
        return
    former = tempfile.tempdir
    process = subprocess.Popen(  # noqa: S603 - this interpreter and a file of this package
        [sys.executable, "-I", "-S", janitor.__file__, str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,  # an interrupt from the terminal is ours to handle
    )
    try:
        # What others make on the way (sockets, the load's logs) goes with the folder, too.
        tempfile.tempdir = str(folder)
        yield folder
    finally:
        tempfile.tempdir = former
        process.communicate()  # ends its standard input, which tells it to begin
