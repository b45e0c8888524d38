"""Rapid's notifications: posted to the partner, tried again, kept when they could not be delivered.

The failure is Expedia's published event ("Credit card recapture"); of the cancellation only the type
is. How Rapid signs what it sends was found in no document: here it is the header that the partner
signs its own calls with. Nor were the pauses between attempts (`RapidSettings.retry_seconds`).
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
import uuid
from collections import deque
from datetime import datetime
from typing import Final

import httpx

from gateway.sandbox.rapid_errors import Json
from gateway.sandbox.rapid_itineraries import Itinerary
from gateway.sandbox.rapid_settings import RapidSettings, stamped

FAILURE: Final = "itinerary.payment_verification.failure"
CANCELED: Final = "itinerary.supplier.cancel"
MESSAGES: Final = {
    FAILURE: "Payment validation has failed during Supplier initiated validation.",
    CANCELED: "The property canceled this itinerary.",
}
_AT_ONCE: Final = 25  # undelivered ones, in one answer
_TIMEOUT: Final = 10.0


class Notices:
    """What is on its way to the partner, and what never arrived."""

    def __init__(self, settings: RapidSettings) -> None:
        self._settings = settings
        self._undelivered: deque[Json] = deque(maxlen=1000)
        self._sending: set[asyncio.Task[None]] = set()
        self._closed = False
        self._posting = 0
        self._idle = threading.Event()  # nothing is on the wire
        self._idle.set()

    def send(self, type: str, itinerary: Itinerary | None, now: datetime) -> None:
        """Posts an event, in the background. Without a URL the partner is not subscribed."""
        if not self._settings.webhook:
            return
        event = _event(type, itinerary, now)
        task = asyncio.get_running_loop().create_task(self._deliver(event))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def undelivered(self) -> list[Json]:
        """The oldest ones, each given once."""
        return [self._undelivered.popleft() for _ in range(min(_AT_ONCE, len(self._undelivered)))]

    def close(self) -> None:
        """Nothing is tried again after this."""
        self._closed = True

    def settle(self) -> None:
        """Waits, beside the simulator's loop, until nothing is on the wire any more."""
        self._idle.wait(_TIMEOUT)

    async def _deliver(self, event: Json) -> None:
        for pause in (0.0, *self._settings.retry_seconds):
            await asyncio.sleep(pause)
            if self._closed or await self._counted(event):
                return
        self._undelivered.append(event)

    async def _counted(self, event: Json) -> bool:
        self._posting += 1
        self._idle.clear()
        try:
            return await self._post(event)
        finally:
            self._posting -= 1
            if not self._posting:
                self._idle.set()

    async def _post(self, event: Json) -> bool:
        """One attempt, signed anew; whether it was answered with a 2xx."""
        settings = self._settings
        verify: ssl.SSLContext | bool = True
        if settings.webhook_ca:
            verify = ssl.create_default_context(cafile=settings.webhook_ca)
        headers = {"authorization": settings.credentials.header(time.time())}
        try:
            # trust_env False: a proxy of the environment is for the PMS, not for its partners.
            async with httpx.AsyncClient(
                verify=verify, trust_env=False, timeout=_TIMEOUT
            ) as client:
                answer = await client.post(settings.webhook, json=event, headers=headers)
        except httpx.HTTPError:
            return False
        return answer.is_success


def _event(type: str, itinerary: Itinerary | None, now: datetime) -> Json:
    """A test notification is about no itinerary."""
    return {
        "affiliate_reference_id": itinerary.reference if itinerary else "",
        "email": itinerary.form["email"] if itinerary else "test@example.com",
        "event_id": str(uuid.uuid4()),
        "event_time": stamped(now),
        "event_type": type,
        "itinerary_id": itinerary.id if itinerary else "7000000000000",
        "message": MESSAGES[type],
    }
