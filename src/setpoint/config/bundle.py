"""Bundles: what goes to an instance in a file, signed, and what comes back from it.

A bundle is a script for the engine's own client with a signed sheet on top. What it prints on the far side is
its result: frames that name the bundle and are sealed with a word that only the bundle knew.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated

import msgspec

from setpoint.config.override import Override

AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]


class BundleKind(Enum):
    """What a bundle does over there."""

    COLLECT = "collect"
    """Looks, and changes nothing."""
    APPLY = "apply"
    """Carries out one plan."""
    BACK = "back"
    """Takes one plan back."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a bundle says of itself; signed together with the SHA-256 of its script.

    `identity` is what the instance calls itself (empty before it was first heard), `base` the fingerprint of
    the settings the plan was made from, `plan` its hash, `ends_at` when a temporary change ends.
    """

    id: str
    kind: BundleKind
    instance: str
    engine: str
    version: str
    issued_by: str
    issued_at: AwareTime
    expires_at: AwareTime
    identity: str = ""
    base: str = ""
    plan: str = ""
    ends_at: AwareTime | None = None
    script: str = ""


class BundleState(Enum):
    """What became of a bundle, as far as is known here."""

    ISSUED = "issued"
    """Nothing came back yet."""
    USED = "used"
    """Its result was imported."""
    FAILED = "failed"
    """Its result was imported, and tells that it did nothing or did not come to its end."""


class Issued(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A bundle that was issued here, and what came of it in words."""

    sheet: Sheet
    override: Override | None = None
    """The override it begins over there, as it was let through."""
    state: BundleState = BundleState.ISSUED
    used_at: AwareTime | None = None
    told: str = ""
