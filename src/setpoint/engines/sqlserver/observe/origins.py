"""Where each value comes from, and what waits: for RECONFIGURE, or for a restart, which are told apart.

What `apply` writes is the configured value of sys.configurations, which is always there; so there is always
a persisted origin. Which one is in force: the default where the value is the default, else the persisted one;
where something waits, what runs has an origin of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.observation import ObservedSetting, Origin, OriginKind
from setpoint.engines.sqlserver.dialect import GRAMMAR, find_known, find_scoped
from setpoint.engines.sqlserver.dialect.knowledge import FLOORS

if TYPE_CHECKING:
    from setpoint.engines.sqlserver.observe.reply import OptionRow, ScopedRow

WAITS_FOR_RECONFIGURE = "written by sp_configure, and RECONFIGURE was not run"
WAITS_FOR_RESTART = "set by sp_configure, and waiting for a restart"


def observe_option(row: OptionRow) -> ObservedSetting:
    """Answer one option's own value with its origins."""
    known = find_known(row.name)
    default = known.default if known is not None else None
    if row.value == row.in_use:
        return _settled(str(row.value), str(row.value), None if default is None else str(default))
    if _is_raised_to_floor(row):
        return ObservedSetting(
            value=str(row.in_use),
            origins=(_default(default), _persisted(str(row.value), is_in_force=True)),
        )
    return _waiting(row, default)


def observe_scoped(row: ScopedRow, database: str) -> ObservedSetting:
    """Answer one configuration of a database with its origins."""
    known = find_scoped(row.name)
    default = known.default if known is not None else None
    if row.is_default is not None:
        default = row.value if row.is_default else default if default != row.value else None
    return _settled(row.value, row.value, default, scope=f"database {database}")


def _settled(value: str, configured: str, default: str | None, scope: str = "") -> ObservedSetting:
    is_default = default == configured
    return ObservedSetting(
        value=value,
        origins=(
            Origin(kind=OriginKind.DEFAULT, text=default, is_in_force=is_default),
            _persisted(configured, is_in_force=not is_default, scope=scope),
        ),
    )


def _waiting(row: OptionRow, default: int | None) -> ObservedSetting:
    """Answer an option of which another value runs than is configured."""
    if row.is_dynamic:
        told = f"the last RECONFIGURE (since then {row.value} was {WAITS_FOR_RECONFIGURE})"
        running = Origin(
            kind=OriginKind.RUNTIME,
            text=str(row.in_use),
            scope=told,
            is_in_force=True,
            fault=f"{row.value} was {WAITS_FOR_RECONFIGURE}",
        )
    else:
        running = Origin(
            kind=OriginKind.RUNTIME, text=str(row.in_use), scope="the last start", is_in_force=True
        )
    return ObservedSetting(
        value=str(row.in_use),
        origins=(_default(default), _persisted(str(row.value), is_in_force=False), running),
        pending=None if row.is_dynamic else str(row.value),
        pending_reason="" if row.is_dynamic else WAITS_FOR_RESTART,
    )


def _is_raised_to_floor(row: OptionRow) -> bool:
    floor = FLOORS.get(GRAMMAR.fold_name(row.name))
    return floor is not None and row.value < row.in_use <= floor


def _default(default: int | None) -> Origin:
    return Origin(kind=OriginKind.DEFAULT, text=None if default is None else str(default))


def _persisted(text: str, *, is_in_force: bool, scope: str = "") -> Origin:
    return Origin(kind=OriginKind.PERSISTED, text=text, scope=scope, is_in_force=is_in_force)
