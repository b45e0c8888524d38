"""Writing one message's batch into the vault, in one transaction, so that one bad record costs no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.errors import RecordDamaged
from gateway.exchange import Exchange
from gateway.stages.batch import Batch
from gateway.stages.carrying import give
from gateway.vault.answer import Answer
from gateway.vault.model import ExchangeKnown, Kept, NewCard, Plan
from gateway.vault.service import Vault


class _Tried(Exception):
    """A transaction was tried, and ends here."""


class BatchWriter:
    """What `Swap` hands its batches to."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def write(
        self,
        exchange: Exchange,
        batch: Batch,
        answer: Callable[[], Answer | None] | None = None,
    ) -> None:
        """Keeps the batch, with its audit entries and the answer, and gives its places their tokens.

        `answer` is called in a thread once the places have them, again where another writer was
        first. A card whose stored record is damaged fails, and costs no other its token. An exchange
        whose id names another answer already gets a fresh one. Raises VaultUnavailable and what
        `answer` raises; nothing was committed then.
        """

        def with_tokens(plan: Plan) -> Answer | None:
            _give(batch, plan)
            return None if answer is None else answer()

        searched = False
        while True:
            entries = [*batch.done, *batch.failed]
            call = with_tokens if answer is not None else None
            try:
                plan = await self._vault.keep_message(
                    batch.cards, batch.carries, entries, call, size=batch.size
                )
                _give(batch, plan)
            except ExchangeKnown:
                exchange.rename()
                batch.rename(exchange.id)
                continue
            except RecordDamaged:
                if searched:  # it is none of the cards'
                    raise
            else:
                return
            searched = True
            batch.without(await self._damaged(batch.cards, 0, len(batch.cards)))

    async def _damaged(self, cards: Sequence[NewCard], start: int, end: int) -> list[int]:
        """Which of `cards[start:end]` have a stored record that does not open."""
        if await self._are_sound(cards[start:end]):
            return []
        if end - start == 1:
            return [start]
        middle = (start + end) // 2
        first = await self._damaged(cards, start, middle)
        return first + await self._damaged(cards, middle, end)

    async def _are_sound(self, cards: Sequence[NewCard]) -> bool:
        """Whether the vault could keep these. Nothing is written."""

        def stop(kept: Sequence[Kept]) -> Answer | None:
            del kept
            raise _Tried

        try:
            await self._vault.keep(cards, (), stop)
        except RecordDamaged:
            return False
        except _Tried:
            pass
        return True


def _give(batch: Batch, plan: Plan) -> None:
    for place, one in zip(batch.places, plan.kept, strict=True):
        place.token, place.digits = one.token, one.digits
    for booking, carried in zip(batch.asking, plan.carried, strict=True):
        give(batch.document, booking, carried)
