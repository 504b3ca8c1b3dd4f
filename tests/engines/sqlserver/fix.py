"""How the tests reach their server, and how a person meddles with it."""

from __future__ import annotations

from tests.engines.sqlserver.estate import Option
from tests.engines.sqlserver.wire import PASSWORD, WireServer

from setpoint.engines.port import Target


def target_of(server: WireServer, *, user: str = "sa", timeout_seconds: float = 5.0) -> Target:
    address = server.address.replace("user=sa", f"user={user}")
    return Target(instance="ms", address=address, secret=lambda: PASSWORD, timeout_seconds=timeout_seconds)


def option(server: WireServer, name: str) -> Option:
    """Answer an option by our spelling of its name."""
    words = [
        each
        for each in server.estate.options.values()
        if "".join(filter(str.isalnum, each.name.lower().replace("%", "percent"))) == name.replace("_", "")
    ]
    assert len(words) == 1
    return words[0]


def meddle(server: WireServer, name: str, text: str | None) -> None:
    """Set an option the way a person would, and make it run where it can."""
    found = option(server, name)
    found.value = found.factory if text is None else int(text)
    if found.is_dynamic:
        found.in_use = found.value
