"""`/v1/recaptures`: cards that failed at Expedia Rapid, and the one call that replaces one.

1. A client that names too many unknown tokens here is blocked, as everywhere (`cards_guessing.py`).
2. An Idempotency-Key lets a card leave once. Of the request a keyed hash is kept, without its security
   code; sent again while the card is under way: 409.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from gateway.access.clients import Access
from gateway.access.products import Product
from gateway.audit import Action
from gateway.cards.token import Token
from gateway.control.caller import Caller, NoRoute, needs
from gateway.control.cards_guessing import Guessing
from gateway.control.document import CODE, MONTH, YEAR, Schema, body, closed, refusals
from gateway.control.idempotency import ONCE, InFlight
from gateway.control.problems import answer
from gateway.errors import (
    CardIncomplete,
    CardNotKept,
    CardNotYetActive,
    ChangeRefused,
    ContactRequired,
    CvcUnavailable,
    IdempotencyKeyReused,
    LinkExpired,
    LinkUnknown,
    LiveHostForbidden,
    NetworkNotAllowed,
    ProductNotPermitted,
    ProductUnknown,
    RecaptureClosed,
    RecaptureInProgress,
    RecaptureUnknown,
    RecordDamaged,
    RequestInProgress,
    StandInForbidden,
    TokenMalformed,
    TokensGuessed,
    TokenUnknown,
    UpstreamForbidden,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUntrusted,
    VirtualCardExcluded,
)
from gateway.headers import Headers
from gateway.recapture.completion import ROUTE, Who
from gateway.recapture.form import ADDRESS, LONGEST, CardForm, read_form
from gateway.recapture.parts import Parts
from gateway.recapture.repeats import Reply
from gateway.recapture.service import SYSTEM, shown_state
from gateway.secret import Secret
from gateway.vault.recapture import Recapture

MayRead = Annotated[Caller, Depends(needs("proxy", "admin"))]
MayComplete = Annotated[Caller, Depends(needs("detokenize"))]
State = Literal["pending", "expired", "sending", "unknown", "completed", "superseded"]

# The body is read by hand: no model of a library ever holds a card.
_TEXT: Final[Schema] = {"type": "string"}
_LINE: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": LONGEST}
_CODE: Final[Schema] = {"type": "string", "pattern": CODE}
_NUMBER: Final[Schema] = {
    "number": {"type": "string", "minLength": 12},
    "expiration_month": {"type": "string", "pattern": MONTH},
    "expiration_year": {"type": "string", "pattern": YEAR},
    "security_code": _CODE,
}
_ADDRESS: Final[Schema] = dict.fromkeys(sorted(ADDRESS), _LINE) | {
    "country_code": {"type": "string", "pattern": "^[A-Z]{2}$"}
}
_CONTACT: Final[Schema] = {
    "given_name": _LINE,
    "family_name": _LINE,
    "address": closed(_ADDRESS, "line_1", "city", "country_code"),
}
_FIELDS: Final[Schema] = {
    "token": _TEXT,
    "iduser": {"type": ["integer", "string"]},
    "tokenuser": _TEXT,
    "security_code": _CODE,
    "card": closed(_NUMBER | {"holder": _LINE}, *_NUMBER),
    "billing_contact": closed(_CONTACT, *_CONTACT),
}
_BODY: Final = ONCE | body(closed(_FIELDS))
_SENT: Final = (
    RecaptureUnknown, RecaptureClosed, RecaptureInProgress, LinkUnknown, LinkExpired, TokenUnknown,
    TokenMalformed, TokensGuessed, VirtualCardExcluded, CvcUnavailable, CardIncomplete, CardNotYetActive,
    ContactRequired, CardNotKept, ChangeRefused, ProductUnknown, ProductNotPermitted,
    LiveHostForbidden, StandInForbidden, UpstreamForbidden, UpstreamUnreachable, UpstreamUntrusted,
    UpstreamTimeout, UpstreamInvalid, RecordDamaged, RequestInProgress, IdempotencyKeyReused,
)  # fmt: skip


class Notified(BaseModel):
    """How the client was told of the notification."""

    delivered_at: datetime | None
    attempts: int
    next_attempt_at: datetime | None


class Shown(BaseModel):
    """A recapture. `next` goes on where the card failed again. `link_expires_at` is the earliest end
    of the link that fits what is known, `link_ends_at` the latest.
    """

    id: str
    system: str
    itinerary_id: str
    state: State
    event_id: str | None
    failed_at: datetime
    has_link: bool
    link_expires_at: datetime
    link_ends_at: datetime
    supplier_may_cancel_at: datetime
    created_at: datetime
    changed_at: datetime
    next: str | None
    webhook: Notified | None


class Listed(BaseModel):
    """The newest ones first."""

    recaptures: list[Shown]


class Completed(BaseModel):
    """The recapture, and the token of the card that was taken."""

    recapture: Shown
    token: str


class RecaptureCalls:
    """Their router; for `gateway.control.api.mount`."""

    def __init__(
        self,
        parts: Parts,
        *,
        access: Access,
        guessing: Guessing,
        clock: Callable[[], datetime],
    ) -> None:
        self._parts, self._access = parts, access
        self._guessing, self._clock = guessing, clock
        self._in_flight = InFlight()
        self.router = APIRouter(prefix="/recaptures", tags=["recaptures"])
        self.router.add_api_route(
            "", self.listed, methods=["GET"], response_model=Listed, responses=refusals()
        )
        self.router.add_api_route(
            "/{id}",
            self.one,
            methods=["GET"],
            response_model=Shown,
            responses=refusals(RecaptureUnknown, RecordDamaged),
        )
        self.router.add_api_route(
            "/{id}/card",
            self.complete,
            methods=["POST"],
            response_model=Completed,
            openapi_extra=_BODY,
            responses=refusals(*_SENT),
        )

    async def listed(
        self, caller: MayRead, state: Annotated[list[State] | None, Query()] = None
    ) -> Listed:
        """A client's recaptures, up to a hundred; `state` may be repeated."""
        states = None if state is None else [str(one) for one in state]
        rows = await self._parts.recaptures.listed(_client(caller), states)
        return Listed(recaptures=[shown(row, self._clock()) for row in rows])

    async def one(self, caller: MayRead, id: str) -> Shown:
        """One recapture."""
        return shown(await self._parts.recaptures.get(id, _client(caller)), self._clock())

    async def complete(self, caller: MayComplete, id: str, request: Request) -> Response:
        """Sends another card to Expedia Rapid: a token's, or one that was typed in."""
        form, said = read_form(await request.body())
        if form.token is not None:
            self._guessing.check(caller.client)
        who = self._who(caller, request, form)
        if who.product is not None:
            said = Secret(said.reveal() + b"\n" + who.product.name.encode())
        products = self._access.products_of(caller.admission)
        with self._in_flight.once(request, caller.client, products, said) as once:
            reply = Reply(once, self._completed)
            try:
                done = await self._parts.completion.complete(id, who, form, reply)
            except TokenUnknown:
                # That it was named is in the audit already.
                entry = caller.intends(Action.DETOKENIZE, ROUTE, self._clock())
                await self._guessing.unknown(entry, written=True)
                raise
            except ChangeRefused as error:
                return answer(error, [{"problem": kind} for kind in error.types])
        return Response(done, media_type="application/json")

    def _completed(self, row: Recapture, token: Token) -> bytes:
        done = Completed(recapture=shown(row, self._clock()), token=token.alias)
        return done.model_dump_json().encode()

    def _who(self, caller: Caller, request: Request, form: CardForm) -> Who:
        admission = caller.admission
        products, named = (
            self._access.products_of(admission),
            request.headers.get("X-Gateway-Product"),
        )
        if named is not None:
            products &= {named}
        product: Product | None = None
        if form.card is not None:
            product = self._access.product(
                admission=admission, route=NoRoute(), named=named, system=SYSTEM, hotel=None
            )
        if request.client is None:
            raise NetworkNotAllowed
        origin = self._access.client_of(
            ip_address(request.client.host), Headers(request.headers.raw)
        )
        return Who(caller.client, caller.key_id, str(origin), products, product)


def shown(row: Recapture, now: datetime) -> Shown:
    """As the API and the command show it: never the link."""
    told = None
    if row.event_id is not None:
        told = Notified(
            delivered_at=row.told, attempts=row.tell_tries, next_attempt_at=row.tell_due
        )
    return Shown.model_validate(
        {
            "id": row.id,
            "system": row.system,
            "itinerary_id": row.itinerary,
            "state": shown_state(row, now),
            "event_id": row.event_id,
            "failed_at": row.failed,
            "has_link": row.has_link,
            "link_expires_at": row.link_expires,
            "link_ends_at": row.link_ends,
            "supplier_may_cancel_at": row.may_cancel,
            "created_at": row.created,
            "changed_at": row.changed,
            "next": row.successor,
            "webhook": told,
        }
    )


def _client(caller: Caller) -> str | None:
    return None if caller.is_admin else caller.client
