"""A channel manager that pushes: reservations, posted to a gateway's URL as its route asks for them.

OTA_HotelResNotifRQ (SOAP, or bare) and the Open Channel API's JSON. The caller's credential is a
WS-Security UsernameToken, HTTP Basic, a header, or none (a secret path, a network).
"""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import string
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from gateway.sandbox import soap
from gateway.sandbox.cards import VISA, TestCard
from gateway.sandbox.channex import Json, guarantee, open_channel_booking
from gateway.sandbox.ota import Booking, notification

_TIMEOUT: Final = 30.0


@dataclass(frozen=True, slots=True)
class Credential:
    """How the channel manager shows who it is. At most one of `wsse` (SOAP only), `basic`, `header`."""

    wsse: tuple[str, str] | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    header: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PushResult:
    """What came back. `accepted` is what the channel manager would conclude from it."""

    status: int
    accepted: bool
    errors: tuple[str, ...]
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


def default_bookings(hotel: str) -> list[Booking]:
    """One booking with one card and its security code."""
    return [Booking(hotel).with_cards(TestCard(VISA, series="123"))]


def push_ota(
    url: str,
    *,
    hotel: str = "10107",
    bookings: Sequence[Booking] | None = None,
    credential: Credential | None = None,
    ca: Path | None = None,
    timeout: float = _TIMEOUT,
) -> PushResult:
    """Posts an OTA_HotelResNotifRQ. Accepted: 200 and `<Success/>` with the same EchoToken.

    Raises httpx.HTTPError when there was no answer.
    """
    shown = credential or Credential()
    echo = "push-" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    message = notification(bookings or default_bookings(hotel), echo, now)
    body = soap.secured(message, *shown.wsse) if shown.wsse else soap.envelope(message)
    headers = {"content-type": soap.CONTENT_TYPE, "soapaction": '"HotelResNotifRQ"'}
    declared = b'<?xml version="1.0" encoding="UTF-8"?>\n' + body.encode()
    answer = _post(url, declared, headers, credential=shown, ca=ca, timeout=timeout)
    accepted, errors = _judge_ota(answer, echo)
    return PushResult(
        answer.status_code, accepted, errors, tuple(answer.headers.items()), answer.content
    )


def push_json(
    url: str,
    *,
    hotel: str = "10107",
    booking: Json | None = None,
    credential: Credential | None = None,
    ca: Path | None = None,
    timeout: float = _TIMEOUT,
) -> PushResult:
    """Posts a booking as `{"booking": {…}}`. Accepted: any 2xx. Raises httpx.HTTPError."""
    content = booking or open_channel_booking(hotel, f"{hotel}-0001", guarantee())
    body = json.dumps(content, ensure_ascii=False, indent=2).encode()
    headers = {"content-type": "application/json"}
    answer = _post(
        url, body, headers, credential=credential or Credential(), ca=ca, timeout=timeout
    )
    errors = () if answer.is_success else (f"status {answer.status_code}",)
    return PushResult(
        answer.status_code,
        answer.is_success,
        errors,
        tuple(answer.headers.items()),
        answer.content,
    )


def _post(
    url: str,
    body: bytes,
    headers: dict[str, str],
    *,
    credential: Credential,
    ca: Path | None,
    timeout: float,
) -> httpx.Response:
    if credential.header:
        name, value = credential.header
        headers[name] = value
    if credential.basic:
        pair = base64.b64encode(":".join(credential.basic).encode()).decode()
        headers["authorization"] = f"Basic {pair}"
    verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca) if ca else True
    # trust_env False: a proxy of the environment is for the PMS, not for its partners.
    with httpx.Client(verify=verify, trust_env=False, timeout=timeout) as client:
        return client.post(url, content=body, headers=headers)


def _judge_ota(answer: httpx.Response, echo: str) -> tuple[bool, tuple[str, ...]]:
    if answer.status_code != 200:
        return False, (f"status {answer.status_code}",)
    try:
        said = soap.read_soap(answer.content, {"OTA_HotelResNotifRS"})
    except soap.SoapRefused as refused:
        return False, (str(refused),)
    if said.echo_token != echo:
        return False, ("the answer belongs to another message",)
    errors = tuple(_error_text(each) for each in said.all("Errors/Error"))
    return bool(said.all("Success")) and not errors, errors


def _error_text(error: ET.Element) -> str:
    return (error.text or error.get("ShortText") or "an error without a text").strip()
