"""Completing a recapture: another card goes to Rapid, in place of the one that failed.

1. The recapture is claimed first, in one transaction: two never send a card for the same one.
2. The intent is in the audit, durable, before the vault opens the card (P36).
3. The card's product is among the caller's, a test card goes to a test system only, a virtual one
   nowhere (Expedia: "excluidas las tarjetas de crédito virtuales").
4. It goes to the link that Rapid itself gave, at the host that gateway.yaml names, through the same
   egress checks as everything.
5. How it ended is in the audit: `failed` has certainly not left, `unknown` has without an answer.
6. The caller gets neither the card nor a word of Rapid's answer but the names of its errors.
7. A request that is repeated under its Idempotency-Key sends nothing (`repeats.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from gateway.access.products import Product
from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking
from gateway.cards.expiry import write
from gateway.cards.token import Token
from gateway.config_recapture import RapidSettings
from gateway.egress import Egress
from gateway.errors import (
    CardIncomplete,
    CardNotKept,
    ChangeRefused,
    ContactRequired,
    CvcUnavailable,
    GatewayError,
    LinkExpired,
    LinkUnknown,
    ProductUnknown,
    RecaptureUnknown,
    TokenUnknown,
    UpstreamInvalid,
    VaultUnavailable,
    VirtualCardExcluded,
)
from gateway.exchange import new_id
from gateway.log import event
from gateway.metrics import Metrics
from gateway.outgoing import Call
from gateway.recapture import rounds
from gateway.recapture.content import read
from gateway.recapture.form import CardForm
from gateway.recapture.rapid import Rapid, change_body
from gateway.recapture.repeats import Repeats, Reply
from gateway.recapture.service import SYSTEM, Recaptures
from gateway.secret import Secret
from gateway.stages.detokenize import check_use
from gateway.vault.model import Found, NewCard, Wanted
from gateway.vault.recapture import OpenRecapture, Recapture, RecaptureState
from gateway.vault.recaptures import Also
from gateway.vault.service import Vault

ROUTE: Final = f"{SYSTEM}/recapture"
_LINK_INVALID: Final = "link.invalid"
_EARLIEST: Final = timedelta(hours=14)  # a hotel's day has begun when it has begun anywhere


@dataclass(frozen=True, slots=True)
class Who:
    """Who completes it, and which products' cards they may use; `product` is the one that a card
    which was typed in goes to.
    """

    client: str
    key_id: str
    origin: str
    products: frozenset[str]
    product: Product | None = None


@dataclass(slots=True)
class _Sending:
    """A card on its way; `before` is what the recapture was."""

    one: OpenRecapture
    before: RecaptureState
    token: Token
    intent: Entry
    found: Found | None = None
    call: Call | None = None


class Completion:
    """The one way on which a recapture gets its card."""

    def __init__(
        self,
        *,
        settings: RapidSettings,
        vault: Vault,
        rapid: Rapid,
        recaptures: Recaptures,
        egress: Egress,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._vault, self._rapid, self._recaptures = vault, rapid, recaptures
        self._metrics, self._clock = metrics, clock
        self._repeats = Repeats(vault, clock)
        _, stand_in = egress.stands_for(settings.url.host, settings.url.port)
        self._test_host = stand_in or settings.mode == "test"

    async def complete(self, id: str, who: Who, form: CardForm, reply: Reply) -> bytes:
        """What `reply` makes of the recapture, once Rapid has taken the card, and of the card's token;
        or made of it the first time. A card that was typed in is kept first, as any other.

        Raises RecaptureUnknown, RecaptureClosed, RecaptureInProgress, LinkUnknown, LinkExpired,
        TokenUnknown, VirtualCardExcluded, CvcUnavailable, CardIncomplete, ContactRequired,
        CardNotKept, ProductUnknown, ChangeRefused, what `check_use` and `Outgoing.call` raise,
        IdempotencyKeyReused, VaultUnavailable, RecordDamaged.
        """
        row = await self._recaptures.get(id, who.client)
        before = await self._repeats.before(id, self._entry(row, who), reply)
        if before is not None:
            return before
        one = rounds.checked(await self._vault.recaptures.open(id), who.client, self._clock())
        if not one.row.has_link:
            one = rounds.checked(await self._recaptures.look(one), who.client, self._clock())
        if not one.row.has_link:
            raise LinkUnknown
        contact = form.contact or read(one.held).contact
        if contact is None:
            raise ContactRequired
        token = form.token or await self._keep(one.row, who, form)
        sending = await self._claim(one, who, token)
        try:
            await self._take(sending, who, form)
            return await self._send(sending, form, contact, reply)
        except GatewayError as error:
            await self._failed(sending, error, reply)
            raise

    # --- the steps --------------------------------------------------------------------------------

    async def _keep(self, row: Recapture, who: Who, form: CardForm) -> Token:
        """The token of a card that was typed in; its security code is not kept (P21)."""
        product, typed = who.product, form.card
        if product is None:
            raise ProductUnknown
        if typed is None or product.refuses(typed) is not None:
            raise CardNotKept
        entry = replace(self._entry(row, who), action=Action.TOKENIZE, product=product.name)
        booking = Booking(SYSTEM, None, row.itinerary)
        card = NewCard(product.name, product.test, replace(typed, cvc=None), booking)
        (kept,) = await self._vault.keep([card], [entry])
        return kept.token

    def _entry(self, row: Recapture, who: Who) -> Entry:
        return Entry(
            at=self._clock(),
            exchange=new_id(),
            action=Action.DETOKENIZE,
            outcome=Outcome.DONE,
            client=who.client,
            key=who.key_id,
            origin=who.origin,
            route=ROUTE,
            product=next(iter(who.products)) if len(who.products) == 1 else "",
            booking=row.itinerary,
        )

    async def _claim(self, one: OpenRecapture, who: Who, token: Token) -> _Sending:
        before = one.row.state
        if (
            before is RecaptureState.SENDING
        ):  # whoever sent it is gone, and with him what came of it
            before = RecaptureState.UNKNOWN

        def decide(current: OpenRecapture | None) -> OpenRecapture:
            return rounds.claimed(current, who.client, self._clock())

        claimed = await self._vault.recaptures.change(one.row.id, decide)
        if claimed is None:  # `decide` gives one, or raises
            raise RecaptureUnknown
        intent = replace(self._entry(one.row, who), outcome=Outcome.INTENT, iduser=token.iduser)
        return _Sending(claimed, before, token, intent)

    async def _take(self, sending: _Sending, who: Who, form: CardForm) -> None:
        """Opens the card, and checks that it may go there."""
        held = form.security_code is None
        wanted = Wanted(sending.token, who.products, form.any_mode, with_cvc=held)
        (found,) = await self._vault.find([wanted], [sending.intent])
        if found is None:
            raise TokenUnknown
        sending.found = found
        sending.intent = replace(sending.intent, product=found.product)
        check_use(found, test_host=self._test_host, today=(self._clock() + _EARLIEST).date())
        if found.booking is not None and found.booking.virtual is not None:
            raise VirtualCardExcluded
        if found.card.expiry is None:
            raise CardIncomplete
        if form.security_code is None and found.cvc is None:
            raise CvcUnavailable

    async def _send(
        self, sending: _Sending, form: CardForm, contact: Secret[str], reply: Reply
    ) -> bytes:
        found, content = sending.found, read(sending.one.held)
        code = form.security_code or (found.cvc if found else None)
        if found is None or found.card.expiry is None or code is None or content.link is None:
            raise LinkUnknown  # all were checked above
        body = change_body(
            new_id(),
            number=found.card.pan,
            month=write(found.card.expiry, "MM"),
            year=write(found.card.expiry, "YYYY"),
            security_code=code,
            contact=contact,
        )
        product, token = found.product, sending.token
        await self._repeats.leaves(reply, product, token)
        sending.call = self._rapid.change(content.link, body)
        status, types = await self._rapid.make(sending.call)
        if 200 <= status < 300:
            await self._end(sending, Outcome.DONE, "")
            kept = self._repeats.taken(reply, product, token)
            row = await self._came_out(sending, RecaptureState.COMPLETED, kept)
            return reply.answer(row, token)
        if status >= 500 or status < 400:
            raise UpstreamInvalid
        if _LINK_INVALID in types:
            raise LinkExpired
        raise ChangeRefused(types)

    # --- how it ended -----------------------------------------------------------------------------

    async def _failed(self, sending: _Sending, error: GatewayError, reply: Reply) -> None:
        answered = isinstance(error, (LinkExpired, ChangeRefused))
        also: Also | None = self._repeats.not_taken(reply)
        if sending.call is None or not sending.call.sent:
            outcome, state = Outcome.FAILED, sending.before
            await self._give_back(sending)
        elif answered:
            outcome, state = Outcome.DONE, sending.before
        else:
            outcome, state, also = Outcome.UNKNOWN, RecaptureState.UNKNOWN, None
        if isinstance(error, TokenUnknown):
            outcome = Outcome.REFUSED
        await self._came_out(sending, state, also, over=isinstance(error, LinkExpired))
        await self._end(sending, outcome, error.code)

    async def _came_out(
        self, sending: _Sending, state: RecaptureState, also: Also | None, *, over: bool = False
    ) -> Recapture:
        """Another round may have begun meanwhile: then this one stays superseded."""
        decide = rounds.over if over else rounds.ended
        row = sending.one.row
        try:
            done = await self._vault.recaptures.change(
                row.id, lambda current: decide(current, state, self._clock()), also
            )
        except VaultUnavailable as error:  # it stays on its way, and is taken for unknown later
            event("recapture_not_ended", level=logging.ERROR, id=row.id, code=error.code)
            return replace(row, state=state)
        event("recapture_ended", id=row.id, state=state.value)
        return done.row if done is not None else await self._recaptures.get(row.id, None)

    async def _end(self, sending: _Sending, outcome: Outcome, detail: str) -> None:
        """The intent is durable: without this row the audit's reader takes it for unknown."""
        entry = replace(sending.intent, at=self._clock(), outcome=outcome, detail=detail)
        self._metrics.cards.labels(ROUTE, "detokenize", outcome.value).inc()
        try:
            await self._vault.record([entry])
        except VaultUnavailable as error:
            event("outcome_not_recorded", level=logging.ERROR, code=error.code)

    async def _give_back(self, sending: _Sending) -> None:
        """A security code that was taken and not sent is held again."""
        if sending.found is None:
            return
        try:
            await self._vault.return_cvc(sending.found)
        except VaultUnavailable as error:
            event("cvc_not_returned", level=logging.ERROR, code=error.code)
