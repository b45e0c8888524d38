"""Backups of the tests' vaults, and what comes of them."""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from gateway.audit import Action, Entry, Outcome
from gateway.vault import restoring
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault
from gateway.vault.workplace import workplace
from tests.vault.makers import place
from tests.vault.test_vault_erasure import REDUCED

BY = Entry(
    datetime(2026, 3, 1, tzinfo=UTC), "", Action.RESTORE, Outcome.DONE, origin="command line"
)
MADE = replace(BY, action=Action.BACKUP)


def sink(directory):
    """Where the audit of the vault goes besides."""
    return directory / "audit.jsonl"


def back_up(vault, directory, name="vault.backup", **more):
    return vault.backups.make(directory / name, MADE, store="sqlite", kek="file", **more).file


def terms(directory, lost="files", **more):
    said = {
        "keks": [KekFile(directory / "kek")],
        "reduced": REDUCED,
        "now": datetime.now(UTC),
        "lost": restoring.from_files([sink(directory)]) if lost == "files" else lost,
    }
    return restoring.Terms(**{**said, **more})


def restore(directory, target, backup=None, step=lambda _: None, **more):
    """What was done again; with the directory's own KEK, and its sink unless `lost` says otherwise."""
    how = terms(directory, **more)
    file = backup or directory / "vault.backup"
    with (
        workplace(directory / "work") as work,
        restoring.staged(file, how, work, step=step) as staged,
    ):
        restoring.install(staged, target, how, BY, sinks=[sink(directory)], step=step)
    return staged.replayed


@contextmanager
def restored(directory, target, **more):
    """The restored vault, open."""
    vault = Vault.open(target, KekFile(directory / "kek"), **more)
    try:
        yield vault
    finally:
        vault.close()


def of_old(directory):
    """What happened, from the old database itself."""
    at = place(directory)
    return restoring.from_old_file(at)


def flipped(path, seed):
    """The same bytes, but for one bit where something stands: most pages are nearly empty."""
    content = bytearray(path.read_bytes())
    places = random.Random(seed)
    at = places.choice([at for at, byte in enumerate(content) if byte])
    content[at] ^= 1 << places.randrange(8)
    return bytes(content)
