"""The library's front for people: who there is, their tokens, lent voices, and the keys behind them.

Reached as ``setpoint.governance.people``. Whatever changes something passes the gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control import gate, governance, notary, people
from setpoint.faces.front import Front, witnessed
from setpoint.policy.person import Right
from setpoint.policy.selector import ALL

if TYPE_CHECKING:
    from datetime import timedelta

    from setpoint.control.notary import Checkpoint, KeyPlaces
    from setpoint.control.people import Issued
    from setpoint.policy.approval import Change
    from setpoint.policy.person import Delegation, Person, Role
    from setpoint.policy.selector import Selector
    from setpoint.policy.token import Token


class People(Front):
    """Who may come in, and with what."""

    @property
    def account(self) -> str:
        """The account that whoever acts sits at, ``local:USER@HOST``."""
        return self._context.credential.account if self._context.credential is not None else ""

    def all(self) -> tuple[Person, ...]:
        """Answer everybody, by name, those who were removed too."""
        return people.everybody(self._context)

    def get(self, name: str) -> Person:
        """Answer somebody; raise `NotFoundError`, and `RefusedError` for who was removed."""
        return people.find_person(self._context, name).value

    @witnessed(Right.MANAGE_PEOPLE, "person")
    def put_first(self, person: Person, *, lasts: timedelta, reason: str) -> tuple[Person, Issued]:
        """Add the first person, an administrator, with a token for the account one sits at.

        From then on the store is governed. Raises `RefusedError` when there are people already.
        """
        permit = gate.require(self._context, Right.MANAGE_PEOPLE)
        return people.put_first(
            self._context, person, account=self.account, lasts=lasts, reason=reason, permit=permit
        )

    @witnessed(Right.MANAGE_PEOPLE, "person")
    def put(self, person: Person, *, reason: str, ticket: str = "") -> Person | Change:
        """Add somebody, or change what they may do; answer the change where policy asks for approvals."""
        return governance.put_person(self._context, person, reason=reason, ticket=ticket)

    @witnessed(Right.MANAGE_PEOPLE, "name")
    def remove(self, name: str, *, reason: str) -> Person:
        """Take somebody's rights, tokens and lent voices away."""
        permit = gate.require(self._context, Right.MANAGE_PEOPLE)
        return people.remove_person(self._context, name, reason=reason, permit=permit)

    def tokens(self, name: str = "") -> tuple[Token, ...]:
        """Answer the tokens ever issued (to one person), the newest first; none holds its secret."""
        return people.tokens(self._context, name)

    @witnessed(Right.MANAGE_PEOPLE, "name")
    def issue_token(
        self,
        name: str,
        *,
        lasts: timedelta,
        roles: tuple[Role, ...] = (),
        scope: Selector = ALL,
        account: str = "",
        reason: str,
    ) -> Issued:
        """Issue a token; its text is answered this once and kept nowhere."""
        permit = gate.require(self._context, Right.MANAGE_PEOPLE)
        return people.issue_token(
            self._context,
            name,
            lasts=lasts,
            roles=roles,
            scope=scope,
            account=account,
            reason=reason,
            permit=permit,
        )

    @witnessed(Right.MANAGE_PEOPLE, "id_")
    def revoke_token(self, id_: str, *, reason: str) -> Token:
        """Make a token worthless from now on."""
        permit = gate.require(self._context, Right.MANAGE_PEOPLE)
        return people.revoke_token(self._context, id_, reason=reason, permit=permit)

    def delegations(self) -> tuple[Delegation, ...]:
        """Answer every voice ever lent, the newest first."""
        return people.delegations(self._context)

    @witnessed(Right.APPROVE, "to")
    def delegate(self, to: str, *, lasts: timedelta, scope: Selector = ALL, reason: str) -> Delegation:
        """Lend one's own voice to another person for a while."""
        permit = gate.require_somewhere(self._context, Right.APPROVE)
        return people.delegate(self._context, to, lasts=lasts, scope=scope, reason=reason, permit=permit)

    @witnessed(Right.APPROVE, "id_")
    def end_delegation(self, id_: str, *, reason: str) -> Delegation:
        """Take a lent voice back before its end."""
        permit = gate.require_somewhere(self._context, Right.OBSERVE)
        return people.end_delegation(self._context, id_, reason=reason, permit=permit)

    def keys(self) -> KeyPlaces:
        """Answer where the keys of the store are."""
        return notary.key_places(self._context.store)

    @witnessed(Right.ANCHOR)
    def anchor(self, to: str) -> Checkpoint:
        """Sign the head of the audit log and hand it to a file or an https webhook."""
        permit = gate.require(self._context, Right.ANCHOR)
        return notary.anchor(self._context, to=to, permit=permit)
