"""Telling the PMS that a card failed: an HTTPS POST, signed, tried until it is taken or given up.

    X-Gateway-Signature: t=1767225600,v1=<hex HMAC-SHA256(secret, "1767225600." + body)>
    X-Gateway-Recapture: <id>            what GET /v1/recaptures/{id} wants

The body is the channel's notification in its documented fields. The time is the attempt's: whoever
verifies it refuses what is old, so that a recorded one can not be sent again.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway.config_recapture import Webhook
from gateway.errors import GatewayError
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.outgoing import Call
from gateway.recapture.content import read
from gateway.recapture.rapid import Sender
from gateway.secret import Secret
from gateway.vault.recapture import OpenRecapture

SIGNATURE: Final = "X-Gateway-Signature"
RECAPTURE: Final = "X-Gateway-Recapture"


def signature(secret: Secret[str], at: datetime, body: bytes) -> str:
    """The header's value."""
    stamp = str(int(at.timestamp()))
    signed = hmac.new(secret.reveal().encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return f"t={stamp},v1={signed.hexdigest()}"


class Teller:
    """Tells one client's PMS."""

    def __init__(
        self, settings: Webhook, secret: Secret[str], sender: Sender, clock: Callable[[], datetime]
    ) -> None:
        self._settings, self._secret = settings, secret
        self._sender, self._clock = sender, clock

    async def tell(self, one: OpenRecapture) -> str:
        """One attempt: empty where a 2xx came back, else a code that says what did."""
        told = read(one.held).event
        body = b"{}" if told is None else told.reveal().encode()
        url, headers = self._settings.url, Headers()
        headers.set("Content-Type", "application/json")
        headers.set(RECAPTURE, one.row.id)
        headers.set(SIGNATURE, signature(self._secret, self._clock(), body))
        authority = Authority("https", url.host, url.port)
        try:
            answer = await self._sender.call(
                Call("POST", authority, url.path, headers, Secret(body))
            )
        except GatewayError as error:
            return error.code
        return "" if 200 <= answer.status < 300 else f"status_{answer.status}"

    def next(self, tries: int, now: datetime) -> datetime | None:
        """When it is tried again after `tries` attempts that failed; None: no more."""
        pauses = self._settings.retry_seconds
        return now + timedelta(seconds=pauses[tries - 1]) if tries <= len(pauses) else None
