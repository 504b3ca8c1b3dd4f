"""The library's rooms: each a front of its own, reached from one object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.faces.front import Front

if TYPE_CHECKING:
    from setpoint.faces.bundles import Bundles
    from setpoint.faces.governance import Governance
    from setpoint.faces.intake import Intake
    from setpoint.faces.notices import Notices
    from setpoint.faces.overrides import Overrides
    from setpoint.faces.rollouts import Rollouts
    from setpoint.faces.workers import Workers


class Fronts(Front):
    """One store and one acting person, with every room's front; each is loaded when it is first asked for."""

    @property
    def governance(self) -> Governance:
        """People, policies, changes, waivers and compliance."""
        from setpoint.faces.governance import Governance

        return Governance(self._context)

    @property
    def overrides(self) -> Overrides:
        """Emergency settings with a deadline, and what is made of them after."""
        from setpoint.faces.overrides import Overrides

        return Overrides(self._context)

    @property
    def rollouts(self) -> Rollouts:
        """Changes taken over many instances in waves."""
        from setpoint.faces.rollouts import Rollouts

        return Rollouts(self._context)

    @property
    def workers(self) -> Workers:
        """Who keeps at it, and when each instance was last seen."""
        from setpoint.faces.workers import Workers

        return Workers(self._context)

    @property
    def notices(self) -> Notices:
        """Channels that what happens is told over."""
        from setpoint.faces.notices import Notices

        return Notices(self._context)

    @property
    def intake(self) -> Intake:
        """Files of instances that nobody can log in to."""
        from setpoint.faces.intake import Intake

        return Intake(self._context)

    @property
    def bundles(self) -> Bundles:
        """Signed scripts for instances that only files reach, and what comes back from them."""
        from setpoint.faces.bundles import Bundles

        return Bundles(self._context)
