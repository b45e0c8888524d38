"""Opening tokens for one exchange: who asks is written down first, then the vault is read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Protocol, TypeVar

from gateway.access.clients import Access, Admission
from gateway.access.old_tokens import Naming
from gateway.audit import Action, Entry, Outcome
from gateway.cards.digits import DigitsToken
from gateway.cards.token import Presented, Token
from gateway.errors import KeyRequired
from gateway.exchange import Exchange, Use
from gateway.metrics import Metrics
from gateway.rules.model import Route
from gateway.stages.detokenize import check_use
from gateway.vault.model import Found, Wanted
from gateway.vault.service import Vault

T = TypeVar("T")

# A hotel's day has begun when it has begun anywhere: the earliest zone is UTC+14.
_EARLIEST = timedelta(hours=14)
_REMEMBERED = 10_000  # cards: more are not charged while a request is under way


class Guessing(Protocol):
    """Counts the unknown tokens that a client sends."""

    def check(self, client: str) -> None:
        """Raises TokensGuessed while the client is blocked."""

    async def unknown(self, entry: Entry) -> None:
        """Counts one; the audit has it. Raises VaultUnavailable."""


class Opening:
    """Opens tokens; what every stage that talks to the vault writes into the audit begins here."""

    def __init__(
        self,
        *,
        access: Access,
        vault: Vault,
        metrics: Metrics,
        guessing: Guessing,
        clock: Callable[[], datetime],
    ) -> None:
        self._access, self._vault, self._guessing = access, vault, guessing
        self._naming = Naming(access, vault)
        self._metrics, self.clock = metrics, clock
        self._last: OrderedDict[int, str] = (
            OrderedDict()
        )  # iduser → the exchange that opened it last

    async def named(self, exchange: Exchange, presented: Sequence[Presented]) -> list[Token | None]:
        """Which tokens are meant, in order; None: what stands there is none of ours, nor of a vault
        whose tokens count. No card is given out for it. Raises VaultUnavailable, RecordDamaged.

        Digits are few enough to be tried: a client that sends too many that no card has is refused as
        everywhere, before any of the message is opened. Raises TokensGuessed.
        """
        has_digits = any(one.digits is not None for one in presented)
        if has_digits:
            self._guessing.check(admission_of(exchange).client)
        naming = self._naming.ours(presented, self._products(exchange))
        named = await self.timed(exchange, "name", naming)
        if has_digits:
            await self._count_unknown(exchange, presented, named)
        return named

    async def digits_of_ours(
        self, exchange: Exchange, tokens: Sequence[DigitsToken]
    ) -> list[Token | None]:
        """Which of them a card of the caller's products has, in order, where a partner's message has
        them: nobody guesses. Raises VaultUnavailable, RecordDamaged.
        """
        naming = self._naming.of_digits(tokens, self._products(exchange))
        return await self.timed(exchange, "name", naming)

    async def _count_unknown(
        self, exchange: Exchange, presented: Sequence[Presented], named: Sequence[Token | None]
    ) -> None:
        unknown = {
            one.digits
            for one, token in zip(presented, named, strict=True)
            if one.digits is not None and token is None
        }
        # Where no card is shown so, they are another issuer's.
        if not unknown or exchange.route is None or not await self._naming.has_digits():
            return
        entry = self.entry(exchange, exchange.route, Action.DETOKENIZE)
        for _ in unknown:
            await self._guessing.unknown(entry)
            self._guessing.check(entry.client)

    async def open(
        self,
        exchange: Exchange,
        route: Route,
        action: Action,
        wanted: Callable[[frozenset[str]], Sequence[Wanted]],
    ) -> list[Found | None]:
        """The cards of what `wanted` asks for, given the products that the caller may use.

        1. The intent of each is in the audit, durable, before the vault opens a card (P36).
        2. None for a token that does not resolve for these products: it is another's, or nobody's.
        3. One that does is checked: test and live, and a virtual card's activation.

        Raises what `check_use` raises, VaultUnavailable, RecordDamaged.
        """
        products = self._products(exchange)
        sole = next(iter(products)) if len(products) == 1 else ""
        blank = self.entry(exchange, route, action, outcome=Outcome.INTENT, product=sole)
        asked = wanted(products)
        intents = [replace(blank, iduser=want.token.iduser) for want in asked]
        # Noted before it is asked: an intent that is durable has an outcome, whatever comes.
        exchange.uses = [Use(intent, sole, resolved=False) for intent in intents]
        answers = await self.timed(exchange, "find", self._vault.find(asked, intents))
        exchange.uses = [
            Use(intent, found.product if found else sole, resolved=found is not None)
            for intent, found in zip(intents, answers, strict=True)
        ]
        for found in answers:
            if found is not None:
                self._note(exchange, found)
        exchange.held = [found for found in answers if found is not None and found.cvc is not None]
        today = (self.clock() + _EARLIEST).date()
        for found in answers:
            if found is not None:
                check_use(found, test_host=exchange.test_host, today=today)
        return answers

    def _products(self, exchange: Exchange) -> frozenset[str]:
        products = self._access.products_of(admission_of(exchange))
        if exchange.product_named is not None:
            products &= {exchange.product_named}
        return products

    def _note(self, exchange: Exchange, found: Found) -> None:
        self._last[found.token.iduser] = exchange.id
        self._last.move_to_end(found.token.iduser)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)

    def was_last(self, exchange: Exchange, found: Found) -> bool:
        """Whether no other exchange has opened this card since: it may have had its authorisation."""
        return self._last.get(found.token.iduser) == exchange.id

    def entry(
        self,
        exchange: Exchange,
        route: Route,
        action: Action,
        *,
        outcome: Outcome = Outcome.DONE,
        product: str = "",
        detail: str = "",
    ) -> Entry:
        """An audit entry of this exchange, at this time."""
        return entry_of(
            exchange, route.id, action, self.clock(),
            outcome=outcome, product=product, detail=detail,
        )  # fmt: skip

    async def timed(self, exchange: Exchange, operation: str, call: Awaitable[T]) -> T:
        """What `call` answers; its time is the vault's."""
        started = perf_counter()
        try:
            return await call
        finally:
            spent = perf_counter() - started
            exchange.seconds["vault"] = exchange.seconds.get("vault", 0.0) + spent
            self._metrics.vault_seconds_of[(operation,)].observe(spent)


def entry_of(
    exchange: Exchange,
    route: str,
    action: Action,
    at: datetime,
    *,
    outcome: Outcome = Outcome.DONE,
    product: str = "",
    detail: str = "",
) -> Entry:
    """What the audit says of this exchange, `done` unless it is said otherwise."""
    admission = admission_of(exchange)
    return Entry(
        at=at,
        exchange=exchange.id,
        action=action,
        outcome=outcome,
        client=admission.client,
        key=admission.key_id,
        origin=str(exchange.origin),
        route=route,
        product=product,
        detail=detail,
    )


def admission_of(exchange: Exchange) -> Admission:
    """Who was admitted."""
    if exchange.admission is None:  # nothing gets here without; the guard answers if it does
        raise KeyRequired
    return exchange.admission
