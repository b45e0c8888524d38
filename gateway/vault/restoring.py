"""Restoring a backup: what was erased and revoked since is done again before anything is served.

1. The backup is copied into a private directory, and believed there (`backup_file`).
2. There the audit of the lost vault is put behind the backup's (`lost`), and what it tells of is done again
   (`replaying`). Without that audit nothing is restored, unless somebody says so, whom the audit then names.
3. The place gets it while it is closed: a gateway that is started there does not open it. The entry that
   says who restored what, and opening, are one transaction. Killed before that the place stays closed, and
   the same command starts over; a place that has a vault is never written to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing as releasing
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from gateway.audit import Action, Entry, Outcome
from gateway.errors import BackupRefused
from gateway.vault import closing, copying, key_rows, lost_keys, manifest
from gateway.vault import entries as audit
from gateway.vault.backup_file import believe, opened
from gateway.vault.chain import Chain, Head
from gateway.vault.chain_check import Row
from gateway.vault.closing import Closed
from gateway.vault.copied import TABLES
from gateway.vault.copying import AnotherVault, Progress, unseen
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp
from gateway.vault.envelope import Sealer
from gateway.vault.erasure import Reduced
from gateway.vault.journal import journal_of
from gateway.vault.kek.provider import KekProvider
from gateway.vault.keyring import Keyring, unlock
from gateway.vault.lost import heads_of, newest_of, put_behind
from gateway.vault.lost_lines import Lines, of_database, of_files
from gateway.vault.manifest import Manifest
from gateway.vault.model import Taken
from gateway.vault.places import Place, open_database
from gateway.vault.replaying import Replayed, Replaying
from gateway.vault.sqlite import file
from gateway.vault.sqlite.database import SqliteDatabase
from gateway.vault.sqlite.spool import Entries, Stored

# What the lost vault's audit says: from how far each writer came in the backup on, and its newest entry;
# and where its entries are put.
Lost: TypeAlias = Callable[[dict[int, Head], int | None, Entries], Lines]
_DROP: Final = f"DROP TABLE {manifest.TABLE}"
_PURPOSES: Final = "SELECT count(*) FROM keyring_made"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a backup is restored. `keks` as for `unsealing.holder`. `lost` None: nothing is known of what
    happened since the backup, and `reason` says why that is put up with. `expected`: an entry that was noted
    down, and that what is `lost` has to have.
    """

    keks: Sequence[KekProvider]
    reduced: Reduced
    now: datetime
    lost: Lost | None
    reason: str = ""
    expected: Row | None = None


@dataclass(slots=True)
class Staged:
    """A backup that was opened, with what happened since: a database of its own, to be copied to its place."""

    manifest: Manifest
    database: Database
    keyring: Keyring
    kek: Sealer
    replayed: Replayed = field(default_factory=Replayed)
    others: int = 0  # lines of the audit's files that are no entries

    def detail(self, reason: str) -> str:
        """How much was done again, for the audit."""
        if reason:
            return f"without_audit:{reason}"
        found = self.replayed
        return f"entries:{found.first}-{found.last}" if found.entries else "entries:none"


def from_files(files: Sequence[Path]) -> Lost:
    """What happened, from what sinks got; the older files first."""
    return lambda _heads, _newest, entries: of_files(files, entries)


def from_database(database: Database) -> Lost:
    """The same from a vault's database."""
    return lambda heads, newest, entries: database.read(
        lambda c: of_database(c, heads, newest, entries)
    )


def from_old_file(path: Path) -> Lost:
    """The same from a vault's file, in which nothing is changed. Raises BackupRefused."""

    def work(heads: dict[int, Head], newest: int | None, entries: Entries) -> Lines:
        with opened(path, path) as old:
            return file.readable(lambda: of_database(old, heads, newest, entries))

    return work


@contextmanager
def staged(
    backup: Path, terms: Terms, place: Path, *, progress: Progress = unseen, step: Step = no_step
) -> Iterator[Staged]:
    """The backup, opened in the private directory `place`, with what happened since done again. `progress` is told
    of the rows that are read first, to see that they are as they were written, and of what follows that.

    Raises BackupRefused, VaultSealed, VaultUnavailable, RecordDamaged, OSError.
    """
    work = place / "backup.db"
    believed = believe(backup, work, terms.keks, progress)
    step("restore:believed")
    database = SqliteDatabase(work, now=stamp(terms.now), step=step)
    try:
        database.write("unpack", lambda c: c.execute(_DROP)).result()
        found = Staged(believed.manifest, database, believed.keyring, believed.kek)
        with releasing(Entries(place / "audit.db")) as spool:
            progress("audit since, read", 0)
            entries = terms.lost and _audit_of(
                database, terms, terms.lost, found, spool, progress=progress
            )
            step("restore:audit")
            progress("audit since, done again", 0)
            replaying = Replaying(database, found.keyring, terms.reduced, stamp(terms.now))
            if entries is None:
                found.replayed = replaying.stop_all()
            else:
                found.replayed = replaying.run(entries)
                found.keyring = unlock(database.read(key_rows.read), found.kek)
        step("restore:replayed")
        yield found
    finally:
        database.close()


def install(
    found: Staged,
    to: Place,
    terms: Terms,
    by: Entry,
    *,
    sinks: Sequence[Path | None] = (),
    progress: Progress = unseen,
    step: Step = no_step,
) -> None:
    """Makes it the vault at `to`, and opens it. `by` says who does it.

    Raises BackupRefused where there is a vault, or it could not be written as it is; VaultUnavailable,
    ConfigurationError.
    """
    # Before anything is written: where the audit can not tell of it, nothing is restored.
    journal = journal_of(found.keyring.audit, lambda: stamp(terms.now), sinks)
    target = open_database(to, now=stamp(terms.now), step=step)
    try:
        target.use(journal)
        target.write("restore_close", lambda c: _claim(c, to)).result()
        step("restore:closed")
        _fill(found, target, to, progress, step)
        step("restore:copied")
        entry = replace(
            by, action=Action.RESTORE, outcome=Outcome.DONE, subject=found.manifest.digest,
            detail=found.detail(terms.reason),
        )  # fmt: skip

        def opening(connection: Connection) -> None:
            audit.append(connection, [entry])
            closing.close(connection, Closed.OPEN)

        target.write("restore_open", opening).result()
        step("restore:opened")
    finally:
        target.close()


# --- what happened since --------------------------------------------------------------------------


def _audit_of(
    database: Database,
    terms: Terms,
    lost: Lost,
    found: Staged,
    spool: Entries,
    *,
    progress: Progress,
) -> Stored:
    heads, newest = database.read(lambda c: (heads_of(c), newest_of(c)))
    lines = lost(heads, None if newest is None else newest[0], spool)
    found.others = lines.others

    def work(connection: Connection) -> tuple[Keyring, Stored]:
        lost_keys.take_in(connection, lines, found.kek, terms.keks, stamp(terms.now))
        keyring = unlock(key_rows.read(connection), found.kek)
        return keyring, put_behind(
            connection, Chain(keyring.audit), lines, terms.expected, progress
        )

    found.keyring, entries = database.write("audit", work).result()
    return entries


# --- the place ------------------------------------------------------------------------------------


def _claim(connection: Connection, to: Place) -> None:
    """Closes an empty place. One that is closed already has a restore that was not finished."""
    closed = closing.why(connection)
    (made,) = connection.execute(_PURPOSES).fetchone()
    if closed is not Closed.RESTORING and (made or closed is not Closed.OPEN):
        raise _occupied(to)
    closing.close(connection, Closed.RESTORING)


def _fill(found: Staged, target: Database, to: Place, progress: Progress, step: Step) -> None:
    # What is written once and for all can not be taken out again.
    taken = _newer(target, found.database)
    try:
        if not taken:
            found.database.read(lambda c: copying.copy(c, target, progress=progress, step=step))
    except (AnotherVault, Taken):
        taken = True
    if taken:
        raise BackupRefused(
            "place_taken",
            "another restore was begun here, of another vault or with another audit",
            "Empty the place: remove the file with its -wal and -shm, or make a new database.",
            str(to),
        )
    sums = partial(copying.sums, progress=progress)
    if found.database.read(sums) != target.read(sums):
        raise BackupRefused(
            "copy_differs",
            "what was written is not what was read",
            "Run it again; if it stays so, look at the disk.",
            str(to),
        )


def _newer(one: Database, other: Database) -> bool:
    """Whether one has rows, of those that are never removed, that come after the other's."""
    once = [(table.name, table.key[0]) for table in TABLES if table.written_once]
    return any(one.read(_last(*table)) > other.read(_last(*table)) for table in once)


def _last(table: str, key: str) -> Callable[[Connection], int]:
    statement = f"SELECT coalesce(max({key}), 0) FROM {table}"  # noqa: S608 - names of ours
    return lambda connection: int(connection.execute(statement).fetchone()[0])


def _occupied(to: Place) -> BackupRefused:
    return BackupRefused(
        "place_taken",
        "there is a vault: it is never overwritten",
        "Stop every gateway; move the file away with its -wal and -shm, and name it with --from-vault; or name"
        " an empty database.",
        str(to),
    )
