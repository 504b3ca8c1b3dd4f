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

if TYPE_CHECKING:
    from collections.abc import Generator

    from setpoint.faces.demo.cast import Cast, Player, Script
    from setpoint.faces.demo.narration import Narrator
    from setpoint.lab.server import PrivateServer

INSTANCE = "demo"
AUTHOR = "lin"
STATE_VARIABLE = "XDG_STATE_HOME"
"""What names the folder of what must outlive the store's absence: while this plays, one of its own."""

_STORE = "setpoint.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How large and how long: the data's scale, and seconds of load for evidence and for each trial."""

    scale: int = 30
    trial_seconds: int = 7
    pairs: int = 6
    evidence_seconds: int = 32
    waits_for_evidence: bool = True
    """Whether a load that told too little for advice goes on until it tells enough."""
    clients: int = 8
    is_kept: bool = False

    def disk_bytes(self, script: Script) -> int:
        """Answer the room it takes at most: the data and its twin, each with its log."""
        return 2 * (self.scale * script.scale_bytes + script.log_bytes)


QUICK = Options(scale=12, trial_seconds=2, pairs=2, evidence_seconds=5, waits_for_evidence=False)
"""Under a minute: the whole loop, with loads too short for advice or for a judgement."""


@dataclass
class Stage:
    """Everything the acts play with; the player's server is running, `exits` is closed at the end."""

    cast: Cast
    options: Options
    narrator: Narrator
    report: Report
    folder: Path
    player: Player
    setpoint: Setpoint
    exits: ExitStack

    @property
    def store(self) -> Path:
        """The file of the store."""
        return self.folder / _STORE

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

    @contextmanager
    def twin(self, kept: bytes) -> Generator[Player]:
        """Run a copy of the registered server's data beside it, which keeps what that one kept before.

        The registered server is stopped while its data is copied, and so both begin with cold buffers.
        """
        data_dir, server = self.folder / "twin", self.player.server
        server.stop()
        try:
            self.cast.copy_data(server.data_dir, data_dir)
        finally:
            server.start()
        twin = self.cast.launch(data_dir, scale=self.options.scale)
        twin.put_kept(kept)
        with twin.server:
            yield twin
            twin.server.stop("immediate")  # its data goes with it
        for left in (data_dir, *self.folder.glob(f"{data_dir.name}.*/")):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def open_stage(cast: Cast, options: Options, narrator: Narrator) -> Generator[Stage]:
    """Make folder, server and store; end and (unless they are kept) remove them at the end.

    Raises:
        LabError: there is no room on the disk, or the server does not start.
    """
    with ExitStack() as exits:
        folder = exits.enter_context(_private_folder(options, options.disk_bytes(cast.script)))
        cast.prepare(folder)
        player = cast.launch(folder / "data", scale=options.scale)
        exits.enter_context(player.server)
        if not options.is_kept:
            exits.callback(_stop_at_once, player.server)
        exits.enter_context(_everything_within(folder))
        setpoint = exits.enter_context(Setpoint.create(str(folder / _STORE), actor=AUTHOR, token=""))
        yield Stage(cast, options, narrator, Report(narrator), folder, player, setpoint, exits)


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


def _stop_at_once(server: PrivateServer) -> None:
    """Spare a server whose data is removed next the writing of its buffers."""
    if server.is_running:
        server.stop("immediate")


@contextmanager
def _private_folder(options: Options, needed_bytes: int) -> Generator[Path]:
    """Make the folder; unless it is kept, a janitor removes it when the block or the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="setpoint-demo-"))
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        folder.rmdir()
        raise LabError(
            f"{size(free)} of disk are free and the demonstration may take {size(needed_bytes)}",
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
