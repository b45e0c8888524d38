"""What a call over the control API writes: one transaction with its audit entry and its answer.

A refusal changes nothing but the audit, and is not kept: the same call may do better later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from gateway.audit import Entry, Outcome
from gateway.errors import GatewayError, IdempotencyKeyReused, VaultUnavailable
from gateway.vault import entries as audit
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.idempotency import IdempotencyTable, Once
from gateway.vault.model import Taken

T = TypeVar("T")

_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: whose product it was, and what the caller is answered."""

    product: str
    answer: bytes


class Requests:
    """Every method raises VaultUnavailable, RecordDamaged."""

    def __init__(
        self,
        database: Database,
        once: IdempotencyTable,
        clock: Callable[[], datetime],
        step: Step = no_step,
    ) -> None:
        self._database, self._once, self._clock, self._step = database, once, clock, step

    async def write(
        self,
        name: str,
        entry: Entry,
        once: Once | None,
        do: Callable[[Connection, datetime], Done | GatewayError],
    ) -> bytes:
        """Does what is asked, durable, and gives its answer; or the answer that the same request got
        before. `do` writes the audit entry of what it did; one of a refusal is written here.

        Raises what `do` gives, IdempotencyKeyReused.
        """

        def decide(connection: Connection) -> bytes | GatewayError:
            now = self._clock()
            before = None if once is None else self._before(connection, entry, once)
            if before is not None:
                return before
            done = do(connection, now)
            if isinstance(done, GatewayError):
                return done
            self._step(f"{name}:done")
            if once is not None:
                self._once.remember(connection, once, done.product, done.answer, now)
            return done.answer

        def work(connection: Connection) -> bytes | GatewayError:
            outcome = decide(connection)
            if isinstance(outcome, GatewayError):
                audit.append(connection, [refused(entry, outcome)])
            return outcome

        outcome = await self._committed(name, work)
        if isinstance(outcome, GatewayError):
            raise outcome
        return outcome

    async def repeated(self, entry: Entry, once: Once | None) -> bytes | None:
        """The answer that the same request got before, with the repetition in the audit; None: it got
        none. For what looks at more than the vault before it writes: the rest comes after this.

        Raises IdempotencyKeyReused.
        """
        if once is None:
            return None

        def work(connection: Connection) -> bytes | GatewayError | None:
            before = self._before(connection, entry, once)
            if isinstance(before, GatewayError):
                audit.append(connection, [refused(entry, before)])
            return before

        before = await self._committed("request_repeated", work)
        if isinstance(before, GatewayError):
            raise before
        return before

    async def stands(self, once: Once | None, product: str, answer: bytes) -> None:
        """Keeps, durable, what stands for the answer from now on, until that is there: for what is done
        outside of the vault, where a crash must not let the same request do it twice.

        Raises IdempotencyKeyReused where another request came with the key meanwhile.
        """
        if once is None:
            return

        def work(connection: Connection) -> IdempotencyKeyReused | None:
            now = self._clock()
            try:
                self._once.answered(connection, once)
            except IdempotencyKeyReused:
                return IdempotencyKeyReused()
            self._once.remember(connection, once, product, answer, now)
            return None

        refusal = await self._committed("request_stands", work)
        if refusal is not None:
            raise refusal

    async def forget(self, once: Once | None) -> None:
        """Keeps, durable, no answer to the request any more: nothing came of it."""
        if once is not None:
            await self._committed("request_forget", lambda c: self._once.forget(c, once))

    async def _committed(self, name: str, work: Callable[[Connection], T]) -> T:
        for _ in range(_ATTEMPTS):
            try:
                return await asyncio.wrap_future(self._database.write(name, work))
            except Taken:  # another process was first: it is seen now
                continue
        raise VaultUnavailable

    def _before(
        self, connection: Connection, entry: Entry, once: Once
    ) -> bytes | GatewayError | None:
        try:
            answered = self._once.answered(connection, once)
        except IdempotencyKeyReused:
            return IdempotencyKeyReused()
        if answered is not None:
            repeated = replace(entry, outcome=Outcome.DONE, detail="repeated")
            audit.append(connection, [repeated])
        return answered


def refused(entry: Entry, refusal: GatewayError) -> Entry:
    """The entry of what was refused."""
    return replace(entry, outcome=Outcome.REFUSED, detail=refusal.code)
