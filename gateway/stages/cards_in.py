"""Tokens out, cards in: what a caller sends goes to its partner with cards, by one call of the vault's.

The other way is `swap.py`; what is done to the message is `detokenize.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.access.clients import Access
from gateway.audit import Action
from gateway.cards.token import Token
from gateway.codecs.document import Document
from gateway.errors import CvcUnavailable, TokenUnknown
from gateway.exchange import Exchange
from gateway.rules.model import Route
from gateway.rules.model_shapes import Shape
from gateway.stages.detokenize import TokenSpot, put_in, read_tokens, shown_again
from gateway.stages.opening import Opening
from gateway.threads import run
from gateway.vault.model import Found, Wanted
from gateway.vault.service import Vault


class CardsIn:
    """The stage that puts cards where tokens stand."""

    def __init__(self, *, access: Access, vault: Vault, opening: Opening) -> None:
        self._access, self._vault, self._opening = access, vault, opening

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
