"""The notary: keys are made, heads of the audit chain are signed now and then, signatures are checked.

A signed head is a checkpoint. The last one is noted beside the key too: a store that was put back or
rewritten whole, checkpoints and all, does not pass through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from setpoint.control.identity import store_keys
from setpoint.errors import SetpointError, TamperedError, UnavailableError
from setpoint.integrations import anchors
from setpoint.integrations.signing import Signer, Verifier, can_sign, fingerprint
from setpoint.store.chain import START, AuditHead, Checkpoint, read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from setpoint.control.context import Context
    from setpoint.control.permit import Permit
    from setpoint.store import Store

__all__ = [
    "Checkpoint",
    "KeyPlaces",
    "anchor",
    "checkpoint_if_due",
    "key_places",
    "make_keys",
    "noted",
    "own_public_keys",
    "sign",
    "signature_faults",
    "verifiers_of",
    "why_unsigned",
]

CHECKPOINT_ROWS = 64
"""After so many rows a checkpoint is due."""

CHECKPOINT_AFTER = timedelta(hours=1)
"""After so long a checkpoint is due, when there is a row to sign."""


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """Where a store's keys are, as texts; the fingerprint is empty when nothing can be signed."""

    token_key: str
    signing_key: str
    public_key: str
    fingerprint: str


def make_keys(store: Store) -> None:
    """Make the keys that are not there yet.

    A token key is made only while there are no tokens: another one would make all of them worthless. Raises
    `InputError` when a place cannot be written, or others may read a key.
    """
    keys = store_keys(store)
    if not store.tokens.all():
        keys.make_token_key()
    if can_sign() and keys.signing_key() is None:
        private_pem, signer = Signer.generate()
        keys.keep_signing_key(private_pem, signer.public_pem)


def key_places(store: Store) -> KeyPlaces:
    """Answer where a store's keys are."""
    keys = store_keys(store)
    public = keys.public_key()
    return KeyPlaces(
        token_key=str(keys.token_key_file),
        signing_key=str(keys.signing_key_file),
        public_key=str(keys.public_key_file),
        fingerprint=fingerprint(public) if public is not None and can_sign() else "",
    )


def checkpoint_if_due(context: Context) -> Checkpoint | None:
    """Sign the head when 64 rows or an hour passed since the last time; None when not, or when nothing can.

    Never raises over keys or a chain that does not hold: it comes after effects. `prove` tells of both.
    """
    try:
        signer = _signer(context) if _is_due(context) else None
        return _sign(context, signer, _last_signed(context, signer)) if signer is not None else None
    except SetpointError:
        return None


def sign(context: Context, payload: bytes) -> tuple[str, str]:
    """Answer the signature of a payload by this store's key, in hexadecimal, and the key's fingerprint.

    Raises `UnavailableError` where nothing can be signed.
    """
    signer = _signer(context)
    if signer is None:
        raise UnavailableError(f"nothing can be signed: {why_unsigned(context)}")
    return signer.sign(payload), signer.key


def anchor(context: Context, *, to: str, permit: Permit) -> Checkpoint:
    """Sign the head and hand it to a file or an https webhook, with an audit row.

    Raises:
        UnavailableError: nothing can be signed, or the webhook does not take it.
        InputError: the place cannot be one.
        TamperedError: the chain does not hold since the last checkpoint.
    """
    signer = _signer(context)
    if signer is None:
        raise UnavailableError(f"nothing can be signed: {why_unsigned(context)}")
    made = _sign(context, signer, _last_signed(context, signer))
    shown = anchors.anchor(write_checkpoint(made), to)
    detail = {"to": shown, "row": made.seq, "hash": made.hash, **permit.detail()}
    context.store.audit.append(permit.actor, "audit.anchor", "audit", detail, context.now())
    return made


def why_unsigned(context: Context) -> str:
    """Say why nothing is signed here; empty when it is."""
    if not can_sign():
        return "the package that signs is not installed: pip install 'setpoint[sign]'"
    keys = store_keys(context.store)
    try:
        if keys.signing_key() is None:
            return f"there is no signing key {keys.signing_key_file}; `setpoint init` makes one"
    except SetpointError as fault:
        return str(fault)
    return ""


def own_public_keys(context: Context) -> tuple[bytes, ...]:
    """Answer this store's public key as it lies with the private one; none when there is none."""
    try:
        signer = _signer(context)
    except SetpointError:
        signer = None
    if signer is not None:
        return (signer.public_pem,)
    public = store_keys(context.store).public_key()
    return (public,) if public is not None else ()


def noted(context: Context) -> tuple[Checkpoint | None, str]:
    """Answer the checkpoint noted beside the key, and what is wrong with the note (empty: nothing)."""
    keys = store_keys(context.store)
    line = keys.noted()
    found = read_checkpoint(line) if line else None
    if line and found is None:
        return None, f"what is noted in {keys.noted_file} is no checkpoint"
    return found, ""


def verifiers_of(public_pems: Iterable[bytes]) -> dict[str, Verifier]:
    """Read public keys, by their fingerprints; raise `InputError`."""
    return {verifier.key: verifier for verifier in map(Verifier, public_pems)}


def signature_faults(
    checkpoints: Iterable[Checkpoint], verifiers: Mapping[str, Verifier], store_id: str
) -> Iterator[str]:
    """Say what is wrong with signatures; an empty `store_id` takes the first one's for that of all."""
    for each in checkpoints:
        store_id = store_id or each.store
        what = f"the checkpoint of row {each.seq}"
        verifier = verifiers.get(each.key)
        if each.store != store_id:
            yield f"{what} is of another store"
        elif verifier is None:
            yield f"{what} is signed with the key {each.key[:32]!a}, which is not known here"
        elif not verifier.holds(each.payload, each.signature):
            yield f"{what} has a signature that is not its key's"


def _signer(context: Context) -> Signer | None:
    if not can_sign():
        return None
    private_pem = store_keys(context.store).signing_key()
    return Signer(private_pem) if private_pem is not None else None


def _last_signed(context: Context, signer: Signer) -> Checkpoint | None:
    """Answer the newest checkpoint of this key: the store's own, or the noted one when that is newer."""
    candidates = [context.store.audit.last_checkpoint(signer.key), noted(context)[0]]
    verifiers = verifiers_of([signer.public_pem])
    sound = [
        each
        for each in candidates
        if each is not None and not list(signature_faults([each], verifiers, context.store.id))
    ]
    return max(sound, key=lambda each: (each.seq, each.at), default=None)


def _is_due(context: Context) -> bool:
    """Tell without touching a key whether it is time; a checkpoint that is none is for `prove` to find."""
    head, last = context.store.audit.head(), context.store.audit.last_checkpoint()
    if last is None:
        return head.seq > 0
    is_late = context.now() - last.at >= CHECKPOINT_AFTER
    return head.seq - last.seq >= CHECKPOINT_ROWS or (is_late and head.seq > last.seq)


def _sign(context: Context, signer: Signer, last: Checkpoint | None) -> Checkpoint:
    """Sign the head, which must follow from what was signed last: a rewritten chain is not made good here."""
    since = AuditHead(seq=last.seq, hash=last.hash) if last is not None else AuditHead(seq=0, hash=START)
    head = context.store.audit.head_following(since)
    if head is None:
        raise TamperedError(
            f"the audit log does not follow from row {since.seq}, which was signed",
            next_step="`setpoint audit verify` lists what was bent",
        )
    bare = Checkpoint(
        store=context.store.id, seq=head.seq, hash=head.hash, at=context.now(), key=signer.key, signature=""
    )
    made = msgspec.structs.replace(bare, signature=signer.sign(bare.payload))
    context.store.audit.add_checkpoint(made)
    store_keys(context.store).note(write_checkpoint(made))
    return made
