"""Our token pairs become a processor's own on the way out, and ours again on the way back."""

from __future__ import annotations

import logging
from typing import Protocol

from gateway.audit import Action
from gateway.codecs.document import Change, Document
from gateway.errors import RecordDamaged, VaultUnavailable
from gateway.exchange import Exchange, Exchanged
from gateway.log import event
from gateway.rules.model import Route
from gateway.rules.model_directions import Issuer, PairExchange
from gateway.secret import Secret
from gateway.stages.issuing import Issuing, Need
from gateway.stages.opening import Opening
from gateway.stages.pairs import (
    ForeignPair,
    PairSpot,
    put_ours,
    put_theirs,
    read_pairs,
    says,
)
from gateway.threads import run
from gateway.vault.model import Wanted


class Forgetting(Protocol):
    """What the vault does with a processor's token that is good no more."""

    async def forget(self, iduser: int, product: str, processor: str, value: Secret[bytes]) -> None:
        """Forgets it, durable, if it is still `value`."""


class TokenExchange:
    """The stage of routes that say `exchange:`."""

    def __init__(self, *, opening: Opening, issuing: Issuing, foreign: Forgetting) -> None:
        self._opening, self._issuing, self._foreign = opening, issuing, foreign

    async def to_theirs(
        self, exchange: Exchange, route: Route, document: Document, rule: PairExchange, body: bytes
    ) -> bytes:
        """The body with each pair of ours replaced by the processor's own.

        A pair that does not resolve for the caller's products stays, whoever issued it; so does one
        that the processor has nothing for, where the rule asks for nothing to be issued. Raises what
        `Opening.open` and `Issuing.pair_of` raise.
        """
        issuer, size = rule.issuer, len(body)
        spots = await run(size, read_pairs, document, rule)
        if not spots or issuer is None:
            return body
        named = await self._opening.named(exchange, [spot.presented for spot in spots])
        tokens = [(spot, token) for spot, token in zip(spots, named, strict=True) if token]
        if not tokens:
            return body

        def wanted(products: frozenset[str]) -> list[Wanted]:
            return [Wanted(token, products, any_mode=True) for _, token in tokens]

        cards = await self._opening.open(exchange, route, Action.EXCHANGE, wanted)
        changes: list[Change] = []
        for (spot, _), found in zip(tokens, cards, strict=True):
            if found is None:
                continue
            exchange.known[found.card.pan.reveal()] = found.token.alias
            exchange.counts.found += 1
            need = Need(issuer, found, _processor(exchange, issuer, spot), spot.beside)
            theirs = await self._issuing.kept(exchange, need)
            if theirs is None and rule.issue:
                theirs = await self._issuing.pair_of(exchange, route, need)
            if theirs is not None:
                pair = (theirs.iduser, theirs.tokenuser)
                exchange.pairs.append(Exchanged(found.token, found.product, need.processor, *pair))
                changes += put_theirs(spot, theirs)
        exchange.counts.exchanged += len(exchange.pairs)
        return (await run(size, document.splice, changes)).body

    async def to_ours(
        self, exchange: Exchange, document: Document, rule: PairExchange, body: bytes
    ) -> bytes:
        """The body with each pair that this exchange put in replaced by ours. Where it says that the
        processor's pairs are good no more, they are forgotten first."""
        size = len(body)
        if rule.forget is not None and await run(size, says, document, rule.forget):
            await self._forget(exchange)
        changes = await run(size, lambda: list(put_ours(document, rule, exchange.pairs)))
        return (await run(size, document.splice, changes)).body

    async def _forget(self, exchange: Exchange) -> None:
        """What the processor said took effect: its answer is passed on, whatever happens here. A pair
        that stays by mistake is refused by the processor, and forgotten then."""
        for one in exchange.pairs:
            value = ForeignPair(one.iduser, one.tokenuser).write()
            call = self._foreign.forget(one.token.iduser, one.product, one.processor, value)
            try:
                await self._opening.timed(exchange, "forget_foreign", call)
            except (VaultUnavailable, RecordDamaged) as failure:
                code = failure.code
                event("pair_not_forgotten", level=logging.ERROR, exchange=exchange.id, code=code)


def _processor(exchange: Exchange, issuer: Issuer, spot: PairSpot) -> str:
    """What a processor's pair is kept for: issuer, host, and what stands beside (a terminal)."""
    beside = " ".join(f"{one.name}={one.text}" for one in spot.beside)
    return f"{issuer.id} {exchange.request.authority} {beside}".rstrip()
