"""Find and swap: the cards of a message become tokens, with one vault call for all of them.

What the vault is asked for is put together in `filling.py`; the other way is `cards_in.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.access.clients import Access
from gateway.cards import pan
from gateway.cards.bins import Bins
from gateway.cards.card import Failure
from gateway.codecs.document import Document
from gateway.errors import RecordDamaged
from gateway.exchange import Exchange, Seen
from gateway.heap import discard
from gateway.metrics import Metrics
from gateway.rules.model import Route
from gateway.rules.model_directions import Tokenize
from gateway.stages.batch import Batch
from gateway.stages.batch_writer import BatchWriter
from gateway.stages.carrying import mark_asking
from gateway.stages.counting import count_cards
from gateway.stages.digits_back import CameBack, came_back, leave
from gateway.stages.filling import Filling
from gateway.stages.keeping import Keeping
from gateway.stages.opening import Opening
from gateway.stages.reading import BookingPlace, numbers_in, read_bookings, read_not_cards
from gateway.stages.tokenize import take_out, token_text
from gateway.stages.tokens_header import tokens_header
from gateway.threads import IN_THREAD, run
from gateway.vault.answer import Answer
from gateway.vault.service import Vault

# More cards are counted, and let go of, in a thread.
_MANY = 16


class Swap:
    """The stage between finding and splicing."""

    def __init__(
        self,
        *,
        access: Access,
        vault: Vault,
        opening: Opening,
        bins: Bins,
        metrics: Metrics,
    ) -> None:
        self._vault, self._bins = vault, bins
        self._writer, self._filling = BatchWriter(vault), Filling(access, opening)
        self._opening, self._metrics = opening, metrics

    def may_begin(self) -> None:
        """Returns where the vault takes what an exchange brings, as far as is known: an answer that some
        partners give once is not asked for where it could not be kept. Raises VaultClosed.
        """
        self._vault.watch.may_begin()

    async def find(
        self, exchange: Exchange, route: Route, document: Document, rule: Tokenize, size: int
    ) -> Batch:
        """The cards of a message of `size` bytes, and what of them the vault is asked for."""
        batch, digits = await run(size, self._find, exchange, route, document, rule, size)
        if digits:
            await self._leave_ours(exchange, digits)
            await run(size, self._filling.fill, exchange, route, batch)
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
            self._filling.fill(exchange, route, batch)
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
        seen = exchange.seen[_phase(exchange)]
        count_cards(exchange, route, batch.bookings, seen, self._metrics)
        batch.forget()


def _phase(exchange: Exchange) -> str:
    return "request" if exchange.response is None else "response"
