"""The port through which notices leave: a sink for each kind of channel.

Another kind (mail, a chat) is a file beside this one with a `Sink` in it, and a line in `KINDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from setpoint.integrations import notices_file, notices_log, notices_webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from setpoint.policy.channel import Channel
    from setpoint.policy.notice import Notice

    ReadSecret = Callable[[str], str | None]


class Sink(Protocol):
    """Takes notices to one place.

    A notice that comes a second time bears the same id; dropping one of the two is the receiver's part. A
    sink is made anew for each try and keeps nothing between them.
    """

    def deliver(self, notice: Notice, at: datetime) -> None:
        """Hand a notice over; when this returns the place has it for good. `at` is the time it is now.

        Raises a `SetpointError` when the place does not take it, or could not be asked within seconds; its
        text names no secret. Whoever calls tries again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of channel.

    `show` answers a place as people may see it and raises `InputError` for one that cannot be; it reaches out
    to nothing. `make` makes the sink of a channel; secrets are read by their references when they are needed.
    `default_place` is where notices go when nobody says.
    """

    show: Callable[[str], str]
    make: Callable[[Channel, ReadSecret], Sink]
    is_signed: bool = False
    default_place: str = ""


KINDS: Mapping[str, Kind] = {
    "webhook": Kind(notices_webhook.show, notices_webhook.make, is_signed=True),
    "file": Kind(notices_file.show, notices_file.make),
    "log": Kind(notices_log.show, notices_log.make, default_place=notices_log.LOGGER),
}
"""Every kind of channel there is."""


def sink_of(channel: Channel, read_secret: ReadSecret) -> Sink:
    """Make the sink of a channel; nothing is reached or read before a notice is delivered."""
    return KINDS[channel.kind].make(channel, read_secret)
