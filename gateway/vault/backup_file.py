"""The file of a backup: found in its folder, opened, and believed once it shows itself whole.

1. Nothing is changed in the file itself: a copy of it is opened, in a private directory.
2. It has the tables and triggers of a vault and a manifest, and no others; a newer version's is not read.
3. Its KEK opens its keys, its manifest is signed by them, and every table is as the manifest says.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.errors import BackupRefused, RecordDamaged, VaultSealed
from gateway.vault import copying, key_rows, manifest
from gateway.vault.chain import Chain
from gateway.vault.copying import Progress
from gateway.vault.envelope import Sealer, sealed_under
from gateway.vault.kek.provider import KekProvider
from gateway.vault.keyring import Keyring, WrappedKey, unlock
from gateway.vault.manifest import Manifest, read_manifest
from gateway.vault.sqlite import file
from gateway.vault.sqlite.connection import SqliteConnection
from gateway.vault.unsealing import holder


@dataclass(frozen=True, slots=True)
class Believed:
    """What a backup says of itself, its keys, and the KEK that opens them."""

    manifest: Manifest
    keyring: Keyring
    kek: Sealer


def newest_in(folder: Path) -> Path:
    """The backup in `folder` that was made last, as it says itself. Raises BackupRefused where there is none."""
    found = [
        (made, path)
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".")
        for made in [_made(path)]
        if made is not None
    ]
    if not found:
        raise BackupRefused(
            "no_backup",
            "there is no backup in this folder",
            "Make one: card-gateway vault backup FOLDER",
            str(folder),
        )
    return max(found)[1]


def _made(path: Path) -> datetime | None:
    with suppress(file.Damaged), file.opened(path) as one:
        return file.readable(lambda: read_manifest(manifest.read(one)[0]).made)
    return None


def believe(backup: Path, work: Path, keks: Sequence[KekProvider], progress: Progress) -> Believed:
    """What a backup says of itself, and its keys, once all of it is as it was written. `work`: where it is
    copied to, and opened; its owner's alone. `keks` as for `unsealing.holder`; `progress` is told of the rows
    that are read. Raises BackupRefused, VaultSealed, OSError.
    """
    progress("the file, copied", 0)
    _copy(backup, work)
    progress("the file, checked", 0)
    with opened(work, backup, writes=True) as raw:
        file.readable(lambda: _require_backup(raw, backup))
        text, signature = file.readable(lambda: manifest.read(raw))
        rows = file.readable(lambda: key_rows.read(raw))
        made = file.readable(lambda: read_manifest(text))
        kek = _kek(backup, made, rows, keks)
        keyring = None
        with suppress(RecordDamaged):
            keyring = unlock(rows, kek)
        if keyring is None or not Chain(keyring.audit).backup_fits(signature, text.encode()):
            raise _changed(backup, "its manifest is not signed by this vault")
        sums = file.readable(lambda: copying.sums(raw, tables=made.copied(), progress=progress))
    said = {name: (one.rows, one.sha256) for name, one in made.tables.items()}
    differ = sorted(name for name in said | sums if said.get(name) != sums.get(name))
    if differ:
        raise _changed(backup, f"what it holds of `{differ[0]}` is not what was written")
    return Believed(made, keyring, kek)


def _copy(backup: Path, work: Path) -> None:
    descriptor = os.open(work, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as to, backup.open("rb") as reading:
        shutil.copyfileobj(reading, to, 1 << 20)


def _require_backup(raw: SqliteConnection, backup: Path) -> None:
    if not file.is_a_vaults(raw):
        raise BackupRefused(
            "not_a_backup",
            "this is no backup of a vault",
            "Name a file that `card-gateway vault backup` made.",
            str(backup),
        )
    if manifest.TABLE not in file.names(raw):
        raise BackupRefused(
            "not_a_backup",
            "this is a vault's database, no backup: nothing says that it is whole",
            "Start the gateway with it, if it is whole; or name it with --from-vault, beside a backup.",
            str(backup),
        )
    if file.is_newer(raw):
        raise BackupRefused(
            "newer_version",
            "this backup was made by a newer version of the gateway",
            "Restore it with that version, or a later one.",
            str(backup),
        )
    # A trigger of somebody else's could undo what is done again.
    if file.strange(raw) != {manifest.TABLE}:
        raise _changed(backup, "it has other tables or triggers than a backup")
    if not file.is_sound(raw):
        raise _changed(backup, "the file is damaged")


def _kek(
    backup: Path, made: Manifest, rows: Sequence[WrappedKey], keks: Sequence[KekProvider]
) -> Sealer:
    try:
        return holder(rows, keks)[1] if rows else _no_keys(backup)
    except VaultSealed as problem:
        if problem.again:
            raise
        said = problem.problem
    has = str(sealed_under(rows[0].wrapped))
    raise BackupRefused(
        "kek_of_another",
        f"the KEK that is configured does not open it ({said.file}: {said.message}). It was made under the"
        f" KEK {has}, which came from `{made.kek_provider}`",
        "Name that one under vault.kek, or vault.next_kek: docs/keys.md says how it is recovered.",
        str(backup),
    )


def _no_keys(backup: Path) -> Sealer:
    raise _changed(backup, "it has no keys")


def _changed(backup: Path, what: str) -> BackupRefused:
    return BackupRefused(
        "backup_changed",
        f"this is not the backup that was made: {what}",
        "Take another copy of it, or an older backup; and find out what changed this one.",
        str(backup),
    )


@contextmanager
def opened(path: Path, named: Path, *, writes: bool = False) -> Iterator[SqliteConnection]:
    """A vault's file, of which it is said that it is damaged where that shows: as `named`. Raises BackupRefused."""
    damaged = False
    try:
        with file.opened(path, writes=writes) as connection:
            yield connection
    except file.Damaged:
        damaged = True
    if damaged:
        raise _changed(named, "the file is damaged, or cut off")
