"""Signatures with Ed25519. Needs the extra ``sign``; without it nothing is signed, and all else works."""

from __future__ import annotations

from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING

from setpoint.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_FINGERPRINT_DIGITS = 32


def can_sign() -> bool:
    """Tell whether the package that signs is installed."""
    return find_spec("cryptography") is not None


class Signer:
    """A private key at work."""

    def __init__(self, private_pem: bytes) -> None:
        """Read a private key (PEM, PKCS8); raise `InputError` when it is none of Ed25519."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            found = load_pem_private_key(private_pem, password=None)
        except (ValueError, TypeError):
            found = None
        if not isinstance(found, Ed25519PrivateKey):
            raise InputError("the signing key is no Ed25519 key in PEM", next_step="restore it from a backup")
        self._key = found
        self.public_pem = _public_pem(found.public_key())
        self.key = fingerprint(self.public_pem)

    @classmethod
    def generate(cls) -> tuple[bytes, Signer]:
        """Make a new key; answer it as PEM, and at work."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        private_pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return private_pem, cls(private_pem)

    def sign(self, payload: bytes) -> str:
        """Answer the signature of a payload, in hexadecimal."""
        return self._key.sign(payload).hex()

    def __repr__(self) -> str:
        """Name the public key."""
        return f"Signer({self.key!r})"


class Verifier:
    """A public key at work; `key` is its fingerprint."""

    def __init__(self, public_pem: bytes) -> None:
        """Read a public key (PEM); raise `InputError` when it is none of Ed25519."""
        self._key = _read_public(public_pem)
        self.key = fingerprint(public_pem)

    def holds(self, payload: bytes, signature: str) -> bool:
        """Tell whether a signature is this key's for this payload."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(bytes.fromhex(signature), payload)
        except (InvalidSignature, ValueError):
            return False
        return True


def fingerprint(public_pem: bytes) -> str:
    """Answer the beginning of the SHA-256 of a public key's 32 bytes, in hexadecimal."""
    raw = _read_public(public_pem).public_bytes_raw()
    return sha256(raw).hexdigest()[:_FINGERPRINT_DIGITS]


def _read_public(public_pem: bytes) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        found = load_pem_public_key(public_pem)
    except (ValueError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, Ed25519PublicKey):
        raise InputError(
            "this is no public Ed25519 key in PEM",
            next_step="`setpoint init` writes it beside the store as .pub",
        )
    return found


def _public_pem(key: Ed25519PublicKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
