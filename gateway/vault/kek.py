"""The key-encryption key: a file of its own, apart from the database, for its owner only (P22).

One key a line, `kek <id> <64 hex digits>`; the last line wraps, the others still unwrap. A backup of
the database without this file is worthless, and so is this file without the database.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from gateway.errors import ConfigurationError, Problem
from gateway.secret import Secret
from gateway.vault.envelope import KEY_LENGTH, Sealer
from gateway.vault.files import publish

_LINE: Final = re.compile(rb"kek ([1-9][0-9]{0,9}) ([0-9a-f]{64})")
_TOO_LARGE: Final = 16384
# 32 random bytes with fewer than 16 different values do not happen; a placeholder does.
_FEWEST_VALUES: Final = 16


def load(path: Path) -> Sealer:
    """What wraps and unwraps data keys. Raises ConfigurationError when the file is absent, may be
    read by others, belongs to someone else, or holds anything but 256-bit keys.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        raise _problem(
            path,
            "the key-encryption key can not be read",
            "Restore it from its backup; without it the vault can not be opened.",
        ) from None
    try:
        _check(path, os.fstat(descriptor))
        return _parse(path, os.read(descriptor, _TOO_LARGE))
    finally:
        os.close(descriptor)


def create(path: Path) -> None:
    """Writes a fresh key, mode 0600, durable. A file that is there already is left alone.

    Raises ConfigurationError when it can not be written.
    """
    key_id = 1 + secrets.randbelow(2**32 - 1)
    line = f"kek {key_id} {secrets.token_hex(KEY_LENGTH)}\n".encode()
    failed = False
    try:
        publish(path, line)
    except OSError:
        failed = True
    if failed:
        raise _problem(path, "the key-encryption key can not be written", "")


def _check(path: Path, status: os.stat_result) -> None:
    # Asked of the open file, not of its name: the name might point elsewhere a moment later.
    if not stat.S_ISREG(status.st_mode):
        raise _problem(path, "the key-encryption key is not a regular file", "")
    if status.st_uid != os.geteuid():
        raise _problem(
            path,
            "the key-encryption key belongs to another user",
            "Run the gateway as its owner, or give the file to the gateway's user.",
        )
    if status.st_mode & 0o077:
        raise _problem(
            path, "the key-encryption key can be read by others", f"Run: chmod 600 {path}"
        )


def _parse(path: Path, content: bytes) -> Sealer:
    lines = content.splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    keys: dict[int, Secret[bytes]] = {}
    for match in found:
        if match is None or int(match[1]) >= 2**32:
            raise _problem(
                path,
                "the key-encryption key is damaged or too short",
                "Each line reads: kek <id> <64 hex digits>.",
            )
        key = bytes.fromhex(match[2].decode())
        if len(set(key)) < _FEWEST_VALUES:
            raise _problem(path, "the key-encryption key is not random", "")
        keys[int(match[1])] = Secret(key)
    if not keys or len(keys) != len(lines):
        raise _problem(path, "the key-encryption key is absent or named twice in its file", "")
    return Sealer(keys, list(keys)[-1])


def _problem(path: Path, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem(str(path), 0, message, hint)])
