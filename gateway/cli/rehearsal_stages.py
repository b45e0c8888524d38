"""The stages that would talk to the vault, to a processor, or to another request: here they do not.

Everything else of the pipeline is the real one. Tokens are invented, as in `trial.py`; where cards are put in,
every token resolves to one published test card. Nothing is stored, and no clock counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.cards.bins import Bins
from gateway.cards.card import Failure
from gateway.cli.trial import example_card, give_example, give_examples, token_meant
from gateway.cli.trial_pairs import foreign_pair
from gateway.codecs.document import Change, Document
from gateway.errors import GatewayError
from gateway.exchange import Exchange, Exchanged, Request, Response
from gateway.metrics import Metrics
from gateway.record import Recorder
from gateway.rules.model import Route
from gateway.rules.model_directions import PairExchange
from gateway.rules.model_shapes import Shape
from gateway.stages.admit import Admitting
from gateway.stages.batch import Batch
from gateway.stages.cards_in import CardsIn
from gateway.stages.detokenize import put_in, read_tokens, shown_again
from gateway.stages.digits_back import CameBack, leave
from gateway.stages.exchange_tokens import TokenExchange
from gateway.stages.filling import Filling
from gateway.stages.inbox import Inbox
from gateway.stages.keeping import Keeping
from gateway.stages.kept_pushes import KeptPushes
from gateway.stages.pairs import put_theirs, read_pairs
from gateway.stages.quarantine import Quarantine
from gateway.stages.swap import Swap

_THEN: Final = datetime(2030, 1, 1, tzinfo=UTC)


class InventedFilling(Filling):
    """What the vault would answer, were every card's product known. `failures` are those of the last message."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self._issued = 0

    def fill(self, exchange: Exchange, route: Route, batch: Batch) -> None:
        del exchange, route
        for place in (place for booking in batch.bookings for place in booking.cards):
            if place.failure is not None:
                self.failures.append(place.failure)
            elif place.card is not None:
                self._issued += 1
                give_example(place, self._issued % 1_000_000)
        if batch.rule.carry_forward:
            give_examples(batch.document, batch.bookings, self._issued % 1_000_000)


class InventedTokens(Swap):
    """Cards out, invented tokens in. `digits_drawn`: whether any route shows cards by tokens of digits."""

    def __init__(self, metrics: Metrics, filling: InventedFilling, *, digits_drawn: bool) -> None:
        self._bins, self._metrics, self._filling = Bins(), metrics, filling
        self._digits_drawn = digits_drawn

    def may_begin(self) -> None:
        """There is no vault that could be closed."""

    async def tokenize(self, exchange: Exchange, route: Route, batch: Batch, body: bytes) -> bytes:
        return self._rewrite_once(exchange, route, batch) if batch.bookings else body

    async def tokenize_and_keep(
        self, exchange: Exchange, route: Route, batch: Batch, keeping: Keeping
    ) -> None:
        keeping.restart()
        keeping.answer(self._rewrite(exchange, batch))
        self._close(exchange, route, batch)

    async def _leave_ours(self, exchange: Exchange, digits: Sequence[CameBack]) -> None:
        """No vault knows which are ours: all that have the form, where a route has such drawn. Where none has,
        the gateway's vault knows none either, and each is a card."""
        del exchange
        if self._digits_drawn:
            leave(digits)


class ExampleCards(CardsIn):
    """Tokens out, and for each the same published card in."""

    def __init__(self) -> None:
        """It knows no clients."""

    async def detokenize(
        self,
        exchange: Exchange,
        route: Route,
        document: Document,
        shapes: Sequence[Shape],
        body: bytes,
    ) -> bytes:
        del route
        cards = [
            (spot, example_card(token))
            for shape in shapes
            for spot in read_tokens(document, shape)
            if (token := token_meant(spot.presented)) is not None
        ]
        if not cards:
            return body
        for spot, found in cards:
            exchange.known[found.card.pan.reveal()] = shown_again(spot, found)
        exchange.counts.found += len(cards)
        exchange.counts.detokenized += len(cards)
        return document.splice(put_in(document, cards)).body


class InventedPairs(TokenExchange):
    """Our pairs become invented ones; a processor is asked for nothing."""

    def __init__(self) -> None:
        """It has nobody to ask."""

    async def to_theirs(
        self, exchange: Exchange, route: Route, document: Document, rule: PairExchange, body: bytes
    ) -> bytes:
        del route
        changes: list[Change] = []
        for spot in read_pairs(document, rule):
            token = spot.presented.ours
            if token is not None:
                theirs = foreign_pair(len(exchange.pairs) + 1)
                exchange.pairs.append(Exchanged(token, "", "", theirs.iduser, theirs.tokenuser))
                exchange.counts.found += 1
                changes += put_theirs(spot, theirs)
        exchange.counts.exchanged += len(exchange.pairs)
        return document.splice(changes).body if changes else body

    async def _forget(self, exchange: Exchange) -> None:
        """Nothing is kept that could be forgotten."""


class NothingKept(Inbox):
    """An inbox that is always empty. Answers are made ready to be kept, for that can fail, and are not."""

    def __init__(self) -> None:
        self._clock, self._keep = lambda: _THEN, timedelta(hours=1)
        self._open, self._reached = {}, {}

    async def again(self, exchange: Exchange) -> Response | None:
        del exchange
        return None


class NothingQuarantined(Quarantine):
    """What is refused is told, and kept nowhere."""

    def __init__(self) -> None:
        """It has nowhere to keep it."""

    async def refuse(
        self,
        exchange: Exchange,
        route: Route,
        message: Request | Response,
        error: GatewayError,
        *,
        client: str = "",
        room: int | None = None,
    ) -> bool:
        del exchange, route, message, error, client, room
        return False


class NoPushesKept(KeptPushes):
    """The same, of pushes."""

    def __init__(self) -> None:
        """It has nowhere to keep it."""

    async def refuse(
        self, exchange: Exchange, route: Route, request: Request, error: GatewayError
    ) -> None:
        del exchange, route, request, error


class NobodyToAdmit(Admitting):
    """A recording's caller was let in already; whoever calls later is not known."""

    def __init__(self) -> None:
        """It knows no clients."""

    def reads_body(self, route: Route) -> bool:
        del route
        return False


class NothingRecorded(Recorder):
    """No audit and no metrics: the pipeline's last step is not taken."""

    def __init__(self) -> None:
        """It has nowhere to write."""
