"""The data folder and the option file of a private MariaDB or MySQL.

MariaDB's data is made by the statements that come with the server, as its own installer does it, read at
standard input by ``--bootstrap``; MySQL makes its own with ``--initialize-insecure``. Either way root may
log in without a password from this machine, by the socket and by TCP, with or without name resolution.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from setpoint.errors import LabError
from setpoint.lab.cluster import keep_template
from setpoint.lab.privileges import guard

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from setpoint.lab.mysql_binaries import MysqlBinaries

_TIMEOUT_S = 120
# In this order, each under its newer or its older name; the last one came with 10.6.
_SCRIPTS = (
    "system_tables.sql",
    "performance_tables.sql",
    "system_tables_data.sql",
    "fill_help_tables.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "sys_schema.sql",
)
_SCRIPT_PREFIXES = ("mariadb_", "mysql_", "")
_OPTIONAL_SCRIPTS = frozenset({"fill_help_tables.sql", "sys_schema.sql"})
_PREAMBLE = "create database mysql;\nuse mysql;\nset @auth_root_socket=null;\n"
_LOCAL_ROOT = (
    "create user root@'127.0.0.1';\n"
    "grant all on *.* to root@'127.0.0.1' with grant option;\n"
    "grant proxy on ''@'' to root@'127.0.0.1' with grant option;\n"
)
# What makes one MySQL another: a copy gets its own.
_IDENTITY = "auto.cnf"


def make_mysql_data(
    binaries: MysqlBinaries, data_dir: Path, scratch: Path, template: Path | None = None
) -> None:
    """Initialise a data folder, or copy it from the template; one that is not there yet is made on the way.

    ``scratch`` is a folder for files of the making.

    Raises:
        LabError: the folder is not empty, or the server cannot make its data; its own words are in the
        text.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(data_dir.iterdir()):
        raise LabError("the folder is not empty and holds no data of the server", where=str(data_dir))
    if template is not None and template.is_dir():
        copy_mysql_data(template, data_dir)
        return
    command = [*binaries.server("--no-defaults"), *as_root(), f"--datadir={data_dir}"]
    initialise = _bootstrap_mariadb if binaries.kind == "mariadb" else _initialise_mysql
    initialise(binaries, command, scratch)
    (data_dir / _IDENTITY).unlink(missing_ok=True)
    if template is not None:
        keep_template(data_dir, template)


def copy_mysql_data(source: Path, data_dir: Path) -> None:
    """Copy a data folder that no server uses; the copy of MySQL's gets an identity of its own."""
    shutil.copytree(source, data_dir, symlinks=True, dirs_exist_ok=True)
    (data_dir / _IDENTITY).unlink(missing_ok=True)


def as_root() -> list[str]:
    """Return the option without which the server refuses to run as root; nothing for others."""
    return ["--user=root"] if os.geteuid() == 0 else []


def write_option_file(path: Path, conf: Mapping[str, object] | str, included: Path) -> None:
    """Write an option file for the server that includes a folder of further ones.

    A mapping's values are quoted where need be: True and False are ON and OFF, None stands for an option
    without a value. A text is taken as it is and may go on to other groups.
    """
    text = conf if isinstance(conf, str) else "".join(map(_option_line, conf, conf.values()))
    body = f"[mysqld]\n{text.rstrip()}\n" if text.strip() else ""
    path.write_text(f"{body}!includedir {included}\n", encoding="utf-8")
    # The server ignores an option file that everybody may write.
    path.chmod(0o644)


def _option_line(name: str, value: object) -> str:
    """Write one option the way option files are read: backslashes escape, ``#`` may begin a comment."""
    if value is None:
        return f"{name}\n"
    text = ("ON" if value else "OFF") if isinstance(value, bool) else str(value)
    escaped = text.replace("\\", "\\\\")
    if text != text.strip() or "#" in text:
        escaped = f'"{escaped}"'
    return f"{name} = {escaped}\n"


def _bootstrap_mariadb(binaries: MysqlBinaries, command: list[str], scratch: Path) -> None:
    statements = scratch / "bootstrap.sql"
    scripts = "\n".join(_read_script(binaries.share, name) for name in _SCRIPTS)
    statements.write_text(_PREAMBLE + scripts, encoding="utf-8")
    _run([*command, "--bootstrap"], binaries.environment(), statements)
    statements.unlink()


def _read_script(share: Path, name: str) -> str:
    for prefix in _SCRIPT_PREFIXES:
        if (share / (prefix + name)).is_file():
            return (share / (prefix + name)).read_text(encoding="utf-8")
    if name in _OPTIONAL_SCRIPTS:
        return ""
    raise LabError(f"the statements of {name}, which make MariaDB's data, are not here", where=str(share))


def _initialise_mysql(binaries: MysqlBinaries, command: list[str], scratch: Path) -> None:
    statements = scratch / "initialise.sql"
    statements.write_text(_LOCAL_ROOT, encoding="utf-8")
    options = ["--secure-file-priv=NULL", "--initialize-insecure", f"--init-file={statements}"]
    _run([*command, *options], binaries.environment(), statements)
    statements.unlink()


def _run(command: list[str], environment: Mapping[str, str], statements: Path) -> None:
    """Run the server once, with statements at its standard input; its errors go where its log goes."""
    try:
        with statements.open("rb") as file:
            done = subprocess.run(
                guard(command),
                env=environment,
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise LabError(f"the server could not be run to make its data: {fault}") from fault
    if done.returncode:
        last_words = "\n".join(done.stdout.strip().splitlines()[-20:])
        raise LabError(f"making the data ended with code {done.returncode}: {last_words}")
