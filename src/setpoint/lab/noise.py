"""How disturbed a measurement was: CPU time stolen by the machine's host, and CPU time others used.

Read from ``/proc/stat`` and ``/proc/PID/stat`` before and after. "Ours" is the measuring process and all
that descends from it: load generators and private servers are among these, through their keepers. Where a
figure cannot be read it is None, never zero.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

# Fields of the first line of /proc/stat after the word "cpu", in clock ticks.
_IDLE, _IOWAIT, _STEAL, _FIELDS = 3, 4, 7, 8
# Fields of /proc/PID/stat counted from the state, which follows the name in parentheses.
_PARENT, _FIRST_TIME, _LAST_TIME = 1, 11, 15


class Noise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares of a window's CPU time, from 0 to 1: stolen by the host, and used by others' processes."""

    steal_share: float | None
    foreign_share: float | None


@dataclass(frozen=True, slots=True)
class CpuReading:
    """CPU times since boot in clock ticks; ``own`` is ours."""

    total: int
    idle: int
    steal: int
    own: int


def read_cpu(proc: Path = Path("/proc"), pid: int | None = None) -> CpuReading | None:
    """Read the times now, None where unreadable; ``pid`` heads the family that is ours (None: this one)."""
    try:
        first, *_ = (proc / "stat").read_text().splitlines()
        times = [int(word) for word in first.split()[1 : 1 + _FIELDS]]
    except (OSError, ValueError):
        return None
    if len(times) < _FIELDS or not any(times):
        return None
    family = _read_family_ticks(proc, os.getpid() if pid is None else pid)
    return CpuReading(total=sum(times), idle=times[_IDLE] + times[_IOWAIT], steal=times[_STEAL], own=family)


def noise_between(before: CpuReading | None, after: CpuReading | None) -> Noise:
    """Return the shares of the window between two readings."""
    if before is None or after is None or after.total <= before.total:
        return Noise(steal_share=None, foreign_share=None)
    window = after.total - before.total
    stolen = after.steal - before.steal
    busy = window - (after.idle - before.idle) - stolen
    # Ticks are sampled, so the difference can come out slightly below zero.
    foreign = max(0, busy - (after.own - before.own))
    return Noise(steal_share=stolen / window, foreign_share=min(1.0, foreign / window))


def _read_family_ticks(proc: Path, root: int) -> int:
    """Add up the times of a process and its descendants; parents carry those that are gone."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            ticks[int(entry.name)] = sum(map(int, fields[_FIRST_TIME:_LAST_TIME]))
            children.setdefault(int(fields[_PARENT]), []).append(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue  # it ended in the meantime
    family, waiting = 0, [root]
    while waiting:
        member = waiting.pop()
        family += ticks.get(member, 0)
        waiting += children.get(member, [])
    return family
