"""Find and swap: cards become tokens, tokens become cards, with one vault call for each message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from gateway.access.clients import Access, Admission
from gateway.access.products import Product
from gateway.audit import Action, Entry, Outcome
from gateway.cards import pan
from gateway.cards.bins import Bins
from gateway.cards.card import Card, Failure
from gateway.cards.token import Token
from gateway.codecs.document import Document
from gateway.errors import (
    CvcUnavailable,
    ProductNotPermitted,
    ProductUnknown,
    RecordDamaged,
    TokenUnknown,
)
from gateway.exchange import Exchange, Seen
from gateway.heap import discard
from gateway.metrics import Metrics
from gateway.rules.model import Route
from gateway.rules.model_directions import Tokenize
from gateway.rules.model_shapes import Shape
from gateway.stages.batch import Batch
from gateway.stages.batch_writer import BatchWriter
from gateway.stages.card_place import CardPlace
from gateway.stages.carrying import hints_of, mark_asking
from gateway.stages.detokenize import TokenSpot, put_in, read_tokens, shown_again
from gateway.stages.digits_back import CameBack, came_back, leave
from gateway.stages.failed_cards import failed_cards
from gateway.stages.keeping import Keeping
from gateway.stages.opening import Opening, admission_of
from gateway.stages.reading import BookingPlace, numbers_in, read_bookings, read_not_cards
from gateway.stages.tokenize import take_out, token_text
from gateway.stages.tokens_header import tokens_header
from gateway.stages.virtual import read_virtual
from gateway.threads import IN_THREAD, run
from gateway.vault.answer import Answer
from gateway.vault.model import Carry, Found, NewCard, Wanted
from gateway.vault.service import Vault

# More cards are counted, and let go of, in a thread.
_MANY = 16
# So many failures stand in an answer's header; `exchanges show` has more.
_FAILURES_TOLD = 20


class Swap:
    """The stage between finding and splicing; the only one that talks to the vault's card tables."""

    def __init__(
        self,
        *,
        access: Access,
        vault: Vault,
        opening: Opening,
        bins: Bins,
        metrics: Metrics,
    ) -> None:
        self._access, self._vault, self._bins = access, vault, bins
        self._writer = BatchWriter(vault)
        self._opening, self._metrics = opening, metrics

    def may_begin(self) -> None:
        """Returns where the vault takes what an exchange brings, as far as is known: an answer that some
        partners give once is not asked for where it could not be kept. Raises VaultClosed.
        """
        self._vault.watch.may_begin()

    # --- cards out, tokens in -------------------------------------------------------------------

    async def find(
        self, exchange: Exchange, route: Route, document: Document, rule: Tokenize, size: int
    ) -> Batch:
        """The cards of a message of `size` bytes, and what of them the vault is asked for."""
        batch, digits = await run(size, self._find, exchange, route, document, rule, size)
        if digits:
            await self._leave_ours(exchange, digits)
            await run(size, self._fill, exchange, route, batch)
        return batch

    async def tokenize(self, exchange: Exchange, route: Route, batch: Batch, body: bytes) -> bytes:
        """The body with every card of `batch` replaced; committed before it returns.

        Without a card node it is the very same object. A card that fails is masked all the same and
        costs no other card its token. Raises `VaultUnavailable` when the batch could not be kept.
        """
        if not batch.bookings:
            return body
        if not batch.is_empty:
            await self._opening.timed(exchange, "keep", self._writer.write(exchange, batch))
        return await run(len(body), self._rewrite_once, exchange, route, batch)

    async def tokenize_and_keep(
        self, exchange: Exchange, route: Route, batch: Batch, keeping: Keeping
    ) -> None:
        """As `tokenize`; the answer that `keeping` makes of the new body is committed with its tokens."""

        def answer() -> Answer | None:
            keeping.restart()
            return keeping.answer(self._rewrite(exchange, batch))

        await self._opening.timed(exchange, "keep", self._writer.write(exchange, batch, answer))
        many = len(batch.cards) + len(batch.failed) + len(batch.carries) > _MANY
        size = IN_THREAD + 1 if many else 0
        await run(size, self._close, exchange, route, batch)

    def _find(
        self, exchange: Exchange, route: Route, document: Document, rule: Tokenize, size: int
    ) -> tuple[Batch, list[CameBack]]:
        """The batch; not filled yet where the vault is to say first whose digits stand in it."""
        for shape in rule.shapes:
            exchange.not_cards |= read_not_cards(document, shape)
        seen = exchange.seen[_phase(exchange)] = Seen()
        every = rule.carry_forward
        bookings = read_bookings(document, rule.shapes, route.system, seen, without_cards=every)
        if rule.carry_forward:
            mark_asking(bookings)
        batch = Batch(document, rule, bookings, size)
        digits = came_back(bookings)
        if not digits:
            self._fill(exchange, route, batch)
        return batch, digits

    async def _leave_ours(self, exchange: Exchange, digits: Sequence[CameBack]) -> None:
        """Of `digits` those that are tokens of ours are no cards. One whose record is damaged fails, and
        costs no other anything."""
        try:
            known = await self._opening.digits_of_ours(exchange, [one.token for one in digits])
        except RecordDamaged:
            if len(digits) > 1:
                for one in digits:
                    await self._leave_ours(exchange, [one])
                return
            place = digits[0].place
            place.card, place.failure = None, Failure.VAULT
        else:
            leave(one for one, token in zip(digits, known, strict=True) if token is not None)

    def _rewrite_once(self, exchange: Exchange, route: Route, batch: Batch) -> bytes:
        """The body with the tokens in; then lets go of all that was read from the old one."""
        body = self._rewrite(exchange, batch)
        self._close(exchange, route, batch)
        return body

    def _rewrite(self, exchange: Exchange, batch: Batch) -> bytes:
        """The body with the tokens in. May be called again, when they have become others."""
        changes = take_out(batch.document, batch.bookings, batch.rule, self._bins)
        spliced = batch.document.splice(changes)
        self._note(exchange, batch.rule, batch.bookings)
        discard(changes, spliced.edits)
        return spliced.body

    def _fill(self, exchange: Exchange, route: Route, batch: Batch) -> None:
        if not batch.bookings:
            return
        admission = admission_of(exchange)
        entry = partial(self._opening.entry, exchange, route, Action.TOKENIZE)
        done: dict[str, Entry] = {}  # one for all cards of a product: the vault adds the iduser
        for booking in batch.bookings:
            for place in booking.cards:
                if place.left_alone:
                    continue
                product = None
                if not booking.outside:
                    product = self._product(exchange, route, admission, booking, place)
                name = product.name if product else ""
                if product is None or place.failure is not None or place.card is None:
                    detail = str(place.failure)
                    failed = entry(outcome=Outcome.FAILED, product=name, detail=detail)
                    batch.failed.append(failed)
                    continue
                if name not in done:
                    done[name] = entry(product=name)
                virtual = read_virtual(batch.document, place)
                link = replace(booking.booking, virtual=virtual) if virtual else booking.booking
                card = place.card
                until = (
                    None  # codes in a replay are older than they may be
                    if product.hold_cvc is None or exchange.replays
                    else self._opening.clock() + product.hold_cvc
                )
                cvc = None if until is None else card.cvc
                card = Card(card.pan, card.expiry, card.holder)
                digits, terms = place.shape.show == "digits", batch.rule.retention
                new = NewCard(
                    name, product.test, card, link, cvc, until, digits, terms, exchange.came
                )
                batch.cards.append(new)
                batch.places.append(place)
                batch.done.append(done[name])
            if booking.asks:
                self._ask(exchange, route, admission, batch, booking)

    def _ask(
        self,
        exchange: Exchange,
        route: Route,
        admission: Admission,
        batch: Batch,
        booking: BookingPlace,
    ) -> None:
        """A booking without a card: what it had last, in the product that its card would go to."""
        product = self._product_of(exchange, route, admission, booking)
        if isinstance(product, Failure):
            return
        entry = self._opening.entry(exchange, route, Action.CARRY, product=product.name)
        hints = hints_of(batch.document, booking)
        digits = any(shape.show == "digits" for shape in batch.rule.shapes)
        carry = Carry(
            product.name, product.test, booking.booking, hints, entry, digits, exchange.came
        )
        batch.carries.append(carry)
        batch.asking.append(booking)

    def _product(
        self,
        exchange: Exchange,
        route: Route,
        admission: Admission,
        booking: BookingPlace,
        place: CardPlace,
    ) -> Product | None:
        """The product that a card goes to; sets the place's failure where it can go to none."""
        product = self._product_of(exchange, route, admission, booking)
        if isinstance(product, Failure):
            place.failure = product
            return None
        if place.card is not None:
            place.failure = product.refuses(place.card)
        return product

    def _product_of(
        self, exchange: Exchange, route: Route, admission: Admission, booking: BookingPlace
    ) -> Product | Failure:
        """The product that a booking's cards go to, or why there is none."""
        try:
            product = self._access.product(
                admission=admission,
                route=route,
                named=exchange.product_named,
                system=route.system,
                hotel=booking.booking.hotel,
            )
        except ProductNotPermitted:
            return Failure.PRODUCT_NOT_PERMITTED
        except ProductUnknown:
            return Failure.HOTEL_UNKNOWN
        if exchange.product_fixed and product.name != exchange.product_named:
            return Failure.PRODUCT_NOT_PERMITTED  # the map of hotels says another one
        return product

    def _note(self, exchange: Exchange, rule: Tokenize, bookings: Sequence[BookingPlace]) -> None:
        """Remembers each number: the guard must know it wherever else it stands."""
        clear = [place for one in bookings for place in one.cards if not place.left_alone]
        for place in clear:
            if place.card is not None and pan.brand_of(place.card.pan.reveal()) != "unknown":
                digits = place.card.pan.reveal()
                exchange.known[digits] = token_text(place) or pan.mask(digits)
            elif place.card is None:
                # Where a card stands, it was one.
                exchange.not_cards -= numbers_in([place.text.reveal()])
        if rule.header and exchange.response is not None:
            value = tokens_header(bookings)
            if value:
                exchange.response.headers.set(rule.header, value)

    def _close(self, exchange: Exchange, route: Route, batch: Batch) -> None:
        """What is left to do of a batch: takes 2 µs for each card, and belongs in a thread."""
        self._count(exchange, route, batch.bookings)
        batch.forget()

    def _count(self, exchange: Exchange, route: Route, bookings: Sequence[BookingPlace]) -> None:
        """What became of the cards, once that is certain."""
        clear = tokenized = left = ask_again = carried = not_carried = with_card = 0
        for booking in bookings:  # once through: six sums of their own cost more than a card does
            with_card += booking.has_card_data and not booking.outside
            carried += len(booking.carried)
            not_carried += booking.asks and not booking.carried
            for place in booking.cards:
                if not place.left_alone:
                    clear += 1
                    tokenized += place.token is not None
                elif place.asks_again:
                    ask_again += 1
                else:
                    left += 1
        failed = tuple(failed_cards(bookings))
        counts = exchange.counts
        counts.left += left
        counts.ask_again += ask_again
        counts.found += clear
        counts.tokenized += tokenized
        counts.failed += len(failed)
        counts.failures += failed[:_FAILURES_TOLD]
        counts.carried += carried
        counts.not_carried += not_carried
        seen = exchange.seen[_phase(exchange)]
        seen.with_card = with_card
        seen.cards, seen.left_alone, seen.failed = clear, left + ask_again, len(failed)
        for outcome, count in (
            ("done", tokenized),
            ("left_alone", left),
            ("ask_again", ask_again),
            ("carried", carried),
            ("not_carried", not_carried),
            *(Counter(one.code for one in failed).items() if failed else ()),
        ):
            if count:
                self._metrics.cards_of[route.id, "tokenize", outcome].inc(count)

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
        3. A pair that does not resolve is another issuer's, and stays; so does a text that nobody
           issued whose tokens count.
        """
        size = len(body)
        spots: list[TokenSpot] = []
        for shape in shapes:
            spots += await run(size, read_tokens, document, shape)
        named = await self._opening.named(exchange, [spot.presented for spot in spots])
        tokens = [(spot, token) for spot, token in zip(spots, named, strict=True) if token]
        if not tokens:
            return body
        cards = await self._resolve(exchange, route, tokens)
        changes = await run(size, put_in, document, cards)
        spliced = await run(size, document.splice, changes)
        for spot, found in cards:
            exchange.known[found.card.pan.reveal()] = shown_again(spot, found)
        exchange.counts.found += len(tokens)
        exchange.counts.detokenized += len(cards)
        return spliced.body

    async def _resolve(
        self, exchange: Exchange, route: Route, tokens: Sequence[tuple[TokenSpot, Token]]
    ) -> list[tuple[TokenSpot, Found]]:
        def wanted(products: frozenset[str]) -> list[Wanted]:
            holding = self._access.holds_cvcs(products)
            return [
                Wanted(
                    token,
                    products,
                    any_mode=spot.pair is not None,
                    with_cvc=holding,  # sent or not: any authorisation uses it up
                )
                for spot, token in tokens
            ]

        answers = await self._opening.open(exchange, route, Action.DETOKENIZE, wanted)
        cards: list[tuple[TokenSpot, Found]] = []
        for (spot, _), found in zip(tokens, answers, strict=True):
            if found is not None:
                if spot.lacks_cvc and spot.shape.cvc_required and found.cvc is None:
                    raise CvcUnavailable
                cards.append((spot, found))
            elif spot.pair is None:
                raise TokenUnknown
        return cards

    async def put_back(self, exchange: Exchange) -> None:
        """Holds again the security codes of a request that was not sent. One that was, or may have
        been, has had its authorisation, and its code is gone."""
        held, exchange.held = exchange.held, []
        if not exchange.sent:
            for found in held:
                if self._opening.was_last(exchange, found):
                    await self._vault.return_cvc(found)


def _phase(exchange: Exchange) -> str:
    return "request" if exchange.response is None else "response"
