"""As whom a private server runs: PostgreSQL refuses to run as root, and the lab may be root.

A user with an account: as the caller. Else inside a user namespace, in which the caller is nobody and its
files stay its own; where namespaces are forbidden, as the system's ``nobody`` in folders made for it. No
account is ever made and no folder's mode outside the server's own is ever changed.
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
    """How to start the server's programs: a prefix, and the owner its folders need (None: the caller)."""

    kind: str
    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None


def choose_privileges() -> Privileges:
    """Return the least invasive way that works here.

    Raises:
        LabError: the caller is root or has no account, and there is no way to run as somebody else.
    """
    user = os.geteuid()
    if user != 0 and has_account(user):
        return Privileges("caller")
    if can_enter_namespace():
        return Privileges("namespace", _NAMESPACE)
    if user == 0:
        return drop_to_nobody()
    raise LabError(
        f"PostgreSQL refuses user id {user}, which has no account, and user namespaces are forbidden",
        next_step="run as a user that has an account",
    )


def has_account(user: int) -> bool:
    """Say whether a user id has an account; in containers it may have none, and initdb refuses that."""
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def can_enter_namespace() -> bool:
    """Say whether a user namespace that maps root to nobody can be entered."""
    if shutil.which("unshare") is None:
        return False
    probe = subprocess.run([*_NAMESPACE, "true"], capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False)
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
            "PostgreSQL refuses root, and root can neither enter a user namespace nor become nobody here",
            next_step="run as an ordinary user",
        )
    identity = (f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    return Privileges("nobody", ("setpriv", *identity, "--"), (nobody.pw_uid, nobody.pw_gid))


def guard(command: list[str], *, signal: str = "KILL") -> list[str]:
    """Prefix a command so that the kernel signals it when the thread that started it ends."""
    if shutil.which("setpriv") is None:
        return command
    return ["setpriv", "--pdeathsig", signal, "--", *command]


def give_away(folder: Path, owner: tuple[int, int]) -> None:
    """Hand a folder of ours, and all below it, to another owner."""
    os.chown(folder, *owner)
    for path in folder.rglob("*"):
        os.chown(path, *owner, follow_symlinks=False)


def is_reachable(path: Path, owner: tuple[int, int]) -> bool:
    """Say whether another user can enter a folder, or run a program, by asking as that user."""
    user, group = owner
    probe = subprocess.run(
        ["test", "-x", str(path)],
        user=user,
        group=group,
        extra_groups=[],
        check=False,
    )
    return probe.returncode == 0
