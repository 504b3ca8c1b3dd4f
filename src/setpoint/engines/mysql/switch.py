"""An event as a switch: the server itself puts an override back at its deadline.

A one-shot event is created before the change. At the deadline it looks at each entry, and puts back those
that are still ours; then it is gone by itself. The event scheduler is never turned on for it. The event is
not written to the binary log, so that no replica has it; nor is its own end, which replicas of MariaDB would
take for an error, and stop.

Facts: the manuals' "Using the Event Scheduler" (events run with their definer's rights; one in the past is
dropped when it is made, hence the second of grace); that a server writes the end of an event to its binary
log was seen on MariaDB 10.11 and MySQL 9.7.
"""

from __future__ import annotations

import math
import re
from hashlib import sha256
from typing import TYPE_CHECKING

from setpoint.config.override import LinkState
from setpoint.engines.mysql.dialect.coupling import CHARACTER_SET_OF, COLLATION_OF
from setpoint.engines.mysql.dialect.statements import (
    literal,
    quote_literal,
    reset_persist,
    set_global,
    set_persist,
)
from setpoint.engines.mysql.observe.entry import kept
from setpoint.engines.order import Armed
from setpoint.engines.plan import Request
from setpoint.errors import InputError, NotPermittedError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from setpoint.config.configuration import SettingText
    from setpoint.engines.order import Back, Order
    from setpoint.engines.port import Reply

_SCHEMA = "mysql"
_ON = ("ON", "1")
_PREFIX = "setpoint_"
_MOST_CHARACTERS = 64
_NUMBER = re.compile("^-?[0-9]+([.][0-9]+)?$")
_GO_ON = "DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SET has_failed = 1; SET SESSION sql_log_bin = 0;"
"""What one entry is refused keeps no other from being put back."""

_TELL = (
    "IF has_failed THEN SIGNAL SQLSTATE '45000' "
    "SET MESSAGE_TEXT = 'Setpoint: not all of an override could be put back'; END IF;"
)
"""The server writes it to its error log."""


class EventSwitch:
    """The `Switch` port over an event of MySQL, whose entries are what it keeps."""

    name = "event"
    state = "SELECT @@GLOBAL.event_scheduler, @@GLOBAL.super_read_only"
    """Asks whether the scheduler runs, and whether it is kept from running anything."""

    def arm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Create the event, in the place of an earlier one."""
        without = yield from self._obstacle()
        if without is not None:
            return without
        try:
            yield Request(text=_without_log(_creating(order, self._body(order))), is_read_only=False)
        except NotPermittedError as fault:
            return _failed(f"the event cannot be made: {fault.what}")
        return (yield from self.look(order))

    def look(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Tell whether the event is there, is what was ordered, and would run."""
        without = yield from self._obstacle()
        if without is not None:
            return without
        found = yield Request(text=_looking(order))
        if not found.rows:
            return Armed(state=LinkState.DISARMED, detail="its event is not there")
        comment, status, is_altered = found.rows[0]
        if comment != _signed(self._body(order)):
            return _failed("its event is another than was ordered")
        if status != "ENABLED":
            return _failed(f"its event is {str(status).lower()}")
        if int(is_altered):
            return _failed("somebody altered its event")
        when = order.deadline.isoformat()
        return Armed(state=LinkState.ARMED, detail=f"event {_SCHEMA}.{_named(order)}, acts at {when}")

    def disarm(self, order: Order) -> Generator[Request, Reply, Armed]:
        """Drop the event."""
        dropping = f"DROP EVENT IF EXISTS `{_SCHEMA}`.`{_named(order)}`"
        try:
            yield Request(text=_without_log(dropping), is_read_only=False)
        except NotPermittedError as fault:
            return _failed(f"the event cannot be dropped: {fault.what}")
        return Armed(state=LinkState.DISARMED)

    def condition(self, back: Back) -> str:
        """Write the condition under which an entry is still ours."""
        return is_text(kept(back.parameter), plain(back.ours))

    def action(self, back: Back) -> str:
        """Write the statements that put an entry back."""
        name = back.parameter
        if back.back is not None:
            return f"{set_persist(name, literal(plain(back.back)))};"
        runs = f"{set_global(name, literal(back.running))};" if back.running is not None else ""
        # What resets may stand in no stored program by itself.
        resets = f"PREPARE setpoint_reset FROM {quote_literal(reset_persist(name))};"
        return f"{runs} {resets} EXECUTE setpoint_reset; DEALLOCATE PREPARE setpoint_reset;"

    def _obstacle(self) -> Generator[Request, Reply, Armed | None]:
        """Answer why there is no switch here, or none that would act; None where nothing is in the way."""
        reply = yield Request(text=self.state)
        scheduler, is_locked = (str(cell).upper() for cell in reply.rows[0])
        if scheduler == "DISABLED":
            return Armed(
                state=LinkState.ABSENT, detail="the event scheduler was disabled at the server's start"
            )
        if scheduler not in _ON:
            return _failed("the event scheduler is off, and is not turned on unasked")
        if is_locked in _ON:
            return _failed("with super_read_only the event scheduler runs nothing")
        return None

    def _body(self, order: Order) -> str:
        parts = [
            f"IF {' AND '.join(map(self.condition, group))} THEN {' '.join(map(self.action, group))} END IF;"
            for group in _groups(order.backs)
        ]
        until = quote_literal(order.deadline.isoformat())
        declared = f"DECLARE ends_at VARCHAR(64) DEFAULT {until}; DECLARE has_failed INT DEFAULT 0;"
        return f"BEGIN {declared} BEGIN {_GO_ON} {' '.join(parts)} END; {_TELL} END"


def _groups(backs: Sequence[Back]) -> Iterator[tuple[Back, ...]]:
    """Answer what is looked at, and put back, together: a collation after its character set.

    The first of the two would move what the other is known by, or was just put back to.
    """
    found = {back.parameter: back for back in backs}
    for name, back in found.items():
        collation = found.get(COLLATION_OF.get(name, ""))
        if collation is not None:
            yield back, collation
        elif CHARACTER_SET_OF.get(name) not in found:
            yield (back,)


def _failed(why: str) -> Armed:
    return Armed(state=LinkState.FAILED, detail=why)


def _named(order: Order) -> str:
    """Answer the event's name; what makes an override's name its own is at its end."""
    plain = "".join(character if character.isalnum() else "_" for character in order.override)
    return f"{_PREFIX}{plain[len(_PREFIX) - _MOST_CHARACTERS :]}"


def _looking(order: Order) -> str:
    return (
        "SELECT event_comment, status, last_altered > created "  # noqa: S608 - the names are quoted
        "FROM information_schema.events "
        f"WHERE event_schema = {quote_literal(_SCHEMA)} AND event_name = {quote_literal(_named(order))}"
    )


def _creating(order: Order, body: str) -> str:
    due = math.ceil(order.deadline.timestamp())
    name = f"`{_SCHEMA}`.`{_named(order)}`"
    # In a zone without summer time: elsewhere an hour comes twice, and which is meant cannot be said.
    return (
        f"SET SESSION time_zone = '+00:00'; DROP EVENT IF EXISTS {name}; CREATE EVENT {name} "
        f"ON SCHEDULE AT GREATEST(FROM_UNIXTIME({due}), NOW() + INTERVAL 1 SECOND) "
        f"ON COMPLETION NOT PRESERVE ENABLE COMMENT {quote_literal(_signed(body))} DO {body}; "
        "SET SESSION time_zone = DEFAULT"
    )


def _signed(body: str) -> str:
    """Answer the comment by which an event is known; the server shows a body otherwise than it was sent."""
    return f"Setpoint {sha256(body.encode()).hexdigest()[:40]}"


def _without_log(text: str) -> str:
    return f"SET SESSION sql_log_bin = 0; {text}; SET SESSION sql_log_bin = 1"


def is_text(expression: str, text: str) -> str:
    """Write the condition that an expression tells a text; servers show more digits than were set."""
    if not _NUMBER.fullmatch(text):
        return f"{expression} <=> {quote_literal(text)}"
    is_number = f"{expression} REGEXP '{_NUMBER.pattern}'"
    return f"{is_number} AND CAST({expression} AS DECIMAL(65, 20)) = {text}"


def plain(text: SettingText) -> str:
    """Write a text as one; raise `InputError` for none."""
    if text is None:
        message = "an override without a text cannot be told from none"
        raise InputError(message)
    return ",".join(text) if isinstance(text, tuple) else text
