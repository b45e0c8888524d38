"""What a worker does every few seconds beside its traffic: fresh keys, gauges, what waits to be written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Final

from gateway import certificates
from gateway.access.keys import FRESH, Keys
from gateway.audit import ITSELF, Action, Entry, Outcome
from gateway.clock_guard import ClockGuard, since_start
from gateway.config import Config
from gateway.errors import AuditUnwritable, RecordDamaged, VaultUnavailable
from gateway.garbage import Garbage
from gateway.log import event
from gateway.metrics import Metrics
from gateway.refused import Refusals
from gateway.stages.inbox import Inbox
from gateway.vault.answer import AnswerState
from gateway.vault.configured import retention_of
from gateway.vault.retention import Purged
from gateway.vault.service import Vault

_HOUSEKEEPING_SECONDS: Final = 2.0
# The keys are read anew by a thread long before a request would have to do it (`keys.FRESH`).
_KEYS_SECONDS: Final = FRESH.total_seconds() / 2
_MEASURE_SECONDS: Final = 60.0  # certificates are files: they need not be read oftener
_COUNT_SECONDS: Final = 10.0  # counting reads each kept answer's row; Prometheus asks no oftener
_CVC_SECONDS: Final = 15.0  # a security code is not given out after its end anyway
_ANSWER_SECONDS: Final = 60.0
_KEYRING_SECONDS: Final = 5.0  # well below the minute after which nobody waits for a process
_CARD_SECONDS: Final = 600.0  # retention counts in days


class Upkeep:
    """Its tasks run until they are cancelled; one that ends by itself is a fault."""

    def __init__(
        self,
        *,
        config: Config,
        vault: Vault,
        keys: Keys,
        refusals: Refusals,
        inbox: Inbox,
        metrics: Metrics,
        garbage: Garbage,
        idle: Callable[[], bool],
        clock: Callable[[], datetime],
        elapsed: Callable[[], float] = since_start,
    ) -> None:
        self.clock_guard = ClockGuard(clock, vault.audit.ran, elapsed)
        self._config, self._vault, self._keys, self._refusals = config, vault, keys, refusals
        self._metrics, self._garbage, self._idle = metrics, garbage, idle
        self._inbox, self._clock = inbox, clock
        self._measured = float("-inf")  # when certificates were read last
        self._counted = float("-inf")  # when what waits was counted last
        self._ends: set[str] = set()  # what has a `not_after`
        self._kept: set[AnswerState] = set()  # of what there are answers
        self._far: dict[str, int] = {}  # bookings by product whose departure counts as none
        self._in_doubt: set[str] = set()  # processors with charges in doubt

    async def refresh_keys(self) -> None:
        """Keeps what is known of the keys fresh, beside the event loop and whatever else there is to do.

        Where the table can not be read a request tries for itself, and is refused if it can not either.
        """
        while True:
            await asyncio.sleep(_KEYS_SECONDS)
            try:
                await asyncio.to_thread(self._keys.refresh)
            except VaultUnavailable as error:
                event("keys_not_read", level=logging.ERROR, code=error.code)

    async def watch_keyring(self) -> None:
        """Asks the vault what time it is. Loads new keys of it soon after they were made, and says that they are
        loaded: nobody uses them before. What is written is compared with the keyring anyhow (P23).
        """
        while True:
            await asyncio.sleep(_KEYRING_SECONDS)
            try:
                await asyncio.to_thread(self._vault.clock.refresh)
                await asyncio.to_thread(self.say_keyring)
            except (VaultUnavailable, RecordDamaged) as error:
                event("keyring_not_read", level=logging.ERROR, code=error.code)

    def say_keyring(self) -> None:
        """Loads the vault's keyring if it is another one, and writes which one is loaded; if it can not
        be loaded, that too. Raises `VaultUnavailable`, `RecordDamaged`.
        """
        try:
            self._vault.watch.refresh()
        finally:
            self._vault.watch.beat(self._clock())

    async def purge_cvcs(self) -> None:
        """Erases security codes whose time has ended."""
        while True:
            await asyncio.sleep(_CVC_SECONDS)
            await self._purge("cvcs", self._vault.cvcs.purge, self._clock())

    async def purge_answers(self) -> None:
        """Erases kept answers that have expired, those to idempotency keys too, old notices, recaptures
        and links to pages. Each of their bytes is overwritten, which can take a while: nothing else
        waits for it.
        """
        while True:
            await asyncio.sleep(_ANSWER_SECONDS)
            now = self._clock()  # before it is asked about
            if not await asyncio.to_thread(self._is_clock_believed, "answers"):
                continue
            await self._purge("answers", self._vault.answers.purge, now)
            await self._purge("idempotency_keys", self._vault.idempotency.purge, now)
            await self._purge("notices", self._vault.notices.purge, now)
            await self._purge("page_links", self._vault.links.purge, now)
            await self._purge("recaptures", self._vault.recaptures.purge, now)

    async def purge_cards(self) -> None:
        """Erases cards and bookings whose time is over, stubs too, and what the database's log still holds
        of whatever was erased: of security codes as well.
        """
        while True:
            await asyncio.sleep(_CARD_SECONDS)
            await asyncio.to_thread(self.expire)

    def expire(self) -> None:
        """Does it once, and counts what is overdue still."""
        table, now, terms = self._vault.retention, self._clock(), retention_of(self._config)
        entry = Entry(now, "", Action.PURGE, Outcome.DONE, origin=ITSELF)
        gone, held = Purged(), not self._is_clock_believed("cards")
        try:
            if not held:
                gone = table.purge(terms, now, entry)
                self._vault.route_hours.purge(now)
            # Security codes are erased whatever the clock: of them, too, nothing stays in the log.
            if table.scrub() and not held:
                self._metrics.cards_purged.set(now.timestamp())
            elif not held:  # somebody reads: the next turn does it
                event("log_not_scrubbed", level=logging.WARNING)
        except VaultUnavailable as error:
            event("not_purged", level=logging.ERROR, what="cards", code=error.code)
        else:
            if gone != Purged():
                event("purged", what="cards", links=gone.links, cards=gone.cards, stubs=gone.stubs)
        self._count_overdue(now)

    def _is_clock_believed(self, what: str) -> bool:
        """Whether what is over by the clock is erased. Blocks."""
        try:
            believed = self.clock_guard.believed()
        except VaultUnavailable as error:
            event("not_purged", level=logging.ERROR, what=what, code=error.code)
            return False
        self._metrics.clock_leapt.set(0 if self.clock_guard.leapt() is None else 1)
        return believed

    def _count_overdue(self, now: datetime) -> None:
        table, terms = self._vault.retention, retention_of(self._config)
        try:
            overdue, far = table.overdue(terms, now), table.unbelieved(terms, now)
        except VaultUnavailable as error:
            event("not_counted", level=logging.ERROR, what="cards", code=error.code)
            return
        self._metrics.cards_overdue.clear()
        for product, left in overdue.items():
            self._metrics.cards_overdue.labels(product).set(left.cards)
        self._metrics.departures_unbelieved.clear()
        for product, count in far.items():
            self._metrics.departures_unbelieved.labels(product).set(count)
            if count > self._far.get(product, 0):
                event("departures_unbelieved", level=logging.WARNING, product=product, count=count)
        self._far = far

    async def _purge(self, what: str, purge: Callable[[datetime], int], now: datetime) -> None:
        try:
            count = await asyncio.to_thread(purge, now)
        except VaultUnavailable as error:
            event("not_purged", level=logging.ERROR, what=what, code=error.code)
            return
        if count:
            event("purged", what=what, count=count)

    async def keep_house(self) -> None:
        """Every few seconds: garbage is collected, refusals, keys' last use and how far answers came
        are written, gauges are set."""
        while True:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            self._garbage.collect(idle=self._idle())
            try:
                await self._inbox.flush()
                counts = await asyncio.to_thread(self.flush)
                await asyncio.to_thread(self.measure_ends)
                await asyncio.to_thread(self.count_waiting)
            except VaultUnavailable as error:
                event("housekeeping_failed", level=logging.ERROR, code=error.code)
                continue
            for product, count in counts.items():
                self._metrics.vault_cards.labels(product).set(count)

    def flush(self) -> dict[str, int]:
        """Writes refusals and keys' last use. Returns the cards of each product.

        Raises `VaultUnavailable`.
        """
        self._refusals.flush()
        self._keys.save_uses()
        return self._vault.count_by_product()

    def measure_ends(self) -> None:
        """When certificates and keys end, and since when the vault's keys are used. Ids of keys are ours;
        a key without an end has no line.

        Raises `VaultUnavailable`.
        """
        if monotonic() - self._measured >= _MEASURE_SECONDS:
            self._measured = monotonic()
            try:
                for seen in certificates.installed(self._config):
                    self._metrics.not_after.labels(seen.what).set(seen.not_after.timestamp())
            except (OSError, ValueError):  # half replaced, perhaps: the last measure stays
                event("certificates_not_read", level=logging.ERROR)
            for purpose, since in self._vault.rotation.since().items():
                self._metrics.vault_keys.labels(purpose.value).set(since.timestamp())
        ends = {
            f"key:{row.id}": row.expires
            for row in self._vault.keys.all()
            if row.expires is not None and row.revoked is None
        }
        for what, at in ends.items():
            self._metrics.not_after.labels(what).set(at.timestamp())
        for what in self._ends - ends.keys():
            self._metrics.not_after.remove(what)
        self._ends = set(ends)

    def count_waiting(self) -> None:
        """What waits for somebody: answers that are kept, charges in doubt. Raises `VaultUnavailable`."""
        if monotonic() - self._counted < _COUNT_SECONDS:
            return
        self._counted = monotonic()
        self.look_at_audit()
        self.count_answers()
        self.count_charges()

    def look_at_audit(self) -> None:
        """Whether the audit's files and pipes take entries, and how far it came. Raises `VaultUnavailable`."""
        unwritable = 0
        try:
            self._vault.audit.writable()
        except AuditUnwritable:
            unwritable = 1
        self._metrics.audit_unwritable.set(unwritable)
        self._metrics.audit_newest.set(self._vault.audit.newest_id())

    def count_charges(self) -> None:
        """Of how many nobody knows how they ended, and since when. Raises `VaultUnavailable`."""
        found = self._vault.charges.in_doubt()
        for processor, (count, oldest) in found.items():
            self._metrics.charges_in_doubt.labels(processor).set(count)
            self._metrics.charges_oldest.labels(processor).set(oldest.timestamp())
        for processor in self._in_doubt - found.keys():
            self._metrics.charges_in_doubt.labels(processor).set(0)
            self._metrics.charges_oldest.remove(processor)
        self._in_doubt = set(found)

    def count_answers(self) -> None:
        """How much is kept in each state, and since when. Raises `VaultUnavailable`."""
        totals = self._vault.answers.totals()
        for state in AnswerState:
            found = totals.get(state)
            self._metrics.answers.labels(state.value).set(found.count if found else 0)
            self._metrics.answers_bytes.labels(state.value).set(found.bytes if found else 0)
        for state, found in totals.items():
            self._metrics.answers_oldest.labels(state.value).set(found.oldest.timestamp())
        for state in self._kept - totals.keys():
            self._metrics.answers_oldest.remove(state.value)
        self._kept = set(totals)
