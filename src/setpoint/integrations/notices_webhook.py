"""Notices to a web server, signed so that it can tell who sent them and when.

A POST of the notice's JSON with these headers::

    X-Setpoint-Id         the notice's id, the same each time it is sent
    X-Setpoint-Timestamp  seconds since 1970 when it was sent
    X-Setpoint-Signature  sha256=HEX, the HMAC-SHA256 of "TIMESTAMP.BODY" under the shared secret

Whoever takes it answers with a status of 2xx within seconds; anything else, a redirect too, is a no, and it
comes again. No proxy of the environment is used, for notices go where an administrator said.
"""

from __future__ import annotations

import hmac
import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from threading import Event, Timer
from typing import TYPE_CHECKING

from setpoint.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from http.client import HTTPConnection
    from urllib.parse import SplitResult

    from setpoint.policy.channel import Channel
    from setpoint.policy.notice import Notice

    ReadSecret = Callable[[str], str | None]

TIMEOUT_SECONDS = 5.0

ID_HEADER = "X-Setpoint-Id"
TIMESTAMP_HEADER = "X-Setpoint-Timestamp"
SIGNATURE_HEADER = "X-Setpoint-Signature"

_SUCCESSES = range(200, 300)
_REFERENCES = ("env:", "file:")


@dataclass(frozen=True, slots=True)
class WebhookSink:
    """Posts notices to an address (or to the one behind a reference), signed with the secret of another."""

    place: str
    secret: str
    read_secret: ReadSecret
    timeout_seconds: float = TIMEOUT_SECONDS

    def deliver(self, notice: Notice, at: datetime) -> None:
        """Post a notice; raise `UnavailableError` unless it is taken, `InputError` when it cannot be sent."""
        address = _parse(self._read(self.place) if _is_reference(self.place) else self.place)
        secret = self._read(self.secret)
        stamp = str(int(at.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "setpoint",
            ID_HEADER: notice.id,
            TIMESTAMP_HEADER: stamp,
            SIGNATURE_HEADER: sign(secret, stamp, notice.body),
        }
        shown = self.place if _is_reference(self.place) else _shown(address)
        status = _post(address, notice.body, headers, self.timeout_seconds, shown)
        if status not in _SUCCESSES:
            raise UnavailableError(f"the webhook answered with status {status}", where=shown)

    def _read(self, reference: str) -> str:
        try:
            found = self.read_secret(reference)
        except InputError as fault:
            raise InputError(f"cannot be read: {fault.what}", where=reference) from None
        if not found:
            raise InputError("there is nothing to read", where=reference)
        return found


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Answer the signature of a body sent at a time."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, sha256)
    return f"sha256={digest.hexdigest()}"


def show(place: str) -> str:
    """Answer scheme and host, for paths and queries of webhooks are often secrets; raise `InputError`."""
    return place if _is_reference(place) else _shown(_parse(place))


def make(channel: Channel, read_secret: ReadSecret) -> WebhookSink:
    """Make the sink."""
    return WebhookSink(channel.place, channel.secret, read_secret)


def _is_reference(place: str) -> bool:
    return place.startswith(_REFERENCES)


def _parse(url: str) -> SplitResult:
    """Read an address; raise `InputError`, which shows nothing of it but the host."""
    from urllib.parse import urlsplit

    unread = InputError("the webhook's address cannot be read", next_step="write it as https://HOST/PATH")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise unread from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise unread
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "the webhook's address holds a login", where=_shown(parts), next_step="notices are signed instead"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise InputError(
            "notices go to an https:// address",
            where=_shown(parts),
            next_step="http:// only reaches this machine",
        )
    return parts


def _shown(address: SplitResult) -> str:
    port = f":{address.port}" if address.port else ""
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    return f"{address.scheme}://{host}{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _post(
    address: SplitResult, body: bytes, headers: Mapping[str, str], timeout_seconds: float, shown: str
) -> int:
    """Post and answer the status; what else the server says is not read."""
    from http.client import HTTPException

    connection = _connection(address, timeout_seconds)
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    # The timeout of a socket counts from each byte to the next, so a server could take its time for ever.
    is_late = Event()
    end = Timer(timeout_seconds, _cut, [connection, is_late])
    end.daemon = True
    try:
        end.start()
        connection.connect()
        if is_late.is_set():
            raise TimeoutError
        connection.request("POST", path, body=body, headers=dict(headers))
        status = connection.getresponse().status
        if is_late.is_set():  # headers that were cut short look like all there are
            raise TimeoutError
    except (HTTPException, OSError, ValueError) as fault:
        is_slow = isinstance(fault, TimeoutError) or is_late.is_set()
        reason = "too slow" if is_slow else getattr(fault, "strerror", None) or type(fault).__name__
        raise UnavailableError(f"the webhook does not answer: {reason}", where=shown) from None
    else:
        return status
    finally:
        end.cancel()
        connection.close()


def _connection(address: SplitResult, timeout_seconds: float) -> HTTPConnection:
    from http.client import HTTPConnection as Plain

    host = address.hostname or ""
    if address.scheme == "http":
        return Plain(host, address.port, timeout=timeout_seconds)
    from http.client import HTTPSConnection
    from ssl import create_default_context

    return HTTPSConnection(host, address.port, timeout=timeout_seconds, context=create_default_context())


def _cut(connection: HTTPConnection, is_late: Event) -> None:
    """End a connection that somebody waits on."""
    from socket import SHUT_RDWR

    is_late.set()
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(SHUT_RDWR)
