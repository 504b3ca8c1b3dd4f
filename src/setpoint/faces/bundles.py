"""The library's front for bundles: signed scripts for instances that only files reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from setpoint.control import notary
from setpoint.control.bundles import accepting, issuing, paper, rewriting
from setpoint.faces.front import Front, witnessed
from setpoint.policy.person import Right

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from setpoint.config.bundle import Issued, Sheet
    from setpoint.control.bundles.accepting import Accepted
    from setpoint.control.bundles.issuing import Bundle
    from setpoint.control.overrides.wish import Wish
    from setpoint.engines.plan import Plan
    from setpoint.engines.rewriting import Rewritten

LASTS = issuing.LASTS


class Bundles(Front):
    """What goes to instances in files, and what comes back."""

    @witnessed(Right.OBSERVE, "name")
    def collect(self, name: str, *, version: str = "", lasts: timedelta = LASTS) -> Bundle:
        """Issue a script that looks at an instance; `version` is your word before it was ever heard.

        Raises `InputError` where no version is known, `UnavailableError` where nothing can be signed.
        """
        return issuing.collect(self._context, name, version=version, lasts=lasts)

    @witnessed(Right.APPLY, "made")
    def export(
        self, made: Plan, *, accept_risk: str = "", emergency: str = "", lasts: timedelta = LASTS
    ) -> Bundle:
        """Issue a script that carries out a plan; raises what applying it would raise before it connects."""
        return issuing.export(self._context, made, accept_risk=accept_risk, emergency=emergency, lasts=lasts)

    @witnessed(Right.BREAK_GLASS, "name")
    def export_temporary(self, name: str, wish: Wish) -> Bundle:
        """Issue a script that sets something for a while; what takes it back is armed over there first."""
        return issuing.export_temporary(self._context, name, wish)

    @witnessed(Right.APPLY, "name")
    def export_back(self, name: str, *, lasts: timedelta = LASTS) -> Bundle:
        """Issue a script that takes the last apply back; raise `RefusedError` where there is none."""
        return issuing.export_back(self._context, name, lasts=lasts)

    def rewrite_option_file(self, made: Plan, text: str, source: str = "") -> Rewritten | None:
        """Answer an option file's text with what no client writes of a plan; None where it has no such.

        The text is decoded with ``surrogateescape``; nothing is written. Raises `InputError`.
        """
        return rewriting.rewrite(self._context, made, text, source)

    @witnessed(Right.OBSERVE)
    def accept(self, text: str, source: str) -> Accepted:
        """Take in what a bundle's script printed; a result counts once.

        Raises `TamperedError`, `RefusedError`, `NotFoundError`, `InputError` and `ApplyError`, each in its
        own words.
        """
        return accepting.accept(self._context, text, source)

    @witnessed(Right.APPLY)
    def void(self, id_: str, *, because: str) -> Issued:
        """Note that a bundle will never be run; raise `RefusedError` where its result was imported."""
        return accepting.void(self._context, id_, because=because)

    def all(self, name: str = "") -> tuple[Issued, ...]:
        """Answer the bundles that were issued, of one instance or of all, the newest first."""
        return issuing.issued(self._context, name)

    def verify(self, text: str, source: str, *, public_keys: Iterable[bytes] = ()) -> Sheet:
        """Check a bundle's signature, script and time with this store's public key, or with others.

        Raises `InputError` for what is no bundle, `TamperedError` and `RefusedError`.
        """
        keys = [*notary.own_public_keys(self._context), *public_keys]
        found = paper.read(text, source)
        return paper.check(found, notary.verifiers_of(keys), source, at=self._context.now())
