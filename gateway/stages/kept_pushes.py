"""Pushes that do not fit their rule: kept as they came, without security codes, where a route asks for it.

They stand with the answers that were refused, under the same key, for the same time (`quarantine.py`), filed
under `push:` and the caller's name, which no client has.

1. Only what an admitted caller sent is kept: who did not show all that the route asks for fills no disk.
2. So many of each caller, and so many bytes, whatever they hold: bytes as they are kept, which for a compressed
   push are many more than came. What came first stays: it shows what went wrong, and a partner sends it again
   and again.
3. The same push is kept once, as far as this process knows. What it knows is a hash in memory: beside the
   message on the disk it would let a card's number be guessed.
4. The partner is told that it was refused, kept or not.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.errors import GatewayError, VaultUnavailable
from gateway.exchange import Exchange, Request
from gateway.log import event
from gateway.rules.model import Inbox, Route
from gateway.rules.model_directions import Direction
from gateway.stages.quarantine import Quarantine
from gateway.threads import run
from gateway.vault.answer import PUSHED, AnswerRow, AnswerState
from gateway.vault.service import Vault

_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Room:
    """How much is kept of each caller: so many pushes, and so many bytes of them."""

    pushes: int
    bytes: int


class KeptPushes:
    """The stage that keeps them."""

    def __init__(
        self, quarantine: Quarantine, *, vault: Vault, clock: Callable[[], datetime], room: Room
    ) -> None:
        self._quarantine, self._vault = quarantine, vault
        self._clock, self._room = clock, room
        self._seen: OrderedDict[bytes, tuple[datetime, str]] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()  # for what there is room for one at a time can tell

    async def refuse(
        self, exchange: Exchange, route: Route, request: Request, error: GatewayError
    ) -> None:
        """Keeps a push that `error` refuses, where there is room, once. Raises nothing that it foresees:
        the log says what was not kept, and why."""
        admission = exchange.admission
        if admission is None or not exchange.let_in:
            return
        client = PUSHED + admission.client
        same = await run(len(request.body), _digest, route, request)
        async with self._one_at_a_time:
            before = self._seen.get(same)
            if before is not None and before[0] > self._clock():
                event("push_kept_before", exchange=exchange.id, kept_as=before[1])
                return
            try:
                there = await self._there(client)
            except VaultUnavailable:
                _not_kept(exchange, error, "vault_unavailable")
                return
            room = self._room.bytes - sum(row.size for row in there)
            if len(there) >= self._room.pushes or len(request.body) > room:
                _not_kept(exchange, error, "no_room")
                return
            kept = await self._quarantine.refuse(
                exchange, route, request, error, client=client, room=room
            )
            if kept:
                self._remember(same, exchange)

    async def _there(self, client: str) -> list[AnswerRow]:
        return await self._vault.answers.listed(
            states=(AnswerState.REFUSED,), client=client, limit=self._room.pushes
        )

    def _remember(self, same: bytes, exchange: Exchange) -> None:
        self._seen[same] = (self._clock() + self._quarantine.keep, exchange.id)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def as_an_answer(route: Route) -> Route:
    """The route as if a push were an answer that is kept: the same rule, read the other way."""
    rule = replace(route.request, detokenize=(), exchange=None)
    return replace(route, request=Direction(), response=rule, inbox=Inbox())


def _digest(route: Route, request: Request) -> bytes:
    parts = (route.id.encode(), request.path.encode("utf-8", "surrogatepass"), request.body)
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).digest()


def _not_kept(exchange: Exchange, error: GatewayError, why: str) -> None:
    event("push_not_kept", level=logging.ERROR, exchange=exchange.id, code=error.code, why=why)
