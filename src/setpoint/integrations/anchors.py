"""Anchors: a signed line handed to a place outside the store, a file or a webhook, before it is needed."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING

from setpoint.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

TIMEOUT_SECONDS = 10.0

_SUCCESSES = range(200, 300)


def anchor(line: str, place: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> str:
    """Hand a line (JSON) to a place and answer the place as it may be shown.

    A file gets it appended, on disk when this returns; an ``https://`` webhook gets it by POST (``http://``
    only on this machine). Raises `InputError` for a place that cannot be one, `UnavailableError` for one that
    does not take it.
    """
    if "://" not in place:
        return _append(line, Path(place).expanduser())
    return _post(line, place, timeout_seconds)


def _append(line: str, file: Path) -> str:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as stream:
            stream.write(f"{line}\n".encode())
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as fault:
        raise InputError(f"cannot be written: {fault.strerror}", where=str(file)) from None
    return str(file)


def _post(line: str, url: str, timeout_seconds: float) -> str:
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request

    shown = _shown(url)
    headers = {"Content-Type": "application/json", "User-Agent": "setpoint"}
    try:
        request = Request(url, data=line.encode(), headers=headers, method="POST")  # noqa: S310 - looked at in _shown
        with _opener().open(request, timeout=timeout_seconds) as answer:
            status = answer.status
    except HTTPError as fault:
        status = fault.code
        fault.close()
    except (URLError, HTTPException, OSError, ValueError) as fault:
        reason = getattr(fault, "reason", None) or type(fault).__name__
        raise UnavailableError(f"the webhook does not answer: {reason}", where=shown) from None
    if status not in _SUCCESSES:
        raise UnavailableError(f"the webhook answered with status {status}", where=shown)
    return shown


def _shown(url: str) -> str:
    """Answer scheme and host, for paths and queries of webhooks are often secrets; raise `InputError`."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InputError("the webhook's address cannot be read", next_step="https://HOST/PATH") from None
    is_plain = parts.scheme == "http" and _is_loopback(host)
    if not host or not (parts.scheme == "https" or is_plain):
        raise InputError(
            "an anchor goes to a file or to an https:// address",
            where=f"{parts.scheme}://{host}",
            next_step="http:// only reaches this machine",
        )
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _opener() -> OpenerDirector:
    """Make an opener for http and https alone, which follows no redirect and keeps no cookie."""
    from urllib.request import HTTPDefaultErrorHandler, HTTPErrorProcessor, HTTPHandler, HTTPSHandler
    from urllib.request import OpenerDirector as Director

    made = Director()
    for handler in (HTTPHandler(), HTTPSHandler(), HTTPErrorProcessor(), HTTPDefaultErrorHandler()):
        made.add_handler(handler)
    return made
