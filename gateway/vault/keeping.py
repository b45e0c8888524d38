"""How cards become tokens: `keep`, which answers after the commit.

P24  What a message brings is one transaction: cards, links, audit entries, and the rewritten message.
P25  One card of one product has one token, whoever keeps it, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Final

from gateway.audit import Entry
from gateway.errors import VaultUnavailable
from gateway.threads import IN_THREAD
from gateway.vault.answer import Answer, seal
from gateway.vault.aside import Aside
from gateway.vault.entries import stamp
from gateway.vault.keyring_watch import KeyringWatch, WatchedDatabase
from gateway.vault.model import Carry, Kept, NewCard, Plan, Taken
from gateway.vault.plan import Planner
from gateway.vault.store import Store
from gateway.vault.waiting import result_of

# More cards are let go of in a thread.
_MANY: Final = 16
# When another writer was first with the same card, it is there when we look again. More than a few
# rounds means that something else is wrong.
_ATTEMPTS: Final = 8
_REWRITING: Final = 4


class Keeping:
    """Keeps cards, and what comes of the message that brought them.

    `aside` are the threads of those who look something up; messages are rewritten on others.
    """

    def __init__(
        self, database: WatchedDatabase, store: Store, watch: KeyringWatch,
        clock: Callable[[], datetime], aside: Aside,
    ) -> None:  # fmt: skip
        self._database, self._store, self._watch = database, store, watch
        self._keyring, self._clock, self._aside = watch.keyring, clock, aside
        # Messages are rewritten here, which can take seconds: look-ups shall not wait behind them.
        self._rewriting = Aside("vault-keep", _REWRITING)

    async def keep(
        self,
        cards: Sequence[NewCard],
        entries: Sequence[Entry] = (),
        answer: Callable[[Sequence[Kept]], Answer | None] | None = None,
        *,
        size: int = 0,
    ) -> list[Kept]:
        """The tokens of `cards`, durable together with `entries`, in the cards' order.

        `entries` are none, or one for each card, which gets that card's iduser; further ones are
        written as they are. All or nothing. Raises VaultUnavailable, RecordDamaged.

        `answer` is called in a thread with the tokens that are about to be committed, in the cards'
        order, and gives the answer to be kept with them, undelivered; None: there is nothing to
        keep; `size`: how many bytes it reads. What it raises is raised here, and then nothing was
        committed. It may be called again, with other tokens where another writer was first: only its
        last call counts. Raises ExchangeKnown when the answer's client has an answer under its exchange
        id already, AnswerCameOut when it replays one that is refused no more; nothing was committed.
        """
        whole = None if answer is None else lambda plan: answer(plan.kept)
        return (await self.keep_message(cards, (), entries, whole, size=size)).kept

    async def keep_message(
        self,
        cards: Sequence[NewCard],
        carries: Sequence[Carry],
        entries: Sequence[Entry] = (),
        answer: Callable[[Plan], Answer | None] | None = None,
        *,
        size: int = 0,
    ) -> Plan:
        """As `keep`, for a message some of whose bookings came without their card: what they get again is
        `carried`, in the order of `carries`, and audited in the same transaction. A card that is forgotten
        is none, and so is one whose record does not open.
        """
        if entries and len(entries) < len(cards):
            raise ValueError("entries: none, or one for each card")
        for _ in range(_ATTEMPTS):
            try:
                return await self._attempt(cards, carries, entries, answer, size)
            except Taken:
                continue
        raise VaultUnavailable

    def close(self) -> None:
        """Finishes what is being rewritten. Blocks."""
        self._rewriting.close()

    async def _attempt(
        self,
        cards: Sequence[NewCard],
        carries: Sequence[Carry],
        entries: Sequence[Entry],
        answer: Callable[[Plan], Answer | None] | None,
        size: int,
    ) -> Plan:
        def decide() -> Plan:
            plan = self._plan(cards, entries, carries)
            return plan if answer is None else self._with_answer(plan, answer(plan))

        entered, looked_up = len(entries) + len(carries), len(cards) + len(carries)
        # Few cards are planned on the writer's thread, and a small answer is rewritten there: waking
        # another one costs more than they do. The rest is done beside it: others are written meanwhile.
        if size > IN_THREAD or looked_up > self._database.few:
            aside = self._aside if answer is None else self._rewriting
            version = self._watch.version  # before anything is sealed

            def planned() -> Future[Plan]:
                plan = decide()
                whole = replace(plan, changes=replace(plan.changes, version=version))
                return self._store.keep(lambda: whole)

            plan = await aside.follow(planned)
        else:
            plan = await result_of(self._store.keep(decide, entries=entered))
        if looked_up > _MANY:
            self._aside.begin(plan.changes.forget)
        return plan

    def _plan(
        self, cards: Sequence[NewCard], entries: Sequence[Entry], carries: Sequence[Carry] = ()
    ) -> Plan:
        planner = Planner(self._store, self._keyring, stamp(self._clock()))
        return planner.plan(cards, entries, carries)

    def _with_answer(self, plan: Plan, answer: Answer | None) -> Plan:
        if answer is None:
            return plan
        changes = plan.changes.with_answer(seal(self._keyring.spool, answer))
        return Plan(plan.kept, changes, plan.carried)
