"""Facts: what is known about an instance besides its settings."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["primary", "standby", "unknown"]
Storage = Literal["hdd", "ssd", "nvme", "network"]


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an instance runs on and in. None means not known, never zero.

    Sizes are bytes. `ram_bytes` is what the instance may use: the host's memory or, when smaller, its
    container's limit. `sources` says for each known fact where it came from (``/proc/meminfo``, ``cgroup``,
    ``operator``).
    """

    version: str = ""
    build: str = ""
    role: Role = "unknown"
    cluster: str = ""
    """Which cluster the instance is a member of, and in what state, in words; empty for none known."""
    ram_bytes: int | None = None
    vcpu: float | None = None
    storage: Storage | None = None
    data_bytes: int | None = None
    connections: int | None = None
    """Client connections to plan for; none means the limit that is set."""
    neighbours_bytes: int | None = None
    """Memory promised to other processes on the same host."""
    is_container: bool = False
    is_managed_service: bool = False
    is_superuser: bool = False
    uptime_seconds: float | None = None
    data_directory: str = ""
    sources: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    def with_declared(self, declared: DeclaredFacts | None) -> Facts:
        """Let an operator's word win over what was read, and say so in `sources`."""
        if declared is None:
            return self
        known = {name: value for name, value in msgspec.structs.asdict(declared).items() if value is not None}
        sources = {**self.sources, **dict.fromkeys(known, "operator")}
        return msgspec.structs.replace(self, **known, sources=sources)


class DeclaredFacts(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Facts an operator states because the engine cannot tell them."""

    ram_bytes: int | None = None
    vcpu: float | None = None
    storage: Storage | None = None
    connections: int | None = None
    neighbours_bytes: int | None = None
