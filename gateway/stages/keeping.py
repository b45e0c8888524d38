"""Making the answer that is kept out of a body that was rewritten, inside the vault's transaction."""

from __future__ import annotations

from collections.abc import Callable

from gateway.exchange import Exchange
from gateway.rules.model import Route
from gateway.stages.batch import Batch
from gateway.stages.found_by import found_by
from gateway.stages.inbox import Inbox
from gateway.vault.answer import Answer


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
        self._before = (self._response.headers.fields, self._response.reason)
        self._counts = exchange.counts

    def restart(self) -> None:
        """Forgets what an earlier call has done to the exchange."""
        fields, self._response.reason = self._before
        self._response.headers.fields = fields
        self._exchange.counts = self._counts.copy()

    def answer(self, body: bytes) -> Answer | None:
        """The answer, guarded, as it will be sent; None where it has no token, and is not kept."""
        self._finish(body)
        if not self._batch.has_tokens:
            return None
        found = found_by(self._batch, self._route.inbox)
        return self._inbox.answer(self._exchange, self._route, found)
