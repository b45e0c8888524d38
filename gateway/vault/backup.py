"""Making a backup: one state of the vault, beside everything that goes on, in one file.

1. The file is a vault's database in SQLite, whichever the vault is in, with what `LEFT_OUT` names left out,
   a manifest (`manifest`), and closed: put in a vault's place by hand it does not open, for nothing was done
   again of what was erased since. `restoring` opens it.
2. It is made under another name, compared with its source table by table, forced to the disk, and then has
   its name: whatever happens meanwhile, no file of that name is half a backup, and none is overwritten.
3. The audit says that one is made before anything is read, and afterwards how it ended.

What is sealed stays sealed, under keys that are wrapped under the KEK: without that it is worth nothing, to
a thief and to its owner.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway import __version__
from gateway.audit import Entry, Outcome
from gateway.errors import BackupRefused, RecordDamaged, VaultUnavailable
from gateway.vault import closing, copying, key_rows, manifest
from gateway.vault import entries as audit
from gateway.vault.chain import Chain
from gateway.vault.closing import Closed
from gateway.vault.copied import HEADS, TABLES
from gateway.vault.copying import Progress, Sum, unseen
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp
from gateway.vault.envelope import sealed_under
from gateway.vault.files import sync_directory
from gateway.vault.keyring import Keyring, WrappedKey, unlock
from gateway.vault.keyring_watch import KeyringWatch
from gateway.vault.lost import newest_of
from gateway.vault.manifest import Manifest, TableSum
from gateway.vault.sqlite import file
from gateway.vault.sqlite.database import SqliteDatabase

# A security code is not kept longer than its minutes, wherever (P21); who asks a processor at this moment
# does not ask any more when the backup is restored.
LEFT_OUT: Final = frozenset({"cvc", "issuing"})
_ROOM: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that is there."""

    file: Path
    size: int
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """One state of the source."""

    sums: dict[str, Sum]
    newest: tuple[int, str] | None
    rows: list[WrappedKey]
    schema: int


class Backups:
    """Blocks; raises VaultUnavailable."""

    def __init__(
        self,
        database: Database,
        watch: KeyringWatch,
        clock: Callable[[], datetime],
        step: Step = no_step,
    ) -> None:
        self._database, self._watch, self._clock, self._step = database, watch, clock, step

    def make(
        self, to: Path, entry: Entry, *, store: str, kek: str, progress: Progress = unseen
    ) -> Made:
        """Makes the file `to`, for its owner only. `entry` says who does it; `store`, `kek`: which kind of
        database, which kind of provider, for the manifest.

        Raises BackupRefused where there is one, or no room for it; OSError.
        """
        if to.exists() or to.is_symlink():
            raise _there(to)
        draft = to.with_name(f".{to.name}.{secrets.token_hex(4)}.part")
        self._record(replace(entry, outcome=Outcome.INTENT))
        try:
            made = self._make(draft, to, store, kek, progress)
        except (BackupRefused, VaultUnavailable, OSError) as error:
            code = getattr(error, "code", "not_written")
            self._record(replace(entry, outcome=Outcome.FAILED, detail=code))
            raise
        finally:
            for name in ("", "-wal", "-shm", "-journal"):
                draft.with_name(draft.name + name).unlink(missing_ok=True)
        self._record(replace(entry, outcome=Outcome.DONE, subject=made.manifest.digest))
        return made

    def _make(self, draft: Path, to: Path, store: str, kek: str, progress: Progress) -> Made:
        now = self._clock()
        failed = ""
        try:
            found = self._fill(draft, now, progress)
        except VaultUnavailable:
            if not _no_room(draft.parent):
                raise
            failed = "no_room"
        if failed:
            raise BackupRefused(
                failed,
                "there is no room for the backup",
                "Make room, or name another disk.",
                str(to),
            )
        keyring, wrapped = self._keyring(found.rows)
        made = Manifest(
            now, __version__, found.schema, store, kek, wrapped, found.newest, _tables(found.sums)
        )
        text = made.text()
        signature = Chain(keyring.audit).of_backup(text.encode("ascii"))
        self._step("backup:filled")
        _finish(draft, made, signature)
        self._step("backup:finished")
        try:
            os.link(draft, to)
        except FileExistsError:
            raise _there(to) from None
        self._step("backup:named")
        draft.unlink()
        sync_directory(to.parent)
        return Made(to, to.stat().st_size, made)

    def _fill(self, draft: Path, now: datetime, progress: Progress) -> _Snapshot:
        target = SqliteDatabase(draft, now=stamp(now), step=self._step)
        try:
            target.write("backup", lambda c: closing.close(c, Closed.RESTORING)).result()
            found = self._database.read(lambda c: _snapshot(c, target, progress))
            copied = target.read(lambda c: copying.sums(c, without=LEFT_OUT, progress=progress))
        finally:
            target.close()
        if copied != found.sums:
            raise BackupRefused(
                "copy_differs",
                "what was written is not what was read",
                "Look at the disk of the backup, then make another one.",
                str(draft),
            )
        return found

    def _keyring(self, rows: list[WrappedKey]) -> tuple[Keyring, str]:
        """The keyring as the backup has it, and which KEK opens it. Raises VaultUnavailable where that was
        moved a moment ago.
        """
        keyring = None
        with suppress(RecordDamaged):
            keyring = unlock(rows, self._watch.kek)
        if keyring is None:
            raise VaultUnavailable
        return keyring, str(sealed_under(rows[0].wrapped))

    def _record(self, entry: Entry) -> None:
        said = replace(entry, at=self._clock())
        self._database.write("backup_entry", lambda c: audit.append(c, [said])).result()


def _snapshot(connection: Connection, target: Database, progress: Progress) -> _Snapshot:
    sums: dict[str, Sum] = {}
    copying.copy(connection, target, without=LEFT_OUT, progress=progress, summed=sums)
    (schema,) = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    return _Snapshot(
        sums,
        newest_of(connection),
        key_rows.read(connection),
        int(schema),
    )


def _tables(sums: dict[str, Sum]) -> dict[str, TableSum]:
    columns = {one.name: (one.key, one.rest) for one in (*TABLES, HEADS)}
    return {name: TableSum(*columns[name], *one) for name, one in sums.items()}


def _finish(draft: Path, made: Manifest, signature: str) -> None:
    """One file, with nothing beside it, on the disk. Raises BackupRefused, OSError."""
    failed = False
    try:
        file.settle(draft, lambda connection: manifest.write(connection, made, signature))
    except file.Damaged:
        failed = True
    if failed:
        raise BackupRefused(
            "not_written", "the backup could not be written", "Look at its disk.", str(draft.parent)
        )
    with draft.open("rb") as written:
        os.fsync(written.fileno())


def _no_room(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < _ROOM


def _there(to: Path) -> BackupRefused:
    return BackupRefused(
        "file_exists", "there is a file already", "Name another one: none is overwritten.", str(to)
    )
