"""The vault: cards in, tokens out, and back.

Cards come in by `keeping.py` and go out by `finding.py`; what else is kept has a table each. What all
of it promises, numbered as in the properties:

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
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.audit import Entry
from gateway.errors import VaultUnavailable
from gateway.vault import closing
from gateway.vault.answers import AnswerTable
from gateway.vault.aside import Aside
from gateway.vault.audits import AuditTable
from gateway.vault.backup import Backups
from gateway.vault.cards import CardTable
from gateway.vault.charges import ChargeTable
from gateway.vault.codes import CodeTable
from gateway.vault.collections import CollectionTable
from gateway.vault.common_clock import CommonClock
from gateway.vault.credentials import CredentialTable
from gateway.vault.cvcs import CvcTable
from gateway.vault.database import Database, Step, no_step
from gateway.vault.digits import DigitsTable
from gateway.vault.drilling import Drills
from gateway.vault.entries import stamp
from gateway.vault.erasure import Erasure
from gateway.vault.finding import Finding
from gateway.vault.foreign import ForeignTable
from gateway.vault.idempotency import IdempotencyTable
from gateway.vault.import_keys import ImportKeyTable
from gateway.vault.journal import journal_of
from gateway.vault.keeping import Keeping
from gateway.vault.kek.provider import KekProvider
from gateway.vault.key_history import KeyHistory
from gateway.vault.keyring_watch import KeyringWatch, WatchedDatabase
from gateway.vault.keys import KeyTable
from gateway.vault.links import LinkTable
from gateway.vault.model import (
    Recorded,
)
from gateway.vault.notices import NoticeTable
from gateway.vault.old_tokens import OldTokenTable
from gateway.vault.places import Place, open_database
from gateway.vault.recaptures import RecaptureTable
from gateway.vault.refusals import RefusalTable
from gateway.vault.requests import Requests
from gateway.vault.retention import RetentionTable
from gateway.vault.rewrap import Rewrap
from gateway.vault.rotation import Rotation
from gateway.vault.route_hours import RouteHourTable
from gateway.vault.store import Store
from gateway.vault.stubs import StubTable
from gateway.vault.unsealing import unsealed
from gateway.vault.verification import Verification
from gateway.vault.viewer_codes import ViewerCodeTable
from gateway.vault.viewers import ViewerTable
from gateway.vault.waiting import result_of

_THREADS: Final = 4
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
    foreign: ForeignTable

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
        store = Store(database, step=step)
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
        self._clock = clock
        common = self.clock = CommonClock(database, clock)
        self._aside = Aside("vault", _THREADS)
        self._keeping = Keeping(database, store, watch, clock, self._aside)
        self.keep, self.keep_message = self._keeping.keep, self._keeping.keep_message
        self._finding = Finding(store, keyring, clock, self._aside)
        self.find, self.return_cvc = self._finding.find, self._finding.return_cvc
        self.foreign = ForeignTable(database, keyring, clock, self._aside, step)
        self.old_tokens = OldTokenTable(database, store, keyring, clock, self._aside, step)
        self.digits = DigitsTable(database, keyring, self._aside)
        self.import_keys = ImportKeyTable(database, keyring.import_key)
        self.answers = AnswerTable(database, keyring, clock, self._aside, step)
        self.recaptures = RecaptureTable(database, keyring.recapture, self._aside, step)
        self.idempotency = IdempotencyTable(database, keyring.idempotency, keyring.repeated)
        requests = self.requests = Requests(database, self.idempotency, common, step)
        self.stubs = StubTable(database, keyring, self._aside)
        self.cards = CardTable(
            database, store, keyring, stubs=self.stubs, requests=requests, aside=self._aside
        )
        self.notices = NoticeTable(
            database, keyring.notice,
            told=told, requests=requests, clock=common, aside=self._aside, step=step,
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
            notices=self.notices, requests=requests, clock=common, aside=self._aside, step=step,
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
            store = Store(opened, step=step)
            keks = [kek] if next_kek is None else [kek, next_kek]
            watch = KeyringWatch(opened, unsealed(store, keks, now), keks)
            opened.use(journal_of(watch.keyring.audit, lambda: stamp(clock()), sinks))
            undo.pop_all()
        return cls(opened, watch, clock, step=step, told=told)

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
        self._keeping.close()
        self._aside.close()
        self._database.close()
