"""The two calls that a recapture makes to Expedia Rapid: retrieve a booking, change its payment.

Every call is signed as Rapid's "Signature authentication" says: the hex SHA-512 of key, secret and
UNIX seconds, one behind the other. No part of the message is signed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import quote

from gateway import __version__
from gateway.codecs.encoding import decode_body
from gateway.config_recapture import RapidSettings
from gateway.errors import MessageMalformed, UpstreamInvalid
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.outgoing import Answer, Call, Sender
from gateway.recapture.reading import parse
from gateway.secret import Secret

_LARGEST: Final = 1 << 20
_DRIFT_SECONDS: Final = 300
# Rapid's own words for what is wrong: `payments.number.invalid`. Anything else may be input.
_TYPE: Final = re.compile(r"[a-z]{1,40}(?:[._][a-z]{1,40}|_[0-9]){0,8}")
_MOST_TYPES: Final = 10
_HEADER: Final = re.compile(
    r"EAN\s+apikey=([^,\s]{1,128}),\s*signature=([0-9a-f]{128}),\s*timestamp=([0-9]{1,12})",
    re.IGNORECASE,
)


class Credentials:
    """What is shared with Rapid."""

    def __init__(self, api_key: Secret[str], shared_secret: Secret[str]) -> None:
        self._api_key, self._shared_secret = api_key, shared_secret

    def header(self, now: datetime) -> str:
        """The Authorization header of a call at `now`."""
        stamp = str(int(now.timestamp()))
        key = self._api_key.reveal()
        return f"EAN apikey={key},signature={self._signature(stamp)},timestamp={stamp}"

    def made(self, header: str, now: datetime) -> bool:
        """Whether these credentials made `header` within five minutes of `now`."""
        match = _HEADER.fullmatch(header.strip())
        if match is None:
            return False
        key_fits = hmac.compare_digest(match[1].encode(), self._api_key.reveal().encode())
        signed = self._signature(match[3]).encode()
        fits = hmac.compare_digest(match[2].lower().encode(), signed)
        return key_fits and fits and abs(int(match[3]) - now.timestamp()) <= _DRIFT_SECONDS

    def _signature(self, stamp: str) -> str:
        text = f"{self._api_key.reveal()}{self._shared_secret.reveal()}{stamp}"
        return hashlib.sha512(text.encode()).hexdigest()


class Rapid:
    """One account's calls."""

    def __init__(
        self,
        settings: RapidSettings,
        credentials: Credentials,
        sender: Sender,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings, self._credentials = settings, credentials
        self._sender, self._clock = sender, clock
        self.base = settings.url.base

    async def retrieve(self, itinerary: str, email: Secret[str]) -> bytes:
        """The booking, as JSON, found by the guest's address.

        Raises what `Outgoing.call` raises, UpstreamInvalid for anything but 200.
        """
        path = f"/v3/itineraries/{itinerary}?email={quote(email.reveal(), safe='')}"
        answer = await self._sender.call(self._call("GET", path, Secret(b"")))
        if answer.status != 200:
            raise UpstreamInvalid
        return _decoded(answer)

    def change(self, link: Secret[str], body: Secret[bytes]) -> Call:
        """The call that puts another card in. It is not made yet: whoever makes it sees in it
        afterwards whether anything left.
        """
        return self._call("PUT", link.reveal(), body)

    async def make(self, call: Call) -> tuple[int, tuple[str, ...]]:
        """Makes `call`; the answer's status, and what Rapid calls its errors.

        Raises what `Outgoing.call` raises.
        """
        answer = await self._sender.call(call)
        return answer.status, () if answer.status < 400 else _types(answer)

    def _call(self, method: str, path: str, body: Secret[bytes]) -> Call:
        url, headers = self._settings.url, Headers()
        for name, value in (
            ("Accept", "application/json"),
            ("Accept-Encoding", "gzip"),
            ("Authorization", self._credentials.header(self._clock())),
            ("Customer-Ip", str(self._settings.customer_ip)),
            ("User-Agent", f"card-gateway/{__version__}"),
            *([("Content-Type", "application/json")] if method != "GET" else []),
        ):
            headers.set(name, value)
        return Call(method, Authority("https", url.host, url.port), path, headers, body)


def _decoded(answer: Answer) -> bytes:
    codings = answer.headers.get_all("Content-Encoding")
    return decode_body(answer.body.reveal(), codings, _LARGEST)


def _types(answer: Answer) -> tuple[str, ...]:
    try:
        said = parse(_decoded(answer))
    except MessageMalformed:
        return ()
    level = said if isinstance(said, dict) else {}
    nested = level.get("errors")
    errors = nested if isinstance(nested, list) and nested else [level]
    types = [one.get("type") for one in errors[:_MOST_TYPES] if isinstance(one, dict)]
    return tuple(one for one in types if isinstance(one, str) and _TYPE.fullmatch(one))


def change_body(
    reference: str,
    *,
    number: Secret[str],
    month: str,
    year: str,
    security_code: Secret[str],
    contact: Secret[str],
) -> Secret[bytes]:
    """What PUT …/payment takes; `contact` is a JSON text."""
    payment = {
        "type": "customer_card",
        "number": number.reveal(),
        "security_code": security_code.reveal(),
        "expiration_month": month,
        "expiration_year": year,
        "billing_contact": json.loads(contact.reveal()),
    }
    body = {"change_reference_id": reference, "payments": [payment]}
    return Secret(json.dumps(body).encode("ascii"))
