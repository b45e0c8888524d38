"""Answers that must not be lost: kept when their cards became tokens, until the caller has them.

SiteMinder and Booking.com deliver a card once, or until it is confirmed. Where a route says
`inbox:`, its rewritten answer is kept in the transaction of its tokens (`keeping.py`). One that the
gateway refuses goes to quarantine (`quarantine.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.audit import Action, Outcome
from gateway.errors import GatewayError
from gateway.exchange import Exchange, Response, Use
from gateway.rules.model import Route
from gateway.stages.found_by import FoundBy
from gateway.stages.kept_head import read_headers, write_headers
from gateway.stages.opening import entry_of
from gateway.vault.answer import Answer, AnswerRow, AnswerState
from gateway.vault.service import Vault


class Inbox:
    """The stage that keeps answers. `flush` writes how far they came, every few seconds."""

    def __init__(
        self,
        *,
        vault: Vault,
        clock: Callable[[], datetime],
        keep: timedelta,
    ) -> None:
        self._vault, self._clock, self._keep = vault, clock, keep
        self._open: dict[tuple[str, str], Exchange] = {}  # (client, exchange) → who hands it over
        self._reached: dict[tuple[str, str], AnswerState] = {}  # not written yet

    # --- keeping --------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, route: Route, found: FoundBy) -> Answer:
        """The exchange's answer as it is to be kept: rewritten and guarded, not yet delivered."""
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
            products=found.products,
            hotels=found.hotels,
            echo=found.echo,
            poll=exchange.poll,
            failed=found.failed,
            failures=found.failures,
            status=response.status,
            headers=write_headers(response.headers),
            body=response.body,
            replays=exchange.replays,
        )

    async def keep(self, exchange: Exchange, route: Route, products: tuple[str, ...]) -> None:
        """Keeps an answer in which there was nothing to rewrite. Raises VaultUnavailable."""
        answer = self.answer(exchange, route, FoundBy(products))
        await self._vault.keep([], [], lambda kept: None if kept else answer, size=len(answer.body))

    # --- the same poll again --------------------------------------------------------------------

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


def _name(exchange: Exchange) -> tuple[str, str]:
    return exchange.admission.client if exchange.admission else "", exchange.id
