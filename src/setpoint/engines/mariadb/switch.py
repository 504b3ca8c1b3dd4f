"""An event as a switch, as MariaDB has it: what it looks at and puts back is what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.engines.mariadb.observe import current
from setpoint.engines.mysql.dialect.statements import literal, set_global
from setpoint.engines.mysql.switch import EventSwitch, is_text, plain

if TYPE_CHECKING:
    from setpoint.engines.order import Back


class MariadbEventSwitch(EventSwitch):
    """The `Switch` port over an event of MariaDB, whose scheduler runs whatever is read-only."""

    state = "SELECT @@GLOBAL.event_scheduler, 0"

    def condition(self, back: Back) -> str:
        """Write the condition under which our value still runs."""
        return is_text(current(back.parameter), plain(back.ours))

    def action(self, back: Back) -> str:
        """Write the statement that makes run what ran before."""
        text = plain(back.back) if back.back is not None else back.running or ""
        return f"{set_global(back.parameter, literal(text))};"
