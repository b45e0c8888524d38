"""The end of an exchange: its audit outcome, its metrics, its one log line, its refusal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from gateway.audit import Outcome
from gateway.drift.tally import Tally
from gateway.errors import GatewayError, VaultUnavailable
from gateway.exchange import Exchange, Peer
from gateway.log import event
from gateway.metrics import Metrics
from gateway.refused import Refusals
from gateway.vault.service import Vault

Phase = Literal["connect", "request", "response"]


class Recorder:
    """Writes down how exchanges ended. What it writes holds rule names, codes, ids and numbers."""

    def __init__(
        self,
        *,
        vault: Vault,
        metrics: Metrics,
        refusals: Refusals,
        tally: Tally,
        clock: Callable[[], datetime],
    ) -> None:
        self._vault, self._metrics = vault, metrics
        self._refusals, self._tally, self._clock = refusals, tally, clock

    async def end(self, exchange: Exchange, error: GatewayError | None) -> None:
        """Called once for each exchange, whatever became of it; `error` is what refused it."""
        outcome = error.code if error else "done"
        route = exchange.route.id if exchange.route else "none"
        phase: Phase = "response" if exchange.response is not None else "request"
        self._metrics.exchanges_of[route, phase, outcome].inc()
        for part, seconds in exchange.seconds.items():
            self._metrics.seconds_of[route, part].observe(seconds)
        for action, found in (
            ("masked", exchange.counts.guarded),
            ("echo", exchange.counts.echoed),
        ):
            if found:
                self._metrics.guard_findings.labels(route, action).inc(found)
        counts, used = exchange.counts, _ended(exchange, error)
        for action, count in (("detokenize", counts.detokenized), ("exchange", counts.exchanged)):
            if count:
                self._metrics.cards_of[route, action, used.value].inc(count)
        if error is not None:
            self._metrics.refused.labels(error.code).inc()
            self._refusals.note(exchange, error, self._clock())
        self._tally.note(exchange, error)
        if exchange.uses:
            await self._close_uses(exchange, error)
        self._log(exchange, route, phase, outcome)

    def refused_head(self, peer: Peer, error: GatewayError) -> None:
        """Called once for each request whose head was refused before it became an exchange."""
        self._metrics.exchanges.labels("none", "request", error.code).inc()
        self._metrics.refused.labels(error.code).inc()
        event(
            "request_refused", level=logging.WARNING, outcome=error.code, origin=str(peer.address)
        )

    def refused_connect(self, peer: Peer, host: str, port: int, error: GatewayError) -> None:
        """Called once for each CONNECT that was refused."""
        self._metrics.exchanges.labels("none", "connect", error.code).inc()
        self._metrics.refused.labels(error.code).inc()
        self._refusals.note_connect(peer, host, port, error, self._clock())
        event(
            "connect_refused",
            level=logging.WARNING,
            outcome=error.code,
            origin=str(peer.address),
        )

    async def _close_uses(self, exchange: Exchange, error: GatewayError | None) -> None:
        """The outcome of each token's use. The intent is durable already: a failure here is shown,
        and leaves an intent without an outcome, which the audit's reader takes for `unknown`."""
        ended = _ended(exchange, error)
        entries = [
            replace(
                use.intent,
                at=self._clock(),
                outcome=ended if use.resolved else Outcome.REFUSED,
                product=use.product,
                detail=error.code if error else "" if use.resolved else "token_unknown",
            )
            for use in exchange.uses
        ]
        try:
            await self._vault.record(entries)
        except VaultUnavailable as failure:
            event(
                "audit_outcome_lost", level=logging.ERROR, exchange=exchange.id, code=failure.code
            )

    def _log(self, exchange: Exchange, route: str, phase: Phase, outcome: str) -> None:
        counts = exchange.counts
        admission = exchange.admission
        event(
            "exchange",
            level=logging.INFO if outcome == "done" else logging.WARNING,
            exchange=exchange.id,
            route=route,
            phase=phase,
            outcome=outcome,
            status=exchange.response.status if exchange.response else None,
            client=admission.client if admission else None,
            key=admission.key_id if admission else None,
            origin=str(exchange.origin),
            found=counts.found,
            tokenized=counts.tokenized,
            detokenized=counts.detokenized,
            exchanged=counts.exchanged,
            failed=counts.failed,
            left=counts.left,
            ask_again=counts.ask_again,
            carried=counts.carried,
            guarded=counts.guarded,
            echoed=counts.echoed,
            ms={part: round(seconds * 1000, 2) for part, seconds in exchange.seconds.items()},
        )
        if counts.guarded:
            event(
                "card_outside_shape",
                level=logging.WARNING,
                exchange=exchange.id,
                route=route,
                masked=counts.guarded,
            )


def _ended(exchange: Exchange, error: GatewayError | None) -> Outcome:
    """What became of the cards that were put in, or of the answer that was handed out once more.
    `failed` promises that none has left: a charge that may have taken effect must not look as if it
    could be repeated."""
    if error is None:
        return Outcome.DONE
    return Outcome.UNKNOWN if exchange.sent or exchange.again else Outcome.FAILED
