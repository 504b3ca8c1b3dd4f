"""The library's front for governance: people, policies, changes, waivers, compliance.

Reached as ``setpoint.governance``. Whatever changes something passes the gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.config.fleet_document import read_document
from setpoint.control import (
    admission,
    change,
    compliance,
    gate,
    governance,
    identity,
    incidents,
    proposals,
    rulebook,
    voting,
    waivers,
)
from setpoint.control.compliance import STALE_AFTER
from setpoint.control.past import find_plan
from setpoint.control.subject import policies_of
from setpoint.control.watch import last_seen
from setpoint.errors import NotFoundError
from setpoint.faces.front import Front, witnessed
from setpoint.faces.people import People
from setpoint.policy.person import Right
from setpoint.policy.selector import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from setpoint.config.revision import Revision
    from setpoint.control.rulebook import Limits, Locks
    from setpoint.policy.approval import Change, Standing
    from setpoint.policy.compliance import Report
    from setpoint.policy.incident import Incident
    from setpoint.policy.person import Principal
    from setpoint.policy.rules import Policy
    from setpoint.policy.selector import Selector
    from setpoint.policy.verdict import Verdict
    from setpoint.policy.waiver import Waiver


class Governance(Front):
    """Who may do what, and what has to be agreed on first."""

    def whoami(self) -> Principal:
        """Answer who acts, authenticated now; raise `NotPermittedError`."""
        return identity.authenticate(self._context)

    @property
    def is_governed(self) -> bool:
        """Whether the store knows people; else whoever opens it may do everything."""
        return identity.is_governed(self._context)

    @property
    def people(self) -> People:
        """People, their tokens, lent voices, keys and anchors."""
        return People(self._context)

    # Policies.

    def policies(self) -> Mapping[str, Policy]:
        """Answer the policies in force, by name."""
        return policies_of(self._context.head()[1]).policies

    def policy_text(self, name: str) -> str:
        """Answer a policy document as its author wrote it; raise `NotFoundError`."""
        try:
            return self._context.head()[1].policies[name]
        except KeyError:
            message = f"there is no policy {name!r}"
            raise NotFoundError(message, next_step="`setpoint policy list` shows them") from None

    def locks(self, name: str) -> Locks:
        """Answer the locked parameters of an instance as it was last seen; raise `NotFoundError`."""
        return rulebook.locks_on(self._context, name)

    def limits(self, name: str) -> Limits:
        """Judge the limits on an instance as it was last seen; raise `NotFoundError`."""
        return rulebook.limits_on(self._context, name)

    @witnessed(Right.EDIT_POLICY, "name")
    def put_policy(self, name: str, text: str, *, reason: str, ticket: str = "") -> Revision | Change:
        """Put a policy document in force; answer the open change where approvals are asked for first."""
        return governance.put_policies(self._context, {name: text}, reason=reason, ticket=ticket)

    @witnessed(Right.EDIT_POLICY, "name")
    def remove_policy(self, name: str, *, reason: str, ticket: str = "") -> Revision | Change:
        """Take a policy document out of force; answer the open change where approvals are asked for first."""
        return governance.put_policies(self._context, {name: None}, reason=reason, ticket=ticket)

    # Changes.

    def verdict(self, plan_hash: str) -> Verdict:
        """Answer what policy says of a kept plan, for whoever asks, by the instance's last observation."""
        made = find_plan(self._context, plan_hash)
        principal = identity.authenticate(self._context)
        instance = self._context.head()[1].instance(made.instance)
        observation, catalog = last_seen(self._context, made.instance, instance)
        kept = admission.open_change(self._context, made.hash)
        return admission.judge_plan(
            self._context,
            made,
            observation,
            catalog,
            principal,
            change=kept.value if kept is not None else None,
        )

    @witnessed(Right.PROPOSE, "plan_hash")
    def propose(self, plan_hash: str, *, reason: str, ticket: str = "", is_emergency: bool = False) -> Change:
        """Ask for the approvals that a kept plan needs; raise `RefusedError` when it needs none."""
        made = find_plan(self._context, plan_hash)
        return proposals.propose_plan(
            self._context, made, reason=reason, ticket=ticket, is_emergency=is_emergency
        )

    @witnessed(Right.PROPOSE, "name")
    def propose_undo(self, name: str, *, reason: str, ticket: str = "") -> Change:
        """Ask for the approvals that taking back the last apply to an instance needs."""
        made = change.plan_way_back(self._context, name)
        return proposals.propose_plan(self._context, made, reason=reason, ticket=ticket)

    @witnessed(Right.PROPOSE)
    def propose_document(self, text: str, source: str, *, reason: str, ticket: str = "") -> Change:
        """Propose a fleet document as the whole configuration, policies included."""
        after = read_document(text, source).over(self._context.head()[1])
        return governance.propose_edit(self._context, after, reason=reason, ticket=ticket)

    @witnessed(Right.PROPOSE)
    def propose_revert(self, revision: str, *, reason: str, ticket: str = "") -> Change:
        """Propose to make an earlier revision's configuration the head again, policies included."""
        earlier = self._context.store.revisions.get(revision)
        after = self._context.store.revisions.load(earlier)
        return governance.propose_edit(self._context, after, reason=reason, ticket=ticket)

    def change(self, name: str) -> tuple[Change, Standing]:
        """Answer a change by its id or the beginning of one, and how its approvals stand now."""
        found = proposals.find(self._context, name).value
        return found, proposals.standing_of(self._context, found)

    def changes(self, *, is_open_only: bool = False) -> tuple[Change, ...]:
        """Answer all changes, newest first."""
        return proposals.changes(self._context, is_open_only=is_open_only)

    @witnessed(Right.APPROVE, "name")
    def approve(self, name: str, *, reason: str = "", digest: str = "") -> Change:
        """Give one's voice to an open change; `digest` is the hash that was read, where one is given."""
        return voting.approve(self._context, name, reason=reason, digest=digest)

    @witnessed(Right.APPROVE, "name")
    def reject(self, name: str, *, reason: str) -> Change:
        """End an open change with a no."""
        return voting.reject(self._context, name, reason=reason)

    @witnessed(Right.PROPOSE, "name")
    def withdraw(self, name: str, *, reason: str) -> Change:
        """Take one's own change back."""
        return voting.withdraw(self._context, name, reason=reason)

    @witnessed(Right.PROPOSE, "name")
    def carry_out(self, name: str) -> str:
        """Do what an approved change of policy, waivers or people says; answer what was done."""
        return governance.carry_out(self._context, name)

    # Waivers and incidents.

    @witnessed(Right.WAIVE)
    def add_waiver(
        self,
        *,
        owner: str,
        reason: str,
        scope: Selector,
        ends_at: datetime,
        parameter: str = "",
        rule: str = "",
        ticket: str = "",
    ) -> Waiver | Change:
        """Accept a deviation; answer the open change where approvals are asked for first."""
        made = waivers.make(
            self._context,
            owner=owner,
            reason=reason,
            scope=scope,
            ends_at=ends_at,
            parameter=parameter,
            rule=rule,
        )
        return governance.add_waiver(self._context, made, ticket=ticket)

    @witnessed(Right.WAIVE, "name")
    def end_waiver(self, name: str, *, reason: str) -> Waiver:
        """End a waiver before its time."""
        permit = gate.require_somewhere(self._context, Right.WAIVE)
        return waivers.end(self._context, name, reason, permit=permit)

    def waivers(self) -> tuple[Waiver, ...]:
        """Answer every waiver there ever was, the one that lasts longest first."""
        return waivers.everything(self._context)

    def waiver(self, name: str) -> Waiver:
        """Answer a waiver; raise `NotFoundError`."""
        return waivers.find(self._context, name)

    def waivers_ending_soon(self, names: list[str] | None = None) -> tuple[Waiver, ...]:
        """Answer the waivers that end within two weeks and reach these instances (None: any)."""
        return waivers.ending_soon(self._context, names)

    def incidents(self, name: str = "") -> tuple[Incident, ...]:
        """Answer the open incidents, of one instance or of all."""
        return incidents.open_incidents(self._context, name)

    # Compliance.

    @witnessed(Right.OBSERVE)
    def compliance(
        self, scope: Selector = ALL, *, stale_after: timedelta = STALE_AFTER, is_recorded: bool = False
    ) -> Report:
        """Judge instances by the policies in force, from what was last seen of them.

        What was seen longer ago than `stale_after` is unknown. A recorded report is a point of the trend.
        """
        made = compliance.report(self._context, scope, stale_after=stale_after)
        if not is_recorded:
            return made
        permit = gate.require_somewhere(self._context, Right.OBSERVE)
        return compliance.record(self._context, made, permit=permit)
