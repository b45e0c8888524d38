"""`POST /v1/notifications/expedia-rapid`: where Rapid tells that a card failed.

Rapid holds no gateway key. It is admitted as the entry under `callers:` says that gateway.yaml names,
and, where it says `signed:`, by the header that Rapid's own calls are signed with.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from typing import Final

from fastapi import APIRouter, Request, Response

from gateway.access.clients import Access
from gateway.config_recapture import Notifications
from gateway.control.document import Schema, body, only
from gateway.errors import (
    BodyTooLarge,
    CallerNotAuthenticated,
    EventMalformed,
    EventNotSupported,
    InternalError,
    MessageMalformed,
    NetworkNotAllowed,
    RecordDamaged,
    VaultUnavailable,
)
from gateway.exchange import Peer
from gateway.headers import Headers
from gateway.recapture.parts import Parts
from gateway.recapture.service import SYSTEM

_LINE: Final[Schema] = {"type": "string"}
_NAMES: Final = ("event_id", "event_time", "event_type", "itinerary_id")
# What it needs; Expedia sends more, and may send what its documents do not name.
_BODY: Final = body(
    {"type": "object", "required": list(_NAMES), "properties": dict.fromkeys(_NAMES, _LINE)}
)
_REFUSED: Final = (
    MessageMalformed, EventMalformed, CallerNotAuthenticated, NetworkNotAllowed, BodyTooLarge,
    EventNotSupported, RecordDamaged, InternalError, VaultUnavailable,
)  # fmt: skip


class NotificationCalls:
    """Their router. It is mounted apart: no gateway key is asked for."""

    def __init__(
        self,
        parts: Parts,
        settings: Notifications,
        access: Access,
        clock: Callable[[], datetime],
    ) -> None:
        self._parts, self._settings = parts, settings
        self._access, self._clock = access, clock
        self.router = APIRouter(prefix="/notifications", tags=["notifications"])
        for path in (f"/{SYSTEM}", f"/{SYSTEM}/{{secret}}"):  # a caller's secret_path
            self.router.add_api_route(
                path,
                self.take,
                methods=["POST"],
                status_code=204,
                include_in_schema="{" not in path,
                openapi_extra=_BODY,
                responses=only(*_REFUSED),
            )

    async def take(self, request: Request) -> Response:
        """Keeps an itinerary.payment_verification.failure; the same one twice is one."""
        self._admit(request)
        await self._parts.recaptures.notified(await request.body())
        return Response(status_code=204)

    def _admit(self, request: Request) -> None:
        """Raises CallerNotAuthenticated, before the body is read."""
        if request.client is None:
            raise CallerNotAuthenticated
        headers, address = Headers(request.headers.raw), ip_address(request.client.host)
        peer = Peer(address, "endpoints", tls=request.url.scheme == "https")
        origin = self._access.client_of(address, headers)
        path = request.scope["raw_path"].decode("latin-1")  # as it was sent: decoded there, once
        self._access.caller(self._settings.caller, peer, origin, headers, path, None)
        if not self._settings.signed:
            return
        signed = headers.get_all("Authorization")
        if len(signed) != 1 or not self._parts.credentials.made(signed[0], self._clock()):
            raise CallerNotAuthenticated
