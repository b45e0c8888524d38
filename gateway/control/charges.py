"""`/v1/charges`: charge a card, capture, cancel, refund, look, and the register of it all.

1. What is asked for is written before it is sent, and is sent once (`gateway.charges.service`).
2. A token that is unknown, another product's or of the other mode: `token_unknown`. A client that
   tries too many is blocked (`cards_guessing.py`). Another client's charge is `charge_unknown`.
3. Whatever became of a charge, the answer is the charge: its `state` says what it is, not the status.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import WithJsonSchema

from gateway.access.clients import Access
from gateway.access.old_tokens import Naming
from gateway.audit import Action
from gateway.charges.service import Charges
from gateway.charges.who import Reply, Who
from gateway.control.caller import Caller, needs
from gateway.control.cards_guessing import Guessing
from gateway.control.charges_document import (
    AMOUNT,
    ASKED,
    CREATE,
    CREATED,
    DISPUTED,
    LISTED,
    LOOKED,
    NOTHING,
    REASON,
    SAW,
    SHOWN,
)
from gateway.control.charges_form import (
    REFERENCE,
    State,
    read_amount,
    read_charge,
    read_day,
    read_nothing,
    read_reason,
    read_settled,
    read_states,
    token_in,
)
from gateway.control.charges_shown import (
    ChargeWithHistory,
    ListedCharges,
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
from gateway.processors.model import Operation
from gateway.secret import Secret
from gateway.vault.charge_changes import Filter
from gateway.vault.idempotency import Once

ROUTE: Final = "control/charges"  # in the audit

MayCharge = Annotated[Caller, Depends(needs("charges"))]
# Only described here: what is wrong is told by `charges_form.py`.
Day = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "format": "date"}),
    Query(description="A day, in UTC: 2026-01-31"),
]


class ChargeCalls:
    """Their router; for `gateway.control.api.mount`."""

    def __init__(
        self,
        charges: Charges,
        *,
        access: Access,
        naming: Naming,
        guessing: Guessing,
        clock: Callable[[], datetime],
    ) -> None:
        self._charges, self._access = charges, access
        self._guessing, self._clock, self._naming = guessing, clock, naming
        self._in_flight = InFlight()
        self.router = APIRouter(prefix="/charges", tags=["charges"])
        add = self.router.add_api_route
        add("", self.create, methods=["POST"], status_code=201, response_model=ChargeWithHistory,
            summary="Charge a card", openapi_extra=CREATE, responses=CREATED)  # fmt: skip
        add("", self.listed, methods=["GET"], summary="The register", responses=LISTED)
        add("/{id}", self.one, methods=["GET"], summary="One charge, with its history",
            responses=SHOWN)  # fmt: skip
        for name, call, summary, body, responses in (
            ("capture", self.capture, "Take what is held", AMOUNT, ASKED),
            ("refund", self.refund, "Give back what was taken", AMOUNT, ASKED),
            ("cancel", self.cancel, "Hold it no more", NOTHING, ASKED),
            ("look", self.look, "Ask the processor what became of it", NOTHING, LOOKED),
            ("dispute", self.dispute, "The guest contests it", REASON, DISPUTED),
            ("settle", self.settle, "Say what a person saw at the processor", SAW, DISPUTED),
        ):
            add(f"/{{id}}/{name}", call, methods=["POST"], response_model=ChargeWithHistory,
                summary=summary, openapi_extra=body, responses=responses)  # fmt: skip

    async def create(self, caller: MayCharge, request: Request) -> Response:
        """Charges a card, or with `capture: later` holds the sum."""
        self._guessing.check(caller.client)
        who, sent = self._who(caller), await request.body()
        (token,) = await self._naming.ours([token_in(sent)], who.products)
        form, said = read_charge(sent, token)
        with self._once(request, who, said) as once:
            reply = Reply(once, answered)
            try:
                if form is None:
                    body = await self._charges.nameless(who, reply)
                else:
                    body = await self._charges.create(who, form, reply)
            except TokenUnknown:
                await self._guessing.unknown(who.entry, written=True)
                raise
        return _json(body, 201)

    async def listed(
        self,
        caller: MayCharge,
        *,
        system: Named = None,
        hotel: Text = None,
        booking: Text = None,
        reference: Annotated[str | None, Query(pattern=f"^{REFERENCE}$")] = None,
        state: Annotated[list[State] | None, Query()] = None,
        created_from: Day = None,
        created_to: Day = None,
        cursor: Cursor = None,
        limit: Limit = MOST,
    ) -> ListedCharges:
        """A client's charges, the newest first. `state` may be repeated; both days are included."""
        who = self._who(caller)
        wanted = Filter(
            products=who.products,
            client=None if who.sees_all else who.client,
            booking=read_named(system, hotel, booking),
            reference=reference,
            states=read_states(state),
            since=read_day("created_from", created_from),
            until=read_day("created_to", created_to, after=True),
            before=read_cursor(cursor),
            limit=limit + 1,
        )
        page = page_of(await self._charges.listed(wanted), limit)
        return ListedCharges(charges=[shown(one) for one in page.shown], next=page.next)

    async def one(self, caller: MayCharge, id: str) -> ChargeWithHistory:
        """All that is known of a charge."""
        return with_history(*await self._charges.get(self._who(caller), id))

    async def capture(self, caller: MayCharge, request: Request, id: str) -> Response:
        """Takes what is held, or a part of it: the rest is held no more."""
        return await self._asked(caller, request, id, Operation.CAPTURE)

    async def refund(self, caller: MayCharge, request: Request, id: str) -> Response:
        """Gives back what was taken and is left of it, or a part."""
        return await self._asked(caller, request, id, Operation.REFUND)

    async def cancel(self, caller: MayCharge, request: Request, id: str) -> Response:
        """Holds the sum no more, or asks the guest no more to authenticate."""
        return await self._asked(caller, request, id, Operation.CANCEL)

    async def look(self, caller: MayCharge, request: Request, id: str) -> Response:
        """Asks the processor what became of it. Changes nothing there."""
        who, said = self._who(caller), read_nothing(await request.body())
        with self._once(request, who, said) as once:
            return _json(await self._charges.look(who, id, Reply(once, answered)))

    async def dispute(self, caller: MayCharge, request: Request, id: str) -> Response:
        """Notes that the guest contests it at the bank: nothing else tells the gateway."""
        who = self._who(caller)
        reason, said = read_reason(await request.body())
        with self._once(request, who, said) as once:
            return _json(await self._charges.dispute(who, id, reason, Reply(once, answered)))

    async def settle(self, caller: MayCharge, request: Request, id: str) -> Response:
        """Says how what is in doubt ended, as somebody saw it at the processor's own pages: `done`, or
        `not_done`. Not within a quarter of an hour after it was sent. Asks and changes nothing there.
        """
        who = self._who(caller)
        done, said = read_settled(await request.body())
        with self._once(request, who, said) as once:
            return _json(await self._charges.settle(who, id, Reply(once, answered), done=done))

    # --- inside -----------------------------------------------------------------------------------

    async def _asked(
        self, caller: Caller, request: Request, id: str, operation: Operation
    ) -> Response:
        who, body = self._who(caller), await request.body()
        amount: int | None = None
        if operation is Operation.CANCEL:
            said = read_nothing(body)
        else:
            amount, said = read_amount(body)
        with self._once(request, who, said) as once:
            return _json(await self._charges.ask(who, id, operation, amount, Reply(once, answered)))

    def _once(self, request: Request, who: Who, said: bytes) -> AbstractContextManager[Once | None]:
        return self._in_flight.once(request, who.client, who.products, Secret(said))

    def _who(self, caller: Caller) -> Who:
        admission = caller.admission
        entry = caller.intends(Action.CHARGE, ROUTE, self._clock())
        return Who(
            caller.client,
            caller.key_id,
            self._access.products_of(admission),
            entry,
            caller.is_admin,
        )


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
