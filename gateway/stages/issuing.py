"""A processor's own token for a card: what is kept of it, else one that it is asked for, once.

1. Who asks is in the audit, durable, before the card leaves; how it ended follows (P36).
2. Two that need the same token ask once: the second waits for the first's. Within the process a lock
   sees to that, between processes on one store a claim that is committed before the call.
3. The call goes where the caller's own request goes, through the checks of `outgoing.py`.
4. The answer is guarded before anything of it is read: an echoed card goes nowhere (P03).
5. Nothing is asked for twice: a call without a good answer leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final, Protocol
from weakref import WeakValueDictionary

from gateway.audit import Action, Entry, Outcome
from gateway.codecs.encoding import decode_body
from gateway.errors import (
    CardRefused,
    GatewayError,
    TokenNotIssued,
    UpstreamInvalid,
    VaultUnavailable,
)
from gateway.exchange import Exchange, new_id
from gateway.log import event
from gateway.metrics import Metrics
from gateway.outgoing import Answer, Call
from gateway.rules.model import Route
from gateway.rules.model_directions import Issuer
from gateway.secret import Secret
from gateway.stages.guard import guard_body
from gateway.stages.issue_call import issue_call, open_answer, read_issued
from gateway.stages.opening import Opening
from gateway.stages.pairs import Beside, ForeignPair, read_foreign, says
from gateway.stages.relayed import Relayed, retry_after
from gateway.vault.model import Found

_LARGEST: Final = 64 * 1024  # bytes, once decoded
_SERVER_ERROR: Final = 500
_LOOK_AGAIN: Final = 0.1  # seconds, for what another process is asking
_MARGIN: Final = 30.0  # seconds that a claim outlives the call: audit and commit come after it


class ForeignTokens(Protocol):
    """Where processors' own tokens are kept; of the vault."""

    async def read(self, iduser: int, product: str, processor: str) -> Secret[bytes] | None:
        """What is kept, or None."""

    async def claim(
        self, iduser: int, product: str, processor: str, claim: str, seconds: float
    ) -> bool:
        """Whether to ask now: nothing is kept, and nobody else asks."""

    async def release(self, iduser: int, processor: str, claim: str) -> None:
        """Lets others ask."""

    async def keep(
        self, iduser: int, product: str, processor: str, value: Secret[bytes], found: Found
    ) -> Secret[bytes]:
        """Keeps it, durable, and ends the claim; answers with what was kept first. Raises
        TokenNotIssued where the card has another expiry than `found` has.
        """


class Recording(Protocol):
    """Who writes the audit; the vault."""

    async def record(self, entries: Sequence[Entry]) -> None:
        """Writes audit entries, durable."""


class Calls(Protocol):
    """Who makes our calls."""

    async def call(self, call: Call) -> Answer:
        """The partner's answer, or an Upstream… error."""


@dataclass(frozen=True, slots=True)
class Need:
    """A card, and the processor whose own token is wanted for it.

    `processor` names what is kept: issuer, host, and what stands beside the pair.
    """

    issuer: Issuer
    found: Found
    processor: str
    beside: tuple[Beside, ...]


class Issuing:
    """One for the process: what is under way is known here."""

    def __init__(
        self,
        *,
        calls: Calls,
        foreign: ForeignTokens,
        vault: Recording,
        opening: Opening,
        metrics: Metrics,
        wait_seconds: float,
    ) -> None:
        self._calls, self._foreign, self._vault, self._opening = calls, foreign, vault, opening
        self._metrics, self._wait_seconds = metrics, wait_seconds
        self._turns: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    async def kept(self, exchange: Exchange, need: Need) -> ForeignPair | None:
        """What the processor issued for the card; None where nothing is kept.

        Raises VaultUnavailable, RecordDamaged.
        """
        found = need.found
        call = self._foreign.read(found.token.iduser, found.product, need.processor)
        value = await self._opening.timed(exchange, "foreign", call)
        return None if value is None else read_foreign(value)

    async def pair_of(self, exchange: Exchange, route: Route, need: Need) -> ForeignPair:
        """What is kept, or what the processor issues now, which is kept then.

        Raises CardRefused (the answer is then the processor's own, see `Relayed`), TokenNotIssued,
        TokenUnknown (the card is gone meanwhile), VaultUnavailable, RecordDamaged.
        """
        found = need.found
        async with self._turn(found.token.iduser, need.processor):
            kept = await self.kept(exchange, need)
            if kept is not None:
                return kept
            async with self._claimed(exchange, need) as kept:
                if kept is not None:
                    return kept
                pair = await self._ask(exchange, route, need)
                keeping = self._foreign.keep(
                    found.token.iduser, found.product, need.processor, pair.write(), found
                )
                return read_foreign(await self._opening.timed(exchange, "keep_foreign", keeping))

    @asynccontextmanager
    async def _turn(self, iduser: int, processor: str) -> AsyncIterator[None]:
        lock = self._turns.setdefault((iduser, processor), asyncio.Lock())
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
    async def _claimed(self, exchange: Exchange, need: Need) -> AsyncIterator[ForeignPair | None]:
        """None: the asking is this process's. Else what another one got, which was waited for."""
        claim, kept = new_id(), None
        try:
            kept = await self._claim(exchange, need, claim)
            yield kept
        finally:
            if kept is None:  # also when nobody knows whether the claim was made
                await self._release(exchange, need, claim)

    async def _claim(self, exchange: Exchange, need: Need, claim: str) -> ForeignPair | None:
        token, seconds = need.found.token, self._wait_seconds + _MARGIN
        try:
            async with asyncio.timeout(self._wait_seconds):
                while True:
                    claiming = self._foreign.claim(
                        token.iduser, need.found.product, need.processor, claim, seconds
                    )
                    if await self._opening.timed(exchange, "claim_foreign", claiming):
                        return None
                    kept = await self.kept(exchange, need)
                    if kept is not None:
                        return kept
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError:
            raise TokenNotIssued from None

    async def _release(self, exchange: Exchange, need: Need, claim: str) -> None:
        """A claim that stays by mistake is over soon; nothing else depends on it."""
        call = self._foreign.release(need.found.token.iduser, need.processor, claim)
        try:
            await self._opening.timed(exchange, "release_foreign", call)
        except VaultUnavailable as failure:
            code = failure.code
            event("claim_not_released", level=logging.ERROR, exchange=exchange.id, code=code)

    async def _ask(self, exchange: Exchange, route: Route, need: Need) -> ForeignPair:
        found, request = need.found, exchange.request
        if request.authority is None:
            raise TokenNotIssued
        call = issue_call(need.issuer, request.authority, request.headers, need.beside, found.card)
        done = replace(
            self._opening.entry(exchange, route, Action.ISSUE),
            product=found.product,
            iduser=found.token.iduser,
        )
        intent = replace(done, outcome=Outcome.INTENT)
        await self._opening.timed(exchange, "record", self._vault.record([intent]))
        started, failure, pair = perf_counter(), None, None
        try:
            pair = self._understood(exchange, need, await self._calls.call(call))
        except GatewayError as error:
            failure = error
        exchange.seconds["issue"] = perf_counter() - started
        outcome, detail = _ended(call, failure)
        self._metrics.cards.labels(route.id, "issue", outcome.value).inc()
        ended = replace(done, at=self._opening.clock(), outcome=outcome, detail=detail)
        await self._opening.timed(exchange, "record", self._vault.record([ended]))
        if pair is not None:
            return pair
        if isinstance(failure, CardRefused):
            raise failure from None
        event("token_not_issued", level=logging.ERROR, exchange=exchange.id, code=detail)
        raise TokenNotIssued

    @staticmethod
    def _understood(exchange: Exchange, need: Need, answer: Answer) -> ForeignPair:
        """The pair of an answer. Raises CardRefused, and other refusals for what is no good answer."""
        if not (200 <= answer.status < 300 or 400 <= answer.status < _SERVER_ERROR):
            raise UpstreamInvalid  # a redirect, or a server that does not know what it did
        codings = answer.headers.get_all("Content-Encoding")
        body = decode_body(answer.body.reveal(), codings, _LARGEST)
        issuer, found = need.issuer, need.found
        known = {found.card.pan.reveal(): found.token.alias}
        body = guard_body(body, "json", known).body
        document = open_answer(body)
        pair = read_issued(issuer, document)
        if pair is not None:
            return pair
        # What says neither "here it is" nor "no" must not reach the caller, least of all a success
        # without a token: the caller would take it for the success of its own request.
        said = document.select(issuer.issued.at)
        if says(document, issuer.issued) or not any(document.text(node) for node in said):
            raise UpstreamInvalid
        exchange.channel = Relayed(exchange.id, answer.status, body)
        raise CardRefused(retry_after(answer.headers))


def _ended(call: Call, failure: GatewayError | None) -> tuple[Outcome, str]:
    """How the card's way to the processor ended; a refusal is an answer like any other."""
    if failure is None:
        return Outcome.DONE, ""
    if isinstance(failure, CardRefused):
        return Outcome.DONE, failure.code
    return (Outcome.UNKNOWN if call.sent else Outcome.FAILED), failure.code
