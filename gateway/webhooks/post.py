"""One attempt to tell a client something: an HTTPS POST, signed.

    X-Gateway-Signature: t=1767225600,v1=<hex HMAC-SHA256(secret, "1767225600." + body)>

The time is the attempt's: whoever verifies it refuses what is old, so that a recorded one can not be
sent again. A redirect is not followed: it is an answer that is no 2xx.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from gateway.config_webhook import Webhook
from gateway.errors import GatewayError
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.outgoing import Call, Sender
from gateway.secret import Secret

SIGNATURE: Final = "X-Gateway-Signature"


def signature(secret: Secret[str], at: datetime, body: bytes) -> str:
    """The header's value."""
    stamp = str(int(at.timestamp()))
    signed = hmac.new(secret.reveal().encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return f"t={stamp},v1={signed.hexdigest()}"


class Post:
    """One webhook."""

    def __init__(
        self, settings: Webhook, secret: Secret[str], sender: Sender, clock: Callable[[], datetime]
    ) -> None:
        self._settings, self._secret = settings, secret
        self._sender, self._clock = sender, clock

    async def send(self, body: Secret[bytes], about: Mapping[str, str]) -> str:
        """One attempt, with the headers `about`: empty where a 2xx came back, else a code that says
        what did.
        """
        url, headers = self._settings.url, Headers()
        headers.set("Content-Type", "application/json")
        for name, value in about.items():
            headers.set(name, value)
        headers.set(SIGNATURE, signature(self._secret, self._clock(), body.reveal()))
        authority = Authority("https", url.host, url.port)
        try:
            answer = await self._sender.call(Call("POST", authority, url.path, headers, body))
        except GatewayError as error:
            return error.code
        return "" if 200 <= answer.status < 300 else f"status_{answer.status}"

    def next(self, tries: int, now: datetime) -> datetime | None:
        """When it is tried again after `tries` attempts that failed; None: no more."""
        pauses = self._settings.retry_seconds
        return now + timedelta(seconds=pauses[tries - 1]) if tries <= len(pauses) else None
