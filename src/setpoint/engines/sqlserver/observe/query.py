"""The one batch of an observation: every result set of it begins with the name of its part.

What needs a right or came with a later version is asked for inside TRY, where the login's rights were looked
up first: so a lesser login causes no errors, and what is optional cannot spoil an observation. Should a
server refuse the whole batch, the plain part is asked alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.plan import Request
from setpoint.engines.sqlserver.dialect.knowledge import EVERGREEN
from setpoint.engines.sqlserver.observe.metrics import metrics_sql

if TYPE_CHECKING:
    from setpoint.catalog import Version

MARKER = "/* setpoint:observe */"
_LOCK_TIMEOUT_MS = 500
_SQL_SERVER_2017, _SQL_SERVER_2019 = 14, 15

_HEAD = f"""{MARKER} SET NOCOUNT ON; SET LOCK_TIMEOUT {_LOCK_TIMEOUT_MS};
DECLARE @began datetime2 = SYSUTCDATETIME();"""
OPTIONS = """
SELECT 'option', name, CONVERT(bigint, value), CONVERT(bigint, value_in_use), CONVERT(bigint, minimum),
  CONVERT(bigint, maximum), CONVERT(int, is_dynamic), CONVERT(int, is_advanced),
  CONVERT(nvarchar(255), description)
FROM sys.configurations;"""
_SERVER = """
SELECT 'server', CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')),
  CONVERT(nvarchar(128), SERVERPROPERTY('Edition')), CONVERT(int, SERVERPROPERTY('EngineEdition')),
  DB_NAME(), IS_SRVROLEMEMBER('sysadmin'), HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER SETTINGS'),
  HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER ANY DATABASE SCOPED CONFIGURATION'), @@MAX_CONNECTIONS;"""
_SEES = """
DECLARE @sees int = CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') = 1
  OR HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE') = 1 THEN 1 ELSE 0 END;
DECLARE @part nvarchar(max);"""
_HOST = """
SELECT 'host', CONVERT(bigint, cpu_count), CONVERT(bigint, physical_memory_kb),
  CONVERT(nvarchar(40), TODATETIMEOFFSET(sqlserver_start_time, DATEPART(TZOFFSET, SYSDATETIMEOFFSET())), 126),
  {container}, {platform}
FROM sys.dm_os_sys_info"""
_SIZES = """
SELECT 'size', SUM(CONVERT(bigint, size)) * 8192 FROM {files} WHERE type = 0"""
_ROLES = """
SELECT 'role', role_desc FROM sys.dm_hadr_availability_replica_states WHERE is_local = 1"""
_COST = """
SELECT 'cost', DATEDIFF(microsecond, @began, SYSUTCDATETIME());"""


def observe(version: Version) -> Request:
    """Answer the observation's request for a server of that version (2016 and later, and the services)."""
    plain = f"{_HEAD}{OPTIONS}{_SERVER}"
    parts = [
        _part("scoped", scoped_sql(version)),
        _part("size", _sizes(version)),
        _part("host", _host(version), needs_state=True),
        _part("role", _ROLES, needs_state=True),
        *(_part(name, text, needs_state=True) for name, text in metrics_sql()),
    ]
    return Request(text=f"{plain}{_SEES}{''.join(parts)}{_COST}", fallbacks=(f"{plain}{_COST}",))


def scoped_sql(version: Version) -> str:
    """Answer the query of the database's own configurations; 2017 and later tell which are the default."""
    is_default = (
        "CONVERT(int, is_value_default)" if _is_since(version, _SQL_SERVER_2017) else "CONVERT(int, NULL)"
    )
    return f"""
SELECT 'scoped', name, CONVERT(nvarchar(60), value), CONVERT(nvarchar(60), value_for_secondary), {is_default}
FROM sys.database_scoped_configurations"""  # noqa: S608 - made of constants alone


def _host(version: Version) -> str:
    container = (
        "container_type_desc" if _is_since(version, _SQL_SERVER_2019) else "CONVERT(nvarchar(60), NULL)"
    )
    platform = (
        "(SELECT MAX(host_platform) FROM sys.dm_os_host_info)"
        if _is_since(version, _SQL_SERVER_2017)
        else "N'Windows'"
    )
    return _HOST.format(container=container, platform=platform)


def _sizes(version: Version) -> str:
    """Sum up the data files: those of all databases, or in Azure of the one that can be seen."""
    return _SIZES.format(files="sys.database_files" if version.major == EVERGREEN else "sys.master_files")


def _is_since(version: Version, major: int) -> bool:
    return version.major >= major or version.major == EVERGREEN


def _part(name: str, text: str, *, needs_state: bool = False) -> str:
    """Ask for an optional part: a level below, where TRY sees even a view that is not there."""
    quoted = text.strip().replace("'", "''")
    sees = "@sees = 1" if needs_state else "1 = 1"
    return f"""
SET @part = N'{quoted}';
IF {sees}
BEGIN
  BEGIN TRY EXEC sys.sp_executesql @part; END TRY
  BEGIN CATCH SELECT 'unseen', '{name}', ERROR_MESSAGE(); END CATCH;
END
ELSE SELECT 'unseen', '{name}', N'it takes VIEW SERVER STATE';"""
