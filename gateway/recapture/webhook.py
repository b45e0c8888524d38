"""Telling the PMS that a card failed: an HTTPS POST, signed, tried until it is taken or given up.

    X-Gateway-Recapture: <id>            what GET /v1/recaptures/{id} wants

The body is the channel's notification in its documented fields; `gateway.webhooks.post` signs it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gateway.recapture.content import read
from gateway.secret import Secret
from gateway.vault.recapture import OpenRecapture
from gateway.webhooks.post import Post

RECAPTURE: Final = "X-Gateway-Recapture"


class Teller:
    """Tells one client's PMS."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def tell(self, one: OpenRecapture) -> str:
        """One attempt: empty where a 2xx came back, else a code that says what did."""
        told = read(one.held).event
        body = b"{}" if told is None else told.reveal().encode()
        return await self._post.send(Secret(body), {RECAPTURE: one.row.id})

    def next(self, tries: int, now: datetime) -> datetime | None:
        """When it is tried again after `tries` attempts that failed; None: no more."""
        return self._post.next(tries, now)
