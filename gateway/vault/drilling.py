"""A drill: a backup is restored for trial, beside the vault that is in use, and compared with it.

Nothing but its own private directory is written to, but for the entry of the audit that says how it went.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from gateway.audit import Action, Entry, Outcome
from gateway.errors import BackupRefused, ConfigurationError, GatewayError
from gateway.vault import closing, restoring
from gateway.vault import entries as audit
from gateway.vault.chain import Chain
from gateway.vault.chain_check import Finding as Fault
from gateway.vault.chain_check import check
from gateway.vault.closing import Closed
from gateway.vault.copying import Progress, counting, unseen
from gateway.vault.database import Connection, Database
from gateway.vault.entries import stamp
from gateway.vault.keyring import Keyring
from gateway.vault.manifest import Manifest
from gateway.vault.places import open_database
from gateway.vault.replaying import Replayed
from gateway.vault.retention import RetentionTable
from gateway.vault.terms import Retention
from gateway.vault.verification import Finding, Flaw, Report, Verification

# A vault may have millions of cards: never all of them at once.
_PORTION: Final = 10_000
_CARDS: Final = "SELECT iduser FROM card WHERE iduser > ? ORDER BY iduser LIMIT ?"
_STAND: Final = "SELECT iduser FROM card WHERE iduser IN (%s)"
_REVOKED: Final = "SELECT id FROM api_key WHERE revoked IS NOT NULL"
_VALID: Final = "SELECT id FROM api_key WHERE revoked IS NULL"
_GONE: Final = (
    "SELECT iduser FROM audit WHERE id > ? AND action IN ('purge', 'forget', 'erase')"
    " AND subject = '' AND iduser IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Drilled:
    """How it went. `age`: of the backup; `took`: from the file to a vault that opens. `opened`: records.

    What must be nothing: `flaws` (records that do not open, counts that are wrong), `faults` (of the audit's
    chain), `back` (idusers of cards that the vault in use has not any more), `valid` (keys that it revoked).
    """

    manifest: Manifest
    age: timedelta
    took: timedelta
    opened: int
    replayed: Replayed
    flaws: Sequence[Finding]
    faults: Sequence[Fault]
    back: Sequence[int]
    valid: Sequence[str]

    @property
    def passed(self) -> bool:
        """Whether the backup would do."""
        return not (self.flaws or self.faults or self.back or self.valid)


class Drills:
    """Blocks; raises VaultUnavailable."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    def lost(self) -> restoring.Lost:
        """What happened since a backup, as if the vault in use was the one that was lost."""
        return restoring.from_database(self._database)

    def run(
        self,
        backup: Path,
        terms: restoring.Terms,
        place: Path,
        retention: Retention,
        by: Entry,
        *,
        progress: Progress = unseen,
    ) -> Drilled:
        """Restores `backup` in the private directory `place`. `by` says who does it.

        Raises what `restoring` raises, once the audit says so.
        """
        try:
            found = self._run(backup, terms, place, retention, by, progress=progress)
        except (ConfigurationError, GatewayError) as error:
            self._record(by, Outcome.FAILED, getattr(error, "code", "not_restored"), "")
            raise
        outcome = Outcome.DONE if found.passed else Outcome.FAILED
        said = f"opened:{found.opened}" if found.passed else "not_as_it_was"
        self._record(by, outcome, said, found.manifest.digest)
        return found

    def _run(
        self,
        backup: Path,
        terms: restoring.Terms,
        place: Path,
        retention: Retention,
        by: Entry,
        *,
        progress: Progress,
    ) -> Drilled:
        start, to = time.monotonic(), place / "vault" / "vault.db"
        with restoring.staged(backup, terms, place, progress=progress) as staged:
            restoring.install(staged, to, terms, by, progress=progress)
            with _opened(to, terms.now) as database:
                took = timedelta(seconds=time.monotonic() - start)
                report = _verified(database, staged.keyring, retention, terms.now, progress)
                seen = counting(progress, "audit, checked")
                faults = database.read(
                    lambda c: check(c, Chain(staged.keyring.audit), progress=seen)
                ).findings
                return Drilled(
                    staged.manifest,
                    self._clock() - staged.manifest.made,
                    took,
                    report.opened,
                    staged.replayed,
                    # What a running gateway erases within minutes is no flaw of the backup's.
                    [one for one in report.findings if one.flaw is not Flaw.EXPIRED],
                    faults,
                    self._back(database, staged.replayed.last, progress),
                    self._valid(database),
                )

    def _back(self, restored: Database, last: int, progress: Progress = unseen) -> list[int]:
        there: list[int] = []
        for portion in _idusers(restored):
            progress("card, compared", len(portion))
            here = self._database.read(partial(_standing, portion))
            there += [iduser for iduser in portion if iduser not in here]
        if not there:
            return []
        gone = self._database.read(
            lambda c: {iduser for (iduser,) in c.execute(_GONE, (last,)).fetchall()}
        )
        return [iduser for iduser in there if iduser not in gone]

    def _valid(self, restored: Database) -> list[str]:
        valid = restored.read(lambda c: {id for (id,) in c.execute(_VALID).fetchall()})
        revoked = self._database.read(lambda c: {id for (id,) in c.execute(_REVOKED).fetchall()})
        return sorted(valid & revoked)

    def _record(self, by: Entry, outcome: Outcome, detail: str, subject: str) -> None:
        said = replace(
            by,
            at=self._clock(),
            action=Action.DRILL,
            outcome=outcome,
            detail=detail,
            subject=subject,
        )
        self._database.write("drill_entry", lambda c: audit.append(c, [said])).result()


def _idusers(database: Database) -> Iterator[list[int]]:
    """Those of every card, in order, a portion at a time."""
    found = [-1]
    while found := database.read(partial(_page, found[-1])):
        yield found


def _page(after: int, connection: Connection) -> list[int]:
    return [iduser for (iduser,) in connection.execute(_CARDS, (after, _PORTION))]


def _standing(idusers: Sequence[int], connection: Connection) -> set[int]:
    return {iduser for (iduser,) in connection.among(_STAND, idusers)}


def _verified(
    database: Database, keyring: Keyring, retention: Retention, now: datetime, progress: Progress
) -> Report:
    table = RetentionTable(database, keyring)
    opened = counting(progress, "to be opened")
    return Verification(database, keyring, table).check(retention, now, opened)


@contextmanager
def _opened(to: Path, now: datetime) -> Iterator[Database]:
    database = open_database(to, now=stamp(now))
    try:
        if database.read(closing.why) is not Closed.OPEN:
            raise BackupRefused(
                "not_open", "what was restored does not open", "Report it.", str(to)
            )
        yield database
    finally:
        database.close()
