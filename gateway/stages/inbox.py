"""Answers that must not be lost: kept when their cards became tokens, until the caller has them.

SiteMinder and Booking.com deliver a card once, or until it is confirmed. Where a route says
`inbox:`, its rewritten answer is kept in the transaction of its tokens, and an answer that the
gateway refuses goes to quarantine as it came.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.audit import Action, Entry, Outcome
from gateway.codecs.document import Document
from gateway.errors import (
    BodyTooLarge,
    CardDisguised,
    CodingNotSupported,
    GatewayError,
    LabelWrong,
    MessageForbidden,
    MessageMalformed,
    MessageUnfit,
    VaultUnavailable,
)
from gateway.exchange import Exchange, Response, Use
from gateway.headers import STALE, Headers
from gateway.log import event
from gateway.rules.model import Inbox as Rule
from gateway.rules.model import Route
from gateway.stages.batch import Batch
from gateway.stages.failed_cards import failed_cards
from gateway.stages.guard import guard_text
from gateway.stages.opening import entry_of
from gateway.stages.without_codes import without_codes
from gateway.threads import run
from gateway.vault.answer import Answer, AnswerRow, AnswerState, FailedCard
from gateway.vault.model import ExchangeKnown
from gateway.vault.service import Vault

# What an answer can be refused for that other rules, or a mended gateway, might read.
UNREADABLE = (
    BodyTooLarge,
    CardDisguised,
    CodingNotSupported,
    LabelWrong,
    MessageForbidden,
    MessageMalformed,
    MessageUnfit,
)
_CREDENTIALS = ("Authorization", "Cookie", "X-Api-Key", "PAYCOMET-API-TOKEN")
_OF_A_CONNECTION = (
    "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "TE", "Trailer", "Upgrade",
    "Content-Length", "Alt-Svc", "Refresh", "Location", "Content-Location",
)  # fmt: skip
_LONGEST = 100  # characters of what an answer is found by
_FAILED_SHOWN = 100  # where thousands fail, the first of them say why


class Inbox:
    """The stage that keeps answers. `flush` writes how far they came, every few seconds."""

    def __init__(
        self,
        *,
        vault: Vault,
        clock: Callable[[], datetime],
        keep: timedelta,
        quarantine: timedelta,
    ) -> None:
        self._vault, self._clock = vault, clock
        self._keep, self._quarantine = keep, quarantine
        self._open: dict[tuple[str, str], Exchange] = {}  # (client, exchange) → who hands it over
        self._reached: dict[tuple[str, str], AnswerState] = {}  # not written yet

    # --- keeping --------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, route: Route, batch: Batch) -> Answer:
        """The exchange's answer as it is to be kept: rewritten and guarded, not yet delivered."""
        hotels = {booking.booking.hotel for booking in batch.bookings if booking.booking.hotel}
        failed = tuple(failed_cards(batch))
        return self._answer(
            exchange,
            route,
            products=sorted(_products(batch)),
            hotels=sorted({_plain(hotel) for hotel in hotels}),
            echo=_echo(batch, route.inbox),
            failed=failed,
        )

    def _answer(
        self,
        exchange: Exchange,
        route: Route,
        *,
        products: Sequence[str],
        hotels: Sequence[str],
        echo: str | None,
        failed: Sequence[FailedCard] = (),
    ) -> Answer:
        response, now = exchange.response, self._clock()
        if response is None or exchange.admission is None:
            raise ValueError("an answer that nobody asked for")
        self._release(exchange)  # the name of an earlier try, if it had another one
        exchange.kept = True
        self._claim(exchange, _name(exchange))
        return Answer(
            exchange=exchange.id,
            at=now,
            expires=now + self._keep,
            route=route.id,
            client=exchange.admission.client,
            products=tuple(products),
            hotels=tuple(hotels),
            echo=echo,
            poll=exchange.poll,
            failed=len(failed),
            failures=tuple(failed[:_FAILED_SHOWN]),
            status=response.status,
            headers=_write(response.headers),
            body=response.body,
            replays=exchange.replays,
        )

    async def refuse(self, exchange: Exchange, route: Route, answer: Response, code: str) -> None:
        """Keeps an answer that is not given on: as it came, but without security codes.

        One in which nobody can tell what is a code is not kept, nor is any while the vault is down.
        """
        body = await run(len(answer.body), without_codes, answer.body, route.shapes)
        if exchange.admission is None or body is None:
            event("answer_not_kept", level=logging.ERROR, exchange=exchange.id, code=code)
            return
        now = self._clock()
        kept = Answer(
            exchange=exchange.id,
            at=now,
            expires=now + self._quarantine,
            route=route.id,
            client=exchange.admission.client,
            products=_products_of_caller(exchange),
            hotels=(),
            echo=None,
            poll=None,
            failed=0,
            failures=(),
            status=answer.status,
            headers=_write(answer.headers),
            body=body,
        )
        try:
            await self._vault.answers.quarantine(kept, code)
        except ExchangeKnown:
            exchange.rename()
            await self.refuse(exchange, route, answer, code)
        except VaultUnavailable:
            event("answer_not_kept", level=logging.ERROR, exchange=exchange.id, code=code)

    async def refused(self, exchange: str, client: str, intent: Entry) -> Answer | None:
        """A refused answer, for another try; None when there is none, or it was tried and came out.

        It may hold clear cards: `intent` is durable before it is opened. Raises VaultUnavailable,
        RecordDamaged.
        """
        rows = await self._vault.answers.listed(
            states=(AnswerState.REFUSED,), client=client, exchange=exchange
        )
        if not rows:
            return None
        await self._vault.record([intent])
        return await self._vault.answers.open_refused(exchange, client=client)

    async def keep(self, exchange: Exchange, route: Route, products: Sequence[str]) -> None:
        """Keeps an answer in which there was nothing to rewrite. Raises VaultUnavailable."""
        answer = self._answer(exchange, route, products=products, hotels=(), echo=None)
        await self._vault.keep([], [], lambda kept: None if kept else answer, size=len(answer.body))

    # --- the same poll again --------------------------------------------------------------------

    def poll_of(
        self, exchange: Exchange, route: Route, body: bytes, document: Document | None
    ) -> bytes | None:
        """What makes this request the same as another one; None where the route has no such rule,
        or the request lacks a part of it."""
        rule, request = route.inbox, exchange.request
        if rule is None or not rule.gives_again or exchange.admission is None:
            return None
        parts = [exchange.admission.client, str(exchange.product_named), route.id, request.method]
        products = exchange.admission.products
        parts += ["all"] if products is None else sorted(products)
        parts += [str(request.authority), request.path]
        # Who the partner takes the caller for is part of what is asked.
        parts += [value for name in _CREDENTIALS for value in request.headers.get_all(name)]
        hashed = hashlib.sha256()
        if rule.same_body:
            hashed.update(hashlib.sha256(body).digest())
        elif document is None:
            return None
        for path in rule.again:
            places = document.select(path) if document is not None else ()
            if len(places) != 1 or document is None:
                return None
            parts.append(document.text(places[0]))
        told = "".join(f"{len(part)}:{part}" for part in parts)
        hashed.update(told.encode("utf-8", "surrogatepass"))
        return hashed.digest()

    async def again(self, exchange: Exchange) -> Response | None:
        """The answer to the same poll that its caller never got, whole; None when there is none.

        Of several the oldest. One that is just being handed over is somebody else's.
        """
        if exchange.poll is None or exchange.admission is None:
            return None
        client = exchange.admission.client
        rows = await self._vault.answers.listed(
            states=(AnswerState.UNDELIVERED,),
            client=client,
            products=exchange.admission.products,
            poll=exchange.poll,
        )
        for row in reversed(rows):
            name = (row.client, row.exchange)
            if name in self._reached or not self._claim(exchange, name):
                continue
            with ExitStack() as undo:  # also at a cancellation: whoever asks next shall get it
                undo.callback(self._release, exchange)
                kept = await self._fetch(exchange, row)
                if kept is None:  # it expired meanwhile
                    continue
                undo.pop_all()
            exchange.again = row.exchange
            return Response(kept.status, "", read_headers(kept.headers), kept.body)
        return None

    async def _fetch(self, exchange: Exchange, row: AnswerRow) -> Answer | None:
        """The kept answer; who gets it is in the audit before, and at the end how that went."""
        entry = entry_of(exchange, row.route, Action.FETCH, self._clock())
        intent = replace(
            entry, outcome=Outcome.INTENT, product=row.product, detail=f"of {row.exchange}"
        )
        exchange.uses = [Use(intent, row.product, resolved=True)]
        kept = await self._vault.answers.fetch(row.exchange, client=row.client, intent=intent)
        if kept is None:
            exchange.uses = []
        return kept

    # --- how far it came ------------------------------------------------------------------------

    def ended(self, exchange: Exchange, error: GatewayError | None) -> None:
        """Notes whether the answer was handed over whole. To be called once for each exchange."""
        self._release(exchange)
        if exchange.admission is None:
            return
        if exchange.kept:
            self._note(_name(exchange), AnswerState.DELIVERED, error)
        if exchange.again:
            name = (exchange.admission.client, exchange.again)
            self._note(name, AnswerState.REPLAYED, error)

    def _note(self, name: tuple[str, str], state: AnswerState, error: GatewayError | None) -> None:
        if error is None:
            self._reached[name] = state

    def _release(self, exchange: Exchange) -> None:
        """Nothing is handed over by this exchange any more."""
        name, exchange.handing = exchange.handing, None
        if name is not None:
            self._open.pop(name, None)

    def _claim(self, exchange: Exchange, name: tuple[str, str]) -> bool:
        """Whether this exchange is the one that hands it over. Called in threads: one step each."""
        if self._open.setdefault(name, exchange) is not exchange:
            return False
        exchange.handing = name
        return True

    async def flush(self) -> None:
        """Writes what was noted. What is lost with the process is given out twice rather than never.

        Raises VaultUnavailable; what was not written then is written the next time.
        """
        reached = dict(self._reached)
        await self._vault.answers.mark_all(reached)
        for name in reached:
            self._reached.pop(name, None)


class Keeping:
    """What makes of a rewritten body the answer that is kept; all of it again, where it must be."""

    def __init__(
        self,
        inbox: Inbox,
        exchange: Exchange,
        route: Route,
        batch: Batch,
        finish: Callable[[bytes], None],
    ) -> None:
        """`finish` guards the body and puts it into the exchange's response."""
        if exchange.response is None:
            raise ValueError("an answer that nobody asked for")
        self._inbox, self._exchange, self._route, self._batch = inbox, exchange, route, batch
        self._finish = finish
        self._response = exchange.response
        self._before = (list(self._response.headers.fields), self._response.reason)
        self._counts = exchange.counts

    def restart(self) -> None:
        """Forgets what an earlier call has done to the exchange."""
        fields, self._response.reason = self._before
        self._response.headers.fields = list(fields)
        self._exchange.counts = replace(self._counts)

    def answer(self, body: bytes) -> Answer:
        """The answer, guarded, as it will be sent."""
        self._finish(body)
        return self._inbox.answer(self._exchange, self._route, self._batch)


def read_headers(head: bytes) -> Headers:
    """The head of a kept answer."""
    lines = head.split(b"\r\n") if head else []
    return Headers([(name, value) for name, _, value in (line.partition(b": ") for line in lines)])


def _write(headers: Headers) -> bytes:
    """What of a head is true of the body that is kept, and of no connection."""
    kept = Headers(headers.fields)
    kept.remove(*STALE, *_OF_A_CONNECTION)
    return b"\r\n".join(name + b": " + value for name, value in kept)


def _name(exchange: Exchange) -> tuple[str, str]:
    return exchange.admission.client if exchange.admission else "", exchange.id


def _products_of_caller(exchange: Exchange) -> tuple[str, ...]:
    """Whose cards may be in an answer that nobody could read: whoever holds such a key may have it."""
    if exchange.product_named is not None:
        return (exchange.product_named,)
    products = exchange.admission.products if exchange.admission else None
    return tuple(sorted(products or ()))


def _products(batch: Batch) -> set[str]:
    failed = {entry.product for entry in batch.failed if entry.product}
    return failed | {card.product for card in batch.cards}


def _echo(batch: Batch, rule: Rule | None) -> str | None:
    """The text that an answer is found by, without anything like a card in it."""
    if rule is None or rule.echo is None:
        return None
    places = batch.document.select(rule.echo)
    if not places:
        return None
    try:
        return _plain(batch.document.text(places[0])) or None
    except MessageForbidden:
        return None


def _plain(text: str) -> str:
    try:
        return guard_text(text.strip()[:_LONGEST], {})[0]
    except CardDisguised:
        return ""
