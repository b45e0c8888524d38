"""Files of the key-encryption key: for their owner only, whole or not at all (P22)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gateway.secret import Secret
from gateway.vault.files import publish
from gateway.vault.kek.key_lines import LONGEST
from gateway.vault.kek.provider import sealed


def read(path: Path, kind: str) -> Secret[bytes]:
    """The content. Raises VaultSealed when the file is absent, may be touched by others, or belongs to
    someone else. `kind` is the provider whose file it is.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        raise sealed(
            kind,
            str(path),
            "the key-encryption key can not be read",
            "Restore it from its backup; without it the vault can not be opened.",
        ) from None
    try:
        _check(path, kind, os.fstat(descriptor))
        return Secret(os.read(descriptor, LONGEST))
    finally:
        os.close(descriptor)


def write(path: Path, content: Secret[bytes], kind: str) -> None:
    """Writes a new file, mode 0600, durable. One that is there already is left alone.

    Raises VaultSealed when it can not be written.
    """
    failed = False
    try:
        publish(path, content.reveal())
    except OSError:
        failed = True
    if failed:
        hint = "Its directory must be there, and the gateway's user must be able to write to it."
        raise sealed(kind, str(path), "the key-encryption key can not be written", hint)


def _check(path: Path, kind: str, status: os.stat_result) -> None:
    # Asked of the open file, not of its name: the name might point elsewhere a moment later.
    if not stat.S_ISREG(status.st_mode):
        raise sealed(kind, str(path), "the key-encryption key is not a regular file")
    if status.st_uid != os.geteuid():
        raise sealed(
            kind,
            str(path),
            "the key-encryption key belongs to another user",
            "Run the gateway as its owner, or give the file to the gateway's user.",
        )
    if status.st_mode & 0o077:
        raise sealed(
            kind,
            str(path),
            "the key-encryption key can be read by others",
            f"Run: chmod 600 {path}",
        )
