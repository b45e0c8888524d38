"""A processor's own token for a card: what is kept of it, else what it is asked for, once.

1. It is used only after our token was opened for the product, with the intent in the audit first: a test
   card at a live host, a virtual card before its time, another's token are refused as always.
2. Two that need it ask once: within the process a lock sees to that, between processes on one store a
   claim that is committed before the first call.
3. Nothing is asked for twice: what a step did not answer well leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

from gateway.audit import Action
from gateway.errors import (
    GatewayError,
    RecordDamaged,
    RouteUnknown,
    TokenNotIssued,
    TokenUnknown,
    VaultUnavailable,
)
from gateway.exchange import Exchange, new_id
from gateway.log import event
from gateway.own_exchange import OwnExchanges
from gateway.processors.model import Ended, Operation, Result
from gateway.processors.reading import Reader
from gateway.processors.rules import Customer
from gateway.processors.sending import Sending, answer_to
from gateway.secret import Secret
from gateway.stages.opening import Opening
from gateway.vault.model import Wanted
from gateway.vault.service import Vault

_LOOK_AGAIN: Final = 0.1  # seconds, for what another process is asking
_MARGIN: Final = 30.0  # seconds that a claim outlives the calls

Kept = Mapping[str, str]


class Customers:
    """One for the process: what is under way is known here."""

    def __init__(
        self, *, own: OwnExchanges, vault: Vault, opening: Opening, wait_seconds: float
    ) -> None:
        self._own, self._vault, self._opening = own, vault, opening
        self._wait_seconds = wait_seconds
        self._turns: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    async def of(self, sending: Sending, customer: Customer, exchange: Exchange) -> Kept | Result:
        """What the processor has for the card, asked for now where there is nothing yet; or how the
        asking ended, where it gave nothing: `declined` or `failed`, never `unknown`, for nothing of
        the operation itself was sent.

        Raises what `Opening.open` raises, TokenUnknown, TokenNotIssued, VaultUnavailable.
        """
        await self._open(sending, exchange)
        iduser, name = sending.order.token.iduser, sending.place(customer)
        async with self._turn(iduser, name):
            kept = await self._read(sending, iduser, name)
            if kept is not None:
                return kept
            async with self._claimed(sending, iduser, name) as kept:
                if kept is not None:
                    return kept
                made = await self._make(sending, customer)
                if isinstance(made, Result):
                    return made
                value = Secret(json.dumps(dict(made)).encode("ascii"))
                product = sending.order.product
                return _read(await self._vault.foreign.keep(iduser, product, name, value))

    async def forget(self, sending: Sending, customer: Customer, kept: Kept) -> None:
        """The processor says that it has it no more: the next operation asks anew. What stays by
        mistake is refused by the processor, and forgotten then."""
        order, value = sending.order, Secret(json.dumps(dict(kept)).encode("ascii"))
        try:
            await self._vault.foreign.forget(
                order.token.iduser, order.product, sending.place(customer), value
            )
        except (VaultUnavailable, RecordDamaged) as failure:
            event("customer_not_forgotten", level=logging.ERROR, code=failure.code)

    # --- inside -----------------------------------------------------------------------------------

    async def _open(self, sending: Sending, exchange: Exchange) -> None:
        if exchange.route is None:
            raise RouteUnknown
        token = sending.order.token

        def wanted(products: frozenset[str]) -> list[Wanted]:
            return [Wanted(token, products)]

        (found,) = await self._opening.open(exchange, exchange.route, Action.EXCHANGE, wanted)
        if found is None:
            raise TokenUnknown
        exchange.known[found.card.pan.reveal()] = found.token.alias
        exchange.counts.found += 1

    async def _read(self, sending: Sending, iduser: int, name: str) -> Kept | None:
        value = await self._vault.foreign.read(iduser, sending.order.product, name)
        return None if value is None else _read(value)

    @asynccontextmanager
    async def _turn(self, iduser: int, name: str) -> AsyncIterator[None]:
        lock = self._turns.setdefault((iduser, name), asyncio.Lock())
        try:
            async with asyncio.timeout(self._wait_seconds):
                await lock.acquire()
        except TimeoutError:
            raise TokenNotIssued from None
        try:
            yield
        finally:
            lock.release()

    @asynccontextmanager
    async def _claimed(
        self, sending: Sending, iduser: int, name: str
    ) -> AsyncIterator[Kept | None]:
        """None: the asking is this process's. Else what another one got, which was waited for."""
        claim, kept = new_id(), None
        try:
            kept = await self._claim(sending, iduser, name, claim)
            yield kept
        finally:
            if kept is None:  # also when nobody knows whether the claim was made
                try:
                    await self._vault.foreign.release(iduser, name, claim)
                except VaultUnavailable as failure:  # it is over soon; nothing depends on it
                    event("claim_not_released", level=logging.ERROR, code=failure.code)

    async def _claim(self, sending: Sending, iduser: int, name: str, claim: str) -> Kept | None:
        product, seconds = sending.order.product, self._wait_seconds + _MARGIN
        try:
            async with asyncio.timeout(self._wait_seconds):
                while True:
                    if await self._vault.foreign.claim(iduser, product, name, claim, seconds):
                        return None
                    kept = await self._read(sending, iduser, name)
                    if kept is not None:
                        return kept
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError:
            raise TokenNotIssued from None

    async def _make(self, sending: Sending, customer: Customer) -> Kept | Result:
        """Each step in turn. Each is an exchange of its own, in audit and log."""
        kept: dict[str, str] = {}
        for step in customer.steps:
            id = new_id()
            values = sending.values(Operation.CUSTOMER, id, kept)
            try:
                chosen, order = sending.head((step,), values), sending.order
                async with self._own.begun(
                    id, chosen.head, client=order.client, product=order.product
                ) as exchange:
                    exchange.request.body = sending.body(step, values)
                    reader = Reader(step.answer, await answer_to(self._own, exchange))
            except VaultUnavailable:
                raise
            except GatewayError as error:
                return Result(Ended.FAILED, code=error.code)
            result, got = reader.result(), reader.kept(step.keep)
            if result.ended in {Ended.DECLINED, Ended.FAILED}:
                return result
            if result.ended is not Ended.SUCCEEDED or got is None:
                event(
                    "token_not_issued", level=logging.ERROR, exchange=id, code=TokenNotIssued.code
                )
                return Result(Ended.FAILED, code=TokenNotIssued.code)
            kept |= {f"kept.{name}": text for name, text in got.items()}
        return kept


def _read(value: Secret[bytes]) -> Kept:
    return {str(name): str(text) for name, text in json.loads(value.reveal()).items()}
