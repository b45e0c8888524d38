"""`/v1/notices`: what a client is told by webhook, and did not get; sent once more where it asks for it.

    scope              sees
    cards, charges     what its client is told, of the key's products and of none
    admin              what every client is told

What is told is not shown here: it goes to the webhook, signed, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.access.clients import Access
from gateway.audit import Action
from gateway.control.caller import Caller, needs
from gateway.control.document import refusals
from gateway.control.idempotency import ONCE, InFlight
from gateway.errors import (
    IdempotencyKeyReused,
    NoticeUnknown,
    RecordDamaged,
    RequestInProgress,
    WebhookMissing,
)
from gateway.secret import Secret
from gateway.vault.notices import Notice, NoticeState, NoticeTable, Whose

ROUTE: Final = "control/notices"  # in the audit
MOST: Final = 1000  # of one list

MayRead = Annotated[Caller, Depends(needs("cards", "charges", "admin"))]
_NO_BODY: Final = Secret(b"")
_OPEN: Final = (NoticeState.WAITING, NoticeState.SENDING, NoticeState.GIVEN_UP)


class Search(BaseModel):
    """Which notices to list, newest first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: list[NoticeState] = Field(
        default=[], description="May be repeated. Default: all that were not delivered."
    )
    before: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Only those older than this one: `next` of the page before.",
    )
    limit: int = Field(default=100, ge=1, le=MOST)


class ShownNotice(BaseModel):
    """A notice: what it is about, and how far it came. `failure`: why the last attempt failed."""

    id: str
    client: str
    type: str
    subject: str
    product: str | None
    state: NoticeState
    created_at: datetime
    changed_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    failure: str | None


class ListedNotices(BaseModel):
    """A page, newest first. `next`: for `before`, where there is more."""

    notices: list[ShownNotice]
    next: str | None


class NoticeCalls:
    """Their router; for `gateway.control.api.mount`."""

    def __init__(self, table: NoticeTable, access: Access, clock: Callable[[], datetime]) -> None:
        self._table, self._access, self._clock = table, access, clock
        self._in_flight = InFlight()
        self.router = APIRouter(prefix="/notices", tags=["notices"])
        add = self.router.add_api_route
        add("", self.listed, methods=["GET"], summary="What was not delivered",
            responses=refusals(NoticeUnknown))  # fmt: skip
        again = (
            NoticeUnknown,
            WebhookMissing,
            RequestInProgress,
            IdempotencyKeyReused,
            RecordDamaged,
        )
        add("/{id}/redeliver", self.redeliver, methods=["POST"], response_model=ShownNotice,
            summary="Send it once more", openapi_extra=ONCE,
            responses=refusals(*again))  # fmt: skip

    async def listed(self, caller: MayRead, search: Annotated[Search, Query()]) -> ListedNotices:
        """What a client was told and did not take yet, or never took."""
        rows = await self._table.listed(
            self._whose(caller),
            search.state or _OPEN,
            before=search.before,
            limit=search.limit + 1,
        )
        page = rows[: search.limit]
        more = page[-1].id if len(rows) > len(page) else None
        return ListedNotices(notices=[shown(row) for row in page], next=more)

    async def redeliver(self, caller: MayRead, request: Request, id: str) -> Response:
        """Sends a notice once more, now and with all its attempts, under the id that it had."""
        whose = self._whose(caller)
        entry = caller.intends(Action.REDELIVER, ROUTE, self._clock())
        products = whose.products | {""}  # a notice may be of none
        with self._in_flight.once(request, caller.client, products, _NO_BODY) as once:
            body = await self._table.redeliver(id, whose, entry, once, _answer)
        return Response(body, 200, media_type="application/json")

    def _whose(self, caller: Caller) -> Whose:
        admission = caller.admission
        client = None if caller.is_admin else caller.client
        return Whose(client, self._access.products_of(admission))


def shown(row: Notice) -> ShownNotice:
    """All of it but what is told."""
    return ShownNotice(
        id=row.id,
        client=row.client,
        type=row.kind,
        subject=row.subject,
        product=row.product or None,
        state=row.state,
        created_at=row.created,
        changed_at=row.changed,
        attempts=row.tries,
        next_attempt_at=row.due if row.state is NoticeState.WAITING else None,
        failure=row.code or None,
    )


def _answer(row: Notice) -> bytes:
    return shown(row).model_dump_json().encode()
