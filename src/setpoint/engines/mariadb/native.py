"""Scripts for the client of MariaDB, as far as they differ from MySQL's."""

from __future__ import annotations

from typing import ClassVar

from setpoint.catalog import Version
from setpoint.engines.mysql.native import MysqlNative


class MariadbNative(MysqlNative):
    """The `Native` port for the client ``mariadb``."""

    client: str = "mariadb"
    engine: ClassVar[str] = "mariadb"
    identity: ClassVar[str] = (
        "COALESCE((SELECT global_value FROM information_schema.system_variables "
        "WHERE variable_name = 'SERVER_UID'), CONCAT(@@hostname, ':', @@port, ':', @@datadir))"
    )
    session: ClassVar[tuple[str, ...]] = (
        *MysqlNative.session,
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES', max_statement_time = 0",
    )
    role: ClassVar[str] = "CONCAT('''', role_name, '''@''''''')"
    oldest: ClassVar[Version] = Version((10, 5))
