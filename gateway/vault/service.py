"""The vault: cards in, tokens out, and back.

What it promises, numbered as in the properties:

P20  A card is found by HMAC(product, mode, PAN, expiry), under a key that does nothing else.
P21  The CVC of a card is dropped, unless its product holds it for minutes: apart, under a key of its
     own, given out once.
P24  `keep` answers after the commit of cards, links, audit entries and the rewritten message, which
     is one.
P25  One card of one product has one token, whoever keeps it, and when.
P27  Whatever goes wrong below raises VaultUnavailable, with nothing in its chain.
P36  `find` reads a card only after its audit entries are durable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from gateway.audit import Entry
from gateway.errors import VaultUnavailable
from gateway.secret import Secret
from gateway.threads import IN_THREAD
from gateway.vault import closing, cvcs, records
from gateway.vault.answer import Answer, seal
from gateway.vault.answers import AnswerTable
from gateway.vault.aside import Aside
from gateway.vault.audits import AuditTable
from gateway.vault.backup import Backups
from gateway.vault.cards import CardTable
from gateway.vault.charges import ChargeTable
from gateway.vault.codes import CodeTable
from gateway.vault.collections import CollectionTable
from gateway.vault.credentials import CredentialTable
from gateway.vault.cvcs import CvcTable
from gateway.vault.database import Database, Step, no_step
from gateway.vault.digits import DigitsTable
from gateway.vault.drilling import Drills
from gateway.vault.entries import stamp
from gateway.vault.erasure import Erasure
from gateway.vault.foreign import ForeignTable
from gateway.vault.idempotency import IdempotencyTable
from gateway.vault.import_keys import ImportKeyTable
from gateway.vault.journal import journal_of
from gateway.vault.kek.provider import KekProvider
from gateway.vault.key_history import KeyHistory
from gateway.vault.keyring_watch import KeyringWatch, WatchedDatabase
from gateway.vault.keys import KeyTable
from gateway.vault.links import LinkTable
from gateway.vault.model import (
    Carry,
    CvcRow,
    Found,
    Kept,
    NewCard,
    Plan,
    Recorded,
    Taken,
    Wanted,
)
from gateway.vault.notices import NoticeTable
from gateway.vault.old_tokens import OldTokenTable
from gateway.vault.places import Place, open_database
from gateway.vault.plan import Planner
from gateway.vault.recaptures import RecaptureTable
from gateway.vault.refusals import RefusalTable
from gateway.vault.requests import Requests
from gateway.vault.resolve import Resolver
from gateway.vault.retention import RetentionTable
from gateway.vault.rewrap import Rewrap
from gateway.vault.rotation import Rotation
from gateway.vault.route_hours import RouteHourTable
from gateway.vault.store import DatabaseStore
from gateway.vault.stubs import StubTable
from gateway.vault.unsealing import unsealed
from gateway.vault.verification import Verification
from gateway.vault.viewer_codes import ViewerCodeTable
from gateway.vault.viewers import ViewerTable
from gateway.vault.waiting import result_of

# More cards are let go of in a thread.
_MANY: Final = 16
# When another writer was first with the same card, it is there when we look again. More than a few
# rounds means that something else is wrong.
_ATTEMPTS: Final = 8
_THREADS: Final = 4
_REWRITING: Final = 4
_PROBE_SECONDS: Final = 10.0


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Vault:
    """One vault. Several processes may have the same one open."""

    watch: KeyringWatch
    rotation: Rotation
    rewrap: Rewrap
    keys: KeyTable
    refusals: RefusalTable
    route_hours: RouteHourTable
    cvcs: CvcTable
    key_history: KeyHistory
    answers: AnswerTable
    recaptures: RecaptureTable
    idempotency: IdempotencyTable
    requests: Requests
    cards: CardTable
    links: LinkTable
    notices: NoticeTable
    credentials: CredentialTable
    charges: ChargeTable
    codes: CodeTable
    viewers: ViewerTable
    viewer_codes: ViewerCodeTable
    collections: CollectionTable
    audit: AuditTable
    retention: RetentionTable
    stubs: StubTable
    verification: Verification
    erasure: Erasure
    old_tokens: OldTokenTable
    digits: DigitsTable
    import_keys: ImportKeyTable
    backups: Backups
    drills: Drills

    def __init__(
        self,
        opened: Database,
        watch: KeyringWatch,
        clock: Callable[[], datetime],
        *,
        step: Step = no_step,
        told: Collection[str] = (),
    ) -> None:
        keyring, self.watch = watch.keyring, watch
        database = WatchedDatabase(opened, watch)
        store = DatabaseStore(database, step=step)
        self.rotation = Rotation(database, watch, clock, step)
        self.rewrap = Rewrap(database, watch, clock, step)
        self.keys = KeyTable(database, step=step)
        self.refusals = RefusalTable(database)
        self.route_hours = RouteHourTable(database)
        self.cvcs = CvcTable(database)
        self.key_history = KeyHistory(database)
        self.audit = AuditTable(database, keyring.audit, clock, step)
        self.retention = RetentionTable(database, keyring, step)
        self.verification = Verification(database, keyring, self.retention)
        self.erasure = Erasure(database, keyring, step)
        self.backups = Backups(database, watch, clock, step)
        self.drills = Drills(database, clock)
        self._database = opened
        self._store = store
        self._keyring = keyring
        self._resolver = Resolver(store, keyring)
        self._clock = clock
        self._aside = Aside("vault", _THREADS)
        # Messages are rewritten here, which can take seconds: look-ups shall not wait behind them.
        self._rewriting = Aside("vault-keep", _REWRITING)
        self._foreign = ForeignTable(database, keyring.foreign, self._aside, step)
        self.old_tokens = OldTokenTable(database, store, keyring, clock, self._aside, step)
        self.digits = DigitsTable(database, keyring, self._aside)
        self.import_keys = ImportKeyTable(database, keyring.import_key)
        self.answers = AnswerTable(database, keyring, clock, self._aside, step)
        self.recaptures = RecaptureTable(database, keyring.recapture, self._aside, step)
        self.idempotency = IdempotencyTable(database, keyring.idempotency, keyring.repeated)
        requests = self.requests = Requests(database, self.idempotency, clock, step)
        self.stubs = StubTable(database, keyring, self._aside)
        self.cards = CardTable(
            database, store, keyring, stubs=self.stubs, requests=requests, aside=self._aside
        )
        self.notices = NoticeTable(
            database, keyring.notice,
            told=told, requests=requests, clock=clock, aside=self._aside, step=step,
        )  # fmt: skip
        self.credentials = CredentialTable(
            database, keyring.credential, requests=requests, aside=self._aside
        )
        self.links = LinkTable(database, keyring.page_link, requests, clock, self._aside)
        self.charges = ChargeTable(
            database, store, keyring,
            once=self.idempotency, notices=self.notices, links=self.links,
            clock=clock, aside=self._aside, step=step,
        )  # fmt: skip
        self.codes = CodeTable(store, keyring, requests)
        self.viewers = ViewerTable(database, requests, self._aside)
        self.viewer_codes = ViewerCodeTable(database, keyring.viewer, clock, step)
        self.collections = CollectionTable(
            database, store, keyring, links=self.links, recaptures=self.recaptures,
            notices=self.notices, requests=requests, clock=clock, aside=self._aside, step=step,
        )  # fmt: skip

    @classmethod
    def open(
        cls,
        database: Place,
        kek: KekProvider,
        *,
        next_kek: KekProvider | None = None,
        clock: Callable[[], datetime] = utc_now,
        busy_seconds: float = 5.0,
        step: Step = no_step,
        told: Collection[str] = (),
        sinks: Sequence[Path | None] = (),
    ) -> Vault:
        """Opens the vault; on first use makes directory, database, KEK and keyring. Blocks, as long as
        the KEK's provider waits for a server.

        Raises VaultSealed when the KEK can not be had, is not acceptable or not this vault's;
        ConfigurationError when the database is not ours or newer than we are; VaultUnavailable when
        it can not be used; VaultClosed when it was moved, or a restore was not finished. `next_kek` is tried where `kek` does not open the keyring.
        `step` is called at each step of a write; tests stop the process there. `told`: the clients
        that have a webhook; for others no notices are kept. `sinks`: files and pipes that
        get the audit's entries, too, None standard output; ConfigurationError when one can not be.
        """
        now = stamp(clock())
        opened = open_database(database, now=now, busy_seconds=busy_seconds, step=step)
        with ExitStack() as undo:
            undo.callback(opened.close)
            closing.may_open(opened.read(closing.why))
            store = DatabaseStore(opened, step=step)
            keks = [kek] if next_kek is None else [kek, next_kek]
            watch = KeyringWatch(opened, unsealed(store, keks, now), keks)
            opened.use(journal_of(watch.keyring.audit, lambda: stamp(clock()), sinks))
            undo.pop_all()
        return cls(opened, watch, clock, step=step, told=told)

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

    async def find(
        self, wanted: Sequence[Wanted], entries: Sequence[Entry] = ()
    ) -> list[Found | None]:
        """The cards of `wanted`, in order; None for a token that is unknown, of another product or
        mode, or whose tokenuser is wrong: they can not be told apart.

        `entries` are durable before a card is read. The transaction that writes them deletes the
        security codes that are wanted too: each is given out once, whatever crashes when. Raises
        VaultUnavailable, RecordDamaged.
        """
        taken = await self._intend(wanted, entries)
        return await self._aside.run(lambda: self._resolver.resolve(wanted, taken, self._clock()))

    async def return_cvc(self, found: Found) -> None:
        """Holds again, until the same end, the security code of a request that was not sent. To be
        called only when it certainly was not. A later one that came meanwhile stays instead.

        Raises VaultUnavailable.
        """
        now = self._clock()
        if found.cvc is None or found.cvc_until is None:
            return
        # Its end is over, or further than any is: the clock was set back since it came.
        if not now < found.cvc_until <= now + cvcs.LONGEST:
            return
        cvc, token, at, until = found.cvc, found.token, stamp(now), stamp(found.cvc_until)

        def sealed() -> CvcRow:
            return cvcs.seal(
                self._keyring.cvc, cvc, found.product, token.iduser,
                test=token.test, at=at, until=until,
            )  # fmt: skip

        await result_of(self._store.put_back(sealed))

    async def foreign(self, iduser: int, product: str, processor: str) -> Secret[bytes] | None:
        """What `processor` issued for the card of `product`; None when nothing is kept.

        Raises VaultUnavailable, RecordDamaged.
        """
        return await self._foreign.read(iduser, product, processor)

    async def keep_foreign(
        self,
        iduser: int,
        product: str,
        processor: str,
        value: Secret[bytes],
        found: Found | None = None,
    ) -> Secret[bytes]:
        """Keeps, durable, what `processor` issued for the card. Gives what is kept from now on: of
        several that keep at once the first one's, which every other has to use instead of its own.
        `found`: the card that the processor was sent.

        Raises TokenUnknown when the product has no such card, TokenNotIssued when it has another
        expiry than was sent, VaultUnavailable, RecordDamaged.
        """
        is_card = None
        if found is not None:
            is_card = partial(
                records.is_filed_under,
                hashing=self._keyring.look_up,
                product=product,
                card=found.card,
                test=found.token.test,
            )
        return await self._foreign.keep(
            iduser, product, processor, value, stamp(self._clock()), is_card=is_card
        )

    async def claim_foreign(
        self, iduser: int, product: str, processor: str, claim: str, seconds: float
    ) -> bool:
        """Whether `claim`, a name of the caller's, may ask `processor` for its token now: nothing is
        kept, and no other process on this store asks. Durable; over after `seconds`.

        Raises TokenUnknown when the product has no such card, VaultUnavailable.
        """
        now = self._clock()
        until = stamp(now + timedelta(seconds=seconds))
        return await self._foreign.claim(
            iduser, product, processor, claim, now=stamp(now), until=until
        )

    async def release_foreign(self, iduser: int, processor: str, claim: str) -> None:
        """Lets others ask, durable, if the claim stands still. Raises VaultUnavailable."""
        await self._foreign.release(iduser, processor, claim)

    async def forget_foreign(
        self, iduser: int, product: str, processor: str, value: Secret[bytes]
    ) -> None:
        """Forgets, durable, what `processor` issued for the card, if it is `value` still.

        Raises VaultUnavailable, RecordDamaged.
        """
        await self._foreign.forget(iduser, product, processor, value)

    async def record(self, entries: Sequence[Entry]) -> None:
        """Writes audit entries, durable. Raises VaultUnavailable."""
        if entries:
            await result_of(self._store.record(entries))

    def entries(self, *, after: int = 0, limit: int = 1000) -> list[Recorded]:
        """Up to `limit` audit entries with an id above `after`, in order. Blocks.

        Raises VaultUnavailable.
        """
        return self._store.entries(after, limit)

    def check(self) -> None:
        """Writes, durable, for readiness. Blocks up to ten seconds. Raises VaultUnavailable."""
        future = self._store.probe(stamp(self._clock()))
        try:
            future.result(_PROBE_SECONDS)
        except FutureTimeoutError:
            pass
        else:
            return
        raise VaultUnavailable

    def count_by_product(self) -> dict[str, int]:
        """How many cards each product has. Blocks. Raises VaultUnavailable."""
        return self._store.count_by_product()

    def close(self) -> None:
        """Finishes what was begun, then closes the database. Blocks; further calls do nothing."""
        self._rewriting.close()
        self._aside.close()
        self._database.close()

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
            version = self.watch.version  # before anything is sealed

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

    async def _intend(
        self, wanted: Sequence[Wanted], entries: Sequence[Entry]
    ) -> dict[int, CvcRow]:
        if any(want.with_cvc for want in wanted):
            take = self._store.take(lambda: self._resolver.entitled(wanted), entries)
            return await result_of(take)
        await self.record(entries)
        return {}

    # --- on a thread ------------------------------------------------------------------------------

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
