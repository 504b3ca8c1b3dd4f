"""Notices into Python's logging, under one logger: what a service manager collects anyway."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from setpoint.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from setpoint.policy.channel import Channel
    from setpoint.policy.notice import Notice

LOGGER = "setpoint.notices"


class LogSink:
    """Writes a line for each notice: urgent ones as warnings, others as information."""

    def deliver(self, notice: Notice, at: datetime) -> None:
        """Log a notice; where nobody set logging up, lines go to stderr."""
        del at
        logger = logging.getLogger(LOGGER)
        if not logger.hasHandlers():
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            logger.addHandler(handler)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)
        level = logging.WARNING if notice.is_urgent else logging.INFO
        logger.log(level, "%s: %s [%s]", notice.event, notice.text, notice.id, extra={"notice": notice})


def show(place: str) -> str:
    """Answer the logger's name, the one there is."""
    if place != LOGGER:
        raise InputError(f"notices are logged under {LOGGER}", next_step="leave the place out")
    return place


def make(channel: Channel, read_secret: Callable[[str], str | None]) -> LogSink:
    """Make the sink."""
    del channel, read_secret
    return LogSink()
