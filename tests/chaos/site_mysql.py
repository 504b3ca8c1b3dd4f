"""A site with one instance, a private MariaDB or MySQL: looked at and changed by hand without Setpoint."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.site import Site
from tests.live.mysql.scene import by_hand, running

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.config.override import Override
from setpoint.control.context import Context
from setpoint.engines.mariadb import ENGINE as MARIADB
from setpoint.engines.mysql import ENGINE as MYSQL
from setpoint.lab.mysql_server import PrivateMysql

PARAMETER, OURS, THEIRS = "sort_buffer_size", "4194304", "524288"
ENGINES = {"mariadb": MARIADB, "mysql": MYSQL}
EVENTS = "SELECT event_name FROM information_schema.events WHERE event_name LIKE 'setpoint%'"


class MysqlSite(Site):
    """A store, and the instance ``shop`` as a login knows it."""

    def __init__(self, folder: Path, server: PrivateMysql, *, store: str = "", user: str = "root") -> None:
        self.folder = folder
        self.server = server
        self.before = running(server, PARAMETER)
        self.store = store or str(folder / "store.db")
        self.setpoint = Setpoint.create(self.store, actor="ada")
        instance = Instance(engine=server.binaries.kind, target=server.dsn_for(user=user))
        self.setpoint.add_instance("shop", instance, reason="registered")

    def start(
        self, context: Context, name: str = "shop", *, seconds: float = 60.0, **settings: str
    ) -> Override:
        return super().start(context, name, seconds=seconds, **(settings or {PARAMETER: OURS}))

    def persisted(self, name: str = "shop", parameter: str = PARAMETER) -> str | None:
        """Answer what MySQL keeps; of MariaDB, which keeps nothing, what runs and did not before."""
        del name
        if self.server.binaries.kind == "mariadb":
            text = running(self.server, parameter)
            return text if text != self.before else None
        rows = by_hand(
            self.server,
            "SELECT variable_value FROM performance_schema.persisted_variables "
            f"WHERE variable_name = '{parameter}'",
        )
        return str(rows[0][0]) if rows else None

    def running(self, name: str = "shop", parameter: str = PARAMETER) -> str:
        del name
        return running(self.server, parameter)

    def set_by_hand(self, text: str, name: str = "shop", parameter: str = PARAMETER) -> None:
        del name
        set_by_hand(self.server, parameter, text)

    @property
    def is_off(self) -> bool:
        """Whether nothing of an override stands: no entry of ours, and what ran before runs."""
        return self.persisted() is None and self.running() == self.before

    @property
    def events(self) -> list[str]:
        """The events of Setpoint that the server has."""
        return [str(row[0]) for row in by_hand(self.server, EVENTS)]


def set_by_hand(server: PrivateMysql, parameter: str, text: str) -> None:
    """Set a variable for good as a person would, as far as the server itself can."""
    verb = "GLOBAL" if server.binaries.kind == "mariadb" else "PERSIST"
    by_hand(server, f"SET {verb} {parameter} = {text}")


def clear(server: PrivateMysql) -> None:
    """Leave nothing of a test in a running server: no event, no entry, no value of its own."""
    names = [row[0] for row in by_hand(server, EVENTS)]
    by_hand(server, "DO 0", *(f"DROP EVENT IF EXISTS mysql.`{name}`" for name in names))
    if server.binaries.kind == "mysql":
        by_hand(server, "RESET PERSIST")
    by_hand(server, f"SET GLOBAL {PARAMETER} = DEFAULT", "SET GLOBAL max_connections = DEFAULT")
