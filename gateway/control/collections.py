"""`/v1/collections`: a sum that is collected step after step; watched, and stopped.

1. What is asked for is written, with the audit, before anything is done (`gateway.collections`).
2. A token that is unknown, another product's or of the other mode: `token_unknown`. A client that tries
   too many is blocked (`cards_guessing.py`). Another client's collection is `collection_unknown`.
3. The URL of a guest's link is shown while the link is open, to whoever may see the collection.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway.access.clients import Access
from gateway.access.old_tokens import Naming
from gateway.audit import Action
from gateway.charges.who import Who
from gateway.collections.service import Collections
from gateway.control.caller import Caller, needs
from gateway.control.cards_guessing import Guessing
from gateway.control.charges_form import read_nothing, token_in
from gateway.control.collections_document import BEGIN, BEGUN, LISTED, SHOWN, STOP, STOPPED
from gateway.control.collections_form import (
    REFERENCE,
    State,
    read_collection,
    read_collection_states,
)
from gateway.control.collections_shown import (
    CollectionWithHistory,
    ListedCollections,
    answered,
    shown,
    with_history,
)
from gateway.control.idempotency import InFlight
from gateway.control.listing import (
    MOST,
    Cursor,
    Limit,
    Named,
    Text,
    page_of,
    read_cursor,
    read_named,
)
from gateway.errors import TokenUnknown
from gateway.secret import Secret
from gateway.vault.collection_changes import CollectionFilter
from gateway.vault.idempotency import Once

ROUTE: Final = "control/collections"  # in the audit

MayCollect = Annotated[Caller, Depends(needs("charges"))]


class CollectionCalls:
    """Their router; for `gateway.control.api.mount`."""

    def __init__(
        self,
        collections: Collections,
        *,
        access: Access,
        naming: Naming,
        guessing: Guessing,
        clock: Callable[[], datetime],
    ) -> None:
        self._collections, self._access = collections, access
        self._guessing, self._clock, self._naming = guessing, clock, naming
        self._in_flight = InFlight()
        self.router = APIRouter(prefix="/collections", tags=["collections"])
        add = self.router.add_api_route
        add("", self.create, methods=["POST"], status_code=201,
            response_model=CollectionWithHistory, summary="Collect a sum", openapi_extra=BEGIN,
            responses=BEGUN)  # fmt: skip
        add("", self.listed, methods=["GET"], summary="All of them", responses=LISTED)
        add("/{id}", self.one, methods=["GET"], summary="One collection, with its history",
            responses=SHOWN)  # fmt: skip
        add("/{id}/stop", self.stop, methods=["POST"], response_model=CollectionWithHistory,
            summary="Go no further", openapi_extra=STOP, responses=STOPPED)  # fmt: skip

    async def create(self, caller: MayCollect, request: Request) -> Response:
        """Begins to collect a sum: a charge, then a link for the guest, then another card where the
        channel takes one. What comes of it is told by webhooks `collection.<state>`.
        """
        self._guessing.check(caller.client)
        who, sent = self._who(caller), await request.body()
        (token,) = await self._naming.ours([token_in(sent)], who.products)
        form, said = read_collection(sent, token)
        with self._once(request, who, said) as once:
            try:
                if form is None:
                    body = await self._collections.nameless(who, once)
                else:
                    body = await self._collections.create(who, form, once, answered)
            except TokenUnknown:
                await self._guessing.unknown(who.entry, written=True)
                raise
        return _json(body, 201)

    async def listed(
        self,
        caller: MayCollect,
        *,
        system: Named = None,
        hotel: Text = None,
        booking: Text = None,
        reference: Annotated[str | None, Query(pattern=f"^{REFERENCE}$")] = None,
        state: Annotated[list[State] | None, Query()] = None,
        cursor: Cursor = None,
        limit: Limit = MOST,
    ) -> ListedCollections:
        """A client's collections, the newest first. `state` may be repeated."""
        who = self._who(caller)
        wanted = CollectionFilter(
            products=who.products,
            client=None if who.sees_all else who.client,
            booking=read_named(system, hotel, booking),
            reference=reference,
            states=read_collection_states(state),
            before=read_cursor(cursor),
            limit=limit + 1,
        )
        page = page_of(await self._collections.listed(wanted), limit)
        return ListedCollections(collections=[shown(one) for one in page.shown], next=page.next)

    async def one(self, caller: MayCollect, id: str) -> CollectionWithHistory:
        """All that is known of a collection."""
        return with_history(*await self._collections.get(self._who(caller), id))

    async def stop(self, caller: MayCollect, request: Request, id: str) -> Response:
        """Goes no further: at once, or where a charge is on its way (`stopping`), with what becomes of
        that one. What it takes was taken all the same.
        """
        who, said = self._who(caller), read_nothing(await request.body())
        with self._once(request, who, said) as once:
            return _json(await self._collections.stop(who, id, once, answered))

    # --- inside -----------------------------------------------------------------------------------

    def _once(self, request: Request, who: Who, said: bytes) -> AbstractContextManager[Once | None]:
        return self._in_flight.once(request, who.client, who.products, Secret(said))

    def _who(self, caller: Caller) -> Who:
        return Who(
            caller.client,
            caller.key_id,
            self._access.products_of(caller.admission),
            caller.intends(Action.COLLECT, ROUTE, self._clock()),
            caller.is_admin,
        )


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
