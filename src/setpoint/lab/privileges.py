"""As whom a private server runs: PostgreSQL refuses to run as root, and the lab may be root.

Not root: as the caller. Root: inside a user namespace, in which the caller is nobody and its files stay its own; where
namespaces are forbidden, as the system's ``nobody`` in folders made for it. No account is ever made and no folder's mode
outside the server's own is ever changed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from setpoint.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

_PROBE_TIMEOUT_S = 10
_NAMESPACE = ("unshare", "-U", "--map-user=65534", "--map-group=65534", "--")


@dataclass(frozen=True, slots=True)
class Privileges:
    """How to start a program of the server: a command prefix, and the owner its folders need (None: the caller)."""

    kind: str
    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None


def choose_privileges() -> Privileges:
    """Return the least invasive way that works here.

    Raises:
        LabError: the caller is root and neither a user namespace nor ``nobody`` can be used.
    """
    if os.geteuid() != 0:
        return Privileges("caller")
    if can_enter_namespace():
        return Privileges("namespace", _NAMESPACE)
    return drop_to_nobody()


def can_enter_namespace() -> bool:
    """Say whether a user namespace that maps root to nobody can be entered."""
    if shutil.which("unshare") is None:
        return False
    probe = subprocess.run(
        [*_NAMESPACE, "true"], capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False
    )
    return probe.returncode == 0


def drop_to_nobody() -> Privileges:
    """Return how root starts programs as the system's ``nobody``.

    Raises:
        LabError: there is no such account, or no ``setpriv`` to change to it.
    """
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        nobody = None
    if nobody is None or shutil.which("setpriv") is None:
        raise LabError(
            "PostgreSQL does not run as root; user namespaces are forbidden here and there is no way to become nobody",
            next_step="run as an ordinary user",
        )
    identity = (f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    return Privileges("nobody", ("setpriv", *identity, "--"), (nobody.pw_uid, nobody.pw_gid))


def guard(command: list[str], *, signal: str = "KILL") -> list[str]:
    """Prefix a command so that the kernel signals it when the thread that started it ends; as it is without ``setpriv``."""
    if shutil.which("setpriv") is None:
        return command
    return ["setpriv", "--pdeathsig", signal, "--", *command]


def give_away(folder: Path, owner: tuple[int, int]) -> None:
    """Hand a folder of ours, and all below it, to another owner."""
    os.chown(folder, *owner)
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            os.chown(os.path.join(parent, name), *owner, follow_symlinks=False)  # noqa: PTH118 - os.walk gives strings


def is_reachable(path: Path, owner: tuple[int, int]) -> bool:
    """Say whether another user can enter and read a path, by asking as that user."""
    user, group = owner
    probe = subprocess.run(
        ["test", "-r", str(path), "-a", "-x", str(path)],
        user=user,
        group=group,
        extra_groups=[],
        check=False,
    )
    return probe.returncode == 0
