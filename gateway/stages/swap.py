"""Find and swap: cards become tokens, tokens become cards, with one vault call for each message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import TypeVar

from gateway.access.clients import Access, Admission
from gateway.access.products import Product
from gateway.audit import Action, Entry, Outcome
from gateway.cards import pan
from gateway.cards.bins import Bins
from gateway.cards.card import Card, Failure
from gateway.codecs.document import Document
from gateway.errors import (
    KeyRequired,
    ProductNotPermitted,
    ProductUnknown,
    RecordDamaged,
    TokenUnknown,
)
from gateway.exchange import Exchange, Use
from gateway.heap import discard
from gateway.metrics import Metrics
from gateway.rules.model import Route, Shape, Tokenize
from gateway.stages.batch import Batch
from gateway.stages.card_place import CardPlace
from gateway.stages.detokenize import TokenSpot, check_use, put_in, read_tokens
from gateway.stages.reading import BookingPlace, read_bookings, read_not_cards
from gateway.stages.tokenize import take_out
from gateway.stages.virtual import read_virtual
from gateway.threads import run
from gateway.vault.model import Found, Kept, NewCard, Wanted
from gateway.vault.service import Vault

T = TypeVar("T")

# A hotel's day has begun when it has begun anywhere: the earliest zone is UTC+14.
_EARLIEST = timedelta(hours=14)


class Swap:
    """The stage between finding and splicing; the only one that talks to the vault's card tables."""

    def __init__(
        self,
        *,
        access: Access,
        vault: Vault,
        bins: Bins,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._access, self._vault, self._bins = access, vault, bins
        self._metrics, self._clock = metrics, clock

    # --- cards out, tokens in -------------------------------------------------------------------

    async def tokenize(
        self, exchange: Exchange, route: Route, document: Document, rule: Tokenize, body: bytes
    ) -> bytes:
        """The body with every card of the rule's shapes replaced; committed before it returns.

        Without a card node it is the very same object. A card that fails is masked all the same and
        costs no other card its token. Raises `VaultUnavailable` when the batch could not be kept.
        """
        size = len(body)
        batch = await run(size, self._find, exchange, route, document, rule)
        if not batch.bookings:
            return body
        if batch.cards:
            await self._keep(exchange, batch, 0, len(batch.cards))
        if batch.failed:
            await self._timed(exchange, "record", self._vault.record(batch.failed))
        return await run(size, self._rewrite, exchange, route, document, rule, batch)

    def _find(self, exchange: Exchange, route: Route, document: Document, rule: Tokenize) -> Batch:
        """The cards of a message, and what of them the vault is asked for."""
        for shape in rule.shapes:
            exchange.not_cards |= read_not_cards(document, shape)
        bookings = read_bookings(document, rule.shapes, route.system)
        return self._batch(exchange, route, document, bookings) if bookings else Batch([])

    def _rewrite(
        self, exchange: Exchange, route: Route, document: Document, rule: Tokenize, batch: Batch
    ) -> bytes:
        """The body with the tokens in; then lets go of all that was read from the old one."""
        changes = take_out(document, batch.bookings, rule, self._bins)
        spliced = document.splice(changes)
        self._note(exchange, route, rule, batch.bookings)
        discard(changes, spliced.edits)
        batch.forget()
        return spliced.body

    async def _keep(self, exchange: Exchange, batch: Batch, start: int, end: int) -> None:
        """Keeps `batch.cards[start:end]` in one transaction, and gives their places the tokens.

        A card whose stored record is damaged costs no other its token: the batch is halved until
        that card stands alone, and fails.
        """
        call = self._vault.keep(batch.cards[start:end], batch.done[start:end])
        kept: Sequence[Kept] | None = None
        try:
            kept = await self._timed(exchange, "keep", call)
        except RecordDamaged:
            if end - start == 1:
                batch.fail(start, Failure.VAULT)
                return
        if kept is None:
            middle = (start + end) // 2
            await self._keep(exchange, batch, start, middle)
            await self._keep(exchange, batch, middle, end)
            return
        for place, one in zip(batch.places[start:end], kept, strict=True):
            place.token = one.token

    def _batch(
        self,
        exchange: Exchange,
        route: Route,
        document: Document,
        bookings: list[BookingPlace],
    ) -> Batch:
        admission = _admission(exchange)
        blank = self._entry(exchange, route, admission, Action.TOKENIZE)
        done: dict[str, Entry] = {}  # one for all cards of a product: the vault adds the iduser
        batch = Batch(bookings)
        for booking in bookings:
            for place in booking.cards:
                if place.left_alone:
                    continue
                product = None
                if not booking.stray:
                    product = self._product(exchange, route, admission, booking, place)
                name = product.name if product else ""
                if product is None or place.failure is not None or place.card is None:
                    detail = str(place.failure)
                    failed = replace(blank, outcome=Outcome.FAILED, product=name, detail=detail)
                    batch.failed.append(failed)
                    continue
                if name not in done:
                    done[name] = replace(blank, product=name)
                virtual = read_virtual(document, place)
                link = replace(booking.booking, virtual=virtual) if virtual else booking.booking
                card = place.card
                card = Card(card.pan, card.expiry, card.holder)  # no product may hold a CVC yet
                batch.cards.append(NewCard(name, product.test, card, link))
                batch.places.append(place)
                batch.done.append(done[name])
        return batch

    def _product(
        self,
        exchange: Exchange,
        route: Route,
        admission: Admission,
        booking: BookingPlace,
        place: CardPlace,
    ) -> Product | None:
        """The product that a card goes to; sets the place's failure where it can go to none."""
        try:
            product = self._access.product(
                admission=admission,
                route=route,
                named=exchange.product_named,
                system=route.system,
                hotel=booking.booking.hotel,
            )
        except ProductNotPermitted:
            place.failure = Failure.PRODUCT_NOT_PERMITTED
            return None
        except ProductUnknown:
            place.failure = Failure.HOTEL_UNKNOWN
            return None
        if exchange.product_fixed and product.name != exchange.product_named:
            place.failure = Failure.PRODUCT_NOT_PERMITTED  # the map of hotels says another one
            return None
        if place.card is not None:
            place.failure = product.refuses(place.card)
        return product

    def _note(
        self, exchange: Exchange, route: Route, rule: Tokenize, bookings: Sequence[BookingPlace]
    ) -> None:
        """Counts, and remembers each number: the guard must know it wherever else it stands."""
        places = [place for booking in bookings for place in booking.cards]
        counts, clear = exchange.counts, [place for place in places if not place.left_alone]
        tokens = [place.token for place in clear if place.token is not None]
        counts.masks += len(places) - len(clear)
        counts.found += len(clear)
        counts.tokenized += len(tokens)
        counts.failed += len(clear) - len(tokens)
        for place in clear:
            if place.card is not None and pan.brand_of(place.card.pan.reveal()) != "unknown":
                digits = place.card.pan.reveal()
                exchange.known[digits] = place.token.alias if place.token else pan.mask(digits)
            if place.token is None:
                reason = str(place.failure or Failure.VAULT)
                self._metrics.cards.labels(route.id, "tokenize", reason).inc()
        if tokens:
            self._metrics.cards.labels(route.id, "tokenize", "done").inc(len(tokens))
        if rule.header and tokens and exchange.response is not None:
            aliases = ", ".join(token.alias for token in tokens)
            exchange.response.headers.set(rule.header, aliases)

    # --- tokens out, cards in -------------------------------------------------------------------

    async def detokenize(
        self,
        exchange: Exchange,
        route: Route,
        document: Document,
        shapes: Sequence[Shape],
        body: bytes,
    ) -> bytes:
        """The body with every token of the shapes replaced by its card.

        1. The intent of each is in the audit, durable, before the vault opens a card.
        2. An alias that does not resolve for the caller's products refuses the whole message.
        3. A pair that does not resolve is another issuer's, and stays.
        """
        size = len(body)
        spots: list[TokenSpot] = []
        for shape in shapes:
            spots += await run(size, read_tokens, document, shape)
        if not spots:
            return body
        cards = await self._resolve(exchange, route, spots)
        changes = await run(size, put_in, document, cards)
        spliced = await run(size, document.splice, changes)
        for _, found in cards:
            exchange.known[found.card.pan.reveal()] = found.token.alias
        exchange.counts.found += len(spots)
        exchange.counts.detokenized += len(cards)
        return spliced.body

    async def _resolve(
        self, exchange: Exchange, route: Route, spots: Sequence[TokenSpot]
    ) -> list[tuple[TokenSpot, Found]]:
        admission = _admission(exchange)
        products = self._access.products_of(admission)
        if exchange.product_named is not None:
            products &= {exchange.product_named}
        sole = next(iter(products)) if len(products) == 1 else ""
        blank = replace(
            self._entry(exchange, route, admission, Action.DETOKENIZE),
            outcome=Outcome.INTENT,
            product=sole,
        )
        intents = [replace(blank, iduser=spot.token.iduser) for spot in spots]
        wanted = [Wanted(spot.token, products, any_mode=spot.pair is not None) for spot in spots]
        # Noted before it is asked: an intent that is durable has an outcome, whatever comes.
        exchange.uses = [Use(intent, sole, resolved=False) for intent in intents]
        answers = await self._timed(exchange, "find", self._vault.find(wanted, intents))
        exchange.uses = [
            Use(intent, found.product if found else sole, resolved=found is not None)
            for intent, found in zip(intents, answers, strict=True)
        ]
        today = (self._clock() + _EARLIEST).date()
        cards: list[tuple[TokenSpot, Found]] = []
        for spot, found in zip(spots, answers, strict=True):
            if found is not None:
                check_use(found, test_host=exchange.test_host, today=today)
                cards.append((spot, found))
            elif spot.pair is None:
                raise TokenUnknown
        return cards

    # --- both -----------------------------------------------------------------------------------

    def _entry(
        self, exchange: Exchange, route: Route, admission: Admission, action: Action
    ) -> Entry:
        return Entry(
            at=self._clock(),
            exchange=exchange.id,
            action=action,
            outcome=Outcome.DONE,
            client=admission.client,
            key=admission.key_id,
            origin=str(exchange.origin),
            route=route.id,
        )

    async def _timed(self, exchange: Exchange, operation: str, call: Awaitable[T]) -> T:
        started = perf_counter()
        try:
            return await call
        finally:
            spent = perf_counter() - started
            exchange.seconds["vault"] = exchange.seconds.get("vault", 0.0) + spent
            self._metrics.vault_seconds.labels(operation).observe(spent)


def _admission(exchange: Exchange) -> Admission:
    if exchange.admission is None:  # nothing gets here without; the guard answers if it does
        raise KeyRequired
    return exchange.admission
